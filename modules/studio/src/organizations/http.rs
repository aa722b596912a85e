//! Requests on the organization.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, Item, List, Page, Patch, Problem},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, OrganizationRow},
};
use crate::permissions::{ReadOrganization, UpdateOrganization};

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationBody {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
}

/// An organization.
#[derive(Serialize, ToSchema)]
pub struct Organization {
    id: Uuid,
    name: String,
    description: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

fn view(row: OrganizationRow) -> Organization {
    Organization {
        id: row.id,
        name: row.name,
        description: row.description,
        created_at: row.created_at,
    }
}

pub async fn list(
    act: Authorized<ReadOrganization>,
    (): (),
) -> Result<Fetched<List<Organization>>, Problem> {
    act.fetch(sql::find_organization(act.caller().tenant), |rows| {
        let items = rows.into_iter().map(view).collect();
        Ok(Answer::list(Page { items, limit: 1, next_cursor: None }))
    })
    .await
}

pub async fn read(
    act: Authorized<ReadOrganization>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Organization>, Problem> {
    act.fetch_one(sql::find_organization(id), |row| {
        let version = row.version;
        Answer::ok(view(row)).version(version)
    })
    .await
}

pub async fn change(
    act: Authorized<UpdateOrganization>,
    (Item(id), Body(body)): (Item<Uuid>, Body<OrganizationBody>),
) -> Result<Committed<Organization>, Problem> {
    let save = sql::save_organization(id, rules::parse(body)?, act.expected_version()?);
    act.write(save, |row, _| {
        let version = row.version;
        Answer::ok(view(row)).version(version)
    })
    .await
}
