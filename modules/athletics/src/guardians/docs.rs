//! What the OpenAPI document says of guardians.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs = Docs::new(
    "guardians",
    "Link a guardian",
    "With `account_id`, an account with the role `parent` (for `relation` `self`: `student`), they see the \
     athlete's record: a minor's parents, or the student who has come of age (34 CFR 99.5).",
)
.status(201)
.example(|| json!({"full_name": "Dana Reyes", "relation": "parent", "phone": "+1 614 555 0142"}));

pub(super) const LIST: Docs =
    Docs::new("guardians", "List an athlete's guardians", "The reading is on record.");

pub(super) const CHANGE: Docs = Docs::new(
    "guardians",
    "Change a guardian",
    "`kept_basis` says why a parent still sees the record of a student of age: `student_consent` or \
     `tax_dependent` (34 CFR 99.31(a)(8)). null takes it away.",
)
.example(|| json!({"kept_basis": "student_consent"}));

pub(super) const END: Docs = Docs::new(
    "guardians",
    "End a guardian's link",
    "They see nothing of the athlete within a second, on open streams too.",
)
.status(204);
