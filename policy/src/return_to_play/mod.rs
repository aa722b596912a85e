//! Graduated return to play after a head injury: one engine for programmes and athletics.
//!
//! [`Progress::open`] begins at stage 1. [`decide`] takes an [`Action`] and answers with the new progress
//! or with everything that is missing for it. [`may_open`] and [`may_close`] are the gates of an
//! incident: no incident passes them by another request.

mod clearance;
mod engine;
mod incident;
mod protocol;
#[cfg(test)]
mod random_walk;
mod refusal;
#[cfg(test)]
mod sample;

pub use clearance::{Clearance, Licence, PhysicianLink, Profession};
pub use engine::{Action, Progress, Symptoms, decide};
pub use incident::{Blocked, Closing, Gap, IncidentKind, Opening, Recipient, may_close, may_open};
pub use protocol::{Protocol, Stage};
pub use refusal::{Missing, Refusal};
