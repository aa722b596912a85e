//! What the OpenAPI document says of the school.

use kernel::http::Docs;
use serde_json::json;

pub(super) const READ: Docs = Docs::new(
    "school",
    "Read the school",
    "Name, branding and the names of its sports; for those who run it also its jurisdiction and its \
     return-to-play protocol.",
);

pub(super) const CHANGE: Docs = Docs::new(
    "school",
    "Change the school",
    "Only what is sent changes; `config` is replaced whole. A jurisdiction without a statute pack is refused \
     with 403: statutory gates cannot be switched off.",
)
.example(|| {
    json!({
        "domain": "riverside.example.org",
        "config": {"primary_color": "#7a1f2b", "logo_url": "https://riverside.example.org/logo.svg",
                   "sport_names": {"fb": "Football", "vb": "Volleyball"}},
    })
});
