//! Speaks with another system of record, by the REST interface of HL7 FHIR R4 (<https://hl7.org/fhir/R4/http.html>).
//! No SQL, no state: whoever calls says when to try again, and remembers how far they are.
//!
//! What is done twice has one effect: a resource is created under the condition that there is none with our identifier
//! ([`Server::create`]), and changed under the condition that it is as it was read ([`Server::update`]). What the other
//! side keeps beside what we know of stays ([`merge`]).

mod fault;
mod merge;
mod server;

pub use fault::Fault;
pub use merge::{Managed, merge};
pub use server::{Auth, Found, Held, Page, Server};
