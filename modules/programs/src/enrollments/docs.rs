//! What the OpenAPI document says of enrollments.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs = Docs::new(
    "enrollments",
    "Enroll a participant in a cohort",
    "From `started_on` on, today when not said. 409 `already_enrolled` for who is in the cohort now, and \
     `cohort_full` when it holds no more. Who has left may come back.",
)
.status(201)
.example(|| {
    json!({
        "participant_id": "00000000-0000-7000-8000-000000000001",
        "cohort_id": "00000000-0000-7000-8000-000000000002",
    })
})
.required(&["participant_id", "cohort_id"]);

pub(super) const LIST: Docs =
    Docs::new("enrollments", "List enrollments", "By the day they started. The filters add up.");

pub(super) const COUNT: Docs = Docs::new(
    "enrollments",
    "Count enrollments by cohort",
    "How many are in each cohort, have completed it and have left it: nobody among them.",
);

pub(super) const END: Docs = Docs::new(
    "enrollments",
    "End an enrollment",
    "Once and for good: 409 `enrollment_ended` for one that has ended, of which nothing changes.",
)
.example(|| json!({"status": "completed", "reason": "Attended to the end of the term."}));

pub(super) const READ: Docs = Docs::new("enrollments", "Read an enrollment", "By its id.");
