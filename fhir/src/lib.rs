//! The parts of FHIR R4 (4.0.1, <https://hl7.org/fhir/R4/>) that Reeve speaks: resources and their elements, dates by
//! their precision, search parameters. Pure: no SQL, no server, nothing of a clinic.
//!
//! What comes in is judged by [`parse`]: members that are not known are let by, as FHIR demands; a modifier that is not
//! known is refused, for it may turn the meaning of the rest. No type here prints itself: they hold personal values.

pub mod dates;
mod element;
pub mod elements;
mod parse;
pub mod resources;
pub mod search;

pub use parse::{Issue, parse};

/// The version of the standard, as a `CapabilityStatement` tells it.
pub const VERSION: &str = "4.0.1";

/// The media type of FHIR's JSON.
pub const MEDIA_TYPE: &str = "application/fhir+json";
