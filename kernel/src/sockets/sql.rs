//! Statements of sockets: tickets, what servers say to each other of their rooms, and the rows that documents have.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{db::Done, row, statements};

row! {
    /// A document, and the number of the newest operation in it.
    pub struct SnapshotRow { seq: i64, document: Value }
}

row! {
    /// An operation that was done.
    pub struct OperationRow { seq: i64, id: Uuid, author_kind: String, author_id: Uuid, operation: Value }
}

row! {
    /// An operation as it was done now, or (not `fresh`) earlier under the same id.
    pub struct AppliedRow {
        seq: i64,
        id: Uuid,
        author_kind: String,
        author_id: Uuid,
        operation: Value,
        fresh: bool,
    }
}

row! {
    /// Who made a ticket.
    pub struct TicketRow {
        actor_id: Uuid,
        session_id: Option<Uuid>,
        until: Option<Timestamp>,
    }
}

row! {
    /// What a server said of one of its rooms, of whichever tenant.
    pub struct SignalRow {
        transaction_id: i64,
        sequence: i64,
        tenant_id: Uuid,
        topic: String,
        record_id: Uuid,
        server: Uuid,
        kind: String,
        body: String,
    }
}

statements! {
    fn insert_ticket(hash: Vec<u8>, session: Option<Uuid>, until: Option<Timestamp>, record: Uuid,
                     expires_at: Timestamp) -> Done
        = "with made as (
               insert into kernel.socket_ticket (tenant_id, hash, session_id, until, record_id, expires_at)
               values (kernel.tenant(), $1, $2, $3, $4, $5) returning record_id),
           noted as (
               insert into audit.entry (operation, resource, record_id)
               select 'CREATE', 'kernel.socket_ticket', record_id from made)
           select true as done from made";

    /// Of two servers that are shown it at once, one has the row.
    fn use_ticket(hash: Vec<u8>, record: Uuid, now: Timestamp) -> TicketRow
        = "update kernel.socket_ticket set used_at = $3
            where tenant_id = kernel.tenant() and hash = $1 and record_id = $2 and used_at is null
              and expires_at > $3
           returning actor_id, session_id, until";

    fn insert_signals(topics: Vec<&'static str>, records: Vec<Uuid>, server: Uuid, kinds: Vec<&'static str>,
                      bodies: Vec<String>) -> Done
        = "insert into kernel.room_signal (tenant_id, topic, record_id, server, kind, body)
           select kernel.tenant(), s.topic, s.record_id, $3, s.kind, s.body
             from unnest($1::text[], $2::uuid[], $4::text[], $5::text[]) as s (topic, record_id, kind, body)
           returning true as done";

    fn read_signals(transaction: i64, sequence: i64, server: Uuid, most: i32) -> SignalRow
        = "select transaction_id, sequence, tenant_id, topic, record_id, server, kind, body
             from kernel.read_signals($1, $2, $3, $4)";

    fn sweep_sockets() -> Done = "select kernel.sweep_sockets() is null as done";
}
