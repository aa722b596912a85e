//! Return to play, once for all modules (K-043): the steps back after a concussion, one at a time, to a
//! written clearance. Whether a step may be taken is decided in `policy::return_to_play`; its routes and
//! tables are the modules' own, and `kernel.guard_return_to_play` holds the same in the database.

mod http;
mod rules;
pub(crate) mod sql;

pub use http::{
    ClearanceView, ClinicianBody, PhysicianBody, ReturnToPlay, RtpFact, Said, Step, StepBody, take,
};
pub use rules::{check_words, no_person, note, parse_step, progress, refuse_step};
pub use sql::{Statements, Stepped};
