//! What the OpenAPI document says of cases.

use kernel::http::Docs;
use serde_json::json;

pub(super) const LIST: Docs = Docs::new(
    "cases",
    "List cases",
    "Newest first; for the day, `status=active&attention_level=urgent`. A coach's are the active ones of their \
     teams, a family's its own. The reading is on record.",
);

pub(super) const LIST_OF_ATHLETE: Docs = Docs::new(
    "cases",
    "List an athlete's cases",
    "`id` is the athlete's, or their `external_id`. A coach sees the active ones, and of them whether the \
     athlete may play and what they may not do. The reading is on record.",
);

pub(super) const CHANGE: Docs = Docs::new(
    "cases",
    "Change a case",
    "`id` is the case's. `attention_level` is for the day; `severity` is as it was found and cannot change; the \
     rest of a case follows from its events.",
)
.example(|| json!({"attention_level": "stable"}));
