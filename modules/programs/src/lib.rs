//! Programs: the participants, sessions, incidents, consents and goals of youth programmes
//! (`KATA — API Layer`).
//!
//! About whom: young people, and those who work with them. Who may do what: [`permissions`].

mod permissions;

use kernel::{
    http::Routes,
    identity::{Realm, Signature},
    module::Module,
};
use passwords::Policy;

/// Its people: how they sign in and what their tokens are like.
pub const REALM: Realm = Realm {
    name: "programs",
    signature: Signature::Hs256,
    // A working day: clients of the document know no refresh (ASVS 4.0 3.3.2: at most 12 hours).
    access_minutes: 8 * 60,
    refresh_days: None,
    // K-004, to the letter.
    passwords: Policy::Pbkdf2Sha256,
    tenant_fields: &["tenant_id"],
    attribute_policies: false,
    registers_as: None,
};

/// The module, for the server to mount.
pub fn module() -> Module {
    Module {
        name: "programs",
        migrations: vec![],
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        resources: &[],
        statements: vec![],
        constraints: Vec::new,
        routes: Routes::default(),
    }
}
