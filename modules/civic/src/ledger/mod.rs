//! The ledger as the document has it (S-029): a manager's own municipality's; from above any one municipality's, for
//! a reason that stands in its ledger.

mod docs;
mod http;

use kernel::{audit::ReadAudit, http::Routes};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadAudit, "/api/v1/audit", http::list, docs::LIST);
}
