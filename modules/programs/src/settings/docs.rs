//! What the OpenAPI document says of the settings.

use kernel::http::Docs;
use serde_json::json;

pub(super) const READ: Docs = Docs::new(
    "settings",
    "Read the settings",
    "Jurisdiction, time zone, return-to-play protocol, and from how many people on analytics counts.",
);

pub(super) const CHANGE: Docs = Docs::new(
    "settings",
    "Change the settings",
    "Only what is sent changes. Statutory gates cannot be switched off: a jurisdiction without a statute \
     pack, or a count threshold below 5, is refused with 403.",
)
.example(|| json!({"rtp_protocol": "berlin_2016", "cell_threshold": 15}));
