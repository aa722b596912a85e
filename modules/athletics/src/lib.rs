//! Athletics: school athletes, their injuries and their return to play (`RTSport Backend`, FERPA).
//!
//! About whom: pupils, and the trainers who treat them. Who may do what: [`permissions`].

mod permissions;

use kernel::{
    http::Routes,
    identity::{Realm, Signature},
    module::Module,
};
use passwords::Policy;

/// Its people: how they sign in and what their tokens are like.
pub const REALM: Realm = Realm {
    name: "athletics",
    signature: Signature::Hs256,
    // R-007, C-04: seven days, since the document's clients know no refresh; a session ends at once.
    access_minutes: 10_080,
    refresh_days: None,
    passwords: Policy::Argon2id,
    tenant_fields: &["school_id"],
    attribute_policies: false,
    registers_as: None,
};

/// The module, for the server to mount.
pub fn module() -> Module {
    Module {
        name: "athletics",
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
