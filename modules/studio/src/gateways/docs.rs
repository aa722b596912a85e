//! What the OpenAPI document says of gateways.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "gateways";

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "Name a gateway",
    "`url` on the public internet, or in a network that the operator allows. `secret` is what the gateway was started \
     with; it is sealed and never shown again.",
)
.status(201)
.example(|| {
    json!({"name": "Front desk, production", "url": "https://gateway.example.org", "environment": "production",
           "secret": "a-secret-of-32-characters-or-more"})
})
.required(&["name", "url", "environment", "secret"]);

pub(super) const LIST: Docs = Docs::new(
    TAG,
    "List gateways",
    "By name. What the organization's policies deny is left out, so a page may be short.",
);

pub(super) const READ: Docs = Docs::new(TAG, "Read a gateway", "Never its secret.");

pub(super) const CHANGE: Docs = Docs::new(
    TAG,
    "Change a gateway",
    "What is absent stays as it is; a `secret` replaces the one there is, and comes with another `url`; \
     409 for that while an agent is deployed. Nothing is deployed to one that is `disabled`.",
)
.example(|| json!({"status": "active"}));

pub(super) const REMOVE: Docs =
    Docs::new(TAG, "Remove a gateway", "409 while an agent is deployed to it: stop that first.")
        .status(204);
