//! Civic: municipalities, their citizens, and consent under POPIA (`SALGA Trust Engine`).
//!
//! About whom: citizens, who register themselves, and those who serve them. Who may do what:
//! [`permissions`].

mod permissions;

use kernel::{
    http::Routes,
    identity::{Realm, Signature},
    module::Module,
};
use passwords::Policy;

/// Its people: how they sign in and what their tokens are like.
pub const REALM: Realm = Realm {
    name: "civic",
    signature: Signature::Hs256,
    access_minutes: 30,
    refresh_days: Some(7),
    // S-037.
    passwords: Policy::Argon2id,
    // TokenPayload has `tenant_id`; a user has `municipality_id` too.
    tenant_fields: &["tenant_id", "municipality_id"],
    attribute_policies: false,
    registers_as: Some("citizen"),
};

/// The module, for the server to mount.
pub fn module() -> Module {
    Module {
        name: "civic",
        migrations: vec![],
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        delegates: &[],
        slices: &[],
        entities: &[],
        resources: &[],
        statements: vec![],
        constraints: Vec::new,
        routes: Routes::default(),
    }
}
