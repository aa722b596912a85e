//! Statements on versions.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A version, without its content.
    pub struct VersionRow {
        id: Uuid,
        number: i32,
        hash: String,
        note: Option<String>,
        is_current: bool,
        created_by: Option<Uuid>,
        created_at: Timestamp,
    }
}

row! {
    /// A version whole.
    pub struct ContentRow {
        id: Uuid,
        number: i32,
        hash: String,
        note: Option<String>,
        is_current: bool,
        created_by: Option<Uuid>,
        created_at: Timestamp,
        workflow: Value,
    }
}

macro_rules! columns {
    () => {
        "v.id, v.number, v.hash, v.note, v.id is not distinct from a.current_version_id as is_current,
         v.created_by, v.created_at"
    };
}

macro_rules! of_agent {
    () => {
        " from studio.agent a join studio.agent_version v on v.tenant_id = a.tenant_id and v.agent_id = a.id
         where a.id = $1 and a.deleted_at is null "
    };
}

statements! {
    /// Under the agent's lock, or two would have one number.
    fn insert_version(id: Uuid, agent: Uuid, hash: String, workflow: Value, note: Option<String>) -> VersionRow
        = "insert into studio.agent_version as v (tenant_id, id, agent_id, number, hash, workflow, note)
           select kernel.tenant(), $1, $2, 1 + coalesce(max(o.number), 0), $3, $4, $5
             from studio.agent_version o where o.agent_id = $2
           returning v.id, v.number, v.hash, v.note, true as is_current, v.created_by, v.created_at";

    /// A draft becomes active with it.
    fn make_current(agent: Uuid, version: Uuid) -> Done
        = "update studio.agent a set current_version_id = $2,
                  status = case a.status when 'draft' then 'active' else a.status end
            where a.id = $1 and a.deleted_at is null returning true as done";

    fn find_by_hash(agent: Uuid, hash: String) -> VersionRow
        = concat!("select ", columns!(), of_agent!(), "and v.hash = $2");

    fn find_by_number(agent: Uuid, number: i32) -> VersionRow
        = concat!("select ", columns!(), of_agent!(), "and v.number = $2");

    fn find_current(agent: Uuid) -> VersionRow
        = concat!("select ", columns!(), of_agent!(), "and v.id = a.current_version_id");

    fn read_by_hash(agent: Uuid, hash: String) -> ContentRow
        = concat!("select ", columns!(), ", v.workflow", of_agent!(), "and v.hash = $2");

    fn read_by_number(agent: Uuid, number: i32) -> ContentRow
        = concat!("select ", columns!(), ", v.workflow", of_agent!(), "and v.number = $2");

    fn read_current(agent: Uuid) -> ContentRow
        = concat!("select ", columns!(), ", v.workflow", of_agent!(), "and v.id = a.current_version_id");

    fn list_versions(agent: Uuid, before: i32, limit: i64) -> VersionRow
        = concat!("select ", columns!(), of_agent!(), "and v.number < $2 order by v.number desc limit $3");
}

pub fn constraints() -> Vec<Constraint> {
    let meanwhile = || {
        let detail = "somebody published this agent at the same moment: try again";
        Problem::conflict("changed_meanwhile", detail)
    };
    vec![
        Constraint { name: "version_number_taken", problem: meanwhile },
        Constraint { name: "version_hash_taken", problem: meanwhile },
        Constraint {
            name: "RV731",
            problem: || Problem::conflict("immutable", "what was published stays as it is"),
        },
    ]
}
