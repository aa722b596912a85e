//! Statements on agents.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    policies::AttributesRow,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// An agent.
    pub struct AgentRow {
        id: Uuid,
        name: String,
        description: Option<String>,
        workspace_id: Option<Uuid>,
        status: String,
        current_version_id: Option<Uuid>,
        created_by: Option<Uuid>,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: i32,
        attributes: Value,
    }
}

row! {
    /// An agent that waits for nobody else's change.
    pub struct HeldRow {
        status: String,
        running: i64,
    }
}

/// What policies know of an agent.
macro_rules! attributes {
    () => {
        "jsonb_strip_nulls(jsonb_build_object('name', a.name, 'status', a.status,
             'workspace_id', a.workspace_id, 'created_by', a.created_by)) as attributes"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "a.id, a.name, a.description, a.workspace_id, a.status, a.current_version_id, a.created_by,
             a.created_at, a.updated_at, a.version, ",
            attributes!()
        )
    };
}

statements! {
    fn find_attributes(id: Uuid) -> AttributesRow
        = concat!("select ", attributes!(), " from studio.agent a where a.id = $1 and a.deleted_at is null");

    /// Whether the caller sees a workspace.
    fn find_workspace(id: Uuid) -> Done
        = "select true as done from studio.workspace w where w.id = $1 and w.deleted_at is null for share";

    fn insert_agent(id: Uuid, columns: Value) -> AgentRow
        = concat!("insert into studio.agent as a (tenant_id, id, name, description, workspace_id, status)
           select kernel.tenant(), $1, r.name, r.description, r.workspace_id, r.status
             from jsonb_populate_record(null::studio.agent, $2) r
           returning ", columns!());

    fn find_agent(id: Uuid) -> AgentRow
        = concat!("select ", columns!(), " from studio.agent a where a.id = $1 and a.deleted_at is null");

    fn update_agent(id: Uuid, columns: Value, expected: Option<i32>) -> AgentRow
        = concat!("update studio.agent a set (name, description, workspace_id, status)
                = (select r.name, r.description, r.workspace_id, r.status from jsonb_populate_record(a, $2) r)
            where a.id = $1 and a.deleted_at is null and kernel.expect_version(a.version, $3)
           returning ", columns!());

    /// Takes turns with whoever deploys, publishes or removes it.
    fn hold_agent(id: Uuid) -> HeldRow
        = "with a as (select a.id, a.status from studio.agent a where a.id = $1 and a.deleted_at is null for update)
           select a.status, (select count(*) from studio.deployment d where d.agent_id = a.id
                                and d.status in ('pending', 'deploying', 'active')) as running
             from a";

    fn delete_agent(id: Uuid, expected: Option<i32>) -> Done
        = "update studio.agent a set deleted_at = now()
            where a.id = $1 and a.deleted_at is null and kernel.expect_version(a.version, $2)
           returning true as done";

    fn list_agents(after: Uuid, limit: i64) -> AgentRow
        = concat!("select ", columns!(), " from studio.agent a
            where a.id > $1 and a.deleted_at is null order by a.id limit $2");

    fn list_agents_of_workspace(workspace: Uuid, after: Uuid, limit: i64) -> AgentRow
        = concat!("select ", columns!(), " from studio.agent a
            where a.workspace_id = $1 and a.id > $2 and a.deleted_at is null order by a.id limit $3");

    fn list_agents_of_status(status: String, after: Uuid, limit: i64) -> AgentRow
        = concat!("select ", columns!(), " from studio.agent a
            where a.status = $1 and a.id > $2 and a.deleted_at is null order by a.id limit $3");
}

pub fn constraints() -> Vec<Constraint> {
    let published = || {
        let detail = "an agent is active once it was published, and a draft until then: publish a version, or archive it";
        Problem::conflict("illegal_transition", detail)
    };
    vec![
        Constraint { name: "agent_active_is_published", problem: published },
        Constraint { name: "RV732", problem: published },
    ]
}
