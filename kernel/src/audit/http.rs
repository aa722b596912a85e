//! Requests to the ledger.

use jiff::Timestamp;
use policy::Classes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ReadAudit, ReadAuditPersonal, ReadCheckpoints,
    sql::{self, CheckpointRow, EntryRow},
    tree::hex,
};
use crate::{
    authz::{Answer, Authorized, Disclosed, Discloses, Fetched, Permission},
    http::{FromQuery, Page, Paging, Problem, Query, QueryReader, parameter},
    privacy::Reveal,
};

/// An entry of the ledger.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    pub id: Uuid,
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `api_key`, `operator`, `system` or `anonymous`.
    pub actor_kind: String,
    pub actor_id: Option<Uuid>,
    /// The permission under which it happened.
    pub permission: Option<String>,
    /// `CREATE`, `READ`, `UPDATE` or `DELETE`.
    pub operation: String,
    /// The table, or for a refusal the route.
    pub resource: String,
    pub record_id: Option<Uuid>,
    /// The records that a list showed.
    pub record_ids: Option<Vec<Uuid>>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// `allowed` or `refused`.
    pub outcome: String,
    pub reason: Option<String>,
    pub request_id: Uuid,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// Why somebody from above the organisation looked (FHIR AuditEvent.purposeOfEvent).
    pub purpose_of_event: Option<String>,
}

/// Which entries, and from where on.
#[derive(Default)]
pub struct Filter {
    pub record_id: Option<Uuid>,
    pub resource: Option<String>,
    pub operation: Option<String>,
    pub outcome: Option<String>,
    pub actor_id: Option<Uuid>,
    pub request_id: Option<Uuid>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub limit: i64,
    pub cursor: Option<String>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            record_id: query.parse("record_id", "a UUID"),
            resource: query.text("resource", 100),
            operation: query.text("operation", 10),
            outcome: query.text("outcome", 10),
            actor_id: query.parse("actor_id", "a UUID"),
            request_id: query.parse("request_id", "a UUID"),
            from: query.parse("from", "a time such as 2026-03-01T00:00:00Z"),
            to: query.parse("to", "a time such as 2026-04-01T00:00:00Z"),
            limit: query.limit(),
            cursor: query.text("cursor", 2000),
        }
    }

    fn parameters() -> Vec<Value> {
        let uuid = || json!({"type": "string", "format": "uuid"});
        let time = || json!({"type": "string", "format": "date-time"});
        let one_of = |names: &[&str]| json!({"type": "string", "enum": names});
        let mut all = vec![
            parameter("record_id", uuid(), "everything that touched this record"),
            parameter("resource", json!({"type": "string"}), "a table, such as `clinic.patient`"),
            parameter(
                "operation",
                one_of(&["CREATE", "READ", "UPDATE", "DELETE"]),
                "what was done",
            ),
            parameter("outcome", one_of(&["allowed", "refused"]), "how it ended"),
            parameter("actor_id", uuid(), "by whom"),
            parameter("request_id", uuid(), "in which request"),
            parameter("from", time(), "not before this time"),
            parameter("to", time(), "before this time"),
        ];
        all.extend(Page::<()>::parameters());
        all
    }
}

impl Filter {
    /// What a cursor is bound to: everything but the place.
    fn question(&self) -> String {
        let Self {
            record_id, resource, operation, outcome, actor_id, request_id, from, to, ..
        } = self;
        format!(
            "{record_id:?} {resource:?} {operation:?} {outcome:?} {actor_id:?} {request_id:?} {from:?} {to:?}"
        )
    }
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Place(Timestamp, i64);

pub async fn list(
    act: Authorized<ReadAudit>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<Page<AuditEntry>>, Problem> {
    disclose_entries(&act, filter, Answer::ok).await
}

/// A page of the ledger in the answer of whoever asks: a module may have a document with fields of its own. Who sees
/// personal values there looks under that permission, to which the database shows entries on confidential resources too.
///
/// # Errors
/// 422 for a cursor of another question, and what [`Problem`] says of the database's failure.
pub async fn disclose_entries<V: Serialize>(
    act: &Authorized<ReadAudit>,
    filter: Filter,
    answer: impl FnOnce(Page<AuditEntry>) -> Answer<V>,
) -> Result<Disclosed<V>, Problem> {
    match act.also::<ReadAuditPersonal>() {
        Ok(open) => disclose_page(&open, true, filter, answer).await,
        Err(_) => disclose_page(act, false, filter, answer).await,
    }
}

/// `open`: with personal values.
async fn disclose_page<P: Permission<Effect = Discloses>, V: Serialize>(
    act: &Authorized<P>,
    open: bool,
    filter: Filter,
    answer: impl FnOnce(Page<AuditEntry>) -> Answer<V>,
) -> Result<Disclosed<V>, Problem> {
    let question = filter.question();
    let limit = filter.limit;
    let Place(at, sequence) = match &filter.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Place(Timestamp::MAX, i64::MAX),
    };
    let (from, to) = (filter.from.unwrap_or(Timestamp::MIN), filter.to.unwrap_or(Timestamp::MAX));
    let (from, to, at) = (in_range(from), in_range(to), in_range(at));
    let Filter { resource, operation, outcome, actor_id, request_id, .. } = filter;
    let list = if filter.record_id.is_some() { sql::search_entries } else { sql::list_entries };
    let more = limit + 1;
    let mut statement = list(
        from, to, at, sequence, resource, operation, outcome, actor_id, request_id, more, open,
    );
    if let Some(record) = filter.record_id {
        statement = statement.searching(json!({"record_id": record}));
    }
    act.disclose(statement, |rows, reveal| {
        let page =
            Page::cut(rows, limit, |last| act.seal(&question, &Place(last.at, last.sequence)))?;
        Ok(answer(page.map(|row| view(&act.core().classes, row, reveal, open))))
    })
    .await
}

/// PostgreSQL's time begins later than the calendar's and its partitions are made of it.
fn in_range(at: Timestamp) -> Timestamp {
    let (first, last) =
        (Timestamp::UNIX_EPOCH, Timestamp::MAX - jiff::SignedDuration::from_hours(48));
    at.clamp(first, last)
}

fn view(classes: &Classes, row: EntryRow, reveal: &Reveal, open: bool) -> AuditEntry {
    let image = |image: Option<crate::privacy::Pii<Value>>| match image?.reveal(reveal) {
        Value::Object(map) if !open => Some(Value::Object(classes.redact(&row.resource, map))),
        other => Some(other),
    };
    AuditEntry {
        before: image(row.before),
        after: image(row.after),
        id: row.id,
        at: row.at,
        actor_kind: row.actor_kind,
        actor_id: row.actor_id,
        permission: row.permission,
        operation: row.operation,
        record_id: row.record_id,
        record_ids: row.record_ids,
        outcome: row.outcome,
        reason: row.reason,
        request_id: row.request_id,
        address: row.address.map(|address| address.reveal(reveal).to_string()),
        user_agent: row.user_agent.map(|agent| agent.reveal(reveal)),
        purpose_of_event: row.purpose_of_event,
        resource: row.resource,
    }
}

/// A signed root of the ledger.
#[derive(Serialize, ToSchema)]
pub struct LedgerCheckpoint {
    tenant_id: Uuid,
    /// How many entries it covers, from the first on.
    tree_size: i64,
    /// The root of their Merkle tree, in hexadecimal digits.
    root: String,
    /// The time of the last of them, UTC.
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    /// The same as a compact JWS (RFC 7515) of the type `ledger-checkpoint+jwt`.
    signed: String,
}

pub async fn list_checkpoints(
    act: Authorized<ReadCheckpoints>,
    Query(paging): Query<Paging>,
) -> Result<Fetched<Page<LedgerCheckpoint>>, Problem> {
    const QUESTION: &str = "checkpoints";
    let before: i64 = match &paging.cursor {
        Some(cursor) => act.unseal(QUESTION, cursor)?,
        None => i64::MAX,
    };
    let tenant_id = act.caller().tenant;
    act.fetch(sql::list_checkpoints(before, paging.limit + 1), |rows| {
        let page = Page::cut(rows, paging.limit, |last| act.seal(QUESTION, &last.tree_size))?;
        Ok(Answer::ok(page.map(|row| checkpoint(tenant_id, row))))
    })
    .await
}

fn checkpoint(tenant_id: Uuid, row: CheckpointRow) -> LedgerCheckpoint {
    LedgerCheckpoint {
        tenant_id,
        tree_size: row.tree_size,
        root: hex(&row.root),
        last_at: row.last_at,
        made_at: row.made_at,
        signed: row.signed,
    }
}
