//! Requests on the ledger.

use jiff::Timestamp;
use kernel::{
    audit::{self, AuditEntry, ReadAudit},
    authz::{Answer, Authorized, Disclosed},
    http::{FromQuery, List, Problem, Query, QueryReader, parameter},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// An entry in the document's fields.
#[derive(Serialize, ToSchema)]
pub struct AuditLog {
    id: Uuid,
    tenant_id: Uuid,
    /// Who did it: an account, a key, an operator's run. Null for nobody known.
    user_id: Option<Uuid>,
    /// `user`, `api_key`, `operator`, `system` or `anonymous`.
    actor_kind: String,
    /// `CREATE`, `READ`, `UPDATE` or `DELETE`.
    operation: String,
    table_name: String,
    record_id: Option<Uuid>,
    /// The records that a list showed.
    record_ids: Option<Vec<Uuid>>,
    /// What was before and after, JSON as text; null for a reading.
    changes: Option<String>,
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// `allowed` or `refused`.
    outcome: String,
    /// Why somebody from above looked.
    purpose_of_event: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

impl AuditLog {
    fn of(tenant_id: Uuid, entry: AuditEntry) -> Self {
        let changed = entry.before.is_some() || entry.after.is_some();
        let changes = json!({"before": entry.before, "after": entry.after});
        Self {
            id: entry.id,
            tenant_id,
            user_id: entry.actor_id,
            actor_kind: entry.actor_kind,
            operation: entry.operation,
            table_name: entry.resource,
            record_id: entry.record_id,
            record_ids: entry.record_ids,
            changes: changed.then(|| changes.to_string()),
            ip_address: entry.address,
            user_agent: entry.user_agent,
            outcome: entry.outcome,
            purpose_of_event: entry.purpose_of_event,
            timestamp: entry.at,
        }
    }
}

/// Which entries, and of which municipality.
pub struct Filter {
    entries: audit::Filter,
    municipality: Option<String>,
    reason: Option<String>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let municipality = query.text("municipality", 100);
        let reason = query.text("reason", 200);
        let table = query.text("table_name", 100);
        let user = query.parse("user_id", "a UUID");
        let mut entries = audit::Filter::read(query);
        entries.resource = entries.resource.or(table);
        entries.actor_id = entries.actor_id.or(user);
        Self { entries, municipality, reason }
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        let mut all = vec![
            parameter("table_name", text(), "the same as `resource`"),
            parameter(
                "user_id",
                json!({"type": "string", "format": "uuid"}),
                "the same as `actor_id`",
            ),
            parameter("municipality", text(), "for the platform: its id, code or name"),
            parameter("reason", text(), "for the platform: why; the municipality sees it"),
        ];
        all.extend(audit::Filter::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadAudit>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<AuditLog>>, Problem> {
    let Filter { entries, municipality, reason } = filter;
    let act = match municipality {
        Some(name) => act.enter(&name, &reason.unwrap_or_default(), &["query", "reason"]).await?,
        None => act,
    };
    let tenant = act.caller().tenant;
    audit::disclose_entries(&act, entries, |page| {
        Answer::list(page.map(|entry| AuditLog::of(tenant, entry)))
    })
    .await
}
