//! What the OpenAPI document says of consent.

use kernel::http::Docs;
use serde_json::{Value, json};

pub(super) const GRANT: Docs = Docs::new(
    "consent",
    "Record a consent",
    "Evidence: who consented for whom and by which right, to what, in which words (their hash and version) \
     and language. `orc_5122_04` is a minor's own consent to outpatient mental-health services from 14 on. \
     Send the `text`, of which the hash is kept, or its `text_hash` (SHA-256, hex).",
)
.status(201)
.example(example)
.required(&["grantor_name", "text_version"]);

pub(super) const LIST: Docs = Docs::new(
    "consent",
    "List consents",
    "By participant, oldest first. With `audience=guardian` a minor's own consent under ORC 5122.04 is not \
     there unless it was disclosed.",
);

pub(super) const STATUS: Docs = Docs::new(
    "consent",
    "The capture gate's verdict",
    "Whether a session may be captured for the participant now, and why (not): each reason with its code, \
     the section of law and the version of the statute pack. `purpose` is `participation` unless said.",
);

pub(super) const RECORD: Docs = Docs::new(
    "consent",
    "Spend a session of the ORC 5122.04 budget",
    "Six sessions or thirty days from the first, whichever is sooner; the age counts at each. What is over \
     can be ended (`revoke`) or go on with the guardian's consent.",
)
.example(|| json!({}));

pub(super) const REVOKE: Docs = Docs::new(
    "consent",
    "Revoke a consent",
    "From now on. The consent stays as evidence; a second time changes nothing.",
)
.example(|| json!({"reason": "The family moves away."}));

pub(super) const DISCLOSE: Docs = Docs::new(
    "consent",
    "Record that a guardian was told",
    "ORC 5122.04 (A): with the minor's agreement, or for a compelling need after the minor was told. From \
     then on the consent is in the guardian's view.",
)
.status(201)
.example(|| json!({"ground": "minor_agreement", "minor_informed_at": "2026-03-02T15:00:00Z"}));

fn example() -> Value {
    json!({
        "participant_id": "00000000-0000-7000-8000-000000000001",
        "purpose": "participation",
        "basis": "guardian",
        "grantor": "parent",
        "grantor_name": "Dana Reyes",
        "relation": "mother",
        "text": "I agree that my child takes part in the programme.",
        "text_version": "2026-01",
        "language": "en",
        "channel": "paper",
    })
}
