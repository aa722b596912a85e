//! Statements on organisations as requests see them: named by somebody without a credential, entered, founded and
//! changed by those who stand above.

use uuid::Uuid;

use super::Tenant;
use crate::{
    http::{Constraint, Problem},
    row, statements,
};

row! {
    /// An organisation that was named.
    pub struct FoundOrganisation {
        id: Uuid,
        is_active: bool,
        require_if_match: bool,
    }
}

statements! {
    /// By id, code or name; by host when it is not named.
    fn find_organisation(realm: &'static str, named: Option<String>, host: Option<String>) -> FoundOrganisation
        = "select id, is_active, require_if_match from kernel.find_organisation($1, $2, $3)";

    /// The same by name alone; nothing unless the actor stands above the realm's organisations.
    fn find_below(realm: &'static str, named: String) -> FoundOrganisation
        = "select id, is_active, require_if_match from kernel.find_below($1, $2)";

    /// Makes the organisation that [`Authorized::found`](crate::authz::Authorized::found) has entered. No row when
    /// the actor does not stand above the realm's organisations.
    fn found_tenant(name: String, realm: &'static str, code: Option<String>) -> Tenant
        = concat!("select ", columns!(), " from kernel.found_tenant($1, $2, $3)");

    /// Changes what is given of the organisation that [`Authorized::enter`](crate::authz::Authorized::enter) has
    /// entered; servers feel a suspension within a second. No row when the actor does not stand above it.
    fn change_tenant(name: Option<String>, is_active: Option<bool>) -> Tenant
        = concat!("select ", columns!(), " from kernel.change_tenant($1, $2)");
}

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "tenant_name_taken",
            problem: || Problem::conflict("name_taken", "there is an organisation of this name"),
        },
        Constraint {
            name: "tenant_code_taken",
            problem: || Problem::conflict("code_taken", "there is an organisation with this code"),
        },
        Constraint {
            name: "tenant_name_check",
            problem: || Problem::field(&["body", "name"], "length", "give 1 to 80 characters"),
        },
        Constraint {
            name: "tenant_code_check",
            problem: || {
                let msg = "give 1 to 40 letters, digits, `_` or `-`";
                Problem::field(&["body", "code"], "code", msg)
            },
        },
    ]
}
