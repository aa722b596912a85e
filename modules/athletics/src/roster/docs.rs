//! What the OpenAPI document says of the roster.

use kernel::http::Docs;

pub(super) const LIST: Docs = Docs::new(
    "roster",
    "List the roster",
    "By last name, with who may play. `team` is a team's id, external id or name; `name` is how the last name \
     begins. A coach's roster is their teams'. The reading is on record.",
);

pub(super) const READ: Docs =
    Docs::new("roster", "Read a line of the roster", "By `id` or `external_id`.");

pub(super) const WATCH: Docs = Docs::new(
    "roster",
    "Follow the roster",
    "Server-sent events: first `snapshot`, an array of those that the caller sees; then `changed`, one athlete, \
     each time their status or restrictions change. With `Last-Event-ID` it goes on where it ended. It ends \
     when what the caller may see has changed: connect again.",
);
