//! Statements on consents.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};

row! {
    /// A consent.
    pub struct ConsentRow {
        id: Uuid,
        subject_id: Uuid,
        purpose: String,
        basis: String,
        grantor: Pii<String>,
        grantor_name: Pii<String>,
        relation: Option<Pii<String>>,
        text_version: String,
        text_hash: String,
        language: String,
        channel: String,
        document_reference: Option<Pii<String>>,
        granted_at: Pii<Timestamp>,
        expires_at: Option<Pii<Timestamp>>,
        revoked_at: Option<Pii<Timestamp>>,
        version: i32,
        created_at: Timestamp,
    }
}

/// The columns of a [`ConsentRow`], for statements of a module that joins them with its own.
#[macro_export]
macro_rules! consent_columns {
    () => {
        "id, subject_id, purpose, basis, grantor, grantor_name, relation, text_version, text_hash, language, channel,
         document_reference, granted_at, expires_at, revoked_at, version, created_at"
    };
}

statements! {
    /// Keeps a consent; a module's trigger holds that its subject exists.
    fn insert_consent(id: Uuid, subject_kind: &'static str, subject: Uuid, columns: Pii<Value>) -> ConsentRow
        = concat!("insert into kernel.consent (tenant_id, id, subject_kind, subject_id, purpose, basis, grantor, grantor_name,
                  relation, text_version, text_hash, language, channel, document_reference, granted_at, expires_at)
           select kernel.tenant(), $1, $2, $3, purpose, basis, grantor, grantor_name, relation, text_version, text_hash,
                  language, channel, document_reference, granted_at, expires_at
             from jsonb_populate_record(null::kernel.consent, $4)
           returning ", consent_columns!());

    /// Locks it, so that what depends on it and its end take turns.
    fn lock_consent(id: Uuid, subject_kind: &'static str) -> ConsentRow
        = concat!("select ", consent_columns!(), " from kernel.consent
            where tenant_id = kernel.tenant() and id = $1 and subject_kind = $2 for update");

    /// Ends it, once: a second time changes nothing (S-076).
    fn revoke_consent(id: Uuid, subject_kind: &'static str, at: Timestamp, reason: Option<Pii<String>>) -> ConsentRow
        = concat!("with ended as (update kernel.consent set revoked_at = $3, revoked_reason = $4
                     where tenant_id = kernel.tenant() and id = $1 and subject_kind = $2 and revoked_at is null
                     returning ", consent_columns!(), ")
           select ", consent_columns!(), " from ended
           union all
           select ", consent_columns!(), " from kernel.consent
            where tenant_id = kernel.tenant() and id = $1 and subject_kind = $2 and revoked_at is not null");
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "consent_ends_after_grant",
            problem: || {
                let msg = "a consent ends after it was given";
                Problem::field(&["body", "expires_at"], "range", msg)
            },
        },
        Constraint {
            name: "RV601",
            problem: || {
                let detail = "a consent is evidence: it can only be revoked, once";
                Problem::conflict("consent_is_evidence", detail)
            },
        },
    ]
}
