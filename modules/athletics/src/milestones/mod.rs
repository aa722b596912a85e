//! Milestones: where a case is to go, and how far it has come; the bar of phases. A target moves and
//! is reached, both of which are events; nothing of it is edited away.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadMilestone, WriteMilestone};

pub fn routes(routes: &mut Routes) {
    let list = "/api/v1/cases/{id}/milestones";
    routes.get(ReadMilestone, list, http::list, docs::LIST);
    routes.post(WriteMilestone, list, http::create, docs::CREATE);
    routes.patch(WriteMilestone, "/api/v1/milestones/{id}", http::change, docs::CHANGE);
}
