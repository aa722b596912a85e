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
        realm: String,
    }
}

row! {
    /// A session and what a request needs to know of its account and tenant.
    pub struct SessionRow {
        account_id: Uuid,
        authenticated_by: String,
        expires_at: Timestamp,
        ended_at: Option<Timestamp>,
        role: Option<String>,
        account_active: bool,
        tenant_active: bool,
        require_if_match: bool,
        realm: String,
    }
}

row! {
    /// An account whose session does not matter.
    pub struct AccountRow {
        role: Option<String>,
        account_active: bool,
        tenant_active: bool,
        require_if_match: bool,
        realm: String,
    }
}

row! {
    /// A signing key, sealed.
    pub struct KeyOfRing {
        id: Uuid,
        realm: String,
        sealed: Vec<u8>,
        signs_from: Timestamp,
        verifies_until: Option<Timestamp>,
    }
}

row! {
    /// Something whose standing has changed: a key, session, account or tenant; or the ring, or the
    /// statutes.
    pub struct Changed { at: Timestamp, id: Uuid, of_ring: bool, of_statutes: bool }
}

statements! {
    fn find_key(hash: Vec<u8>) -> KeyRow
        = "select id, tenant_id, role, expires_at, revoked_at, tenant_active, require_if_match, realm
             from kernel.find_key($1)";

    /// An account and what its jobs need to know of its tenant.
    fn find_account(id: Uuid) -> AccountRow
        = "select a.role, a.state = 'active' and a.deleted_at is null as account_active,
                  t.is_active as tenant_active, t.require_if_match, t.realm
             from kernel.account a
             join kernel.tenant t on t.tenant_id = a.tenant_id and t.id = a.tenant_id
            where a.tenant_id = kernel.tenant() and a.id = $1";

    /// A key of the caller's tenant, by its id.
    fn find_key_by_id(id: Uuid) -> KeyRow
        = "select k.id, k.tenant_id, k.role, k.expires_at, k.revoked_at, t.is_active as tenant_active,
                  t.require_if_match, t.realm
             from kernel.api_key k
             join kernel.tenant t on t.tenant_id = k.tenant_id and t.id = k.tenant_id
            where k.tenant_id = kernel.tenant() and k.id = $1";

    fn find_session(session: Uuid) -> SessionRow
        = "select s.account_id, s.authenticated_by, s.expires_at, s.ended_at, a.role,
                  a.state = 'active' and a.deleted_at is null as account_active,
                  t.is_active as tenant_active, t.require_if_match, t.realm
             from kernel.session s
             join kernel.account a on a.tenant_id = s.tenant_id and a.id = s.account_id
             join kernel.tenant t on t.tenant_id = s.tenant_id and t.id = s.tenant_id
            where s.tenant_id = kernel.tenant() and s.id = $1";

    fn list_ring() -> KeyOfRing
        = "select id, realm, sealed, signs_from, verifies_until from kernel.signing_key
            where verifies_until is null or verifies_until > now()";

    /// Two replicas that start at once on a new database may make two first keys: both are good.
    fn insert_key_of_ring(id: Uuid, realm: &'static str, algorithm: &'static str, sealed: Vec<u8>) -> Nothing
        = "insert into kernel.signing_key (id, realm, algorithm, sealed) values ($1, $2, $3, $4)
           on conflict (id) do nothing";

    /// Ten seconds back, at every look: a change that commits late is still seen.
    fn list_changed() -> Changed
        = "select at, id, of_ring, of_statutes from kernel.credential_change
            where at > now() - interval '10 seconds'";

    fn note_use(ids: Vec<Uuid>, times: Vec<Timestamp>) -> Nothing
        = "insert into kernel.api_key_use as kept (tenant_id, id, last_used_at)
           select kernel.tenant(), id, at from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
           on conflict (tenant_id, id) do update
              set last_used_at = greatest(kept.last_used_at, excluded.last_used_at)";

    fn find_demo() -> Done = "select kernel.has_demo() as done";
}
