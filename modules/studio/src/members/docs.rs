//! What the OpenAPI document says of members.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "workspaces";

pub(super) const LIST: Docs =
    Docs::new(TAG, "List who is in a workspace", "In the order of their accounts.");

pub(super) const ADD: Docs = Docs::new(
    TAG,
    "Put somebody into a workspace",
    "An account of the organization; who has none yet is invited at `POST /auth/users` first, and is a member \
     before they have come.",
)
.status(201)
.example(|| json!({"user_id": "00000000-0000-7000-8000-000000000007"}));

pub(super) const TAKE_OUT: Docs = Docs::new(
    TAG,
    "Take somebody out of a workspace",
    "`user_id` says whom. They see what is in it no more within a second, on open canvases too.",
)
.status(204);
