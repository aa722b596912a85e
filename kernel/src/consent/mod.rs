//! Consent as evidence, once for all modules (C-21): what a module's people consented to, and when it
//! ended. What follows from a consent is decided in `policy::consent`; its routes are the modules' own.

pub mod sql;

use policy::consent::Grantor;

/// The name that a grantor has in records and answers.
pub fn grantor_code(grantor: Grantor) -> &'static str {
    match grantor {
        Grantor::Participant => "self",
        Grantor::Parent => "parent",
        Grantor::Guardian => "guardian",
        Grantor::Other => "other",
    }
}

/// The grantor of this name.
pub fn grantor_of_code(code: &str) -> Option<Grantor> {
    let all = [Grantor::Participant, Grantor::Parent, Grantor::Guardian, Grantor::Other];
    all.into_iter().find(|grantor| grantor_code(*grantor) == code)
}
