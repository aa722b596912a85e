//! Statements on what was published.

use uuid::Uuid;

use crate::{row, statements};

row! {
    /// The first transaction that may still be running.
    pub struct EndRow { transaction_id: i64 }
}

row! {
    /// A record that changed, of whichever tenant.
    pub struct PublishedRow {
        transaction_id: i64,
        sequence: i64,
        tenant_id: Uuid,
        topic: String,
        record_id: Uuid,
    }
}

row! {
    /// A record that changed, of the caller's tenant.
    pub struct ChangedRow { record_id: Uuid }
}

statements! {
    fn find_end() -> EndRow = "select kernel.outbox_end() as transaction_id";

    fn read_outbox(transaction: i64, sequence: i64, most: i32) -> PublishedRow
        = "select transaction_id, sequence, tenant_id, topic, record_id from kernel.read_outbox($1, $2, $3)";

    /// What changed after a place, each record once.
    fn list_changes(topic: &'static str, transaction: i64, sequence: i64, most: i64) -> ChangedRow
        = "select distinct record_id from kernel.outbox
            where tenant_id = kernel.tenant() and topic = $1
              and (transaction_id, sequence) > ($2::bigint::text::xid8, $3::bigint) limit $4";
}
