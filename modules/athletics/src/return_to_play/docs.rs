//! What the OpenAPI document says of return to play.

use kernel::http::Docs;
use serde_json::json;

pub(super) const STEP: Docs = Docs::new(
    "cases",
    "Take a step of the return to play",
    "`advance` by one stage after 24 hours without symptoms, `regress` when there are any, `clear` with the \
     written clearance of a licensed clinician. What is missing is listed with the section of law (409, or 422 \
     where the request itself lacks it). After `clear` and the last stage, `clearance_granted` resolves the case.",
)
.example(|| json!({"action": "regress", "symptoms": ["headache"]}));
