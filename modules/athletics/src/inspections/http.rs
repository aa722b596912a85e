//! Requests on inspections.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Shown, Sight},
    http::{
        Body, Item, List, OptionalBody, Page, Paging, Patch, Problem, Query, Reference, words,
        words_or_none,
    },
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, Release},
    sql::{self, InspectedRow, InspectionRow},
};
use crate::{
    ferpa::{INSPECTED, INSPECTION, by_slice},
    permissions::{InspectRecord, ReadInspection, RequestInspection, ReviewInspection},
    schools::place,
};

/// Whose record, and why.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// The athlete's id or `external_id`.
    #[serde(default)]
    #[schema(value_type = String)]
    athlete_id: Patch<Reference>,
    #[serde(default)]
    reason: String,
}

/// A request to inspect a record.
#[derive(Serialize, ToSchema)]
pub struct Inspection {
    id: Uuid,
    athlete_id: Uuid,
    requested_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    /// The last day for the answer, in the school's calendar.
    #[schema(value_type = String, format = Date)]
    due_on: Date,
    reason: Option<String>,
    /// `requested`, `released` or `refused`.
    status: String,
    reviewed_by: Option<Uuid>,
    #[schema(value_type = Option<String>, format = DateTime)]
    reviewed_at: Option<Timestamp>,
    review_note: Option<String>,
}

fn view(row: InspectionRow, reveal: &Reveal, sight: Sight) -> Shown<Inspection> {
    let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
    let inspection = Inspection {
        id: row.id,
        athlete_id: row.athlete_id,
        requested_by: row.requested_by,
        requested_at: row.requested_at,
        due_on: row.due_on,
        reason: text(row.reason),
        status: row.status,
        reviewed_by: row.reviewed_by,
        reviewed_at: row.reviewed_at,
        review_note: text(row.review_note),
    };
    sight.show(&INSPECTION, inspection)
}

pub async fn request(
    act: Authorized<RequestInspection>,
    Body(body): Body<RequestBody>,
) -> Result<Committed<Shown<Inspection>>, Problem> {
    let (now, place, sight) = (act.now(), place(&act).await?, act.sight());
    let missing = || Problem::field(&["body", "athlete_id"], "missing", "this field is required");
    let athlete = body.athlete_id.value().ok_or_else(missing)?;
    let reason = words_or_none("reason", 2000, body.reason)?.map(Pii::new);
    let asked_on = place.local(now).date();
    let due_on = rules::due_on(asked_on, &place.law(&act.statutes(), asked_on)?)?;
    let (id, actor) = (act.new_id(), act.caller().actor.id().unwrap_or_default());
    let insert =
        sql::insert_inspection(id, athlete.id, athlete.external_id, actor, now, due_on, reason);
    act.transact(|tx| {
        Box::pin(async move {
            // Who holds no rights in a record does not learn whether there is one.
            let unknown =
                || Problem::field(&["body", "athlete_id"], "unknown", "there is no such athlete");
            let inserted = tx.judge(insert, |rows, reveal| {
                rows.into_iter().next().map(|row| view(row, reveal, sight))
            });
            let inspection = inserted.await?.ok_or_else(unknown)?;
            Ok(Answer::created(inspection, format!("/api/v1/inspections/{id}")))
        })
    })
    .await
}

pub async fn read(
    act: Authorized<ReadInspection>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Shown<Inspection>>, Problem> {
    let family = sql::find_inspection_of_family;
    let find = by_slice!(act; sql::find_inspection, family, family);
    act.disclose_one(find(id), |row, reveal| Answer::ok(view(row, reveal, act.sight()))).await
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Last(Date, Uuid);

pub async fn list(
    act: Authorized<ReadInspection>,
    Query(paging): Query<Paging>,
) -> Result<Disclosed<List<Shown<Inspection>>>, Problem> {
    let limit = paging.limit;
    let Last(due, id) = match &paging.cursor {
        Some(cursor) => act.unseal("inspections", cursor)?,
        None => Last(Date::constant(1, 1, 1), Uuid::nil()),
    };
    let family = sql::list_inspections_of_family;
    let list = by_slice!(act; sql::list_inspections, family, family);
    act.disclose(list(due, id, limit + 1), |rows, reveal| {
        let seal = |last: &InspectionRow| act.seal("inspections", &Last(last.due_on, last.id));
        let page = Page::cut(rows, limit, seal)?;
        Ok(Answer::list(page.map(|row| view(row, reveal, act.sight()))))
    })
    .await
}

/// What is kept back.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    pub note: Option<String>,
    #[serde(default)]
    pub withheld: Vec<Withheld>,
}

/// An event that is kept back, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    pub event_id: Uuid,
    pub reason: String,
}

pub async fn release(
    act: Authorized<ReviewInspection>,
    (Item(id), OptionalBody(body)): (Item<Uuid>, OptionalBody<ReleaseBody>),
) -> Result<Committed<Shown<Inspection>>, Problem> {
    answer(act, id, "released", rules::parse_release(body)?).await
}

/// Why.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefuseBody {
    #[serde(default)]
    reason: String,
}

pub async fn refuse(
    act: Authorized<ReviewInspection>,
    (Item(id), Body(body)): (Item<Uuid>, Body<RefuseBody>),
) -> Result<Committed<Shown<Inspection>>, Problem> {
    let note = Some(Pii::new(words("reason", 2000, body.reason)?));
    let nothing = Pii::new(serde_json::json!([]));
    answer(act, id, "refused", Release { note, withheld: nothing, count: 0 }).await
}

async fn answer(
    act: Authorized<ReviewInspection>,
    id: Uuid,
    status: &'static str,
    Release { note, withheld, count }: Release,
) -> Result<Committed<Shown<Inspection>>, Problem> {
    let (now, sight, actor) = (act.now(), act.sight(), act.caller().actor.id());
    act.transact(|tx| {
        Box::pin(async move {
            let locked = tx.run(sql::lock_inspection(id)).await?.into_iter().next();
            let standing = locked.ok_or_else(Problem::not_found)?;
            let releases = status == "released";
            rules::may_answer(&standing.status, releases, standing.holds_rights)?;
            rules::all_withheld(count, tx.run(sql::withhold(id, withheld)).await?.len())?;
            let update = sql::answer_inspection(id, status, actor, now, note);
            let answered = tx.judge(update, |rows, reveal| {
                rows.into_iter().next().map(|row| view(row, reveal, sight))
            });
            Ok(Answer::ok(answered.await?.ok_or_else(Problem::not_found)?))
        })
    })
    .await
}

/// A line of a record under inspection.
#[derive(Serialize, ToSchema)]
pub struct InspectedEvent {
    id: Uuid,
    case_id: Uuid,
    title: String,
    body_part: String,
    severity: String,
    kind: String,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    mechanism: Option<String>,
    removed_from_play: Option<bool>,
    note: Option<String>,
    restriction: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    restriction_until: Option<Date>,
    availability: Option<String>,
    /// The trainer's.
    words: Option<String>,
}

/// A record as an inspection shows it.
#[derive(Serialize, ToSchema)]
pub struct InspectedRecord {
    inspection_id: Uuid,
    #[schema(value_type = Vec<InspectedEvent>)]
    events: Vec<Shown<InspectedEvent>>,
    /// The reason of each event that was kept back.
    withheld: Vec<String>,
}

pub async fn inspect(
    act: Authorized<InspectRecord>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<InspectedRecord>, Problem> {
    let withheld = act.look_up(sql::find_withheld(id)).await?;
    let withheld = withheld.into_iter().next().ok_or_else(Problem::not_found)?;
    act.disclose(sql::list_inspected(id), |rows, reveal| {
        let events = rows.into_iter().map(|row| line(row, reveal, act.sight())).collect();
        let withheld = withheld.reasons.reveal(reveal);
        Ok(Answer::ok(InspectedRecord { inspection_id: id, events, withheld }))
    })
    .await
}

fn line(row: InspectedRow, reveal: &Reveal, sight: Sight) -> Shown<InspectedEvent> {
    let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
    let event = InspectedEvent {
        id: row.id,
        case_id: row.case_id,
        title: row.title.reveal(reveal),
        body_part: row.body_part.reveal(reveal),
        severity: row.severity,
        kind: row.kind,
        occurred_at: row.occurred_at,
        mechanism: text(row.mechanism),
        removed_from_play: row.removed_from_play,
        note: text(row.note),
        restriction: text(row.restriction),
        restriction_until: row.restriction_until,
        availability: row.availability,
        words: text(row.words),
    };
    sight.show(&INSPECTED, event)
}
