//! The authorization to treat personal data (Ley 1581 de 2012) as a Consent of FHIR's.

pub(super) mod http;
pub mod rules;
pub(crate) mod sql;
