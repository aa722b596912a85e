//! The ledger, read: who did what to which record, and who looked. It is written by triggers and by
//! the statements that disclose, never by a handler.

mod checkpoints;
mod http;
mod operator;
pub(crate) mod sql;
mod tree;

pub use checkpoints::{Checkpoint, CheckpointError, Checkpoints, Claims};
pub use http::{AuditEntry, Filter, disclose_entries};
pub use operator::{AuditError, Fault, STATEMENTS, Verified, Verifier, export};

use crate::{
    http::{Docs, Routes, text},
    permissions,
};

permissions! {
    /// Read the ledger, with personal values covered.
    ReadAudit = "audit:read", Discloses;
    /// Read the signed roots of the ledger, which say nothing of a person.
    ReadCheckpoints = "audit:read", Reads;
    /// See the personal values in the ledger's before and after as well, and entries on confidential resources.
    ReadAuditPersonal = "audit:read_personal", Discloses;
}

const LIST: Docs = Docs::new(
    "audit",
    "Read the ledger",
    "Every change with before and after, every read of identified records, every refusal; newest \
     first. `record_id` finds everything that touched one record, lists included. Reading the ledger \
     is itself an entry.",
);

const CHECKPOINTS: Docs = Docs::new(
    "audit",
    "List the signed checkpoints",
    "The roots of a Merkle tree over the ledger (RFC 6962), made about every minute and signed; newest \
     first. Keep them elsewhere: with them anybody finds what was altered since, by \
     `docs/verify-ledger.mjs` and the keys of `/.well-known/jwks.json`.",
);

pub(crate) fn routes(routes: &mut Routes) {
    routes.get(ReadAudit, "/v1/audit", http::list, LIST);
    routes.get(ReadCheckpoints, "/v1/audit/checkpoints", http::list_checkpoints, CHECKPOINTS);
}

/// Why somebody looks at what is another organisation's: 1 to 200 characters.
///
/// # Errors
/// The fault, without the value.
pub fn parse_purpose(given: &str) -> Result<String, crate::http::Fault> {
    text(200)(given.to_owned())
}
