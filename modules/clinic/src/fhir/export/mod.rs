//! Bulk data (<https://hl7.org/fhir/uv/bulkdata/STU2/>), without anything kept: an order is its own sealed description,
//! and a file is a range of keys that is read, on record, when it is fetched.

pub(super) mod http;
mod rules;
