//! What the OpenAPI document says of consent.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "consent";

pub(super) const GRANT: Docs = Docs::new(
    TAG,
    "Consent",
    "Evidence: to what, in which words (their SHA-256 and version), language and channel, from which address, by \
     whom. The words are `text` or `purpose_description` if sent, else those of `GET /api/v1/purposes`. For a child \
     a competent person consents (POPIA s35(1)(a)). The `receipt` is a JWS that anybody can verify with the keys of \
     `/.well-known/jwks.json`.",
)
.status(201)
.example(|| json!({"purpose": "contact", "language": "zu", "consented": true}));

pub(super) const LIST: Docs = Docs::new(
    TAG,
    "List consents",
    "One's own, newest first, withdrawn ones too; `user_id` names somebody else, for who may see citizens' consents.",
);

pub(super) const FIND: Docs = Docs::new(TAG, "See a consent", "One's own, or a citizen's.");

pub(super) const RECEIPT: Docs = Docs::new(
    TAG,
    "The receipt of a consent",
    "As it stands now: a JWS (RFC 7515) of type `consent-receipt+jwt`.",
);

pub(super) const WITHDRAW: Docs = Docs::new(
    TAG,
    "Withdraw a consent",
    "At any time (POPIA s11(2)(b)), without a reason. The record stays; a second time changes nothing. What rests on \
     another ground than consent goes on, and the answer says which.",
)
.example(|| json!({}));
