//! Statements of identification and of the watch over it.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    db::{Done, Nothing},
    row, statements,
};

row! {
    /// A key and what a request needs to know of its tenant.
    pub struct KeyRow {
        id: Uuid,
        tenant_id: Uuid,
        role: String,
        expires_at: Option<Timestamp>,
        revoked_at: Option<Timestamp>,
        tenant_active: bool,
        require_if_match: bool,
    }
}

row! {
    /// A key or tenant whose standing has changed.
    pub struct Changed { id: Uuid }
}

statements! {
    fn find_key(hash: Vec<u8>) -> KeyRow
        = "select id, tenant_id, role, expires_at, revoked_at, tenant_active, require_if_match
             from kernel.find_key($1)";

    /// Ten seconds back, at every look: a change that commits late is still seen.
    fn list_changed() -> Changed
        = "select id from kernel.credential_change where at > now() - interval '10 seconds'";

    fn note_use(ids: Vec<Uuid>, times: Vec<Timestamp>) -> Nothing
        = "insert into kernel.api_key_use as kept (tenant_id, id, last_used_at)
           select kernel.tenant(), id, at from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
           on conflict (tenant_id, id) do update
              set last_used_at = greatest(kept.last_used_at, excluded.last_used_at)";

    fn sweep() -> Done = "select kernel.sweep() is null as done";

    fn make_partitions() -> Done = "select audit.make_partitions(12) is null as done";
}
