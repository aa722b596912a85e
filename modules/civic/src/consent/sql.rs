//! Statements on citizens' consents.

use jiff::Timestamp;
use kernel::{
    consent::sql::ConsentRow,
    http::{Constraint, Problem},
    row, statements,
};
use uuid::Uuid;

row! {
    /// What decides who may consent for somebody, and in which language they are spoken to.
    pub struct GiverRow {
        id: Uuid,
        is_child: bool,
        preferred_language: String,
    }
}

row! {
    /// A consent by its id.
    pub struct Id { id: Uuid }
}

statements! {
    /// Somebody of this municipality, on the day of now.
    fn find_giver(id: Uuid) -> GiverRow
        = "select a.id, coalesce(civic.age(a.id, kernel.now()) < 18, false) as is_child, a.preferred_language
             from kernel.account a where a.tenant_id = kernel.tenant() and a.id = $1 and a.deleted_at is null";

    fn find_consent(id: Uuid) -> ConsentRow, discloses "kernel.consent"
        = concat!("select ", kernel::consent_columns!(), " from kernel.consent
            where tenant_id = kernel.tenant() and id = $1 and subject_kind = 'civic.citizen'");

    /// Every consent of the same person to the same purpose ends with one: a consent is withdrawn, not a form.
    fn revoke_others(id: Uuid, at: Timestamp, channel: String) -> Id
        = "update kernel.consent c set revoked_at = $2, revoked_channel = $3
             from kernel.consent o
            where o.tenant_id = kernel.tenant() and o.id = $1 and o.subject_kind = 'civic.citizen'
              and c.tenant_id = o.tenant_id and c.subject_kind = o.subject_kind and c.subject_id = o.subject_id
              and c.purpose = o.purpose and c.revoked_at is null and c.granted_at <= $2
           returning c.id";

    fn list_consents(subject: Uuid, before: Uuid, limit: i64) -> ConsentRow, discloses "kernel.consent"
        = concat!("select ", kernel::consent_columns!(), " from kernel.consent
            where tenant_id = kernel.tenant() and subject_kind = 'civic.citizen' and subject_id = $1 and id < $2
            order by id desc limit $3");
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "RV720",
            problem: || Problem::field(&["body", "user_id"], "unknown", "there is no such person"),
        },
        Constraint {
            name: "RV728",
            problem: || {
                let msg = "nobody registers without consent";
                Problem::field(&["body", "consent"], "missing", msg)
            },
        },
        Constraint {
            name: "RV721",
            problem: || {
                let msg = "for a child a competent person consents, for an adult they themselves";
                Problem::field(&["body", "grantor"], "not_competent", msg)
            },
        },
    ]
}
