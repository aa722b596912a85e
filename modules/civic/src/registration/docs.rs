//! What the OpenAPI document says of registration.

use kernel::http::Docs;
use serde_json::json;

pub(super) const REGISTER: Docs = Docs::new(
    "auth",
    "Make an account for oneself",
    "A citizen's, in a municipality that is active. Nobody has one without consent.",
)
.status(201)
.example(|| {
    json!({"email": "thandi@example.org", "password": "a long enough secret",
           "full_name": "Thandi Nkosi", "preferred_language": "zu", "municipality_code": "EXAMPLE",
           "consent": {"purpose": "platform_access", "language": "zu", "consented": true}})
});
