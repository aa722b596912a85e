//! API keys of a tenant: made, listed, rotated, revoked. A key is shown once and stored as a hash.

mod http;
mod rules;
pub(crate) mod sql;

pub use http::ApiKeyView;
pub use rules::{KeyName, Overlap};

use serde_json::json;

use crate::{
    http::{Docs, Routes},
    permissions,
};

permissions! {
    /// Make, rotate and revoke keys. Its role must cover every other role (a test says so).
    ManageKeys = "key:write", Writes;
    /// See which keys there are, never the keys themselves.
    ListKeys = "key:read", Reads;
}

const CREATE: Docs = Docs::new(
    "api-keys",
    "Create an API key",
    "The only answer that ever shows the key: keep it where secrets are kept.",
)
.status(201)
.example(|| json!({"name": "n8n", "role": "integration"}));
const LIST: Docs =
    Docs::new("api-keys", "List the tenant's API keys", "Secrets are never shown again.");
const ROTATE: Docs = Docs::new(
    "api-keys",
    "Rotate an API key",
    "Makes a key of the same name and role; the old one works for `overlap_hours` more, 24 when not said.",
)
.status(201)
.example(|| json!({"overlap_hours": 24}));
const REVOKE: Docs =
    Docs::new("api-keys", "Revoke an API key", "Felt on every replica within a second.")
        .status(204);

pub(crate) fn routes(routes: &mut Routes) {
    routes.post(ManageKeys, "/v1/auth/api-keys", http::create, CREATE);
    routes.get(ListKeys, "/v1/auth/api-keys", http::list, LIST);
    routes.post(ManageKeys, "/v1/auth/api-keys/{id}/rotate", http::rotate, ROTATE);
    routes.delete(ManageKeys, "/v1/auth/api-keys/{id}", http::revoke, REVOKE);
}
