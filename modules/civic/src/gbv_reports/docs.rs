//! What the OpenAPI document says of reports of violence.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "gender-based violence";

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "Report violence",
    "Without an account: whatever credential is sent is not looked at, and no address is kept. The answer holds a \
     reference and a code, shown once, with which alone the report can be followed. The police liaison and the admin \
     of the municipality read it, and nobody else.",
)
.status(201)
.example(|| {
    json!({"municipality_code": "harbor", "kind": "physical", "description": "My neighbour is beaten at night.",
           "language": "en"})
});

pub(super) const FOLLOW: Docs = Docs::new(
    TAG,
    "Follow a report",
    "With its reference and code: where it stands, and nothing of what it says.",
)
.example(
    || json!({"municipality_code": "harbor", "reference": "R-0000-0000", "code": "reeve_gf_…"}),
);

pub(super) const LIST: Docs =
    Docs::new(TAG, "List reports", "For the police liaison and the admin; newest first.");

pub(super) const FIND: Docs = Docs::new(TAG, "See a report", "The reading is on record.");

pub(super) const CHANGE: Docs = Docs::new(
    TAG,
    "Take a report further",
    "To `in_review`, `referred` (with the police's case number), `closed`. What was reported stays.",
)
.example(|| json!({"status": "referred", "saps_case_number": "CAS 123/11/2026"}));
