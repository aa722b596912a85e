//! The ledger as FHIR has it: AuditEvents.

pub(super) mod http;
pub mod rules;
