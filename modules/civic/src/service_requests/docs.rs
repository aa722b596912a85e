//! What the OpenAPI document says of service requests.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "service requests";

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "Report something",
    "A place is coordinates or an address. The answer holds the number by which it is followed and the times by \
     which the municipality means to answer and to repair. Who reports is the caller; staff at a counter or a \
     telephone may name the citizen with `reporter_id`, or nobody.",
)
.status(201)
.example(|| {
    json!({"category": "water", "description": "Water runs over the pavement.", "address": "12 Long Street",
           "latitude": -33.9221, "longitude": 18.4231, "photo_url": "https://photos.example/leak.jpg"})
})
.required(&["category", "description"]);

pub(super) const LIST: Docs = Docs::new(
    TAG,
    "List requests",
    "Citizens see their own; those who work on requests see all. Newest first; with `overdue=true` those past a \
     target, the most urgent first.",
);

pub(super) const FIND: Docs = Docs::new(
    TAG,
    "See a request",
    "`message` is in the reporter's language. The reporter's name and phone are shown to those who work on it \
     while the reporter consents to `contact`.",
);

pub(super) const HISTORY: Docs = Docs::new(
    TAG,
    "See what happened to a request",
    "In order. Escalations follow from the targets that were passed: to the manager when nobody answered in time, to \
     the admin when nothing was repaired in time.",
);

pub(super) const STATUS: Docs = Docs::new(
    TAG,
    "Change the status",
    "From `open` or `in_progress` to `in_progress`, `open`, `resolved` or `rejected` (with a note), from `resolved` to \
     `closed`. 409 says what may follow.",
)
.example(|| json!({"status": "in_progress", "note": "A plumber is on the way."}));

pub(super) const ASSIGN: Docs =
    Docs::new(TAG, "Assign a request", "To somebody who works on requests.")
        .example(|| json!({"assigned_to": "00000000-0000-7000-8000-000000000001"}));

pub(super) const REOPEN: Docs = Docs::new(
    TAG,
    "Reopen a request",
    "Within 30 days after it was settled; the targets begin anew.",
)
.example(|| json!({"note": "It leaks again."}));

pub(super) const ERASE: Docs = Docs::new(
    TAG,
    "Erase the words of a request",
    "Of one that nobody with an account reported: a name or number that somebody gave at a counter, by telephone or \
     through a portal. What an account reported goes with the account.",
)
.status(204);
