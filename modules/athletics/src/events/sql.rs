//! Statements on events.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    return_to_play::RtpFact,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// An event, as far as the slice goes.
    pub struct EventRow {
        id: Uuid,
        tenant_id: Uuid,
        case_id: Uuid,
        athlete_id: Uuid,
        kind: String,
        occurred_at: Timestamp,
        note: Option<Pii<String>>,
        restriction: Option<Pii<String>>,
        restriction_until: Option<Date>,
        lifts: Option<Uuid>,
        corrects: Option<Uuid>,
        availability: Option<String>,
        recorded_at: Option<Timestamp>,
        body_part: Option<Pii<String>>,
        mechanism: Option<Pii<String>>,
        severity: Option<String>,
        removed_from_play: Option<bool>,
        visibility: Option<Vec<String>>,
        recorded_by: Option<Uuid>,
        client_id: Option<String>,
        clinical_notes: Option<Pii<String>>,
    }
}

row! {
    /// A case whose athlete is locked.
    pub struct Locked { id: Uuid }
}

row! {
    /// How a locked case stands.
    pub struct Standing { head_injury: bool, resolved_at: Option<Timestamp> }
}

row! {
    /// What a rule must know of a case before it takes an event.
    pub struct FactsRow {
        head_injury: bool,
        jurisdiction: String,
        opened_at: Timestamp,
        resolved_at: Option<Timestamp>,
        /// Of the last event that said where it left the athlete, or was a step of the return to play.
        latest_at: Option<Timestamp>,
        /// The event lifts a restriction.
        lifting: bool,
        /// When the athlete was hurt, or the case reopened, last.
        hurt_at: Option<Timestamp>,
        /// The event that has its `client_id` already.
        known: Option<Uuid>,
        rtp: Option<Pii<Json<RtpFact>>>,
    }
}

row! {
    /// An event that was written.
    pub struct Written { id: Uuid }
}

macro_rules! school {
    () => {
        "select e.id, e.tenant_id, e.case_id, e.athlete_id, e.kind, e.occurred_at, e.note, e.restriction,
                e.restriction_until, e.lifts, e.corrects, e.availability, e.created_at as recorded_at, e.body_part,
                e.mechanism, e.severity, e.removed_from_play, e.visibility, e.created_by as recorded_by, e.client_id,
                n.words as clinical_notes
           from athletics.event e left join athletics.clinical_note n on n.tenant_id = e.tenant_id and n.id = e.id "
    };
}

macro_rules! coach {
    () => {
        "select e.id, kernel.tenant() as tenant_id, e.case_id, e.athlete_id, e.kind, e.occurred_at, e.note, e.restriction,
                e.restriction_until, e.lifts, e.corrects, e.availability, null::timestamptz as recorded_at,
                null::text as body_part, null::text as mechanism, null::text as severity,
                null::boolean as removed_from_play, null::text[] as visibility, null::uuid as recorded_by,
                null::text as client_id, null::text as clinical_notes
           from athletics_coach.event e "
    };
}

macro_rules! family {
    () => {
        "select e.id, kernel.tenant() as tenant_id, e.case_id, e.athlete_id, e.kind, e.occurred_at, e.note, e.restriction,
                e.restriction_until, e.lifts, e.corrects, e.availability, e.created_at as recorded_at, e.body_part,
                e.mechanism, e.severity, e.removed_from_play, null::text[] as visibility, null::uuid as recorded_by,
                null::text as client_id, null::text as clinical_notes
           from athletics_family.event e "
    };
}

/// Newest first; the words that are looked for are in what the slice has of an event.
macro_rules! newest {
    ($where:literal, $words:literal) => {
        concat!(
            "where (e.occurred_at, e.id) < ($1, $2) and e.occurred_at >= $3 ",
            $where,
            " and ($5::uuid is null or e.case_id = $5)
              and ($6::text is null or to_tsvector('simple', concat_ws(' ', ",
            $words,
            ")) @@ plainto_tsquery('simple', $6))
             order by e.occurred_at desc, e.id desc limit $4"
        )
    };
}

statements! {
    /// Locks the case's athlete, as every writer of a case does first.
    fn lock_case(id: Option<Uuid>, external_id: Option<String>) -> Locked
        = "with locked as materialized (
             select a.id from athletics.athlete a
              where a.id = (select c.athlete_id from athletics.injury_case c
                             where c.id = coalesce($1, (select x.id from athletics.injury_case x where x.external_id = $2)))
                for no key update)
           select c.id from athletics.injury_case c join locked on locked.id = c.athlete_id
            where c.id = coalesce($1, (select x.id from athletics.injury_case x where x.external_id = $2))";

    /// After the lock: what was read before it may have changed while it was waited for.
    fn find_standing(id: Uuid) -> Standing
        = "select c.head_injury, c.resolved_at from athletics.injury_case c where c.id = $1";

    fn find_facts(case: Uuid, event: Pii<Value>) -> FactsRow
        = "select c.head_injury, c.jurisdiction, c.opened_at, c.resolved_at,
                  (select max(e.occurred_at) from athletics.event e
                    where e.tenant_id = c.tenant_id and e.case_id = c.id
                      and (e.availability is not null or e.kind like 'rtp%')) as latest_at,
                  coalesce($2::jsonb ->> 'kind' = 'restriction_lifted', false) as lifting,
                  (select max(e.occurred_at) from athletics.event e
                    where e.tenant_id = c.tenant_id and e.case_id = c.id
                      and e.kind in ('sideline_entry', 'reopened')) as hurt_at,
                  (select e.id from athletics.event e, jsonb_populate_record(null::athletics.event, $2::jsonb) r
                    where e.client_id = r.client_id and e.case_id = c.id
                      and (e.kind, e.note, e.restriction, e.lifts, e.corrects)
                          is not distinct from (r.kind, r.note, r.restriction, r.lifts, r.corrects)
                      -- The same answer only while it still holds.
                      and (r.kind <> 'clearance_granted' or c.resolved_at = e.occurred_at)) as known,
                  (select to_jsonb(t) || '{\"steps\": []}' from athletics.return_to_play t
                    where t.tenant_id = c.tenant_id and t.case_id = c.id) as rtp
             from athletics.injury_case c where c.id = $1";

    fn insert_event(id: Uuid, case: Uuid, occurred_at: Timestamp, columns: Pii<Value>, words: Option<Pii<String>>) -> Written
        = "with written as (
             insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at, visibility, note, restriction,
                    restriction_until, lifts, corrects, availability, client_id)
             select c.tenant_id, $1, c.id, c.athlete_id, r.kind, $3,
                    coalesce(r.visibility, '{at}'),
                    r.note, r.restriction, r.restriction_until, r.lifts, r.corrects, r.availability, r.client_id
               from athletics.injury_case c, jsonb_populate_record(null::athletics.event, $4) r where c.id = $2
             returning tenant_id, id),
           noted as (
             insert into athletics.clinical_note (tenant_id, id, words)
             select tenant_id, id, $5 from written where $5::text is not null)
           select id from written";

    fn reopen_case(id: Uuid, case: Uuid, at: Timestamp, reason: Pii<String>, out: bool) -> Written
        = "insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at, note, availability)
           select c.tenant_id, $1, c.id, c.athlete_id, 'reopened', $3, $4, case when $5 then 'out' else 'restricted' end
             from athletics.injury_case c where c.id = $2 returning id";

    fn find_event(id: Uuid) -> EventRow = concat!(school!(), "where e.id = $1");

    fn list_timeline(before: Timestamp, before_id: Uuid, from: Timestamp, limit: i64, case: Option<Uuid>,
                     q: Option<Pii<String>>) -> EventRow, discloses "athletics.event"
        = concat!(school!(), newest!("and e.case_id = $5", "e.note, e.restriction, e.body_part, e.mechanism, n.words"));

    fn list_timeline_of_coach(before: Timestamp, before_id: Uuid, from: Timestamp, limit: i64, case: Option<Uuid>,
                              q: Option<Pii<String>>) -> EventRow, discloses "athletics.event"
        = concat!(coach!(), newest!("and e.case_id = $5", "e.note, e.restriction"));

    fn list_timeline_of_family(before: Timestamp, before_id: Uuid, from: Timestamp, limit: i64, case: Option<Uuid>,
                               q: Option<Pii<String>>) -> EventRow, discloses "athletics.event"
        = concat!(family!(), newest!("and e.case_id = $5", "e.note, e.restriction, e.body_part, e.mechanism"));

    fn list_events(before: Timestamp, before_id: Uuid, from: Timestamp, limit: i64, case: Option<Uuid>,
                   q: Option<Pii<String>>) -> EventRow, discloses "athletics.event"
        = concat!(school!(), newest!("", "e.note, e.restriction, e.body_part, e.mechanism, n.words"));

    fn list_events_of_coach(before: Timestamp, before_id: Uuid, from: Timestamp, limit: i64, case: Option<Uuid>,
                            q: Option<Pii<String>>) -> EventRow, discloses "athletics.event"
        = concat!(coach!(), newest!("", "e.note, e.restriction"));

    fn list_events_of_family(before: Timestamp, before_id: Uuid, from: Timestamp, limit: i64, case: Option<Uuid>,
                             q: Option<Pii<String>>) -> EventRow, discloses "athletics.event"
        = concat!(family!(), newest!("", "e.note, e.restriction, e.body_part, e.mechanism"));
}

pub fn constraints() -> Vec<Constraint> {
    [of_the_body(), of_the_case()].into_iter().flatten().collect()
}

fn of_the_body() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "event_client_id_taken",
            problem: || {
                let detail = "another entry has this client_id: give each a name of its own";
                Problem::conflict("client_id_taken", detail)
            },
        },
        Constraint {
            name: "event_lifts_known",
            problem: || {
                let msg = "there is no such restriction of this case";
                Problem::field(&["body", "lifts"], "unknown", msg)
            },
        },
        Constraint {
            name: "RV715",
            problem: || {
                let msg = "there is no such restriction of this case";
                Problem::field(&["body", "lifts"], "unknown", msg)
            },
        },
        Constraint {
            name: "event_lifts_once",
            problem: || Problem::conflict("lifted_already", "this restriction is lifted already"),
        },
        Constraint {
            name: "event_corrects_known",
            problem: || {
                let msg = "there is no such event of this case";
                Problem::field(&["body", "corrects"], "unknown", msg)
            },
        },
    ]
}

fn of_the_case() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "RV710",
            problem: || Problem::field(&["body", "occurred_at"], "range", "this is later than now"),
        },
        Constraint {
            name: "RV711",
            problem: || {
                let detail = "only a resolved case can be reopened, within thirty days";
                Problem::conflict("reopen_window_over", detail).refusing("case:write")
            },
        },
        Constraint {
            name: "RV712",
            problem: || {
                let detail =
                    "the case is resolved: reopen it, within thirty days of its resolution";
                Problem::conflict("case_resolved", detail).refusing("event:write")
            },
        },
        Constraint {
            name: "RV713",
            problem: || {
                let detail = "something happened after this clearance: read the timeline, and clear as of now";
                Problem::conflict("later_events", detail).refusing("case:clear")
            },
        },
        Constraint {
            name: "RV714",
            problem: || {
                let detail = "the gate of this clearance is closed: see the case's return to play";
                Problem::conflict("gate_blocked", detail).refusing("case:clear")
            },
        },
    ]
}
