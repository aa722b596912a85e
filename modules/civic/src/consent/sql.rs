//! Statements on citizens' consents.

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

statements! {
    /// Somebody of this municipality, on the day of now.
    fn find_giver(id: Uuid) -> GiverRow
        = "select a.id, coalesce(civic.age(a.id, kernel.now()) < 18, false) as is_child, a.preferred_language
             from kernel.account a where a.tenant_id = kernel.tenant() and a.id = $1 and a.deleted_at is null";

    fn find_consent(id: Uuid) -> ConsentRow, discloses "kernel.consent"
        = concat!("select ", kernel::consent_columns!(), " from kernel.consent
            where tenant_id = kernel.tenant() and id = $1 and subject_kind = 'civic.citizen'");

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
