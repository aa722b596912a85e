//! What the OpenAPI document says of incidents.

use kernel::http::Docs;
use serde_json::{Value, json};

pub(super) const CREATE: Docs = Docs::new(
    "incidents",
    "Report an incident",
    "`injury_concussion` opens return to play at stage 1; `mandated_report` needs `report_basis`; `crisis` is \
     escalated from the start. Nothing in the body can set these otherwise.",
)
.status(201)
.example(example);

pub(super) const LIST: Docs = Docs::new(
    "incidents",
    "List incidents",
    "Newest first; `from` and `to` are times, `[from, to)`.",
);

pub(super) const READ: Docs = Docs::new(
    "incidents",
    "Read an incident",
    "With its return to play, reports and escalations. Who reported is shown to those who may escalate.",
);

pub(super) const CLOSE: Docs = Docs::new(
    "incidents",
    "Close an incident",
    "A concussion closes once its return to play is cleared by a named clinician; a mandated report once the \
     agency that took it is recorded (it may come with this request). Otherwise 409 `gate_blocked` lists \
     what is missing, the section of law and the version of the statute pack.",
)
.example(|| json!({"resolution": "Seen by the school nurse; back the next day."}));

pub(super) const REOPEN: Docs = Docs::new(
    "incidents",
    "Reopen an incident",
    "Within thirty days of its closing, the last instant among them.",
)
.example(|| json!({"reason": "The family called again."}));

pub(super) const REPORT: Docs = Docs::new(
    "incidents",
    "Record a report to an agency",
    "Who took the report of abuse or neglect, and when (ORC 2151.421).",
)
.status(201)
.example(|| {
    json!({
        "agency_type": "pcsa",
        "agency_name": "Franklin County Children Services",
        "county": "Franklin",
        "channel": "phone",
        "reported_at": "2026-03-02T22:10:00Z",
    })
});

pub(super) const ESCALATE: Docs =
    Docs::new("incidents", "Escalate an incident", "It then stays escalated until it closes.")
        .example(|| json!({"reason": "The family asks for the director."}));

fn example() -> Value {
    json!({
        "incident_type": "injury",
        "severity": "low",
        "occurred_at": "2026-03-02T21:40:00Z",
        "description": "A scraped knee on the mat.",
    })
}
