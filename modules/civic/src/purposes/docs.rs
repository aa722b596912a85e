//! What the OpenAPI document says of purposes.

use kernel::http::Docs;

pub(super) const LIST: Docs = Docs::new(
    "consent",
    "For what personal information is processed",
    "For everybody. Each purpose with its lawful basis (POPIA s11(1)), whether withdrawing ends it, and the words to be \
     shown before consent, with their version and SHA-256, in `language` or all languages.",
);
