//! Black-box tests of the whole: a real PostgreSQL, real sockets, one binary.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "tests may fail, and tell a story to its end"
)]

mod athletics;
mod civic;
mod clinic;
mod conformance;
mod destinations;
mod ehr;
mod fhir;
mod gateway;
mod http;
mod kernel;
mod people;
mod policies;
mod process;
mod programs;
mod sign_on;
mod studio;
