//! What the OpenAPI document says of versions.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "agents";

pub(super) const PUBLISH: Docs = Docs::new(
    TAG,
    "Publish a version of an agent",
    "Of `workflow`, nodes and edges in the format of React Flow, or, without it, of what is on the canvas. It is checked whole, and 422 names everything that is \
     wrong, each with its place. The same content is the same version, whatever was drawn where: then it is answered \
     200 and nothing is new. It becomes the current version.",
)
.status(201)
.example(|| {
    json!({"note": "Greets by name.", "workflow": {
        "nodes": [
            {"id": "in", "type": "input", "position": {"x": 0, "y": 0},
             "data": {"fields": [{"name": "name", "type": "text"}]}},
            {"id": "greet", "type": "template", "position": {"x": 200, "y": 0},
             "data": {"text": "Good morning, {{input.name}}."}},
            {"id": "out", "type": "output", "position": {"x": 400, "y": 0}, "data": {"name": "greeting"}}
        ],
        "edges": [
            {"id": "e1", "source": "in", "target": "greet", "targetHandle": "input"},
            {"id": "e2", "source": "greet", "target": "out"}
        ]}})
});

pub(super) const LIST: Docs =
    Docs::new(TAG, "List an agent's versions", "The newest first, without their content.");

pub(super) const READ: Docs = Docs::new(
    TAG,
    "Read a version whole",
    "By `number` or by `hash`; the current one when neither is said.",
);

pub(super) const COMPARE: Docs = Docs::new(
    TAG,
    "Compare two versions",
    "What `to` has that `from` has not: nodes and edges added, removed, and changed, with the places in them.",
);

pub(super) const ROLL_BACK: Docs = Docs::new(
    TAG,
    "Make an earlier version the current one",
    "What is deployed stays as it is until it is deployed anew, and so does the canvas: what was drawn since is kept.",
)
.example(|| json!({"number": 1}));
