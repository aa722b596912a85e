//! What the OpenAPI document says of participants.

use kernel::http::Docs;
use serde_json::{Value, json};

pub(super) const CREATE: Docs = Docs::new(
    "participants",
    "Create a participant",
    "With guardians, contacts and addresses, ten of each at the most. `roster_name` is what the roster \
     shows; when not said, a number that says nothing about the person.",
)
.status(201)
.example(example)
.required(&["first_name", "last_name", "date_of_birth"]);

pub(super) const LIST: Docs = Docs::new(
    "participants",
    "List participants",
    "Whole records, by last name. `name` is how the last name begins. The reading is on record in the \
     audit ledger. For names and groups alone there is `GET /participants/roster`.",
);

pub(super) const READ: Docs = Docs::new(
    "participants",
    "Read a participant",
    "The reading is on record in the audit ledger.",
);

pub(super) const CHANGE: Docs = Docs::new(
    "participants",
    "Change a participant",
    "Changes the fields that are sent: an absent one stays, a null clears it. A list that is sent replaces \
     the whole list; `[]` removes all of it.",
)
.example(|| {
    json!({
        "grade": "8",
        "guardians": [{"full_name": "Dana Reyes", "relation": "parent", "phone": "+1 614 555 0142",
                       "is_primary": true}],
    })
});

fn example() -> Value {
    json!({
        "first_name": "Sam",
        "last_name": "Reyes",
        "date_of_birth": "2013-05-10",
        "preferred_name": "Sammy",
        "gender": "nonbinary",
        "school": "Northside Middle School",
        "grade": "7",
        "medical_notes": "Asthma; carries an inhaler.",
        "guardians": [
            {"full_name": "Dana Reyes", "relation": "parent", "email": "dana.reyes@example.org",
             "phone": "+1 614 555 0142", "is_primary": true},
        ],
        "contacts": [
            {"full_name": "Lee Park", "relation": "aunt", "phone": "+1 614 555 0177", "priority": 1},
        ],
        "addresses": [
            {"line1": "12 Elm Street", "city": "Columbus", "state": "OH", "postal_code": "43215",
             "county": "Franklin"},
        ],
    })
}
