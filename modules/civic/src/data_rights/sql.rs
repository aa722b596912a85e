//! Statements on data-subject rights.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use uuid::Uuid;

row! {
    /// What somebody asked for.
    pub struct RightsRow {
        id: Uuid,
        account_id: Uuid,
        kind: String,
        purpose: Option<String>,
        record_id: Option<Uuid>,
        statement: Option<Pii<String>>,
        received_at: Timestamp,
        due_on: Date,
        status: String,
        ended_at: Option<Timestamp>,
        decision_reason: Option<Pii<String>>,
        legislation: Option<String>,
        version: i32,
    }
}

row! {
    /// A request by its id.
    pub struct Id { id: Uuid }
}

row! {
    /// In which language somebody is spoken to.
    pub struct Spoken { preferred_language: String }
}

macro_rules! columns {
    () => {
        "r.id, r.account_id, r.kind, r.purpose, r.record_id, kernel.open(r.statement) as statement, r.received_at, r.due_on,
         r.status, r.ended_at, kernel.open(r.decision_reason) as decision_reason, r.legislation, r.version"
    };
}

statements! {
    fn insert_rights_request(id: Uuid, account: Uuid, kind: String, purpose: Option<String>, record: Option<Uuid>,
                             statement: Pii<String>, at: Timestamp, due: Date) -> RightsRow
        = concat!("insert into civic.rights_request as r (tenant_id, id, account_id, kind, purpose, record_id, statement,
                  received_at, due_on)
           values (kernel.tenant(), $1, $2, $3, $4, $5, kernel.seal($2, $6), $7, $8)
           returning ", columns!());

    fn list_own_rights_requests(account: Uuid, after: Uuid, limit: i64) -> RightsRow, discloses "civic.rights_request"
        = concat!("select ", columns!(), " from civic.rights_request r
            where r.tenant_id = kernel.tenant() and r.account_id = $1 and r.id > $2 order by r.id limit $3");

    fn list_rights_requests(status: String, after_due: Date, after: Uuid, limit: i64)
        -> RightsRow, discloses "civic.rights_request"
        = concat!("select ", columns!(), " from civic.rights_request r
            where r.tenant_id = kernel.tenant() and r.status = $1 and (r.due_on, r.id) > ($2, $3)
            order by r.due_on, r.id limit $4");

    fn decide_rights_request(id: Uuid, status: &'static str, reason: Pii<String>, legislation: Option<String>,
                             at: Timestamp, expected: Option<i32>) -> RightsRow
        = concat!("update civic.rights_request r
              set status = $2, decision_reason = kernel.seal(r.account_id, $3), legislation = $4, ended_at = $5,
                  decided_by = kernel.setting('app.actor_id')::uuid
            where r.tenant_id = kernel.tenant() and r.id = $1 and kernel.expect_version(r.version, $6)
           returning ", columns!());

    /// Taken back by who asked.
    fn withdraw_rights_request(id: Uuid, at: Timestamp) -> RightsRow
        = concat!("update civic.rights_request r set status = 'withdrawn', ended_at = $2
            where r.tenant_id = kernel.tenant() and r.id = $1
           returning ", columns!());

    /// What somebody asked for lapses with them.
    fn lapse_rights_requests(account: Uuid, at: Timestamp) -> Id
        = "update civic.rights_request r set status = 'lapsed', ended_at = $2
            where r.tenant_id = kernel.tenant() and r.account_id = $1 and r.status = 'received'
           returning r.id";

    /// Somebody who is not erased yet, also one whose account was removed. Locked, so that of two erasures at once
    /// one finds nobody.
    fn lock_person(account: Uuid) -> Spoken
        = "select a.preferred_language from kernel.account a
            where a.tenant_id = kernel.tenant() and a.id = $1 and a.email_index is not null for update";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "rights_request_open_once",
            problem: || {
                let detail = "you have asked for this already, and it holds until it is decided";
                Problem::conflict("asked_already", detail)
            },
        },
        Constraint {
            name: "objection_refused_by_law",
            problem: || {
                let msg = "an objection is refused only where legislation provides for the processing: name it";
                Problem::field(&["body", "legislation"], "missing", msg)
            },
        },
        Constraint {
            name: "RV722",
            problem: || {
                let detail = "this request has ended: it was decided, or taken back";
                Problem::conflict("ended_already", detail)
            },
        },
    ]
}
