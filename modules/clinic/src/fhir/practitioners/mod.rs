//! Doctors as FHIR has them: on record by the documents that appointments name.

pub(super) mod http;
pub(crate) mod sql;
