//! Gateways: where agents run.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{CreateGateway, DeleteGateway, ReadGateway, UpdateGateway};

pub fn routes(routes: &mut Routes) {
    routes.post(CreateGateway, "/api/v1/gateways", http::create, docs::CREATE);
    routes.get(ReadGateway, "/api/v1/gateways", http::list, docs::LIST);
    routes.get(ReadGateway, "/api/v1/gateways/{id}", http::read, docs::READ);
    routes.patch(UpdateGateway, "/api/v1/gateways/{id}", http::change, docs::CHANGE);
    routes.delete(DeleteGateway, "/api/v1/gateways/{id}", http::remove, docs::REMOVE);
}
