//! What the OpenAPI document says of members.

use kernel::http::Docs;

const TAG: &str = "workspaces";

pub(super) const LIST: Docs =
    Docs::new(TAG, "List who is in a workspace", "In the order of their accounts.");

pub(super) const ADD: Docs = Docs::new(
    TAG,
    "Put somebody into a workspace",
    "An account of the organization; who has none yet is invited at `POST /auth/users` first, and is a member \
     before they have come.",
)
.status(201);

pub(super) const TAKE_OUT: Docs = Docs::new(
    TAG,
    "Take somebody out of a workspace",
    "They see what is in it no more within a second, on open canvases too.",
)
.status(204);
