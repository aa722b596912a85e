//! What the OpenAPI document says of destinations.

use serde_json::json;

use crate::http::Docs;

const TAG: &str = "events";

pub(super) const TYPES: Docs = Docs::new(
    TAG,
    "List the types of events",
    "Those that your role may hear of: whoever may read a record may hear what becomes of it.",
);

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "Have events told to another system",
    "A `webhook` gets them as POST requests by Standard Webhooks 1.0.0: `url` on the public internet, or in a network \
     that the operator allows. The answer shows the `secret` by which a receiver knows us, this once. An `sqs` queue \
     gets them as messages under credentials of your own. `events` has names such as `appointment.created`, or \
     `appointment.*`, or `*`: all that there are today and that your role may hear of.",
)
.status(201)
.required(&["url", "events"])
.example(|| {
    json!({"kind": "webhook", "url": "https://hooks.example.org/reeve", "events": ["*"],
           "description": "The warehouse"})
});

pub(super) const LIST: Docs = Docs::new(TAG, "List destinations", "Never their secrets.");

pub(super) const READ: Docs = Docs::new(
    TAG,
    "Read a destination",
    "Never its secret. `failing_since` is since when there were only failures; five days of them disable it, and so \
     does a receiver that answers 410.",
);

pub(super) const CHANGE: Docs = Docs::new(
    TAG,
    "Change a destination",
    "What is absent stays as it is. A destination that is `paused` gets its events when it is `active` again; one that \
     is `disabled` gets those that come after that.",
)
.example(|| json!({"status": "active"}));

pub(super) const REMOVE: Docs = Docs::new(
    TAG,
    "Remove a destination",
    "What is on its way to it is told no more. Its secret is destroyed.",
)
.status(204);

pub(super) const ROTATE: Docs = Docs::new(
    TAG,
    "Give a webhook a new secret",
    "It is shown this once. The former one signs beside it for `overlap_hours`, 0 to 720, 24 when not said.",
)
.example(|| json!({"overlap_hours": 24}));

pub(super) const TEST: Docs = Docs::new(
    TAG,
    "Send a test event",
    "An event of the type `destination.test`, sent as any other; how it went is to be read at the delivery.",
)
.status(201)
.example(|| json!({}));

pub(super) const DELIVERIES: Docs = Docs::new(
    TAG,
    "List what a destination was told",
    "The newest first, of the last thirty days.",
);

pub(super) const DELIVERY: Docs = Docs::new(
    TAG,
    "See how a delivery went",
    "With each attempt: the status that the receiver answered with, or why there was no answer.",
);

pub(super) const REPLAY: Docs = Docs::new(
    TAG,
    "Send an event again",
    "Under its own id, so that a receiver that had it knows it; at once, if it waits for its next attempt.",
)
.example(|| json!({}));

pub(super) const REPLAY_SINCE: Docs = Docs::new(
    TAG,
    "Send again what failed",
    "Every event of the destination that happened since then and failed, the oldest first; 10,000 at once, and `more` \
     says whether there are others.",
)
.required(&["since"])
.example(|| json!({"since": "2026-11-01T00:00:00Z"}));
