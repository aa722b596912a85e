//! What the OpenAPI document says of athletes.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs = Docs::new(
    "athletes",
    "Create an athlete",
    "`sports` are codes of the school's `sport_names`. `current_status` follows from the cases.",
)
.status(201)
.example(|| {
    json!({
        "first_name": "Sam", "last_name": "Reyes", "date_of_birth": "2010-05-10", "grade": "10",
        "sports": ["fb"],
    })
})
.required(&["first_name", "last_name", "date_of_birth"]);

pub(super) const LIST: Docs = Docs::new(
    "athletes",
    "List athletes' records",
    "By last name; for a parent or a student the athletes in whose records they hold the rights. The reading \
     is on record. Who may play is in the roster.",
);

pub(super) const READ: Docs =
    Docs::new("athletes", "Read an athlete's record", "By `id` or `external_id`.");

pub(super) const CHANGE: Docs = Docs::new(
    "athletes",
    "Change an athlete",
    "Changes what is sent; `team_ids` and `sports` replace the whole list.",
)
.example(|| json!({"grade": "11", "team_ids": []}));

pub(super) const END: Docs = Docs::new(
    "athletes",
    "Take an athlete off the roster",
    "For who has left the school: no slice shows them any more. The record of their injuries is kept.",
)
.status(204);
