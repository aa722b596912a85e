//! What the OpenAPI document says of milestones.

use kernel::http::Docs;
use serde_json::json;

pub(super) const LIST: Docs = Docs::new(
    "milestones",
    "List a case's milestones",
    "`id` is the case's. In order: `state` is `reached`, `current` (the first that is not) or `upcoming`. Those \
     of a head injury are the stages of its return to play, and move with it; a coach does not see those, since \
     they tell what the injury is. The reading is on record.",
);

pub(super) const CREATE: Docs = Docs::new(
    "milestones",
    "Add a milestone",
    "After those that there are, unless `position` is said.",
)
.status(201)
.example(
    || json!({"title": "Full weight-bearing", "phase": "recovery", "target_on": "2099-11-20"}),
);

pub(super) const CHANGE: Docs = Docs::new(
    "milestones",
    "Move or reach a milestone",
    "A new `target_on`, or `reached_on`, and why; each is an event in the timeline. What is reached stays \
     reached.",
)
.example(|| json!({"target_on": "2099-11-27", "reason": "Swelling persists."}));
