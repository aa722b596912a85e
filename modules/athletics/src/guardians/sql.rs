//! Statements on guardians.

use jiff::civil::Date;
use kernel::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A guardian.
    pub struct GuardianRow {
        id: Uuid,
        athlete_id: Uuid,
        account_id: Option<Uuid>,
        full_name: Pii<String>,
        relation: String,
        email: Option<Pii<String>>,
        phone: Option<Pii<String>>,
        is_primary: bool,
        kept_basis: Option<String>,
        kept_on: Option<Date>,
        version: i32,
    }
}

row! {
    /// A link that has ended.
    pub struct Ended { id: Uuid }
}

macro_rules! columns {
    () => {
        "g.id, g.athlete_id, g.account_id, g.full_name, g.relation, g.email, g.phone, g.is_primary, g.kept_basis,
         g.kept_on, g.version"
    };
}

statements! {
    fn insert_guardian(id: Uuid, athlete: Option<Uuid>, external_id: Option<String>, columns: Pii<Value>) -> GuardianRow
        = concat!("insert into athletics.guardian as g (tenant_id, id, athlete_id, account_id, full_name, relation, email,
                  phone, is_primary, kept_basis, kept_on)
           select kernel.tenant(), $1, a.id, r.account_id, r.full_name, r.relation, r.email, r.phone,
                  coalesce(r.is_primary, false), r.kept_basis, r.kept_on
             from athletics.enrolled a, jsonb_populate_record(null::athletics.guardian, $4) r
            where a.id = coalesce($2, (select x.id from athletics.enrolled x where x.external_id = $3))
           returning ", columns!());

    fn update_guardian(id: Uuid, columns: Pii<Value>, expected: Option<i32>) -> GuardianRow
        = concat!("update athletics.guardian g
              set (account_id, full_name, relation, email, phone, is_primary, kept_basis, kept_on)
                = (select r.account_id, r.full_name, r.relation, r.email, r.phone, r.is_primary, r.kept_basis, r.kept_on
                     from jsonb_populate_record(g, $2) r)
            where g.id = $1 and g.deleted_at is null and kernel.expect_version(g.version, $3) returning ", columns!());

    fn end_guardian(id: Uuid, expected: Option<i32>) -> Ended
        = "update athletics.guardian g set deleted_at = now()
            where g.id = $1 and g.deleted_at is null and kernel.expect_version(g.version, $2) returning g.id";

    fn list_guardians(athlete: Uuid) -> GuardianRow, discloses "athletics.guardian"
        = concat!("select ", columns!(), " from athletics.guardian g
            where g.athlete_id = $1 and g.deleted_at is null order by g.id");
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "guardian_account_known",
            problem: || {
                let msg = "there is no such account";
                Problem::field(&["body", "account_id"], "unknown", msg)
            },
        },
        Constraint {
            name: "guardian_self_once",
            problem: || {
                let detail = "this account is another athlete's own: nobody is two students";
                Problem::conflict("already_linked", detail)
            },
        },
        Constraint {
            name: "guardian_self_keeps_nothing",
            problem: || {
                let msg = "a student of age holds the rights themselves: leave this field out";
                Problem::field(&["body", "kept_basis"], "value_error", msg)
            },
        },
        Constraint {
            name: "guardian_account_once",
            problem: || {
                Problem::conflict(
                    "already_linked",
                    "this account is linked to this athlete already",
                )
            },
        },
    ]
}
