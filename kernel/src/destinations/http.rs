//! Requests on destinations, and on what was told there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    EventType, ReadDestinations, WriteDestinations, rules,
    rules::Hearing,
    sign::SecretText,
    sql::{self, DeliveryRow, DestinationRow, LoggedRow},
};
use crate::{
    authz::{Answer, Authorized, Committed, Fetched, Permission},
    http::{
        Body, FromQuery, Item, List, OptionalBody, Page, Paging, Patch, Problem, Query,
        QueryReader, choice, parameter,
    },
    privacy::Pii,
};

/// What a delivery may be.
const STATES: &[&str] = &["pending", "delivered", "failed"];
/// What is sent again at once.
const REPLAYED: i32 = 10_000;

/// A destination as a client sends it, whole or in part.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationBody {
    /// `webhook`, when not said, or `sqs`. It stays as it is.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub kind: Patch<String>,
    /// Where to. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub url: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    /// Which types of events: names, `appointment.*`, `*`. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub events: Patch<Vec<String>>,
    /// `active` or `paused`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<String>,
    /// Of a queue: `eu-west-1`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub region: Patch<String>,
    /// Of a queue.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub access_key_id: Patch<String>,
    /// Of a queue. It is sealed and never shown.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub secret_access_key: Patch<String>,
}

/// A destination. It never holds its secret.
#[derive(Serialize, ToSchema)]
pub struct Destination {
    id: Uuid,
    kind: String,
    url: String,
    description: Option<String>,
    /// As it was asked for.
    events: Vec<String>,
    /// The types that this meant.
    event_types: Vec<String>,
    /// `active`, `paused` or `disabled`.
    status: String,
    /// `gone`: the receiver answered 410. `failing`: five days of nothing but failures.
    disabled_reason: Option<String>,
    /// Since when there were only failures.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// Until when the former secret signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    former_secret_until: Option<Timestamp>,
    region: Option<String>,
    access_key_id: Option<String>,
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A destination at the only moment its secret is shown.
#[derive(Serialize, ToSchema)]
pub struct DestinationWithSecret {
    #[serde(flatten)]
    destination: Destination,
    /// Of a webhook: `whsec_…`, by which the receiver knows us. It cannot be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    secret: Option<SecretText>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRotate {
    /// How long the former secret signs too: 0 to 720, 24 when not said.
    overlap_hours: Option<i32>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaySince {
    /// What happened from then on.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// Nothing is to be said.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingToSay {}

/// What is sent again.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    replayed: i32,
    /// Whether there are others.
    more: bool,
}

/// A type of events.
#[derive(Serialize, ToSchema)]
pub struct EventTypeView {
    #[serde(rename = "type")]
    name: &'static str,
    /// Who holds this may hear of it.
    permission: &'static str,
}

/// An event on its way to a destination.
#[derive(Serialize, ToSchema)]
pub struct DeliveryView {
    pub id: Uuid,
    pub destination_id: Uuid,
    /// The event's own id, the same at every destination and in every attempt.
    pub event_id: String,
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it is about.
    pub record_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    /// `pending`, `delivered` or `failed`.
    pub status: String,
    /// Ended attempts, since it was last asked for.
    pub attempts: i32,
    /// When the next attempt is made, or is given up if its server was lost.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// With which HTTP status the last attempt was answered.
    pub last_status: Option<i32>,
    /// Why the last attempt had no answer.
    pub last_error: Option<String>,
}

/// A delivery with its attempts.
#[derive(Serialize, ToSchema)]
pub struct DeliveryLog {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// The oldest first.
    log: Vec<Attempt>,
}

/// One attempt.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Attempt {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    duration_ms: i32,
    /// With which HTTP status it was answered.
    status: Option<i32>,
    /// `blocked_address`, `timeout`, `refused`, `redirected`, `too_large`, …
    error: Option<String>,
}

/// Which deliveries.
pub struct Filter {
    status: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self { status: choice(query, "status", STATES), paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let status = json!({"type": "string", "enum": STATES});
        let mut all = vec![parameter("status", status, "only those")];
        all.extend(Page::<()>::parameters());
        all
    }
}

impl From<DestinationRow> for Destination {
    fn from(row: DestinationRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            url: row.url,
            description: row.description,
            events: row.events,
            event_types: row.event_types,
            status: row.state,
            disabled_reason: row.disabled_reason,
            failing_since: row.failing_since,
            former_secret_until: row.former_until,
            region: row.region,
            access_key_id: row.access_key_id,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            destination_id: row.destination_id,
            event_id: event_id(row.event_id),
            event_type: row.event_type,
            record_id: row.record_id,
            occurred_at: row.occurred_at,
            next_attempt_at: (row.state == "pending").then_some(row.due_at),
            status: row.state,
            attempts: row.attempts,
            ended_at: row.ended_at,
            last_status: row.last_status,
            last_error: row.last_error,
        }
    }
}

impl LoggedRow {
    fn split(self) -> (DeliveryRow, Value) {
        let row = DeliveryRow {
            id: self.id,
            destination_id: self.destination_id,
            event_id: self.event_id,
            event_type: self.event_type,
            record_id: self.record_id,
            occurred_at: self.occurred_at,
            sequence: self.sequence,
            state: self.state,
            attempts: self.attempts,
            due_at: self.due_at,
            ended_at: self.ended_at,
            last_status: self.last_status,
            last_error: self.last_error,
        };
        (row, self.log)
    }
}

/// As receivers know an event.
pub(super) fn event_id(id: Uuid) -> String {
    format!("evt_{}", id.simple())
}

/// What the caller may hear of.
fn hearing<P: Permission>(act: &Authorized<P>) -> Hearing {
    let (core, caller) = (act.core(), act.caller());
    let all: Vec<EventType> = core.event_types(caller.realm).collect();
    let held = all.iter().filter(|of| core.matrix.permits(caller.role, of.permission));
    Hearing { held: held.map(|of| of.name).collect(), all }
}

pub async fn types(
    act: Authorized<ReadDestinations>,
    (): (),
) -> Result<Fetched<List<EventTypeView>>, Problem> {
    let Hearing { all, held } = hearing(&act);
    let shown = all.into_iter().filter(|of| held.contains(&of.name));
    let shown = shown.map(|of| EventTypeView { name: of.name, permission: of.permission });
    act.tell(Answer::ok(List(shown.collect())))
}

pub async fn create(
    act: Authorized<WriteDestinations>,
    Body(body): Body<DestinationBody>,
) -> Result<Committed<DestinationWithSecret>, Problem> {
    let columns = rules::parse(body, None, &hearing(&act), act.outbound()?)?;
    let (columns, secret) = match columns.get("secret") {
        Some(_) => (Pii::new(columns), None),
        None => {
            let secret = SecretText::generate().map_err(|e| Problem::internal(e.to_string()))?;
            (rules::with_secret(columns, secret.expose()), Some(secret))
        }
    };
    act.write(sql::insert_destination(act.new_id(), columns), |row, _| {
        let (location, version) = (format!("/api/v1/event-destinations/{}", row.id), row.version);
        let body = DestinationWithSecret { destination: row.into(), secret };
        Answer::created(body, location).version(version).shown_once()
    })
    .await
}

pub async fn list(
    act: Authorized<ReadDestinations>,
    (): (),
) -> Result<Fetched<List<Destination>>, Problem> {
    act.fetch(sql::list_destinations(), |rows| {
        Ok(Answer::ok(List(rows.into_iter().map(Destination::from).collect())))
    })
    .await
}

fn current(row: DestinationRow) -> Answer<Destination> {
    let version = row.version;
    Answer::ok(row.into()).version(version)
}

pub async fn read(
    act: Authorized<ReadDestinations>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Destination>, Problem> {
    act.fetch_one(sql::find_destination(id), current).await
}

pub async fn change(
    act: Authorized<WriteDestinations>,
    (Item(id), Body(body)): (Item<Uuid>, Body<DestinationBody>),
) -> Result<Committed<Destination>, Problem> {
    let (expected, hearing) = (act.expected_version()?, hearing(&act));
    let outbound = act.outbound()?.clone();
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(sql::hold_destination(id)).await?.into_iter().next();
            let held = held.ok_or_else(Problem::not_found)?;
            hearing.require(&held.event_types)?;
            let columns = rules::parse(body, Some(&held.kind), &hearing, &outbound)?;
            let update = sql::update_destination(id, Pii::new(columns), expected);
            tx.run(update).await?;
            // How it goes with it may have changed, too.
            let row = tx.run(sql::find_destination(id)).await?.into_iter().next();
            row.map(current).ok_or_else(Problem::not_found)
        })
    })
    .await
}

pub async fn remove(
    act: Authorized<WriteDestinations>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.write(sql::delete_destination(id, expected), |_, _| Answer::gone()).await
}

pub async fn rotate(
    act: Authorized<WriteDestinations>,
    (Item(id), OptionalBody(how)): (Item<Uuid>, OptionalBody<SecretRotate>),
) -> Result<Committed<DestinationWithSecret>, Problem> {
    let (expected, hearing) = (act.expected_version()?, hearing(&act));
    let hours = rules::overlap(how.overlap_hours)?;
    let secret = SecretText::generate().map_err(|e| Problem::internal(e.to_string()))?;
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(sql::hold_destination(id)).await?.into_iter().next();
            let held = held.ok_or_else(Problem::not_found)?;
            hearing.require(&held.event_types)?;
            rules::require_webhook(&held.kind)?;
            let new = Pii::new(secret.expose().to_owned());
            let rotate = sql::rotate_secret(id, new, hours, expected);
            let row = tx.run(rotate).await?.into_iter().next().ok_or_else(Problem::not_found)?;
            let version = row.version;
            let body = DestinationWithSecret { destination: row.into(), secret: Some(secret) };
            Ok(Answer::ok(body).version(version).shown_once())
        })
    })
    .await
}

pub async fn test(
    act: Authorized<WriteDestinations>,
    (Item(id), OptionalBody(NothingToSay {})): (Item<Uuid>, OptionalBody<NothingToSay>),
) -> Result<Committed<DeliveryView>, Problem> {
    let hearing = hearing(&act);
    let sent = act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(sql::find_wanted(id)).await?.into_iter().next();
            hearing.require(&held.ok_or_else(Problem::not_found)?.event_types)?;
            let sent = tx.run(sql::test_destination(tx.new_id(), id)).await?.into_iter().next();
            let sent = DeliveryView::from(sent.ok_or_else(rules::not_active)?);
            let location = format!("/api/v1/event-deliveries/{}", sent.id);
            Ok(Answer::created(sent, location))
        })
    });
    let sent = sent.await?;
    act.core().telling.wake();
    Ok(sent)
}

pub async fn replay_since(
    act: Authorized<WriteDestinations>,
    (Item(id), Body(ReplaySince { since })): (Item<Uuid>, Body<ReplaySince>),
) -> Result<Committed<Replayed>, Problem> {
    let hearing = hearing(&act);
    let sent = act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(sql::find_wanted(id)).await?.into_iter().next();
            hearing.require(&held.ok_or_else(Problem::not_found)?.event_types)?;
            let sent = tx.run(sql::replay_failed(tx.new_id(), id, since, REPLAYED)).await?;
            let replayed = sent.first().map_or(0, |row| row.replayed);
            Ok(Answer::ok(Replayed { replayed, more: replayed == REPLAYED }))
        })
    });
    let sent = sent.await?;
    act.core().telling.wake();
    Ok(sent)
}

pub async fn deliveries(
    act: Authorized<ReadDestinations>,
    (Item(id), Query(filter)): (Item<Uuid>, Query<Filter>),
) -> Result<Fetched<List<DeliveryView>>, Problem> {
    let Filter { status, paging } = filter;
    let held = act.look_up(sql::find_wanted(id)).await?.into_iter().next();
    hearing(&act).require(&held.ok_or_else(Problem::not_found)?.event_types)?;
    let question = format!("{id} {status:?}");
    let before = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => i64::MAX,
    };
    let most = paging.limit + 1;
    let statement = match status {
        Some(state) => sql::list_deliveries_by_state(id, before, most, state),
        None => sql::list_deliveries(id, before, most),
    };
    act.fetch(statement, |rows| {
        let seal = |last: &DeliveryRow| act.seal(&question, &last.sequence);
        Ok(Answer::list(Page::cut(rows, paging.limit, seal)?.map(DeliveryView::from)))
    })
    .await
}

pub async fn delivery(
    act: Authorized<ReadDestinations>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<DeliveryLog>, Problem> {
    let hearing = hearing(&act);
    act.fetch(sql::find_delivery(id), |rows| {
        let (row, log) = rows.into_iter().next().ok_or_else(Problem::not_found)?.split();
        hearing.require(std::slice::from_ref(&row.event_type))?;
        let log = serde_json::from_value(log).map_err(Problem::internal)?;
        Ok(Answer::ok(DeliveryLog { delivery: row.into(), log }))
    })
    .await
}

pub async fn replay(
    act: Authorized<WriteDestinations>,
    (Item(id), OptionalBody(NothingToSay {})): (Item<Uuid>, OptionalBody<NothingToSay>),
) -> Result<Committed<DeliveryView>, Problem> {
    let hearing = hearing(&act);
    let sent = act.transact(move |tx| {
        Box::pin(async move {
            let found = tx.run(sql::find_delivery(id)).await?.into_iter().next();
            hearing.require(&[found.ok_or_else(Problem::not_found)?.event_type])?;
            let sent = tx.run(sql::replay_delivery(tx.new_id(), id)).await?.into_iter().next();
            sent.map(|row| Answer::ok(DeliveryView::from(row))).ok_or_else(Problem::not_found)
        })
    });
    let sent = sent.await?;
    act.core().telling.wake();
    Ok(sent)
}
