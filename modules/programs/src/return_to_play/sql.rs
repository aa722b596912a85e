//! Statements on return to play. Each step is kept by a trigger, with the note of its transaction.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A step that was taken.
    pub struct Stepped { id: Uuid }
}

statements! {
    /// What was said of the step that follows in this transaction.
    fn note_step(note: Pii<String>) -> Done
        = "select set_config('app.step_note', $1, true) is not null as done";

    fn advance(incident: Uuid, stage: i32, entered_at: Timestamp) -> Stepped
        = "update programs.return_to_play set stage = $2, entered_at = $3, symptomatic = false
            where tenant_id = kernel.tenant() and incident_id = $1 returning id";

    fn regress(incident: Uuid, stage: i32, entered_at: Timestamp, symptomatic: bool, at: Timestamp) -> Stepped
        = "update programs.return_to_play
              set stage = $2, entered_at = $3, symptomatic = $4, regressed_at = $5, cleared_at = null,
                  clinician_name = null, clinician_profession = null, licence_number = null, licence_state = null,
                  physician_relation = null, physician_name = null, clearance_document = null, recorded_clear_at = null
            where tenant_id = kernel.tenant() and incident_id = $1 returning id";

    fn clear(incident: Uuid, columns: Pii<Value>, recorded_at: Timestamp) -> Stepped
        = "update programs.return_to_play t
              set symptomatic = false, recorded_clear_at = $3,
                  (cleared_at, clinician_name, clinician_profession, licence_number, licence_state, physician_relation,
                   physician_name, clearance_document)
                = (select r.cleared_at, r.clinician_name, r.clinician_profession, r.licence_number, r.licence_state,
                          r.physician_relation, r.physician_name, r.clearance_document
                     from jsonb_populate_record(null::programs.return_to_play, $2) r)
            where tenant_id = kernel.tenant() and incident_id = $1 returning id";
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "RV613",
        problem: || {
            let detail = "this is no step of the protocol: see the incident's return to play";
            Problem::conflict("gate_blocked", detail).refusing("incident:escalate")
        },
    }]
}
