//! Statements on workspaces.

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
    /// A workspace.
    pub struct WorkspaceRow {
        id: Uuid,
        name: String,
        description: Option<String>,
        created_by: Option<Uuid>,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: i32,
        attributes: Value,
    }
}

row! {
    /// How many agents are in one.
    pub struct CountRow { agents: i64 }
}

/// What policies know of a workspace.
macro_rules! attributes {
    () => {
        "jsonb_strip_nulls(jsonb_build_object('name', w.name, 'created_by', w.created_by)) as attributes"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "w.id, w.name, w.description, w.created_by, w.created_at, w.updated_at, w.version, ",
            attributes!()
        )
    };
}

statements! {
    fn find_attributes(id: Uuid) -> AttributesRow
        = concat!("select ", attributes!(), " from studio.workspace w where w.id = $1 and w.deleted_at is null");

    /// An account that creates one is its first member.
    fn insert_workspace(id: Uuid, columns: Value, member: Option<Uuid>) -> WorkspaceRow
        = concat!("with w as (
             insert into studio.workspace (tenant_id, id, name, description)
             select kernel.tenant(), $1, r.name, r.description
               from jsonb_populate_record(null::studio.workspace, $2) r returning *),
           joined as (
             insert into studio.workspace_member (tenant_id, workspace_id, account_id)
             select kernel.tenant(), w.id, $3 from w where $3::uuid is not null)
           select ", columns!(), " from w");

    fn find_workspace(id: Uuid) -> WorkspaceRow
        = concat!("select ", columns!(), " from studio.workspace w where w.id = $1 and w.deleted_at is null");

    fn update_workspace(id: Uuid, columns: Value, expected: Option<i32>) -> WorkspaceRow
        = concat!("update studio.workspace w set (name, description)
                = (select r.name, r.description from jsonb_populate_record(w, $2) r)
            where w.id = $1 and w.deleted_at is null and kernel.expect_version(w.version, $3)
           returning ", columns!());

    /// Waits for whoever puts an agent into it.
    fn count_agents(id: Uuid) -> CountRow
        = "with w as (select id from studio.workspace where id = $1 and deleted_at is null for update)
           select (select count(*) from studio.agent a where a.workspace_id = w.id and a.deleted_at is null) as agents
             from w";

    fn delete_workspace(id: Uuid, expected: Option<i32>) -> Done
        = "update studio.workspace w set deleted_at = now()
            where w.id = $1 and w.deleted_at is null and kernel.expect_version(w.version, $2)
           returning true as done";

    fn list_workspaces(after: String, after_id: Uuid, limit: i64) -> WorkspaceRow
        = concat!("select ", columns!(), " from studio.workspace w
            where (w.name, w.id) > ($1, $2) and w.deleted_at is null order by w.name, w.id limit $3");
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "workspace_name_taken",
        problem: || Problem::conflict("name_taken", "there is a workspace of this name"),
    }]
}
