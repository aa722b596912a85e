//! Statements on persons. `tables` is always [`crate::authz::Authorized::subject_tables`].

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{Disclosing, Done},
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
    /// What an erasure would do: a list of `table`, `rows`, `held_rows`, `goes` (columns that become
    /// unreadable) and `stays` (`column` and `rule`, a name of `policy::erasure::RULES`).
    pub struct PlanRow {
        /// SHA-256 of `tables`, hex: the same as long as the plan is.
        plan: String,
        tables: Value,
    }
}

row! {
    /// Somebody's reading of one of the records.
    pub struct LookRow {
        /// The ledger's entry.
        id: Uuid,
        at: Timestamp,
        actor_kind: String,
        actor_id: Option<Uuid>,
        /// The account's present role, or the key's name.
        actor: Option<String>,
        permission: Option<String>,
        resource: String,
        /// Which of the records that were asked for; one of them, where a list showed several.
        record_id: Option<Uuid>,
    }
}

statements! {
    fn held_about(subject: Uuid, tables: Value) -> HeldRow, discloses "kernel.account"
        = "select $1::uuid as id, kernel.held_about($1, $2) as held";

    fn erasure_plan(subject: Uuid, tables: Value) -> PlanRow
        = "select encode(sha256(convert_to(p.tables::text, 'UTF8')), 'hex') as plan, p.tables
             from (select kernel.erasure_plan($1, $2) as tables offset 0) p";

    /// For good. An account ends with its sessions and codes, consents that are open are revoked; RV509
    /// when nobody would be left who manages people.
    fn erase(subject: Uuid, tables: Value) -> Done
        = "select kernel.erase($1, $2) is not null as done";

    /// The search is the policy `looked`; `offset 0` keeps the times out of it, as in the ledger's own list.
    fn search_looks(records: Vec<Uuid>, limit: i64) -> LookRow, discloses "audit.entry"
        = "select id, at, actor_kind, actor_id, kernel.actor_standing(actor_kind, actor_id) as actor, permission, resource,
                  coalesce(record_id, (select r from unnest(record_ids) r where r = any($1) limit 1)) as record_id
             from (select id, at, sequence, actor_kind, actor_id, permission, operation, outcome, resource, record_id, record_ids
                     from audit.entry offset 0) entry
            where operation = 'READ' and outcome = 'allowed' and (record_id = any($1) or record_ids && $1)
            order by at desc, sequence desc limit $2";
}

/// Who read any of these records, newest first.
pub fn who_looked(records: Vec<Uuid>, limit: i64) -> Disclosing<LookRow> {
    let ids: Vec<_> = records.iter().map(Uuid::to_string).collect();
    let search = json!({"record_ids": format!("{{{}}}", ids.join(","))});
    search_looks(records, limit).searching(search)
}

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "RV701",
        problem: || Problem::conflict("erased", "this person's data was erased, for good"),
    }]
}
