//! Appointments as FHIR has them.

pub(super) mod http;
pub mod rules;
pub(crate) mod sql;
