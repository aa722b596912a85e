//! What the OpenAPI document says of events.

use kernel::http::Docs;
use serde_json::json;

pub(super) const LIST: Docs = Docs::new(
    "events",
    "List events",
    "Of all cases that the caller sees, newest first. `q` looks for words: in what the caller sees of an event, \
     and nowhere else. The reading is on record.",
);

pub(super) const TIMELINE: Docs = Docs::new(
    "events",
    "Read a case's timeline",
    "`id` is the case's. Newest first: all events for the trainer, with `clinical_notes`; those marked `coach` \
     for a coach, those marked `parent` for a family. The reading is on record.",
);

pub(super) const CREATE: Docs = Docs::new(
    "events",
    "Record an event",
    "`note`, `evaluation`, `restriction_added`, `restriction_lifted`, `clearance_granted` or `correction`. \
     `visibility` is `[\"at\"]` unless said, of a correction too; restrictions are shown to coach and family in any case. \
     `clearance_granted` resolves the case; that of a head injury is refused with 409 `gate_blocked` until its \
     return to play is complete and a licensed clinician's written clearance is on record.",
)
.status(201)
.example(|| {
    json!({
        "kind": "restriction_added",
        "restriction": "No running or jumping.",
        "restriction_until": "2099-11-20",
        "note": "Swelling is going down.",
        "clinical_notes": "Anterior drawer test negative.",
        "visibility": ["coach", "parent"],
    })
});

pub(super) const REOPEN: Docs = Docs::new(
    "events",
    "Reopen a case",
    "Within thirty days of its resolution, the last instant among them. A head injury goes back one stage, and \
     its clearance is void.",
)
.example(|| json!({"reason": "The pain is back."}));
