//! What the OpenAPI document says of sessions.

use kernel::http::Docs;
use serde_json::{Value, json};

pub(super) const CREATE: Docs = Docs::new(
    "sessions",
    "Record a session with its attendance",
    "Who is `present` or `late` needs an open consent gate for each purpose of the programme, as of the \
     session; if anybody's is closed, 409 names them and nothing is recorded. A minor's own consent \
     (ORC 5122.04) is spent by it.",
)
.status(201)
.example(example)
.required(&["program_id"]);

pub(super) const LIST: Docs = Docs::new(
    "sessions",
    "List sessions",
    "In the order of their start; `[from, to)`. With how many attended.",
);

pub(super) const READ: Docs =
    Docs::new("sessions", "Read a session", "With its attendance, by roster name.");

pub(super) const ATTEND: Docs = Docs::new(
    "sessions",
    "Record attendance later",
    "Adds to the attendance or corrects it, one entry a participant, under the same gate.",
)
.example(|| json!({"attendance": []}));

fn example() -> Value {
    json!({
        "program_id": "00000000-0000-7000-8000-000000000001",
        "starts_at": "2026-03-02T21:00:00Z",
        "ends_at": "2026-03-02T22:30:00Z",
        "topic": "Falling safely",
    })
}
