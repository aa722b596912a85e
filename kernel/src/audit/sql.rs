//! Statements of the ledger.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Done, Nothing},
    privacy::Pii,
    row, statements,
};

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

row! {
    /// Where there is something to sum up.
    pub struct TenantRow { tenant_id: Uuid }
}

row! {
    /// The edge of what may be summed up: entries of transactions before `ended` are all there are, and
    /// what the others write is of no time before `since`; none where that is not known.
    pub struct Edge { since: Option<Timestamp>, ended: i64 }
}

row! {
    /// The last checkpoint, to go on from.
    pub struct LastRow {
        tree_size: i64,
        frontier: Vec<u8>,
        transaction_id: i64,
        sequence: i64,
        read_from: Timestamp,
        signed: String,
    }
}

row! {
    /// An entry that no checkpoint covers: its leaf, where its transaction has ended for sure.
    pub struct NewRow { transaction_id: i64, sequence: i64, at: Timestamp, leaf: Option<Pii<String>> }
}

row! {
    /// A signed checkpoint.
    pub struct CheckpointRow {
        tree_size: i64,
        root: Vec<u8>,
        last_at: Timestamp,
        made_at: Timestamp,
        signed: String,
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
                    case when $11 then audit.opened(resource, before) else before end as before,
                    case when $11 then audit.opened(resource, after) else after end as after,
                    outcome, reason, request_id, address, user_agent, purpose_of_event
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
    fn insert_refusal(operation: &'static str, route: String, reason: &'static str, record: Option<Uuid>,
                      status: Option<i32>) -> Nothing
        = "insert into audit.entry (operation, resource, outcome, reason, record_id, after)
           select $1, $2, 'refused', $3, $4, case when $5::integer is not null then jsonb_build_object('status', $5::integer) end";

    /// That a request was answered so, in the transaction of what it changed.
    fn insert_call(operation: &'static str, route: &'static str, record: Option<Uuid>, status: i32) -> Done
        = "insert into audit.entry (operation, resource, record_id, after)
           values ($1, $2, $3, jsonb_build_object('status', $4::integer)) returning true as done";

    fn list_tenants_to_checkpoint() -> TenantRow
        = "select tenant_id from kernel.tenants_to_checkpoint() as tenant_id";

    /// Whether this transaction, and no other of any server, is the one to sum up. A first checkpoint
    /// reads the whole ledger, which takes longer than a request may.
    fn take_turn() -> Done
        = "select pg_try_advisory_xact_lock(hashtextextended('checkpoint/' || kernel.tenant(), 0))
                  and set_config('statement_timeout', '1h', true) is not null as done";

    fn find_edge() -> Edge = "select since, ended from audit.find_edge()";

    fn find_last_checkpoint() -> LastRow
        = "select tree_size, frontier, transaction_id::text::bigint as transaction_id, sequence, read_from, signed
             from audit.checkpoint where tenant_id = kernel.tenant() order by tree_size desc limit 1";

    /// What follows on a place, in the tree's order; looked for among the entries from a time on, which
    /// the primary key finds: the time stands alone, for under a policy no expression is an index's.
    fn read_new_entries(from: Timestamp, transaction: i64, sequence: i64, ended: i64) -> NewRow
        = "select e.transaction_id::text::bigint as transaction_id, e.sequence, e.at,
                  case when e.transaction_id < $4::bigint::text::xid8 then audit.leaf(e) end as leaf
             from audit.entry e
            where e.tenant_id = kernel.tenant() and e.at >= $1
              and (e.transaction_id, e.sequence) > ($2::bigint::text::xid8, $3::bigint)
            order by e.transaction_id, e.sequence";

    fn insert_checkpoint(tree_size: i64, root: Vec<u8>, frontier: Vec<u8>, transaction: i64, sequence: i64,
                         last_at: Timestamp, read_from: Timestamp, signed: String) -> Nothing
        = "insert into audit.checkpoint
                  (tree_size, root, frontier, transaction_id, sequence, last_at, read_from, signed)
           values ($1, $2, $3, $4::bigint::text::xid8, $5, $6, $7, $8)";

    /// The tenant's checkpoints before a size, newest first.
    fn list_checkpoints(before: i64, limit: i64) -> CheckpointRow
        = "select tree_size, root, last_at, made_at, signed from audit.checkpoint
            where tenant_id = kernel.tenant() and tree_size < $1 order by tree_size desc limit $2";
}
