//! What the OpenAPI document says of the roster.

use kernel::http::Docs;

pub(super) const LIST: Docs = Docs::new(
    "participants",
    "List the roster",
    "Names as the programme chose them or numbers, age bands and current cohorts, in the order of the roster \
     name. No legal name, birth date, guardian, contact, address or school.",
);
