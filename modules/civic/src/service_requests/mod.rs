//! What citizens report to their municipality, and what becomes of it: targets, escalation, history, reopening.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

pub(crate) use http::{RequestBody, submit};
pub(crate) use rules::number;

use kernel::http::Routes;

use crate::permissions::{
    AssignRequest, CreateRequest, DecideRight, ReadOwnRequest, ReopenOwnRequest, WorkOnRequest,
};

pub fn routes(routes: &mut Routes) {
    let (all, one) = ("/api/v1/service-requests", "/api/v1/service-requests/{id}");
    routes.post(CreateRequest, all, http::create, docs::CREATE);
    routes.get(ReadOwnRequest, all, http::list, docs::LIST);
    routes.get(ReadOwnRequest, one, http::find, docs::FIND);
    let part = "/api/v1/service-requests/{id}/history";
    routes.get(ReadOwnRequest, part, http::history, docs::HISTORY);
    let part = "/api/v1/service-requests/{id}/status";
    routes.patch(WorkOnRequest, part, http::change_status, docs::STATUS);
    let part = "/api/v1/service-requests/{id}/assign";
    routes.post(AssignRequest, part, http::assign, docs::ASSIGN);
    let part = "/api/v1/service-requests/{id}/reopen";
    routes.post(ReopenOwnRequest, part, http::reopen, docs::REOPEN);
    let part = "/api/v1/service-requests/{id}/words";
    routes.delete(DecideRight, part, http::erase, docs::ERASE);
}
