//! What the OpenAPI document says of public numbers.

use kernel::http::Docs;

pub(super) const RESPONSE_TIMES: Docs = Docs::new(
    "public",
    "How soon a municipality answers and repairs",
    "For everybody, of the last twelve months, by category.",
);

pub(super) const VIOLENCE: Docs = Docs::new(
    "public",
    "How much violence is reported",
    "For everybody: counts of a year by kind and quarter, of quarters that have ended, of reports that the liaison has \
     taken up. A number from 1 to 10 is not shown, nor one from which it could be worked out; of fewer than 11 nothing \
     is told. The same question is answered as before until enough has been added.",
);
