//! What the OpenAPI document says of organizations.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "organizations";

pub(super) const LIST: Docs =
    Docs::new(TAG, "List organizations", "One's own; a credential speaks for one alone.");

pub(super) const READ: Docs = Docs::new(TAG, "Read the organization", "");

pub(super) const CHANGE: Docs = Docs::new(
    TAG,
    "Change the organization's name and description",
    "What is absent stays as it is; without a name it has the one that the operator gave it.",
)
.example(|| json!({"description": "Assistants of a clinic's front desk."}));
