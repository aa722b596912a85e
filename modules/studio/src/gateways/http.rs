//! Requests on gateways.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, Item, List, Page, Paging, Patch, Problem, Purpose, Query},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, GatewayRow},
};
use crate::permissions::{CreateGateway, DeleteGateway, ReadGateway, UpdateGateway};

/// A gateway as a client sends it, whole or in part.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayBody {
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    /// `https`, or `http` within a network that the operator allows. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub url: Patch<String>,
    /// `development`, `staging` or `production`. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub environment: Patch<String>,
    /// `active` or `disabled`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<String>,
    /// 32 to 256 characters. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub secret: Patch<String>,
}

/// A gateway. It never holds its secret.
#[derive(Serialize, ToSchema)]
pub struct Gateway {
    id: Uuid,
    organization_id: Uuid,
    name: String,
    description: Option<String>,
    url: String,
    environment: String,
    status: String,
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

fn view(row: GatewayRow, organization_id: Uuid) -> Gateway {
    Gateway {
        id: row.id,
        organization_id,
        name: row.name,
        description: row.description,
        url: row.url,
        environment: row.environment,
        status: row.status,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn current(row: GatewayRow, organization_id: Uuid) -> Answer<Gateway> {
    let version = row.version;
    Answer::ok(view(row, organization_id)).version(version)
}

pub async fn create(
    act: Authorized<CreateGateway>,
    Body(body): Body<GatewayBody>,
) -> Result<Committed<Gateway>, Problem> {
    let columns = rules::parse(body, Purpose::Create, act.outbound()?)?;
    let organization = act.caller().tenant;
    let insert = sql::insert_gateway(act.new_id(), columns);
    act.write_admitted(
        insert,
        |row| (row.id, &row.attributes),
        move |row| {
            let (location, version) = (format!("/api/v1/gateways/{}", row.id), row.version);
            Answer::created(view(row, organization), location).version(version)
        },
    )
    .await
}

pub async fn read(
    act: Authorized<ReadGateway>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Gateway>, Problem> {
    let organization = act.caller().tenant;
    act.fetch_one(sql::find_gateway(id), |row| current(row, organization)).await
}

pub async fn change(
    act: Authorized<UpdateGateway>,
    (Item(id), Body(body)): (Item<Uuid>, Body<GatewayBody>),
) -> Result<Committed<Gateway>, Problem> {
    let (expected, organization) = (act.expected_version()?, act.caller().tenant);
    let (moves, admitted) = (matches!(body.url, Patch::Value(_)), act.admitted().await?);
    let columns = rules::parse(body, Purpose::Change, act.outbound()?)?;
    act.transact(move |tx| {
        Box::pin(async move {
            if moves {
                let held = tx.run(sql::hold_gateway(id)).await?.into_iter().next();
                rules::require_empty(held.ok_or_else(Problem::not_found)?.running)?;
            }
            let update = sql::update_gateway(id, columns, expected);
            let row = tx.run(update).await?.into_iter().next().ok_or_else(Problem::not_found)?;
            admitted.require(id, &row.attributes)?;
            Ok(current(row, organization))
        })
    })
    .await
}

pub async fn remove(
    act: Authorized<DeleteGateway>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(sql::hold_gateway(id)).await?.into_iter().next();
            rules::require_empty(held.ok_or_else(Problem::not_found)?.running)?;
            tx.run(sql::delete_gateway(id, expected)).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

pub async fn list(
    act: Authorized<ReadGateway>,
    Query(paging): Query<Paging>,
) -> Result<Fetched<List<Gateway>>, Problem> {
    let limit = paging.limit;
    let (name, id): (String, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal("gateways", cursor)?,
        None => Default::default(),
    };
    let (admitted, organization) = (act.admitted().await?, act.caller().tenant);
    act.fetch(sql::list_gateways(name, id, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal("gateways", &(&last.name, last.id)))?;
        let shown = |row: &GatewayRow| admitted.holds(row.id, &row.attributes);
        Ok(Answer::list(page.only(shown).map(|row| view(row, organization))))
    })
    .await
}
