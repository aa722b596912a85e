//! What the OpenAPI document says of connections.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "ehr connections";

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "Connect another system of record",
    "A server of FHIR R4 on the public internet, or in a network that the operator allows. `direction` says who is told \
     of whose changes: `push` tells them of ours, `pull` us of theirs. It is switched on at once, and its jobs run as \
     whoever switched it on, for as long as they may. `secret` is sealed and never shown again.",
)
.status(201)
.example(|| {
    json!({"name": "Hospital Norte", "base_url": "https://ehr.example.org/fhir/r4", "auth": "bearer",
           "secret": "a-token-of-theirs", "direction": "both"})
})
.required(&["name", "base_url", "direction"]);

pub(super) const LIST: Docs = Docs::new(TAG, "List the connections", "By name.");

pub(super) const READ: Docs = Docs::new(TAG, "Read a connection", "Never its secret.");

pub(super) const CHANGE: Docs = Docs::new(
    TAG,
    "Change a connection",
    "What is absent stays as it is. Another `base_url` comes with `auth`, and with a secret for that address. `state` is \
     `active` or `paused`; one that has `stopped` says why, and is switched on again by whoever may.",
)
.example(|| json!({"poll_seconds": 600}));

pub(super) const REMOVE: Docs = Docs::new(
    TAG,
    "Remove a connection",
    "With its secret and with what waits to be told. What was taken over stays, here and there.",
)
.status(204);

pub(super) const STATUS: Docs = Docs::new(
    TAG,
    "See how it stands with a connection",
    "The circuit, what waits to be told and since when, up to when one has read there.",
);

pub(super) const SYNC: Docs = Docs::new(
    TAG,
    "Tell and read now",
    "Without waiting for the next time. While the circuit is open it is not closed by that.",
);

pub(super) const LETTERS: Docs = Docs::new(
    TAG,
    "List what could not be taken over",
    "The newest first, each with its reason. One that was taken over later is gone from here.",
);

pub(super) const RETRY: Docs = Docs::new(
    TAG,
    "Take them over again",
    "What was to be told is told as it is now, what was read is read as it is now there: those of `ids`, or all; a hundred \
     at a time, the oldest first. Returns them.",
)
.example(|| json!({}));
