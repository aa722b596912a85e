//! Requests on agents.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched, TenantTx},
    http::{
        Body, FromQuery, Item, List, Page, Paging, Patch, Problem, Purpose, Query, QueryReader,
        choice, parameter,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, STATUSES},
    sql::{self, AgentRow},
};
use crate::permissions::{CreateAgent, DeleteAgent, ReadAgent, UpdateAgent};

/// An agent as a client sends it, whole or in part.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentBody {
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    /// A workspace that one is in.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub workspace_id: Patch<Uuid>,
    /// `draft`, `active` or `archived`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<String>,
}

/// An agent.
#[derive(Serialize, ToSchema)]
pub struct Agent {
    id: Uuid,
    organization_id: Uuid,
    workspace_id: Option<Uuid>,
    name: String,
    description: Option<String>,
    status: String,
    /// The version that is deployed when nothing else is said.
    current_version_id: Option<Uuid>,
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Which agents.
pub struct AgentQuery {
    workspace_id: Option<Uuid>,
    status: Option<String>,
    paging: Paging,
}

impl FromQuery for AgentQuery {
    fn read(query: &mut QueryReader) -> Self {
        let workspace_id = query.parse("workspace_id", "the id of a workspace");
        let status = choice(query, "status", STATUSES);
        if workspace_id.is_some() && status.is_some() {
            query.fault("status", "conflict", "give `workspace_id` or `status`, not both");
        }
        Self { workspace_id, status, paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let id = json!({"type": "string", "format": "uuid"});
        let status = json!({"type": "string", "enum": STATUSES});
        let mut all = vec![
            parameter("workspace_id", id, "those in this workspace"),
            parameter("status", status, "those of this status"),
        ];
        all.extend(Paging::parameters());
        all
    }
}

fn view(row: AgentRow, organization_id: Uuid) -> Agent {
    Agent {
        id: row.id,
        organization_id,
        workspace_id: row.workspace_id,
        name: row.name,
        description: row.description,
        status: row.status,
        current_version_id: row.current_version_id,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

pub(crate) fn current(row: AgentRow, organization_id: Uuid) -> Answer<Agent> {
    let version = row.version;
    Answer::ok(view(row, organization_id)).version(version)
}

/// The workspace that a body names must be one that the caller sees.
async fn require_workspace(tx: &mut TenantTx<'_>, workspace: &Patch<Uuid>) -> Result<(), Problem> {
    let Patch::Value(id) = workspace else { return Ok(()) };
    let msg = "there is no such workspace, or you are not in it";
    let unknown = || Problem::field(&["body", "workspace_id"], "unknown", msg);
    tx.run(sql::find_workspace(*id)).await?.into_iter().next().map(drop).ok_or_else(unknown)
}

pub async fn create(
    act: Authorized<CreateAgent>,
    Body(body): Body<AgentBody>,
) -> Result<Committed<Agent>, Problem> {
    let (id, organization) = (act.new_id(), act.caller().tenant);
    let (workspace, admitted) = (body.workspace_id.clone(), act.admitted().await?);
    let columns = rules::parse(body, Purpose::Create)?;
    act.transact(move |tx| {
        Box::pin(async move {
            require_workspace(tx, &workspace).await?;
            let row = tx.run(sql::insert_agent(id, columns)).await?.into_iter().next();
            let row = row.ok_or_else(Problem::not_found)?;
            admitted.require(id, &row.attributes)?;
            let (location, version) = (format!("/api/v1/agents/{id}"), row.version);
            Ok(Answer::created(view(row, organization), location).version(version))
        })
    })
    .await
}

pub async fn read(
    act: Authorized<ReadAgent>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Agent>, Problem> {
    let organization = act.caller().tenant;
    act.fetch_one(sql::find_agent(id), |row| current(row, organization)).await
}

pub async fn change(
    act: Authorized<UpdateAgent>,
    (Item(id), Body(body)): (Item<Uuid>, Body<AgentBody>),
) -> Result<Committed<Agent>, Problem> {
    let (expected, organization) = (act.expected_version()?, act.caller().tenant);
    let (workspace, admitted) = (body.workspace_id.clone(), act.admitted().await?);
    let columns = rules::parse(body, Purpose::Change)?;
    act.transact(move |tx| {
        Box::pin(async move {
            require_workspace(tx, &workspace).await?;
            let row = tx.run(sql::update_agent(id, columns, expected)).await?.into_iter().next();
            let row = row.ok_or_else(Problem::not_found)?;
            admitted.require(id, &row.attributes)?;
            Ok(current(row, organization))
        })
    })
    .await
}

pub async fn remove(
    act: Authorized<DeleteAgent>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(sql::hold_agent(id)).await?.into_iter().next();
            rules::require_stopped(held.ok_or_else(Problem::not_found)?.running)?;
            tx.run(sql::delete_agent(id, expected)).await?;
            Ok(Answer::gone())
        })
    })
    .await
}

pub async fn list(
    act: Authorized<ReadAgent>,
    Query(query): Query<AgentQuery>,
) -> Result<Fetched<List<Agent>>, Problem> {
    let AgentQuery { workspace_id, status, paging: Paging { limit, cursor } } = query;
    let question = format!("agents {workspace_id:?} {status:?}");
    let after: Uuid = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::nil(),
    };
    let list = match (workspace_id, status) {
        (Some(workspace), _) => sql::list_agents_of_workspace(workspace, after, limit + 1),
        (None, Some(status)) => sql::list_agents_of_status(status, after, limit + 1),
        (None, None) => sql::list_agents(after, limit + 1),
    };
    let (admitted, organization) = (act.admitted().await?, act.caller().tenant);
    act.fetch(list, |rows| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &last.id))?;
        let shown = |row: &AgentRow| admitted.holds(row.id, &row.attributes);
        Ok(Answer::list(page.only(shown).map(|row| view(row, organization))))
    })
    .await
}
