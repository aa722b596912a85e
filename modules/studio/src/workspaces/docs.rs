//! What the OpenAPI document says of workspaces.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "workspaces";

pub(super) const CREATE: Docs =
    Docs::new(TAG, "Create a workspace", "Who creates it is its first member.")
        .status(201)
        .example(|| json!({"name": "Front desk"}))
        .required(&["name"]);

pub(super) const LIST: Docs = Docs::new(
    TAG,
    "List workspaces",
    "By name; those one is in, or all for those who run the organization.",
);

pub(super) const READ: Docs = Docs::new(TAG, "Read a workspace", "");

pub(super) const CHANGE: Docs =
    Docs::new(TAG, "Change a workspace", "What is absent stays as it is.")
        .example(|| json!({"description": "What patients talk to first."}));

pub(super) const REMOVE: Docs =
    Docs::new(TAG, "Remove a workspace", "409 while there are agents in it.").status(204);
