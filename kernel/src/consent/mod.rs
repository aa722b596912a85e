//! Consent as evidence, once for all modules (C-21): what a module's people consented to, and when it
//! ended. What follows from a consent is decided in `policy::consent`; its routes are the modules' own.

pub mod sql;

use policy::consent::{Basis, Consent, Grantor};

use crate::privacy::Reveal;

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

impl sql::ConsentRow {
    /// The consent as the rules see it, without the sessions held under it; `None` for a basis of
    /// another module.
    pub fn evidence(&self, reveal: &Reveal) -> Option<Consent> {
        Some(Consent {
            participant: self.subject_id,
            basis: Basis::of_code(&self.basis)?,
            purpose: self.purpose.clone(),
            grantor: grantor_of_code(self.grantor.peek(reveal))?,
            granted_at: *self.granted_at.peek(reveal),
            expires_at: self.expires_at.as_ref().map(|at| *at.peek(reveal)),
            revoked_at: self.revoked_at.as_ref().map(|at| *at.peek(reveal)),
            sessions: vec![],
        })
    }
}
