//! Statements on inspections.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A request, as far as the slice goes.
    pub struct InspectionRow {
        id: Uuid,
        athlete_id: Uuid,
        requested_by: Option<Uuid>,
        requested_at: Timestamp,
        due_on: Date,
        reason: Option<Pii<String>>,
        status: String,
        reviewed_by: Option<Uuid>,
        reviewed_at: Option<Timestamp>,
        review_note: Option<Pii<String>>,
    }
}

row! {
    /// A request that is being answered.
    pub struct Standing { status: String, holds_rights: bool }
}

row! {
    /// An event that was withheld.
    pub struct Kept { id: Uuid }
}

row! {
    /// Why what was withheld was.
    pub struct Reasons { reasons: Pii<Vec<String>> }
}

row! {
    /// A line of a record under inspection.
    pub struct InspectedRow {
        id: Uuid,
        case_id: Uuid,
        title: Pii<String>,
        body_part: Pii<String>,
        severity: String,
        kind: String,
        occurred_at: Timestamp,
        mechanism: Option<Pii<String>>,
        removed_from_play: Option<bool>,
        note: Option<Pii<String>>,
        restriction: Option<Pii<String>>,
        restriction_until: Option<Date>,
        availability: Option<String>,
        words: Option<Pii<String>>,
    }
}

macro_rules! columns {
    () => {
        "i.id, i.athlete_id, i.requested_by, i.requested_at, i.due_on, i.reason, i.status, i.reviewed_by, i.reviewed_at,
         i.review_note "
    };
}

macro_rules! family {
    () => {
        "select i.id, i.athlete_id, null::uuid as requested_by, i.requested_at, i.due_on, i.reason, i.status,
                null::uuid as reviewed_by, i.reviewed_at, i.review_note from athletics_family.inspection i "
    };
}

statements! {
    /// Nothing, where who asks holds no rights in the record.
    fn insert_inspection(id: Uuid, athlete: Option<Uuid>, external_id: Option<String>, account: Uuid, at: Timestamp,
                         due_on: Date, reason: Option<Pii<String>>) -> InspectionRow
        = concat!("insert into athletics.inspection as i (tenant_id, id, athlete_id, requested_by, requested_at, due_on, reason)
           select kernel.tenant(), $1, a.id, $4, $5, $6, $7 from athletics.athlete a
            where a.id = coalesce($2, (select x.id from athletics.enrolled x where x.external_id = $3))
              and athletics.holds_rights($4, a.id)
           returning ", columns!());

    fn find_inspection(id: Uuid) -> InspectionRow, discloses "athletics.inspection"
        = concat!("select ", columns!(), "from athletics.inspection i where i.id = $1");

    fn find_inspection_of_family(id: Uuid) -> InspectionRow, discloses "athletics.inspection"
        = concat!(family!(), "where i.id = $1");

    fn list_inspections(after: Date, after_id: Uuid, limit: i64) -> InspectionRow, discloses "athletics.inspection"
        = concat!("select ", columns!(), "from athletics.inspection i
            where (i.due_on, i.id) > ($1, $2) order by i.due_on, i.id limit $3");

    fn list_inspections_of_family(after: Date, after_id: Uuid, limit: i64)
        -> InspectionRow, discloses "athletics.inspection"
        = concat!(family!(), "where (i.due_on, i.id) > ($1, $2) order by i.due_on, i.id limit $3");

    fn lock_inspection(id: Uuid) -> Standing
        = "with locked as materialized (
             select a.id from athletics.athlete a
              where a.id = (select i.athlete_id from athletics.inspection i where i.id = $1) for no key update)
           select i.status, athletics.holds_rights(i.requested_by, i.athlete_id) as holds_rights
             from athletics.inspection i join locked on locked.id = i.athlete_id where i.id = $1 for update of i";

    /// Those that are there, of this record: an event of another athlete's is none.
    fn withhold(inspection: Uuid, withheld: Pii<Value>) -> Kept
        = "insert into athletics.withheld_event (tenant_id, inspection_id, event_id, reason)
           select distinct on (r.event_id) i.tenant_id, i.id, r.event_id, r.reason
             from athletics.inspection i
             join lateral jsonb_to_recordset($2) r (event_id uuid, reason text) on true
             join athletics.event e on e.tenant_id = i.tenant_id and e.id = r.event_id and e.athlete_id = i.athlete_id
            where i.id = $1
           returning id";

    fn answer_inspection(id: Uuid, status: &'static str, by: Option<Uuid>, at: Timestamp, note: Option<Pii<String>>)
        -> InspectionRow
        = concat!("update athletics.inspection i set status = $2, reviewed_by = $3, reviewed_at = $4, review_note = $5
            where i.id = $1 returning ", columns!());

    /// Nothing, where there is no released record of this name for the caller.
    fn find_withheld(id: Uuid) -> Reasons
        = "select array(select w.reason from athletics_family.withheld w where w.inspection_id = i.id) as reasons
             from athletics_family.inspection i where i.id = $1 and i.status = 'released'";

    fn list_inspected(inspection: Uuid) -> InspectedRow, discloses "athletics.event"
        = "select e.id, e.case_id, e.title, e.body_part, e.severity, e.kind, e.occurred_at, e.mechanism, e.removed_from_play,
                  e.note, e.restriction, e.restriction_until, e.availability, e.words
             from athletics_family.inspected_event e where e.inspection_id = $1 order by e.occurred_at, e.id";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "inspection_asked_by_a_person",
            problem: || {
                let detail =
                    "who holds the rights asks as a person who has signed in, not with an API key";
                Problem::conflict("person_required", detail).refusing("inspection:request")
            },
        },
        Constraint {
            name: "RV720",
            problem: || {
                let msg = "there is no such athlete";
                Problem::field(&["body", "athlete_id"], "unknown", msg)
            },
        },
        Constraint {
            name: "RV722",
            problem: || {
                let detail = "who asked holds the rights in this record no more: refuse the request, and say why";
                Problem::conflict("rights_passed", detail).refusing("inspection:review")
            },
        },
        Constraint {
            name: "RV721",
            problem: || {
                let detail = "this request has its answer: read it";
                Problem::conflict("answered", detail).refusing("inspection:review")
            },
        },
    ]
}
