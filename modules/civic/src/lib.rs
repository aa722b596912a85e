//! Civic: municipalities, their citizens, and consent under POPIA (`SALGA Trust Engine`).
//!
//! About whom: citizens, who register themselves, and those who serve them. Who may do what:
//! [`permissions`].

mod permissions;
mod registration;

use kernel::{
    http::{Limit, Routes},
    identity::{Realm, Signature},
    module::{Above, Module},
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
    login_limit: Some(Limit::per_minute("login", 5)),
};

/// Those who stand above the municipalities and enter one at a time, for a purpose.
pub const PLATFORM: Realm =
    Realm { name: "platform", tenant_fields: &["tenant_id"], login_limit: None, ..REALM };

/// The module, for the server to mount.
pub fn module() -> Module {
    let mut routes = Routes::default();
    registration::routes(&mut routes);
    Module {
        name: "civic",
        migrations: vec![],
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        above: Some(Above { realm: PLATFORM, grants: permissions::ABOVE }),
        delegates: &[],
        slices: &[],
        open: permissions::OPEN,
        open_slice: None,
        entities: &[],
        resources: &[],
        statements: vec![],
        constraints: Vec::new,
        limit: Some(Limit::per_minute("default", 60)),
        routes,
    }
}
