//! What the OpenAPI document says of the ledger.

use kernel::http::Docs;

pub(super) const LIST: Docs = Docs::new(
    "audit",
    "Read the municipality's ledger",
    "Newest first; every change, every reading of somebody's record, every refusal. The platform's administrators name \
     the `municipality` and their `reason`, which that municipality finds in its own ledger as `purpose_of_event`.",
);
