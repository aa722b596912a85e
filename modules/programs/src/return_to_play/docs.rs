//! What the OpenAPI document says of return to play.

use kernel::http::Docs;
use serde_json::json;

pub(super) const STEP: Docs = Docs::new(
    "incidents",
    "Take a step of the return to play",
    "`advance` goes on by one stage, after 24 hours and without symptoms; `regress` goes back by one and \
     voids a clearance; `clear` records the written clearance of a named, licensed clinician and is a \
     clinician's to record. What is missing is listed, with the section of law and the version of the \
     statute pack.",
)
.example(|| json!({"action": "regress", "symptoms": true, "note": "Headache after the warm-up."}));
