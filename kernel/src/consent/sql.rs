//! Statements on consents.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};

row! {
    /// A consent. What is sealed is `None` once its person was erased.
    pub struct ConsentRow {
        id: Uuid,
        subject_id: Uuid,
        purpose: String,
        purpose_description: Option<Pii<String>>,
        basis: String,
        /// POPIA s11(1), where the organisation says under which it processes.
        lawful_basis: Option<String>,
        grantor: Pii<String>,
        grantor_name: Option<Pii<String>>,
        relation: Option<Pii<String>>,
        text_version: String,
        text_hash: String,
        language: String,
        channel: String,
        document_reference: Option<Pii<String>>,
        address: Option<Pii<IpAddr>>,
        granted_at: Pii<Timestamp>,
        expires_at: Option<Pii<Timestamp>>,
        revoked_at: Option<Pii<Timestamp>>,
        revoked_channel: Option<String>,
        version: i32,
        created_at: Timestamp,
    }
}

/// The columns of a [`ConsentRow`], for statements of a module that joins them with its own.
#[macro_export]
macro_rules! consent_columns {
    () => {
        "id, subject_id, purpose, kernel.open(purpose_description) as purpose_description, basis, lawful_basis, grantor,
         kernel.open(grantor_name) as grantor_name, kernel.open(relation) as relation, text_version, text_hash,
         language, channel, kernel.open(document_reference) as document_reference, address, granted_at, expires_at,
         revoked_at, revoked_channel, version, created_at"
    };
}

statements! {
    /// Keeps a consent; a module's trigger holds that its subject exists. `columns` holds, as JSON, what is
    /// inserted below; what names somebody is sealed under the subject.
    fn insert_consent(id: Uuid, subject_kind: &'static str, subject: Uuid, columns: Pii<Value>) -> ConsentRow
        = concat!("insert into kernel.consent (tenant_id, id, subject_kind, subject_id, purpose, purpose_description, basis,
                  lawful_basis, grantor, grantor_name, relation, text_version, text_hash, language, channel,
                  document_reference, granted_at, expires_at)
           select kernel.tenant(), $1, $2, $3, r.purpose, kernel.seal($3, $4 ->> 'purpose_description'), r.basis,
                  r.lawful_basis, r.grantor, kernel.seal($3, $4 ->> 'grantor_name'),
                  kernel.seal($3, $4 ->> 'relation'), r.text_version, r.text_hash, r.language, r.channel,
                  kernel.seal($3, $4 ->> 'document_reference'), r.granted_at, r.expires_at
             from jsonb_populate_record(null::kernel.consent,
                  $4::jsonb - '{purpose_description,grantor_name,relation,document_reference}'::text[]) r
           returning ", consent_columns!());

    /// Locks it, so that what depends on it and its end take turns.
    fn lock_consent(id: Uuid, subject_kind: &'static str) -> ConsentRow
        = concat!("select ", consent_columns!(), " from kernel.consent
            where tenant_id = kernel.tenant() and id = $1 and subject_kind = $2 for update");

    /// Ends it, once: a second time changes nothing (S-076). `channel` is the way in which it was revoked.
    fn revoke_consent(id: Uuid, subject_kind: &'static str, at: Timestamp, reason: Option<Pii<String>>,
                      channel: Option<String>) -> ConsentRow
        = concat!("with ended as (update kernel.consent
                        set revoked_at = $3, revoked_reason = kernel.seal(subject_id, $4), revoked_channel = $5
                     where tenant_id = kernel.tenant() and id = $1 and subject_kind = $2 and revoked_at is null
                     returning ", consent_columns!(), ")
           select * from ended
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
            name: "consent_lawful_basis",
            problem: || {
                let msg = "expected consent, contract, legal_obligation, interest_of_subject, public_law_duty or \
                           legitimate_interest";
                Problem::field(&["body", "lawful_basis"], "value_error", msg)
            },
        },
        Constraint {
            name: "consent_revoked_channel",
            problem: || {
                let msg = "expected a name such as `electronic`";
                Problem::field(&["body", "channel"], "value_error", msg)
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
