//! Requests on workspaces.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    db::Actor,
    http::{Body, Item, List, Page, Paging, Patch, Problem, Purpose, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, WorkspaceRow},
};
use crate::permissions::{CreateWorkspace, DeleteWorkspace, ReadWorkspace, UpdateWorkspace};

/// A workspace as a client sends it, whole or in part.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceBody {
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
}

/// A workspace.
#[derive(Serialize, ToSchema)]
pub struct Workspace {
    id: Uuid,
    organization_id: Uuid,
    name: String,
    description: Option<String>,
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

fn view(row: WorkspaceRow, organization_id: Uuid) -> Workspace {
    Workspace {
        id: row.id,
        organization_id,
        name: row.name,
        description: row.description,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// What policies know of it.
fn about(row: &WorkspaceRow) -> (Uuid, &Value) {
    (row.id, &row.attributes)
}

fn current(row: WorkspaceRow, organization_id: Uuid) -> Answer<Workspace> {
    let version = row.version;
    Answer::ok(view(row, organization_id)).version(version)
}

pub async fn create(
    act: Authorized<CreateWorkspace>,
    Body(body): Body<WorkspaceBody>,
) -> Result<Committed<Workspace>, Problem> {
    let columns = rules::parse(body, Purpose::Create)?;
    let caller = act.caller();
    let member = match caller.actor {
        Actor::User(id) => Some(id),
        _ => None,
    };
    let organization = caller.tenant;
    let insert = sql::insert_workspace(act.new_id(), columns, member);
    act.write_admitted(insert, about, move |row| {
        let (location, version) = (format!("/api/v1/workspaces/{}", row.id), row.version);
        Answer::created(view(row, organization), location).version(version)
    })
    .await
}

pub async fn read(
    act: Authorized<ReadWorkspace>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Workspace>, Problem> {
    let organization = act.caller().tenant;
    act.fetch_one(sql::find_workspace(id), |row| current(row, organization)).await
}

pub async fn change(
    act: Authorized<UpdateWorkspace>,
    (Item(id), Body(body)): (Item<Uuid>, Body<WorkspaceBody>),
) -> Result<Committed<Workspace>, Problem> {
    let (expected, organization) = (act.expected_version()?, act.caller().tenant);
    let update = sql::update_workspace(id, rules::parse(body, Purpose::Change)?, expected);
    act.write_admitted(update, about, move |row| current(row, organization)).await
}

pub async fn remove(
    act: Authorized<DeleteWorkspace>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.transact(move |tx| {
        Box::pin(async move {
            let there = tx.run(sql::count_agents(id)).await?.into_iter().next();
            rules::require_empty(there.ok_or_else(Problem::not_found)?.agents)?;
            tx.run(sql::delete_workspace(id, expected)).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

pub async fn list(
    act: Authorized<ReadWorkspace>,
    Query(paging): Query<Paging>,
) -> Result<Fetched<List<Workspace>>, Problem> {
    let limit = paging.limit;
    let (name, id): (String, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal("workspaces", cursor)?,
        None => Default::default(),
    };
    let (admitted, organization) = (act.admitted().await?, act.caller().tenant);
    act.fetch(sql::list_workspaces(name, id, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal("workspaces", &(&last.name, last.id)))?;
        let shown = |row: &WorkspaceRow| admitted.holds(row.id, &row.attributes);
        Ok(Answer::list(page.only(shown).map(|row| view(row, organization))))
    })
    .await
}
