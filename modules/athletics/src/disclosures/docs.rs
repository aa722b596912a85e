//! What the OpenAPI document says of disclosures.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs = Docs::new(
    "disclosures",
    "Record a disclosure",
    "To whom, with which legitimate interest, on which basis; for `health_or_safety_emergency` also the threat \
     that there was (34 CFR 99.32(a)(5)). The log is not rewritten.",
)
.status(201)
.example(|| {
    json!({
        "recipient": "Franklin County EMS", "interest": "treatment on the field",
        "basis": "health_or_safety_emergency", "what": "allergies and the entry of the day",
        "threat": "unconscious after a collision",
    })
});

pub(super) const LIST: Docs = Docs::new(
    "disclosures",
    "List the disclosures of a record",
    "Newest first; for the school, and for who holds the rights in the record. The reading is on record.",
);
