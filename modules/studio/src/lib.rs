//! Studio: organizations that build AI agents, and what they deploy (`Kaizen Studio`).
//!
//! About whom: the developers of an organization. Who may do what: [`permissions`], narrowed by the
//! organization's own attribute policies.

mod canvas;
mod permissions;

use kernel::{
    http::Routes,
    identity::{Realm, Signature},
    migrations,
    module::Module,
};
use passwords::Policy;

/// Its people: how they sign in and what their tokens are like.
pub const REALM: Realm = Realm {
    name: "studio",
    // Z-005: others verify these tokens too.
    signature: Signature::Rs256,
    access_minutes: 60,
    refresh_days: Some(7),
    // Z-063's bcrypt hashes are verified and upgraded (C-01).
    passwords: Policy::Argon2id,
    tenant_fields: &["organization_id"],
    attribute_policies: true,
    languages: None,
    login_limit: None,
};

/// The module, for the server to mount.
pub fn module() -> Module {
    let mut routes = Routes::default();
    canvas::routes(&mut routes);
    Module {
        name: "studio",
        title: "Kaizen Studio",
        prefix: "/studio",
        migrations: migrations!("studio";
            1 "agents" "0001_agents.sql",
            5 "canvas" "0005_canvas.sql",
        ),
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        above: None,
        delegates: &[],
        slices: &[],
        open: &[],
        open_slice: None,
        entities: &[],
        resources: permissions::RESOURCES,
        statements: canvas::sql::ALL.to_vec(),
        constraints: canvas::sql::constraints,
        limit: None,
        routes,
    }
}
