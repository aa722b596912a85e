//! Agents: drawn on a canvas, published as versions, deployed to gateways.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

pub(crate) use rules::require_in_use;

use kernel::http::Routes;

use crate::permissions::{CreateAgent, DeleteAgent, ReadAgent, UpdateAgent};

pub fn routes(routes: &mut Routes) {
    routes.post(CreateAgent, "/api/v1/agents", http::create, docs::CREATE);
    routes.get(ReadAgent, "/api/v1/agents", http::list, docs::LIST);
    routes.get(ReadAgent, "/api/v1/agents/{id}", http::read, docs::READ);
    routes.patch(UpdateAgent, "/api/v1/agents/{id}", http::change, docs::CHANGE);
    routes.delete(DeleteAgent, "/api/v1/agents/{id}", http::remove, docs::REMOVE);
}
