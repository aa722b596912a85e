//! What the OpenAPI document says of goals.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs = Docs::new(
    "goals",
    "Set a goal",
    "For one participant. A goal that is `achieved` has a progress of 100.",
)
.status(201)
.example(|| {
    json!({
        "participant_id": "00000000-0000-7000-8000-000000000001",
        "title": "Come to every Saturday session in March",
        "description": "Agreed with the participant.",
        "category": "engagement",
        "target_date": "2027-03-31",
    })
})
.required(&["participant_id", "title"]);

pub(super) const LIST: Docs =
    Docs::new("goals", "List goals", "In the order they were set. The filters add up.");

pub(super) const READ: Docs = Docs::new(
    "goals",
    "Read a goal",
    "With its history: every change of status or progress and every note, in order.",
);

pub(super) const CHANGE: Docs = Docs::new(
    "goals",
    "Change a goal",
    "Changes the fields that are sent: an absent one stays, a null clears it. A change of status or \
     progress goes into the history, and so does a `note`. `achieved` sets the progress to 100.",
)
.example(|| json!({"progress": 50, "note": "Two of four sessions."}));
