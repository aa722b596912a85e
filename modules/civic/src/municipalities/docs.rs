//! What the OpenAPI document says of municipalities.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "municipalities";

pub(super) const LIST_PUBLIC: Docs = Docs::new(
    "public",
    "Municipalities in which one can register",
    "For everybody: id, name, code and province, by name.",
);

pub(super) const LIST: Docs = Docs::new(TAG, "List municipalities", "For the platform; by name.");

pub(super) const FIND: Docs = Docs::new(TAG, "See a municipality", "For the platform.");

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "Found a municipality",
    "An organisation of its own, with the usual categories of reports. Its first admin is invited at the command line \
     (`reeve user create`).",
)
.status(201)
.example(|| {
    json!({"name": "Umhlathuze", "code": "umhlathuze", "province": "KwaZulu-Natal", "population": 410465,
           "contact_email": "info@umhlathuze.example"})
});

pub(super) const CHANGE: Docs = Docs::new(
    TAG,
    "Change a municipality",
    "`is_active` false suspends it: its people's tokens and keys end within a second.",
)
.example(|| json!({"population": 412075}));
