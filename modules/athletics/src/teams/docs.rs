//! What the OpenAPI document says of teams.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE: Docs =
    Docs::new("teams", "Create a team", "`coach_ids` are accounts with the role `coach`.")
        .status(201)
        .example(|| json!({"name": "Varsity Football", "sport": "fb", "season": "2026"}))
        .required(&["name", "sport"]);

pub(super) const LIST: Docs =
    Docs::new("teams", "List teams", "By name; a coach's own, for a coach.");

pub(super) const READ: Docs = Docs::new("teams", "Read a team", "A coach's own, for a coach.");

pub(super) const CHANGE: Docs = Docs::new(
    "teams",
    "Change a team",
    "Changes what is sent; `coach_ids` replaces the whole list. Who is taken off it sees the team's athletes \
     no more within a second, on open streams too.",
)
.example(|| json!({"coach_ids": []}));
