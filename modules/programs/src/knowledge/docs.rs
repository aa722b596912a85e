//! What the OpenAPI document says of knowledge.

use kernel::http::Docs;
use serde_json::json;

pub(super) const INTERVENTIONS: Docs = Docs::new(
    "knowledge",
    "List the interventions",
    "What is known to help, each with its source; the same for every organisation. 200 at the most.",
);

pub(super) const SEARCH: Docs = Docs::new(
    "knowledge",
    "Search interventions and documents",
    "The best hits first. Words are matched by their stems; `\"…\"` wants a phrase, `or` either side, `-` \
     leaves out. In a snippet the words that were found stand between `**`.",
);

pub(super) const ADD: Docs = Docs::new(
    "knowledge",
    "Add a document",
    "Its text is cut into passages at the borders of paragraphs, so that a hit is a place and not a book. \
     A line that begins with `#` is the heading of what follows.",
)
.status(201)
.example(|| {
    json!({
        "title": "Handbook of Saturday boxing",
        "citation": "Northside Youth, Handbook, 2nd edition, 2026",
        "text": "# Arriving\n\nGreet each participant by name.\n\n# Conflict\n\nPause the session and hold a circle.",
    })
})
.required(&["title", "citation", "text"]);

pub(super) const LIST: Docs =
    Docs::new("knowledge", "List the documents", "Those of the organisation, by title.");

pub(super) const REMOVE: Docs = Docs::new(
    "knowledge",
    "Delete a document",
    "With its passages: no search finds it from then on. Its title may be used again.",
)
.status(204);

pub(super) const READ: Docs =
    Docs::new("knowledge", "Read a document", "In the passages that a search finds.");
