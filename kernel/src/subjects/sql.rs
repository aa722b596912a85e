//! Statements on persons. `tables` is always [`crate::authz::Authorized::subject_tables`].

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{Bound, Done},
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};

row! {
    /// All that is held about a person: an object of lists of rows, by table. Sealed values are opened,
    /// secrets left out.
    pub struct HeldRow { id: Uuid, held: Pii<Value> }
}

row! {
    /// What an erasure would do: a list of `table`, `rows`, `goes` (columns that become unreadable) and
    /// `stays` (`column` and `rule`, a name of `policy::erasure::RULES`).
    pub struct PlanRow {
        /// SHA-256 of `tables`, hex: the same as long as the plan is.
        plan: String,
        tables: Value,
    }
}

row! {
    /// Something done with one of the records.
    pub struct TouchRow {
        id: Uuid,
        at: Timestamp,
        actor_kind: String,
        actor_id: Option<Uuid>,
        /// The account's present role, or the key's name.
        actor: Option<String>,
        permission: Option<String>,
        /// `CREATE`, `READ`, `UPDATE` or `DELETE`.
        operation: String,
        resource: String,
        /// Which of the records that were asked for; one of them, where a list showed several.
        record_id: Option<Uuid>,
    }
}

row! {
    /// The ids of all records that are about somebody.
    pub struct RecordsRow { records: Vec<Uuid> }
}

statements! {
    fn held_about(subject: Uuid, tables: Value) -> HeldRow, discloses "kernel.account"
        = "select $1::uuid as id, kernel.held_about($1, $2) as held";

    fn erasure_plan(subject: Uuid, tables: Value) -> PlanRow
        = "select encode(sha256(convert_to(p.tables::text, 'UTF8')), 'hex') as plan, p.tables
             from (select kernel.erasure_plan($1, $2) as tables offset 0) p";

    /// For good. An account ends with its sessions and codes, consents that are open are revoked; RV509
    /// when nobody would be left who manages people.
    fn erase(subject: Uuid) -> Done = "select kernel.erase($1) is not null as done";

    fn list_records(subject: Uuid, tables: Value) -> RecordsRow
        = "select coalesce(array_agg((r ->> 'id')::uuid), '{}') as records
             from jsonb_each(kernel.held_about($1, $2)) t (name, rows), jsonb_array_elements(t.rows) r";

    /// The search is the policy `looked`; `offset 0` keeps the times out of it, as in the ledger's own list.
    fn search_touched(records: Vec<Uuid>, limit: i64) -> TouchRow
        = "select id, at, actor_kind, actor_id, kernel.actor_standing(actor_kind, actor_id) as actor, permission, operation, resource,
                  coalesce(record_id, (select r from unnest(record_ids) r where r = any($1) limit 1)) as record_id
             from (select id, at, sequence, actor_kind, actor_id, permission, operation, outcome, resource, record_id, record_ids
                     from audit.entry offset 0) entry
            where outcome = 'allowed' and (record_id = any($1) or record_ids && $1)
            order by at desc, sequence desc limit $2";
}

/// What was done with any of these records and by whom, readings too, newest first.
pub fn who_touched(records: Vec<Uuid>, limit: i64) -> Bound<TouchRow> {
    let ids: Vec<_> = records.iter().map(Uuid::to_string).collect();
    let search = json!({"record_ids": format!("{{{}}}", ids.join(","))});
    search_touched(records, limit).searching(search)
}

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "RV701",
        problem: || Problem::conflict("erased", "this person's data was erased, for good"),
    }]
}
