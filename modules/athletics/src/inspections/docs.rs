//! What the OpenAPI document says of inspections.

use kernel::http::Docs;
use serde_json::json;

pub(super) const REQUEST: Docs = Docs::new(
    "inspections",
    "Ask to inspect a record",
    "A minor's parent, or the student of age (34 CFR 99.10). `due_on` is the last day for the answer.",
)
.status(201)
.example(|| {
    json!({"athlete_id": "00000000-0000-7000-8000-000000000005", "reason": "For a second opinion."})
})
.required(&["athlete_id"]);

pub(super) const LIST: Docs = Docs::new(
    "inspections",
    "List inspections",
    "What is due first comes first; one's own, for a parent or a student. The reading is on record.",
);

pub(super) const READ: Docs = Docs::new("inspections", "Read an inspection", "");

pub(super) const RELEASE: Docs = Docs::new(
    "inspections",
    "Release a record to who asked",
    "Everything that was recorded up to now, the trainer's notes among it, but for the events in `withheld`, \
     each with its reason: notes in sole possession, words about another student (34 CFR 99.3, 99.12). It is \
     entered in the log of disclosures.",
)
.example(|| json!({"note": "Reviewed with the school nurse.", "withheld": []}));

pub(super) const REFUSE: Docs =
    Docs::new("inspections", "Refuse an inspection", "With the reason, which who asked can read.")
        .example(|| json!({"reason": "A court order ended your rights in this record."}));

pub(super) const INSPECT: Docs = Docs::new(
    "inspections",
    "Read a released record",
    "For who asked, as long as they hold the rights. `words` are the trainer's; `withheld` says how much was kept \
     back and why. The reading is on record.",
);
