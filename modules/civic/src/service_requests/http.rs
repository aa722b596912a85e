//! Requests on service requests.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission, TenantTx, Writes},
    db::{Actor, Disclosing},
    http::{
        Body, EVER, FromQuery, Item, List, Page, Paging, Patch, Problem, Query, QueryReader,
        choice, parameter,
    },
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, Event, STATUSES, Times},
    sql::{self, EventRow, RequestRow},
};
use crate::{
    permissions::{
        AssignRequest, CreateRequest, DecideRight, ReadOwnRequest, ReadRequest, ReopenOwnRequest,
        WorkOnRequest,
    },
    text::plain,
};

/// A report as a client sends it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// The category's code. Required, as is the description.
    #[serde(default)]
    #[schema(value_type = String)]
    pub category: Patch<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub description: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address: Patch<String>,
    /// Degrees, WGS 84.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub latitude: Patch<f64>,
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub longitude: Patch<f64>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub ward: Patch<i64>,
    /// Where a photo is, https.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub photo_url: Patch<String>,
    /// `web` unless said; `app`, `phone`, `walk_in`, `whatsapp`, `open311`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub channel: Patch<String>,
    /// One of the official languages; the reporter's own unless said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub language: Patch<String>,
    /// For whom staff report it.
    #[serde(default)]
    pub reporter_id: Option<Uuid>,
}

/// How to reach a reporter who consents to it.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Reporter {
    full_name: Option<String>,
    phone: Option<String>,
}

/// To whom a request was escalated.
#[derive(Serialize, ToSchema)]
pub struct Escalation {
    /// 1: nobody answered in time; 2: nothing was repaired in time.
    level: u8,
    /// `manager` or `admin`.
    to: &'static str,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<rules::Escalation> for Escalation {
    fn from(rules::Escalation { level, to, since }: rules::Escalation) -> Self {
        Self { level, to, since }
    }
}

/// A service request.
#[derive(Serialize, ToSchema)]
pub struct ServiceRequest {
    id: Uuid,
    municipality_id: Uuid,
    /// By which people follow it.
    number: String,
    category: String,
    /// Null, as are address, photo and reporter, once the reporter was erased.
    description: Option<String>,
    address: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    /// Its number.
    ward: Option<i32>,
    photo_url: Option<String>,
    channel: String,
    /// `open`, `in_progress`, `resolved`, `closed` or `rejected`.
    status: String,
    /// What the status means, in the reporter's language.
    message: &'static str,
    language: String,
    reporter_id: Option<Uuid>,
    reporter: Option<Reporter>,
    assigned_to: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    reported_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    response_due_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    resolution_due_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    responded_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    settled_at: Option<Timestamp>,
    /// `on_track`, `warning`, `breached_response`, `breached_resolution`; null once settled.
    sla_status: Option<&'static str>,
    escalation: Option<Escalation>,
    /// How often it was reopened.
    reopened: i32,
}

fn view(row: RequestRow, reveal: &Reveal, now: Timestamp) -> ServiceRequest {
    let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
    let times = Times {
        counted_from: row.counted_from,
        response_due_at: row.response_due_at,
        resolution_due_at: row.resolution_due_at,
        responded_at: row.responded_at,
        settled_at: row.settled_at,
    };
    ServiceRequest {
        id: row.id,
        municipality_id: row.tenant_id,
        number: row.number,
        category: row.category,
        description: text(row.description),
        address: text(row.address),
        latitude: row.latitude,
        longitude: row.longitude,
        ward: row.ward,
        photo_url: text(row.photo_url),
        channel: row.channel,
        message: rules::message(&row.status).in_language(&row.message_language),
        status: row.status,
        language: row.language,
        reporter_id: row.reporter_id,
        reporter: row.reporter.map(|reporter| reporter.reveal(reveal).0),
        assigned_to: row.assigned_to,
        reported_at: row.reported_at,
        response_due_at: row.response_due_at,
        resolution_due_at: row.resolution_due_at,
        responded_at: row.responded_at,
        settled_at: row.settled_at,
        sla_status: times.standing(now),
        escalation: times.escalations(now).pop().map(Escalation::from),
        reopened: row.reopened,
    }
}

pub async fn create(
    act: Authorized<CreateRequest>,
    Body(body): Body<RequestBody>,
) -> Result<Committed<ServiceRequest>, Problem> {
    let now = act.now();
    submit(&act, body, move |row, reveal| {
        let (version, location) = (row.version, format!("/api/v1/service-requests/{}", row.id));
        let request = ServiceRequest { reporter: None, ..view(row, reveal, now) };
        Answer::created(request, location).version(version)
    })
    .await
}

/// Keeps a report, of the caller when they are a citizen, and answers as its protocol does.
///
/// # Errors
/// 422 with the fields at fault, and what [`Problem`] says of the database's failure.
pub(crate) async fn submit<V: Serialize + Send + 'static>(
    act: &Authorized<CreateRequest>,
    body: RequestBody,
    answer: impl FnOnce(RequestRow, &Reveal) -> Answer<V> + Send + 'static,
) -> Result<Committed<V>, Problem> {
    let named = body.reporter_id;
    let staff = act.also::<WorkOnRequest>().is_ok();
    let reporter = match (act.caller().actor, staff) {
        (Actor::User(citizen), false) if named.is_none_or(|named| named == citizen) => {
            Some(citizen)
        }
        (_, true) => named,
        (_, false) if named.is_none() => None,
        _ => {
            let msg = "you report for yourself: leave this field out";
            return Err(Problem::field(&["body", "reporter_id"], "value_error", msg));
        }
    };
    let id = act.new_id();
    let number = rules::number("SR", id);
    let insert = sql::insert_request(id, number, reporter, rules::parse(body)?, act.now());
    act.transact(|tx| {
        Box::pin(async move {
            // No row: the category or the reporter is not there.
            if tx.run(insert).await?.is_empty() {
                return Err(unknown(named));
            }
            let answered = |rows: Vec<RequestRow>, reveal: &Reveal| {
                rows.into_iter().next().map(|row| answer(row, reveal))
            };
            tx.judge(sql::read_request(id), answered).await?.ok_or_else(Problem::not_found)
        })
    })
    .await
}

fn unknown(named: Option<Uuid>) -> Problem {
    match named {
        Some(_) => {
            let msg = "there is no such category, or no such person";
            Problem::field(&["body", "reporter_id"], "unknown", msg)
        }
        None => {
            let msg = "there is no such category: see GET /api/v1/categories";
            Problem::field(&["body", "category"], "unknown", msg)
        }
    }
}

/// Which requests.
pub struct Filter {
    status: Option<String>,
    category: Option<String>,
    assigned_to: Option<Uuid>,
    overdue: bool,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            status: choice(query, "status", STATUSES),
            category: query.text("category", 40),
            assigned_to: query.parse("assigned_to", "a UUID"),
            overdue: query.parse("overdue", "true or false").unwrap_or(false),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let mut all = vec![
            parameter("status", json!({"type": "string", "enum": STATUSES}), "of this status"),
            parameter("category", json!({"type": "string"}), "of this category, by its code"),
            parameter("assigned_to", json!({"type": "string", "format": "uuid"}), "of this worker"),
            parameter(
                "overdue",
                json!({"type": "boolean"}),
                "past a target; other filters do not apply",
            ),
        ];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadOwnRequest>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<ServiceRequest>>, Problem> {
    let question = format!(
        "{:?} {:?} {:?} {}",
        filter.status, filter.category, filter.assigned_to, filter.overdue
    );
    let first = if filter.overdue { EVER.0 } else { EVER.1 };
    let (at, id) = match &filter.paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None if filter.overdue => (first, Uuid::nil()),
        None => (first, Uuid::max()),
    };
    let more = filter.paging.limit + 1;
    let Filter { status, category, assigned_to, overdue, paging } = filter;
    match (act.also::<ReadRequest>(), act.caller().actor) {
        (Ok(all), _) if overdue => {
            let statement = sql::list_overdue_requests(at, id, more, act.now());
            page(&all, statement, &question, paging.limit).await
        }
        (Ok(all), _) => {
            let list = match (&assigned_to, &status, &category) {
                (Some(_), ..) => sql::list_requests_by_assignee,
                (None, Some(_), _) => sql::list_requests_by_status,
                (None, None, Some(_)) => sql::list_requests_by_category,
                (None, None, None) => sql::list_requests,
            };
            let statement = list(at, id, more, status, category, assigned_to);
            page(&all, statement, &question, paging.limit).await
        }
        (Err(_), actor) => {
            if overdue || assigned_to.is_some() {
                let msg = "for those who work on requests: leave it out";
                let field = if overdue { "overdue" } else { "assigned_to" };
                return Err(Problem::field(&["query", field], "value_error", msg));
            }
            let own = actor.id().unwrap_or_default();
            let statement = sql::list_own_requests(at, id, more, status, category, own);
            page(&act, statement, &question, paging.limit).await
        }
    }
}

async fn page<P: Permission<Effect = kernel::authz::Discloses>>(
    act: &Authorized<P>,
    statement: Disclosing<RequestRow>,
    question: &str,
    limit: i64,
) -> Result<Disclosed<List<ServiceRequest>>, Problem> {
    let (now, overdue) = (act.now(), question.ends_with("true"));
    act.disclose(statement, |rows, reveal| {
        let place = |row: &RequestRow| match overdue {
            true => (row.response_due_at.min(row.resolution_due_at), row.id),
            false => (row.reported_at, row.id),
        };
        let page = Page::cut(rows, limit, |last| act.seal(question, &place(last)))?;
        Ok(Answer::list(page.map(|row| view(row, reveal, now))))
    })
    .await
}

pub async fn find(
    act: Authorized<ReadOwnRequest>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<ServiceRequest>, Problem> {
    let now = act.now();
    let shown = move |row: RequestRow, reveal: &Reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal, now)).version(version)
    };
    match act.also::<ReadRequest>() {
        Ok(all) => all.disclose_one(sql::find_request(id), shown).await,
        Err(_) => act.disclose_one(sql::find_request(id), shown).await,
    }
}

/// What happened to a request.
#[derive(Serialize, ToSchema)]
pub struct HistoryEntry {
    /// `reported`, `status`, `assigned`, `reopened`, `erased` or `escalated`.
    kind: String,
    from_status: Option<String>,
    to_status: Option<String>,
    assigned_to: Option<Uuid>,
    note: Option<String>,
    escalation: Option<Escalation>,
    /// Who did it, by account or key.
    by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl HistoryEntry {
    fn new(kind: &str, at: Timestamp) -> Self {
        Self {
            kind: kind.to_owned(),
            from_status: None,
            to_status: None,
            assigned_to: None,
            note: None,
            escalation: None,
            by: None,
            at,
        }
    }

    fn of(row: EventRow, reveal: &Reveal) -> Self {
        Self {
            from_status: Some(row.from_status),
            to_status: Some(row.to_status),
            assigned_to: row.assigned_to,
            note: row.note.map(|note| note.reveal(reveal)),
            by: row.created_by,
            ..Self::new(&row.kind, row.happened_at)
        }
    }
}

pub async fn history(
    act: Authorized<ReadOwnRequest>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<List<HistoryEntry>>, Problem> {
    match act.also::<ReadRequest>() {
        Ok(all) => told(&all, id).await,
        Err(_) => told(&act, id).await,
    }
}

async fn told<P: Permission<Effect = kernel::authz::Discloses>>(
    act: &Authorized<P>,
    id: Uuid,
) -> Result<Disclosed<List<HistoryEntry>>, Problem> {
    let state = act.look_up(sql::find_state(id)).await?.into_iter().next();
    let state = state.ok_or_else(Problem::not_found)?;
    let escalations = times(&state).escalations(act.now());
    act.disclose(sql::list_events(id), |rows, reveal| {
        let mut items = vec![HistoryEntry::new("reported", state.reported_at)];
        items.extend(rows.into_iter().map(|row| HistoryEntry::of(row, reveal)));
        items.extend(escalations.into_iter().map(|escalation| HistoryEntry {
            escalation: Some(escalation.into()),
            ..HistoryEntry::new("escalated", escalation.since)
        }));
        // Stable: what happened at one time stays in its order.
        items.sort_by_key(|entry| entry.at);
        Ok(Answer::list(Page { items, limit: 0, next_cursor: None }))
    })
    .await
}

fn times(state: &sql::StateRow) -> Times {
    Times {
        counted_from: state.counted_from,
        response_due_at: state.response_due_at,
        resolution_due_at: state.resolution_due_at,
        responded_at: state.responded_at,
        settled_at: state.settled_at,
    }
}

/// A new status.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusBody {
    status: String,
    /// Why; required to reject.
    note: Option<String>,
}

pub async fn change_status(
    act: Authorized<WorkOnRequest>,
    (Item(id), Body(StatusBody { status, note })): (Item<Uuid>, Body<StatusBody>),
) -> Result<Committed<ServiceRequest>, Problem> {
    if !STATUSES.contains(&status.as_str()) {
        let msg = format!("expected one of {}", STATUSES.join(", "));
        return Err(Problem::field(&["body", "status"], "enum", msg));
    }
    let note = parse_note(note)?;
    if status == "rejected" && note.is_none() {
        return Err(Problem::field(&["body", "note"], "missing", "say why it is not taken up"));
    }
    happen(&act, id, Event::Status, Some(status), None, note).await
}

/// Who is to deal with it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignBody {
    assigned_to: Uuid,
    note: Option<String>,
}

pub async fn assign(
    act: Authorized<AssignRequest>,
    (Item(id), Body(body)): (Item<Uuid>, Body<AssignBody>),
) -> Result<Committed<ServiceRequest>, Problem> {
    let note = parse_note(body.note)?;
    happen(&act, id, Event::Assigned, None, Some(body.assigned_to), note).await
}

/// Why it is not settled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReopenBody {
    note: Option<String>,
}

pub async fn reopen(
    act: Authorized<ReopenOwnRequest>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ReopenBody>),
) -> Result<Committed<ServiceRequest>, Problem> {
    let (note, open) = (parse_note(body.note)?, Some("open".to_owned()));
    match act.also::<WorkOnRequest>() {
        Ok(staff) => happen(&staff, id, Event::Reopened, open, None, note).await,
        Err(_) => happen(&act, id, Event::Reopened, open, None, note).await,
    }
}

fn parse_note(note: Option<String>) -> Result<Option<Pii<String>>, Problem> {
    let parsed = note.map(plain(2000)).transpose();
    let parsed = parsed.map_err(|(kind, msg)| Problem::field(&["body", "note"], kind, msg))?;
    Ok(parsed.map(Pii::new))
}

/// Records an event that may come now, and answers with what it made of the request.
async fn happen<P: Permission<Effect = Writes>>(
    act: &Authorized<P>,
    id: Uuid,
    event: Event,
    to: Option<String>,
    assigned_to: Option<Uuid>,
    note: Option<Pii<String>>,
) -> Result<Committed<ServiceRequest>, Problem> {
    let expected = act.expected_version()?;
    let clock = act.clone();
    act.transact(|tx| {
        Box::pin(async move {
            let state = tx.run(sql::lock_state(id, expected)).await?.into_iter().next();
            let state = state.ok_or_else(Problem::not_found)?;
            // Behind the lock: an event that waited comes after the one that it waited for.
            let now = clock.now();
            let to = to.unwrap_or_else(|| state.status.clone());
            rules::may_follow(event, &state.status, &to, state.settled_at, now)?;
            let event_id = tx.new_id();
            tx.run(sql::insert_event(event_id, id, event.code(), to, assigned_to, note, now))
                .await?;
            shown(tx, id, now).await
        })
    })
    .await
}

async fn shown(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    now: Timestamp,
) -> Result<Answer<ServiceRequest>, Problem> {
    let answer = |rows: Vec<RequestRow>, reveal: &Reveal| {
        let row = rows.into_iter().next()?;
        let version = row.version;
        // A kept answer would show how to reach the reporter after they withdrew their consent to it.
        let request = ServiceRequest { reporter: None, ..view(row, reveal, now) };
        Some(Answer::ok(request).version(version))
    };
    tx.judge(sql::read_request(id), answer).await?.ok_or_else(Problem::not_found)
}

pub async fn erase(
    act: Authorized<DecideRight>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let (clock, expected) = (act.clone(), act.expected_version()?);
    act.transact(|tx| {
        Box::pin(async move {
            let state = tx.run(sql::lock_state(id, expected)).await?.into_iter().next();
            let state = state.filter(|state| state.is_nobodys).ok_or_else(Problem::not_found)?;
            let (event, now) = (tx.new_id(), clock.now());
            tx.run(sql::insert_event(event, id, "erased", state.status, None, None, now)).await?;
            tx.run(sql::destroy_key(id)).await?;
            Ok(Answer::gone())
        })
    })
    .await
}
