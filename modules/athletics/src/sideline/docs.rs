//! What the OpenAPI document says of the sideline.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs = Docs::new(
    "events",
    "Record an injury at the sideline",
    "Finds the active case of athlete and body part, or opens one, records the entry, and the athlete is `out` \
     (removed from play, severe, or the head) or `restricted`. A phone without a network sends its queue later, \
     in any order: with `client_id` an entry is taken once, and `occurred_at` says when it was. An injury of the \
     head opens a return to play.",
)
.status(201)
.example(|| {
    json!({
        "athlete_id": "00000000-0000-7000-8000-000000000005",
        "body_part": "left ankle",
        "mechanism": "inversion, landing after a header",
        "severity": "moderate",
        "removed_from_play": true,
    })
})
.required(&["athlete_id", "body_part", "severity"]);
