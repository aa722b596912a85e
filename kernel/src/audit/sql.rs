//! Statements of the ledger.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{db::Nothing, privacy::Pii, row, statements};

row! {
    /// An entry.
    pub struct EntryRow {
        id: Uuid,
        sequence: i64,
        at: Timestamp,
        actor_kind: String,
        actor_id: Option<Uuid>,
        permission: Option<String>,
        operation: String,
        resource: String,
        record_id: Option<Uuid>,
        record_ids: Option<Vec<Uuid>>,
        before: Option<Pii<Value>>,
        after: Option<Pii<Value>>,
        outcome: String,
        reason: Option<String>,
        request_id: Uuid,
        address: Option<Pii<IpAddr>>,
        user_agent: Option<Pii<String>>,
        purpose_of_event: Option<String>,
    }
}

macro_rules! columns {
    () => {
        "id, sequence, at, actor_kind, actor_id, permission, operation, resource, record_id, record_ids,
         before, after, outcome, reason, request_id, address, user_agent, purpose_of_event"
    };
}

/// Newest first, by keyset, with the filters that both lists share. Images are opened for who sees
/// personal values.
macro_rules! entries {
    ($from:expr) => {
        concat!(
            "select id, sequence, at, actor_kind, actor_id, permission, operation, resource, record_id, record_ids,
                    case when $11 then audit.opened(before) else before end as before,
                    case when $11 then audit.opened(after) else after end as after,
                    outcome, reason, request_id, address, user_agent
               from ",
            $from,
            "
              where at >= $1 and at < $2 and (at, sequence) < ($3, $4)
                and ($5::text is null or resource = $5) and ($6::text is null or operation = $6)
                and ($7::text is null or outcome = $7) and ($8::uuid is null or actor_id = $8)
                and ($9::uuid is null or request_id = $9)
              order by at desc, sequence desc limit $10"
        )
    };
}

statements! {
    /// The tenant's entries, newest first.
    fn list_entries(from: Timestamp, to: Timestamp, before_at: Timestamp, before_sequence: i64,
                    resource: Option<String>, operation: Option<String>, outcome: Option<String>,
                    actor: Option<Uuid>, request: Option<Uuid>, limit: i64, opened: bool)
        -> EntryRow, discloses "audit.entry" = entries!("audit.entry");

    /// Those that touched one record. The record is in the search, which is the policy; `offset 0`
    /// keeps the times out of it, or the planner walks the whole ledger in their order.
    fn search_entries(from: Timestamp, to: Timestamp, before_at: Timestamp, before_sequence: i64,
                      resource: Option<String>, operation: Option<String>, outcome: Option<String>,
                      actor: Option<Uuid>, request: Option<Uuid>, limit: i64, opened: bool)
        -> EntryRow, discloses "audit.entry" = entries!(concat!("(select ", columns!(), " from audit.entry offset 0) entry"));

    /// What has no transaction to ride on.
    fn insert_refusal(operation: &'static str, route: String, reason: &'static str) -> Nothing
        = "insert into audit.entry (operation, resource, outcome, reason) values ($1, $2, 'refused', $3)";
}
