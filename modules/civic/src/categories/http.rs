//! Requests on categories.

use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, Item, List, Page, Paging, Patch, Problem, Purpose, Query},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, CategoryRow},
};
use crate::permissions::{ReadCategory, WriteCategory};

/// A category as a client sends one, whole or in part.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryBody {
    /// Lower-case letters, digits and `_`. Required on creation, as are the name and the hours.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub code: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub department: Patch<String>,
    /// From the report to the first answer.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub response_hours: Patch<i64>,
    /// From the report to the repair.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub resolution_hours: Patch<i64>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub is_active: Patch<bool>,
}

/// A category.
#[derive(Serialize, ToSchema)]
pub struct Category {
    id: Uuid,
    code: String,
    name: String,
    description: Option<String>,
    department: Option<String>,
    response_hours: i32,
    resolution_hours: i32,
    is_active: bool,
}

fn view(row: CategoryRow) -> Category {
    Category {
        id: row.id,
        code: row.code,
        name: row.name,
        description: row.description,
        department: row.department,
        response_hours: row.response_hours,
        resolution_hours: row.resolution_hours,
        is_active: row.is_active,
    }
}

pub async fn list(
    act: Authorized<ReadCategory>,
    Query(Paging { limit, cursor }): Query<Paging>,
) -> Result<Fetched<List<Category>>, Problem> {
    let after = match &cursor {
        Some(cursor) => act.unseal("", cursor)?,
        None => String::new(),
    };
    act.fetch(sql::list_categories(after, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal("", &last.code))?;
        Ok(Answer::list(page.map(view)))
    })
    .await
}

pub async fn create(
    act: Authorized<WriteCategory>,
    Body(body): Body<CategoryBody>,
) -> Result<Committed<Category>, Problem> {
    let columns = rules::parse(body, Purpose::Create)?;
    act.write(sql::insert_category(act.new_id(), columns), |row, _| {
        let (version, location) = (row.version, "/api/v1/categories".to_owned());
        Answer::created(view(row), location).version(version)
    })
    .await
}

pub async fn change(
    act: Authorized<WriteCategory>,
    (Item(id), Body(body)): (Item<Uuid>, Body<CategoryBody>),
) -> Result<Committed<Category>, Problem> {
    let columns = rules::parse(body, Purpose::Change)?;
    let update = sql::update_category(id, columns, act.expected_version()?);
    act.write(update, |row, _| {
        let version = row.version;
        Answer::ok(view(row)).version(version)
    })
    .await
}
