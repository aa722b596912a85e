//! Requests on sessions: what they bring, what they get.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, TenantTx},
    http::{
        Body, EVER, FromQuery, Item, List, Page, Patch, Problem, Query, QueryReader, parameter,
    },
    place::Place,
    privacy::Reveal,
};
use policy::statutes::Statutes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, Attendance},
    sql::{self, Asked, SessionRow},
};
use crate::{
    consent::sql::{find_gates, insert_spent},
    permissions::{ReadSession, WriteSession},
    settings::place,
};

/// A session to be recorded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionBody {
    /// Which programme; the cohort's unless said.
    pub program_id: Option<Uuid>,
    pub cohort_id: Option<Uuid>,
    pub location_id: Option<Uuid>,
    pub instructor_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_at: Option<Timestamp>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub topic: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub notes: Patch<String>,
    #[serde(default)]
    pub attendance: Vec<Attendee>,
}

/// Who was there, or was not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attendee {
    pub participant_id: Uuid,
    /// `present`, `late`, `absent` or `excused`.
    pub status: String,
    pub note: Option<String>,
}

/// Attendance on record.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
pub struct Attended {
    participant_id: Uuid,
    roster_name: String,
    status: String,
    note: Option<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct TrainingSession {
    id: Uuid,
    program_id: Uuid,
    cohort_id: Option<Uuid>,
    location_id: Option<Uuid>,
    instructor_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
    topic: Option<String>,
    notes: Option<String>,
    /// How many were there, the late ones among them.
    present: i64,
    absent: i64,
    /// By roster name; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    attendance: Option<Vec<Attended>>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

fn view(row: SessionRow, reveal: &Reveal, whole: bool) -> TrainingSession {
    TrainingSession {
        id: row.id,
        program_id: row.program_id,
        cohort_id: row.cohort_id,
        location_id: row.location_id,
        instructor_id: row.instructor_id,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        topic: row.topic,
        notes: row.notes.map(|notes| notes.reveal(reveal)),
        present: row.present,
        absent: row.absent,
        attendance: whole.then(|| row.attendance.reveal(reveal).0),
        created_at: row.created_at,
    }
}

/// Records attendance in an open transaction, behind the gate.
async fn record(
    tx: &mut TenantTx<'_>,
    session: &Asked,
    attendance: Attendance,
    place: &Place,
    statutes: &Statutes,
) -> Result<(), Problem> {
    if attendance.named.is_empty() {
        return Ok(());
    }
    let at = place.local(session.starts_at);
    let law = place.law(statutes, at.date())?;
    let judged = tx.judge(find_gates(attendance.named.clone()), |rows, reveal| {
        rules::judge::<WriteSession>(&rows, reveal, &attendance, session, &at, &law)
    });
    for consent in judged.await?? {
        let spent =
            insert_spent(tx.new_id(), consent, session.starts_at, at.date(), Some(session.id));
        tx.run(spent).await?;
    }
    tx.run(sql::save_attendance(session.id, attendance.rows)).await.map(drop)
}

async fn found(tx: &mut TenantTx<'_>, id: Uuid) -> Result<TrainingSession, Problem> {
    let view = |rows: Vec<SessionRow>, reveal: &Reveal| {
        rows.into_iter().next().map(|row| view(row, reveal, true))
    };
    tx.judge(sql::find_session(id), view).await?.ok_or_else(Problem::not_found)
}

pub async fn create(
    act: Authorized<WriteSession>,
    Body(body): Body<SessionBody>,
) -> Result<Committed<TrainingSession>, Problem> {
    let (place, statutes, id) = (place(&act).await?, act.statutes(), act.new_id());
    let new = rules::parse(body, act.now())?;
    act.transact(|tx| {
        Box::pin(async move {
            let made = tx.run(sql::insert_session(id, new.columns)).await?;
            let session = made.into_iter().next().ok_or_else(Problem::not_found)?;
            record(tx, &session, new.attendance, &place, &statutes).await?;
            Ok(Answer::created(found(tx, id).await?, format!("/sessions/{id}")))
        })
    })
    .await
}

/// Attendance to be added or corrected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttendanceBody {
    attendance: Vec<Attendee>,
}

pub async fn attend(
    act: Authorized<WriteSession>,
    (Item(id), Body(body)): (Item<Uuid>, Body<AttendanceBody>),
) -> Result<Committed<TrainingSession>, Problem> {
    let (place, statutes, now) = (place(&act).await?, act.statutes(), act.now());
    let attendance = rules::parse_attendance(body.attendance)?;
    act.transact(|tx| {
        Box::pin(async move {
            let session = tx.run(sql::find_asked(id)).await?.into_iter().next();
            let session = session.ok_or_else(Problem::not_found)?;
            if session.starts_at > now && !attendance.there.is_empty() {
                let detail = "nobody has attended what has not begun";
                return Err(Problem::conflict("session_not_begun", detail));
            }
            record(tx, &session, attendance, &place, &statutes).await?;
            Ok(Answer::ok(found(tx, id).await?))
        })
    })
    .await
}

pub async fn read(
    act: Authorized<ReadSession>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<TrainingSession>, Problem> {
    act.disclose_one(sql::read_session(id), |row, reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal, true)).version(version)
    })
    .await
}

/// Which sessions, and from where on.
pub struct Filter {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    cohort_id: Option<Uuid>,
    program_id: Option<Uuid>,
    limit: i64,
    cursor: Option<String>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let time = "a time such as 2026-03-01T00:00:00Z";
        Self {
            from: query.parse("from", time),
            to: query.parse("to", time),
            cohort_id: query.parse("cohort_id", "a UUID"),
            program_id: query.parse("program_id", "a UUID"),
            limit: query.limit(),
            cursor: query.text("cursor", 2000),
        }
    }

    fn parameters() -> Vec<Value> {
        let time = || json!({"type": "string", "format": "date-time"});
        let uuid = || json!({"type": "string", "format": "uuid"});
        let mut all = vec![
            parameter("from", time(), "that begin at this time or later"),
            parameter("to", time(), "that begin before this time"),
            parameter("cohort_id", uuid(), "of this cohort"),
            parameter("program_id", uuid(), "of this programme"),
        ];
        all.extend(Page::<()>::parameters());
        all
    }
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Last(Timestamp, Uuid);

pub async fn list(
    act: Authorized<ReadSession>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<TrainingSession>>, Problem> {
    let Filter { from, to, cohort_id, program_id, limit, cursor } = filter;
    let question = format!("{from:?} {to:?} {cohort_id:?} {program_id:?}");
    let (first, last) = EVER;
    // A microsecond before `from`, with the greatest id, is the place just before it.
    let before = |at: Timestamp| at.checked_sub(SignedDuration::from_micros(1)).unwrap_or(first);
    let Last(start, after) = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Last(before(from.unwrap_or(first).clamp(first, last)), Uuid::max()),
    };
    let list = match (cohort_id, program_id) {
        (Some(_), _) => sql::list_sessions_of_cohort,
        (None, Some(_)) => sql::list_sessions_of_program,
        (None, None) => sql::list_sessions,
    };
    let to = to.unwrap_or(last).clamp(first, last);
    act.disclose(list(start, after, to, limit + 1, cohort_id, program_id), |rows, reveal| {
        let seal = |row: &SessionRow| act.seal(&question, &Last(row.starts_at, row.id));
        let page = Page::cut(rows, limit, seal)?;
        Ok(Answer::list(page.map(|row| view(row, reveal, false))))
    })
    .await
}
