//! Statements on disclosures.

use jiff::Timestamp;
use kernel::{privacy::Pii, row, statements};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A disclosure on record.
    pub struct DisclosureRow {
        id: Uuid,
        athlete_id: Uuid,
        disclosed_at: Timestamp,
        recipient: Pii<String>,
        interest: Pii<String>,
        basis: String,
        what: Pii<String>,
        threat: Option<Pii<String>>,
        recorded_by: Option<Uuid>,
    }
}

statements! {
    fn insert_disclosure(id: Uuid, athlete: Option<Uuid>, external_id: Option<String>, columns: Pii<Value>) -> DisclosureRow
        = "insert into athletics.disclosure (tenant_id, id, athlete_id, disclosed_at, recipient, interest, basis, what, threat)
           select kernel.tenant(), $1, a.id, r.disclosed_at, r.recipient, r.interest, r.basis, r.what, r.threat
             from athletics.enrolled a, jsonb_populate_record(null::athletics.disclosure, $4) r
            where a.id = coalesce($2, (select x.id from athletics.enrolled x where x.external_id = $3))
           returning id, athlete_id, disclosed_at, recipient, interest, basis, what, threat, created_by as recorded_by";

    fn list_disclosures(athlete: Uuid, before: Timestamp, before_id: Uuid, limit: i64)
        -> DisclosureRow, discloses "athletics.disclosure"
        = "select d.id, d.athlete_id, d.disclosed_at, d.recipient, d.interest, d.basis, d.what, d.threat,
                  d.created_by as recorded_by
             from athletics.disclosure d where d.athlete_id = $1 and (d.disclosed_at, d.id) < ($2, $3)
            order by d.disclosed_at desc, d.id desc limit $4";

    fn list_disclosures_of_family(athlete: Uuid, before: Timestamp, before_id: Uuid, limit: i64)
        -> DisclosureRow, discloses "athletics.disclosure"
        = "select d.id, d.athlete_id, d.disclosed_at, d.recipient, d.interest, d.basis, d.what, d.threat,
                  null::uuid as recorded_by
             from athletics_family.disclosure d where d.athlete_id = $1 and (d.disclosed_at, d.id) < ($2, $3)
            order by d.disclosed_at desc, d.id desc limit $4";
}
