//! Incidents and their safety workflows: what opens with them, and what must be there before they close
//! (K-020…K-027, K-041, K-042).

mod docs;
mod http;
pub(crate) mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::{Incident, Seen, found, open_again};

use crate::permissions::{EscalateIncident, ReadIncident, WriteIncident};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteIncident, "/incidents", http::create, docs::CREATE);
    routes.get(ReadIncident, "/incidents", http::list, docs::LIST);
    routes.get(ReadIncident, "/incidents/{id}", http::read, docs::READ);
    routes.patch(WriteIncident, "/incidents/{id}/close", http::close, docs::CLOSE);
    routes.patch(WriteIncident, "/incidents/{id}/reopen", http::reopen, docs::REOPEN);
    routes.post(WriteIncident, "/incidents/{id}/reports", http::report, docs::REPORT);
    routes.patch(EscalateIncident, "/incidents/{id}/escalate", http::escalate, docs::ESCALATE);
}
