//! What the OpenAPI document says of data-subject rights.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "data rights";

pub(super) const MY_DATA: Docs = Docs::new(
    TAG,
    "Everything held about oneself",
    "POPIA s23: the account, consents, reports and requests, whole and in plain words; who looked at them, and who \
     received them. What was reported in confidence to the police liaison is tied to nobody, and so is not here.",
);

pub(super) const PLAN: Docs = Docs::new(
    TAG,
    "What an erasure would do",
    "Nothing is changed. By table: how many records, which columns go, which stay and under which rule. The plan's id \
     may be given to the erasure, which is then done only under this very plan.",
);

pub(super) const ERASE: Docs = Docs::new(
    TAG,
    "Erase one's own data",
    "POPIA s24(1)(b), at once and for good: the key under which one's personal data is sealed is destroyed, so that no \
     record, no entry of the ledger and no backup can be read any more. Answers with what went, what stays and under \
     which rule, and a signed receipt (`erasure-receipt+jwt`).",
);

pub(super) const ERASE_OTHER: Docs = Docs::new(
    TAG,
    "Erase a citizen's data",
    "For who asked in writing, at a counter or by telephone, also after their account was removed.",
)
.example(|| json!({"asked_by": "writing"}));

pub(super) const REQUEST: Docs = Docs::new(
    TAG,
    "Ask for a correction or a restriction, or object",
    "`objection` names the `purpose` of a processing that rests on a duty or an interest (POPIA s11(3)); what rests on \
     consent is withdrawn. From this moment until it is refused or taken back, those who work on one's reports see \
     their category, place on the map and status, and no words, address or name (a restriction, and an objection to \
     `platform_registration`).",
)
.status(201)
.example(|| json!({"kind": "restriction", "statement": "My address is wrong; do not use it until it is right."}));

pub(super) const LIST: Docs = Docs::new(
    TAG,
    "List requests",
    "One's own; for who reviews them all of the municipality's, those due first.",
);

pub(super) const WITHDRAW: Docs = Docs::new(
    TAG,
    "Take a request back",
    "A restriction or an objection ends with it, also one that was upheld.",
)
.example(|| json!({}));

pub(super) const DECIDE: Docs = Docs::new(
    TAG,
    "Decide a request",
    "Once, with a reason. An objection is refused only where `legislation` provides for the processing (POPIA s11(3)(a)).",
)
.example(|| json!({"decision": "upheld", "reason": "The address was corrected."}));
