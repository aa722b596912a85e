//! Requests on events.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission, Shown, Sight},
    db::{Actor, Disclosing},
    http::{
        Body, EVER, FromQuery, List, Named, Page, Paging, Patch, Problem, Query, QueryReader,
        parameter, words,
    },
    place::law,
    privacy::{Pii, Reveal},
    return_to_play::no_person,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, EventRow},
};
use crate::{
    cases::{self, Case},
    ferpa::{EVENT, Slice},
    permissions::{ClearAthlete, ReadClinicalNote, ReadEvent, WriteCase, WriteEvent},
    return_to_play,
    schools::place,
};

/// An event to be recorded.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBody {
    /// `note`, `evaluation`, `restriction_added`, `restriction_lifted`, `clearance_granted`, `correction`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub kind: Patch<String>,
    /// When; now unless said.
    #[serde(alias = "timestamp")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub occurred_at: Option<Timestamp>,
    /// For all who see the event.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Patch<String>,
    /// For the trainer alone.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub clinical_notes: Patch<String>,
    /// `at` (always), `coach`, `parent`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub visibility: Patch<Vec<String>>,
    /// What the athlete may not do; for `restriction_added`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub restriction: Patch<String>,
    /// The last day of it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub restriction_until: Patch<String>,
    /// The event whose restriction is lifted.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub lifts: Patch<String>,
    /// The event that this one corrects; it stays as it is.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub corrects: Patch<String>,
    /// Where it leaves the athlete: `restricted` or `out`, for `evaluation` and `restriction_added`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub availability: Patch<String>,
    /// The phone's own name of the event, so that it is taken once.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub client_id: Patch<String>,
}

/// An event.
#[derive(Serialize, ToSchema)]
pub struct Event {
    id: Uuid,
    school_id: Uuid,
    case_id: Uuid,
    athlete_id: Uuid,
    kind: String,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    note: Option<String>,
    restriction: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    restriction_until: Option<Date>,
    lifts: Option<Uuid>,
    corrects: Option<Uuid>,
    /// Where it left the athlete, when it said so.
    availability: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    recorded_at: Option<Timestamp>,
    body_part: Option<String>,
    mechanism: Option<String>,
    severity: Option<String>,
    removed_from_play: Option<bool>,
    visibility: Vec<String>,
    recorded_by: Option<Uuid>,
    client_id: Option<String>,
    /// For the trainer alone.
    clinical_notes: Option<String>,
}

fn view(row: EventRow, reveal: &Reveal, sight: Sight) -> Shown<Event> {
    let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
    let event = Event {
        id: row.id,
        school_id: row.tenant_id,
        case_id: row.case_id,
        athlete_id: row.athlete_id,
        kind: row.kind,
        occurred_at: row.occurred_at,
        note: text(row.note),
        restriction: text(row.restriction),
        restriction_until: row.restriction_until,
        lifts: row.lifts,
        corrects: row.corrects,
        availability: row.availability,
        recorded_at: row.recorded_at,
        body_part: text(row.body_part),
        mechanism: text(row.mechanism),
        severity: row.severity,
        removed_from_play: row.removed_from_play,
        visibility: row.visibility.unwrap_or_default(),
        recorded_by: row.recorded_by,
        client_id: row.client_id,
        clinical_notes: text(row.clinical_notes),
    };
    sight.show(&EVENT, event)
}

pub async fn create(
    act: Authorized<WriteEvent>,
    (Named(case), Body(body)): (Named, Body<EventBody>),
) -> Result<Committed<Shown<Event>>, Problem> {
    let (now, id, sight, statutes) = (act.now(), act.new_id(), act.sight(), act.statutes());
    let event = rules::parse(body, now)?;
    if event.clears {
        require_person(&act.also::<ClearAthlete>()?)?;
    }
    let place = place(&act).await?;
    act.transact(|tx| {
        Box::pin(async move {
            let lock = sql::lock_case(case.id, case.external_id);
            let case = tx.run(lock).await?.into_iter().next().ok_or_else(Problem::not_found)?.id;
            let facts = sql::find_facts(case, event.columns.clone());
            let known = tx.judge(facts, |rows, reveal| {
                let facts = rows.first().ok_or_else(Problem::not_found)?;
                if let Some(known) = facts.known {
                    return Ok(Some(known));
                }
                let day = place.local(facts.opened_at).date();
                let law = law(&statutes, &facts.jurisdiction, day)?;
                rules::may_record(facts, &event, reveal, now, &law).map(|()| None)
            });
            let recorded = match known.await?? {
                Some(known) => known,
                None => {
                    tx.run(sql::insert_event(
                        id,
                        case,
                        event.occurred_at,
                        event.columns,
                        event.words,
                    ))
                    .await?;
                    id
                }
            };
            let found = tx.judge(sql::find_event(recorded), |rows, reveal| {
                rows.into_iter().next().map(|row| view(row, reveal, sight))
            });
            let found = found.await?.ok_or_else(Problem::not_found)?;
            match recorded == id {
                true => Ok(Answer::created(found, format!("/api/v1/cases/{case}/timeline"))),
                false => Ok(Answer::ok(found)),
            }
        })
    })
    .await
}

/// That a person who has signed in clears, and no program with a key.
///
/// # Errors
/// 403.
pub fn require_person(act: &Authorized<ClearAthlete>) -> Result<(), Problem> {
    match act.caller().actor {
        Actor::User(_) | Actor::Operator(_) => Ok(()),
        _ => Err(no_person::<ClearAthlete>()),
    }
}

/// Why, and where it leaves the athlete.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReopenBody {
    #[serde(default)]
    reason: String,
    /// `out` rather than `restricted`; a head injury is out in any case.
    #[serde(default)]
    removed_from_play: bool,
}

pub async fn reopen(
    act: Authorized<WriteCase>,
    (Named(case), Body(body)): (Named, Body<ReopenBody>),
) -> Result<Committed<Shown<Case>>, Problem> {
    let (now, id, sight, statutes) = (act.now(), act.new_id(), act.sight(), act.statutes());
    let reason = Pii::new(words("reason", 2000, body.reason)?);
    let place = place(&act).await?;
    act.transact(|tx| {
        Box::pin(async move {
            let lock = sql::lock_case(case.id, case.external_id);
            let case = tx.run(lock).await?.into_iter().next().ok_or_else(Problem::not_found)?.id;
            let standing = tx.run(sql::find_standing(case)).await?.into_iter().next();
            let standing = standing.ok_or_else(Problem::not_found)?;
            rules::may_reopen(standing.resolved_at, now)?;
            let out = body.removed_from_play || standing.head_injury;
            tx.run(sql::reopen_case(id, case, now, reason, out)).await?;
            if standing.head_injury {
                return_to_play::go_back(tx, case, &place, &statutes, now).await?;
            }
            Ok(Answer::ok(cases::found(tx, case, sight).await?))
        })
    })
    .await
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Last(Timestamp, Uuid);

pub async fn timeline(
    act: Authorized<ReadEvent>,
    (Named(case), Query(paging)): (Named, Query<Paging>),
) -> Result<Disclosed<List<Shown<Event>>>, Problem> {
    let case = cases::known(&act, case).await?;
    let filter = Filter { q: None, from: None, to: None, paging };
    match Slice::of(act.caller().role) {
        // The trainer's words open under a permission of their own, and to nobody else.
        Slice::School => {
            page(&act.also::<ReadClinicalNote>()?, Some(case), filter, sql::list_timeline).await
        }
        Slice::Coach => page(&act, Some(case), filter, sql::list_timeline_of_coach).await,
        Slice::Family => page(&act, Some(case), filter, sql::list_timeline_of_family).await,
    }
}

/// Which events, and from where on.
pub struct Filter {
    q: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let time = "a time such as 2026-03-01T00:00:00Z";
        Self {
            q: query.text("q", 200),
            from: query.parse("from", time),
            to: query.parse("to", time),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let time = || json!({"type": "string", "format": "date-time"});
        let mut all = vec![
            parameter("q", json!({"type": "string"}), "words, all of which must be there"),
            parameter("from", time(), "from this time on"),
            parameter("to", time(), "before this time"),
        ];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadEvent>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<Shown<Event>>>, Problem> {
    match Slice::of(act.caller().role) {
        Slice::School => {
            page(&act.also::<ReadClinicalNote>()?, None, filter, sql::list_events).await
        }
        Slice::Coach => page(&act, None, filter, sql::list_events_of_coach).await,
        Slice::Family => page(&act, None, filter, sql::list_events_of_family).await,
    }
}

type ListOf =
    fn(Timestamp, Uuid, Timestamp, i64, Option<Uuid>, Option<Pii<String>>) -> Disclosing<EventRow>;

async fn page<P: Permission<Effect = kernel::authz::Discloses>>(
    act: &Authorized<P>,
    case: Option<Uuid>,
    Filter { q, from, to, paging }: Filter,
    list: ListOf,
) -> Result<Disclosed<List<Shown<Event>>>, Problem> {
    let limit = paging.limit;
    // Words do not belong into a link (D10): the cursor holds what was asked.
    let (first, last) = EVER;
    let question = format!("events {case:?}");
    let (q, from, Last(at, id)) = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => (q, from, Last(to.unwrap_or(last).clamp(first, last), Uuid::nil())),
    };
    let from_time = from.unwrap_or(first).clamp(first, last);
    let list = list(at, id, from_time, limit + 1, case, q.clone().map(Pii::new));
    act.disclose(list, |rows, reveal| {
        let seal =
            |last: &EventRow| act.seal(&question, &(q, from, Last(last.occurred_at, last.id)));
        let page = Page::cut(rows, limit, seal)?;
        Ok(Answer::list_by_cursor_alone(page.map(|row| view(row, reveal, act.sight()))))
    })
    .await
}
