//! What the OpenAPI document says of registration.

use kernel::http::Docs;
use serde_json::json;

pub(super) const REGISTER: Docs = Docs::new(
    "auth",
    "Make an account for oneself",
    "A citizen's, in an active municipality, with the consent to it in one transaction. For a child (`date_of_birth`) a competent person consents.",
)
.status(201)
.example(|| {
    json!({"email": "thandi@example.org", "password": "a long enough secret",
           "full_name": "Thandi Nkosi", "preferred_language": "zu", "municipality_code": "EXAMPLE",
           "consent": {"purpose": "platform_registration", "language": "zu", "consented": true}})
});

pub(super) const BIRTH: Docs = Docs::new(
    "auth",
    "Record when somebody was born",
    "Of a child who registered without saying so, or was given an account: from then on a competent person consents for \
     them, until they are 18 (POPIA s35(1)(a)).",
)
.status(204)
.example(|| json!({"date_of_birth": "2012-05-10"}));
