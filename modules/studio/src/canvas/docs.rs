//! What the OpenAPI document says of canvases.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "canvas";

pub(super) const JOIN: Docs = Docs::new(
    TAG,
    "Draw an agent with others",
    "A WebSocket, subprotocol `reeve.canvas`. A browser names `bearer.` and its token as a second protocol, or \
     brings a ticket. First comes the canvas (`snapshot`), or what was missed `after` an operation; then every \
     operation in order, who is here (`presence`), pointers (`cursor`), and any other object that a member sends, as \
     it is. Changing anything takes `agent:update`.",
)
.status(101);

pub(super) const TICKET: Docs = Docs::new(
    TAG,
    "Take a ticket for a canvas",
    "For a browser, which can send no header with a WebSocket: `/ws/canvas/{session_id}?ticket=…`. Good for 30 \
     seconds, once, for who took it and this canvas.",
)
.example(|| json!({"session_id": "00000000-0000-7000-8000-000000000009"}));

pub(super) const FIND: Docs = Docs::new(
    TAG,
    "See a canvas",
    "`seq` is the number of the newest operation in it. `hash` is SHA-256 of `{\"edges\":[…],\"nodes\":[…]}`, each \
     sorted by `id`, as RFC 8785 writes it: clients that agree have the same.",
);
