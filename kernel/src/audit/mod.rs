//! The ledger, read: who did what to which record, and who looked. It is written by triggers and by
//! the statements that disclose, never by a handler.

mod http;
pub(crate) mod sql;

pub use http::{AuditEntry, Filter, disclose_entries};

use crate::{
    authz::Permission,
    http::{Docs, Fault, Routes, text},
    permissions,
};

permissions! {
    /// Read the ledger, with personal values covered.
    ReadAudit = "audit:read", Discloses;
    /// See the personal values in the ledger's before and after as well.
    ReadAuditPersonal = "audit:read_personal", Discloses;
}

const LIST: Docs = Docs::new(
    "audit",
    "Read the ledger",
    "Every change with before and after, every read of identified records, every refusal; newest \
     first. `record_id` finds everything that touched one record, lists included. Reading the ledger \
     is itself an entry.",
);

pub(crate) fn routes(routes: &mut Routes) {
    routes.get(ReadAudit, "/v1/audit", http::list, LIST);
}

/// Why somebody looks at what is another organisation's: 1 to 200 characters.
///
/// # Errors
/// The fault, without the value.
pub fn parse_purpose(given: &str) -> Result<String, Fault> {
    text(200)(given.to_owned())
}

/// Whether `role` sees personal values in the ledger.
fn sees_personal(matrix: &policy::Matrix, role: Option<policy::Role>) -> bool {
    matrix.permits(role, ReadAuditPersonal::NAME)
}
