//! Statements on API keys.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    http::{Constraint, Problem},
    row, statements,
};

row! {
    /// A key without its secret.
    pub struct KeyRow {
        id: Uuid,
        name: String,
        role: String,
        last_four: String,
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
        revoked_at: Option<Timestamp>,
        last_used_at: Option<Timestamp>,
    }
}

statements! {
    fn insert_key(id: Uuid, name: String, role: String, hash: Vec<u8>, last_four: String,
                  expires_at: Option<Timestamp>) -> KeyRow
        = "insert into kernel.api_key (tenant_id, id, name, role, key_hash, last_four, expires_at)
           values (kernel.tenant(), $1, $2, $3, $4, $5, $6)
           returning id, name, role, last_four, created_at, expires_at, revoked_at,
                     null::timestamptz as last_used_at";

    fn list_keys() -> KeyRow
        = "select k.id, k.name, k.role, k.last_four, k.created_at, k.expires_at, k.revoked_at, u.last_used_at
             from kernel.api_key k
             left join kernel.api_key_use u on u.tenant_id = k.tenant_id and u.id = k.id
            where k.tenant_id = kernel.tenant()
            order by k.id limit 1000";

    /// The successor, and the old key's end, in one statement.
    fn rotate_key(old: Uuid, new: Uuid, hash: Vec<u8>, last_four: String, overlap_hours: i32) -> KeyRow
        = "with old as (
               update kernel.api_key
                  set replaced_by = $2,
                      expires_at = least(coalesce(expires_at, 'infinity'), now() + make_interval(hours => $5))
                where tenant_id = kernel.tenant() and id = $1 and revoked_at is null
                  and coalesce(expires_at, 'infinity') > now()
               returning name, role)
           insert into kernel.api_key (tenant_id, id, name, role, key_hash, last_four)
           select kernel.tenant(), $2, name, role, $3, $4 from old
           returning id, name, role, last_four, created_at, expires_at, revoked_at,
                     null::timestamptz as last_used_at";

    fn revoke_key(id: Uuid) -> KeyRow
        = "update kernel.api_key set revoked_at = coalesce(revoked_at, now())
            where tenant_id = kernel.tenant() and id = $1
           returning id, name, role, last_four, created_at, expires_at, revoked_at,
                     null::timestamptz as last_used_at";
}

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "api_key_name_check",
        problem: || Problem::field(&["body", "name"], "length", "give 1 to 80 characters"),
    }]
}
