//! What the OpenAPI document says of instructors.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs = Docs::new(
    "instructors",
    "Create an instructor",
    "`concussion_trained_on` and `activity_permit_until` are what ORC 3707.511 (C) asks of who coaches. \
     `account_id` names the instructor's own account, if there is one.",
)
.status(201)
.example(|| {
    json!({
        "full_name": "Jordan Wells",
        "email": "jordan.wells@example.org",
        "concussion_trained_on": "2026-08-15",
        "activity_permit_until": "2028-06-30",
    })
})
.required(&["full_name"]);

pub(super) const LIST: Docs = Docs::new(
    "instructors",
    "List instructors",
    "By name. The reading is on record in the audit ledger.",
);

pub(super) const CHANGE: Docs = Docs::new(
    "instructors",
    "Change an instructor",
    "Changes the fields that are sent: an absent one stays, a null clears it.",
)
.example(|| json!({"concussion_trained_on": "2027-08-15", "activity_permit_until": null}));

pub(super) const READ: Docs = Docs::new("instructors", "Read an instructor", "By the id.");
