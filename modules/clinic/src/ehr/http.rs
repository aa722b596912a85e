//! Requests on connections to other systems of record.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched, TenantTx},
    http::{Body, Item, List, Page, Paging, Patch, Problem, Purpose, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, ConnectionRow, DeadLetterRow, StatusRow},
};
use crate::{
    fhir::rules::Mapping,
    permissions::{ReadEhr, WriteEhr},
};

/// A connection as a client sends it, whole or in part.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBody {
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    /// `fhir_r4`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub adapter: Patch<String>,
    /// Where FHIR's resources are below: `https://ehr.example.org/fhir/r4`. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub base_url: Patch<String>,
    /// `none`, `bearer` or `basic`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub auth: Patch<String>,
    /// For `basic`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub username: Patch<String>,
    /// The token, or the password.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub secret: Patch<String>,
    /// `push`, `pull` or `both`. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub direction: Patch<String>,
    /// How our words and theirs meet; what it does not say is Colombia's.
    #[serde(default)]
    #[schema(value_type = Option<Mapping>)]
    pub mapping: Patch<Mapping>,
    /// Seconds from one look at their changes to the next: 5 to 86400; 300 when not said.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub poll_seconds: Patch<i64>,
    /// `active` or `paused`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub state: Patch<String>,
}

/// A connection. It never holds its secret.
#[derive(Serialize, ToSchema)]
pub struct Connection {
    id: Uuid,
    name: String,
    adapter: String,
    base_url: String,
    auth: String,
    username: Option<String>,
    direction: String,
    #[schema(value_type = Mapping)]
    mapping: Value,
    poll_seconds: i32,
    /// `active`, `paused`, or `stopped`: its owner may no longer do this, or a job of it was given up.
    state: String,
    /// Why it stopped.
    stopped_reason: Option<String>,
    /// As whom its jobs run: whoever switched it on.
    owner_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

fn current(row: ConnectionRow) -> Answer<Connection> {
    let version = row.version;
    Answer::ok(row.into()).version(version)
}

impl From<ConnectionRow> for Connection {
    fn from(row: ConnectionRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            adapter: row.adapter,
            base_url: row.base_url,
            auth: row.auth,
            username: row.username,
            direction: row.direction,
            mapping: row.mapping,
            poll_seconds: row.poll_seconds,
            state: row.state,
            stopped_reason: row.stopped_reason,
            owner_id: row.owner_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// How it stands with a connection.
#[derive(Serialize, ToSchema)]
pub struct ConnectionStatus {
    state: String,
    stopped_reason: Option<String>,
    /// `closed`: calls go out. `open`: none does before `retry_at`. `half_open`: one does, and decides.
    circuit: String,
    /// One after the other.
    failures: i32,
    #[schema(value_type = Option<String>, format = DateTime)]
    retry_at: Option<Timestamp>,
    /// Stable, for programs.
    last_error: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_failed_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success_at: Option<Timestamp>,
    /// Records that wait to be told.
    waiting: i64,
    /// Since when the first of them does.
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_since: Option<Timestamp>,
    /// What could not be taken over and waits for somebody.
    dead_letters: i64,
    /// Records of ours that are known there.
    linked: i64,
    /// Up to when their patients have been read, by their clock.
    #[schema(value_type = Option<String>, format = DateTime)]
    patients_since: Option<Timestamp>,
    /// The same of their appointments.
    #[schema(value_type = Option<String>, format = DateTime)]
    appointments_since: Option<Timestamp>,
}

impl From<StatusRow> for ConnectionStatus {
    fn from(row: StatusRow) -> Self {
        Self {
            state: row.state,
            stopped_reason: row.stopped_reason,
            circuit: row.circuit,
            failures: row.failures,
            retry_at: row.retry_at,
            last_error: row.last_error,
            last_failed_at: row.last_failed_at,
            last_success_at: row.last_success_at,
            waiting: row.waiting,
            waiting_since: row.waiting_since,
            dead_letters: row.dead_letters,
            linked: row.linked,
            patients_since: row.patients_since,
            appointments_since: row.appointments_since,
        }
    }
}

/// What could not be taken over. Nothing personal is in it.
#[derive(Serialize, ToSchema)]
pub struct DeadLetter {
    id: Uuid,
    connection_id: Uuid,
    /// `push`: it could not be told there. `pull`: it could not be taken from there.
    direction: String,
    /// `patient` or `appointment`.
    record_kind: String,
    /// Ours.
    record_id: Option<Uuid>,
    /// Theirs: the resource's logical id.
    external_id: Option<String>,
    /// Stable, for programs.
    code: String,
    detail: String,
    attempts: i32,
    /// `open`, or `retrying`.
    state: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<DeadLetterRow> for DeadLetter {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            id: row.id,
            connection_id: row.connection_id,
            direction: row.direction,
            record_kind: row.record_kind,
            record_id: row.record_id,
            external_id: row.external_id,
            code: row.code,
            detail: row.detail,
            attempts: row.attempts,
            state: row.state,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub async fn create(
    act: Authorized<WriteEhr>,
    Body(body): Body<ConnectionBody>,
) -> Result<Committed<Connection>, Problem> {
    let columns = rules::parse(body, Purpose::Create, act.outbound()?)?;
    let insert = sql::insert_connection(act.new_id(), columns);
    act.transact(move |tx| {
        Box::pin(async move {
            let row = tx.run(insert).await?.into_iter().next().ok_or_else(Problem::not_found)?;
            tx.run(sql::plan(row.id, "pull", 0.0, true)).await?;
            let (place, version) = (format!("/v1/ehr-connections/{}", row.id), row.version);
            Ok(Answer::created(row.into(), place).version(version))
        })
    })
    .await
}

pub async fn read(
    act: Authorized<ReadEhr>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Connection>, Problem> {
    act.fetch_one(sql::find_connection(id), current).await
}

pub async fn change(
    act: Authorized<WriteEhr>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ConnectionBody>),
) -> Result<Committed<Connection>, Problem> {
    let expected = act.expected_version()?;
    let columns = rules::parse(body, Purpose::Change, act.outbound()?)?;
    act.transact(move |tx| {
        Box::pin(async move {
            let update = sql::update_connection(id, columns, expected);
            let row = tx.run(update).await?.into_iter().next().ok_or_else(Problem::not_found)?;
            for direction in ["push", "pull"] {
                tx.run(sql::plan(id, direction, 0.0, true)).await?;
            }
            Ok(current(row))
        })
    })
    .await
}

pub async fn remove(
    act: Authorized<WriteEhr>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.write(sql::delete_connection(id, expected), |_, _| Answer::gone()).await
}

pub async fn list(
    act: Authorized<ReadEhr>,
    Query(paging): Query<Paging>,
) -> Result<Fetched<List<Connection>>, Problem> {
    let question = "ehr connections";
    let (name, id): (String, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal(question, cursor)?,
        None => Default::default(),
    };
    act.fetch(sql::list_connections(name, id, paging.limit + 1), |rows| {
        let seal = |last: &ConnectionRow| act.seal(question, &(&last.name, last.id));
        Ok(Answer::list(Page::cut(rows, paging.limit, seal)?.map(Connection::from)))
    })
    .await
}

pub async fn status(
    act: Authorized<ReadEhr>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<ConnectionStatus>, Problem> {
    act.fetch_one(sql::find_status(id), |row| Answer::ok(ConnectionStatus::from(row))).await
}

pub async fn sync(
    act: Authorized<WriteEhr>,
    Item(id): Item<Uuid>,
) -> Result<Committed<Connection>, Problem> {
    act.transact(move |tx| {
        Box::pin(async move {
            let found = tx.run(sql::find_connection(id)).await?;
            let row = found.into_iter().next().ok_or_else(Problem::not_found)?;
            plan_both(tx, id).await?;
            Ok(current(row))
        })
    })
    .await
}

pub async fn letters(
    act: Authorized<ReadEhr>,
    (Item(id), Query(paging)): (Item<Uuid>, Query<Paging>),
) -> Result<Fetched<List<DeadLetter>>, Problem> {
    let question = format!("dead letters of {id}");
    let before = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::max(),
    };
    if act.look_up(sql::find_connection(id)).await?.is_empty() {
        return Err(Problem::not_found());
    }
    act.fetch(sql::list_dead_letters(id, before, paging.limit + 1), |rows| {
        let seal = |last: &DeadLetterRow| act.seal(&question, &last.id);
        Ok(Answer::list(Page::cut(rows, paging.limit, seal)?.map(DeadLetter::from)))
    })
    .await
}

/// Which dead letters.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// All that are open, when not said; a hundred at the most.
    #[serde(default)]
    ids: Option<Vec<Uuid>>,
}

/// What is tried again.
#[derive(Serialize, ToSchema)]
pub struct Retried {
    dead_letters: Vec<DeadLetter>,
}

pub async fn retry(
    act: Authorized<WriteEhr>,
    (Item(id), Body(body)): (Item<Uuid>, Body<RetryBody>),
) -> Result<Committed<Retried>, Problem> {
    if body.ids.as_ref().is_some_and(|ids| ids.len() > 100) {
        let msg = "give 100 ids at the most";
        return Err(Problem::field(&["body", "ids"], "length", msg));
    }
    act.transact(move |tx| {
        Box::pin(async move {
            if tx.run(sql::find_connection(id)).await?.is_empty() {
                return Err(Problem::not_found());
            }
            let rows = tx.run(sql::retry_dead_letters(id, body.ids)).await?;
            plan_both(tx, id).await?;
            let dead_letters = rows.into_iter().map(DeadLetter::from).collect();
            Ok(Answer::ok(Retried { dead_letters }))
        })
    })
    .await
}

/// Wants both jobs at once.
///
/// # Errors
/// 409 where the connection is not switched on.
async fn plan_both(tx: &mut TenantTx<'_>, id: Uuid) -> Result<(), Problem> {
    let mut wanted = false;
    for direction in ["push", "pull"] {
        let planned = tx.run(sql::plan(id, direction, 0.0, true)).await?;
        wanted |= planned.iter().any(|row| row.done);
    }
    let not_active = || {
        let detail = "this connection is not switched on: set its state to active first";
        Problem::conflict("connection_not_active", detail)
    };
    if wanted { Ok(()) } else { Err(not_active()) }
}
