//! What the OpenAPI document says of agents.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "agents";

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "Create an agent",
    "A draft with an empty canvas, whose session is the agent's id: `WS /ws/canvas/{id}`. In a workspace its members \
     alone see it; in none, everybody of the organization.",
)
.status(201)
.example(|| json!({"name": "Triage", "description": "Sorts what patients ask."}))
.required(&["name"]);

pub(super) const LIST: Docs = Docs::new(
    TAG,
    "List agents",
    "In the order in which they were created. What the organization's policies deny is left out, so a page may be short.",
);

pub(super) const READ: Docs = Docs::new(TAG, "Read an agent", "");

pub(super) const CHANGE: Docs = Docs::new(
    TAG,
    "Change an agent",
    "What is absent stays as it is. `status`: `archived` keeps it from being drawn, published or deployed, `active` \
     (or `draft`, for one that was never published) takes it back. A draft becomes active with its first version.",
)
.example(|| json!({"description": "Sorts what patients ask, by urgency."}));

pub(super) const REMOVE: Docs =
    Docs::new(TAG, "Delete an agent", "409 while a deployment of it is active: stop that first.")
        .status(204);
