//! Versions of agents: what was published, named by the hash of its content, and nobody's to alter.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

pub(crate) use http::pinned;

use kernel::http::Routes;

use crate::permissions::{ReadAgent, UpdateAgent};

pub fn routes(routes: &mut Routes) {
    routes.post(UpdateAgent, "/api/v1/agents/{id}/versions", http::publish, docs::PUBLISH);
    routes.get(ReadAgent, "/api/v1/agents/{id}/versions", http::list, docs::LIST);
    routes.get(ReadAgent, "/api/v1/agents/{id}/version", http::read, docs::READ);
    routes.get(ReadAgent, "/api/v1/agents/{id}/diff", http::compare, docs::COMPARE);
    routes.post(UpdateAgent, "/api/v1/agents/{id}/rollback", http::roll_back, docs::ROLL_BACK);
}
