//! Statements on return to play. Each step is kept by a trigger, with the note of its transaction.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Bound, Done},
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};

row! {
    /// A step that was taken.
    pub struct Stepped { id: Uuid }
}

/// The statements that take a step in a module's table. Made by
/// [`return_to_play_statements!`](crate::return_to_play_statements).
pub struct Statements {
    pub advance: fn(Uuid, i32, Timestamp) -> Bound<Stepped>,
    pub regress: fn(Uuid, i32, Timestamp, bool, Timestamp) -> Bound<Stepped>,
    pub clear: fn(Uuid, Pii<Value>, Timestamp) -> Bound<Stepped>,
}

/// Declares the statements of a module's table, by the id of what its rows hang on, and `STEPS`, for
/// [`take`](crate::return_to_play::take):
/// `return_to_play_statements!("programs.return_to_play", "incident_id");`.
#[macro_export]
macro_rules! return_to_play_statements {
    ($table:literal, $base:literal) => {
        $crate::statements! {
            fn advance(base: $crate::uuid::Uuid, stage: i32, entered_at: $crate::jiff::Timestamp)
                -> $crate::return_to_play::Stepped
                = concat!("update ", $table, " set stage = $2, entered_at = $3, symptomatic = false
                    where tenant_id = kernel.tenant() and ", $base, " = $1 returning id");

            fn regress(base: $crate::uuid::Uuid, stage: i32, entered_at: $crate::jiff::Timestamp, symptomatic: bool,
                       at: $crate::jiff::Timestamp)
                -> $crate::return_to_play::Stepped
                = concat!("update ", $table, "
                      set stage = $2, entered_at = $3, symptomatic = $4, regressed_at = $5, cleared_at = null,
                          clinician_name = null, clinician_profession = null, licence_number = null, licence_state = null,
                          physician_relation = null, physician_name = null, clearance_document = null,
                          recorded_clear_at = null
                    where tenant_id = kernel.tenant() and ", $base, " = $1 returning id");

            fn clear(base: $crate::uuid::Uuid, columns: $crate::privacy::Pii<$crate::serde_json::Value>,
                     recorded_at: $crate::jiff::Timestamp)
                -> $crate::return_to_play::Stepped
                = concat!("update ", $table, "
                      set symptomatic = false, recorded_clear_at = $3,
                          (cleared_at, clinician_name, clinician_profession, licence_number, licence_state,
                           physician_relation, physician_name, clearance_document)
                        = (select r.cleared_at, r.clinician_name, r.clinician_profession, r.licence_number,
                                  r.licence_state, r.physician_relation, r.physician_name, r.clearance_document
                             from jsonb_populate_record(null::", $table, ", $2) r)
                    where tenant_id = kernel.tenant() and ", $base, " = $1 returning id");
        }

        /// What takes a step in this table.
        pub const STEPS: $crate::return_to_play::Statements =
            $crate::return_to_play::Statements { advance, regress, clear };
    };
}

statements! {
    /// What was said of the step that follows in this transaction.
    fn note_step(note: Pii<String>) -> Done
        = "select set_config('app.step_note', $1, true) is not null as done";
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "RV613",
        problem: || {
            let detail = "this is no step of the protocol: see what the return to play has come to";
            Problem::conflict("gate_blocked", detail)
        },
    }]
}
