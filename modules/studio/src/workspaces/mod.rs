//! Workspaces: who is in one sees what is in it.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{CreateWorkspace, DeleteWorkspace, ReadWorkspace, UpdateWorkspace};

pub fn routes(routes: &mut Routes) {
    routes.post(CreateWorkspace, "/api/v1/workspaces", http::create, docs::CREATE);
    routes.get(ReadWorkspace, "/api/v1/workspaces", http::list, docs::LIST);
    routes.get(ReadWorkspace, "/api/v1/workspaces/{id}", http::read, docs::READ);
    routes.patch(UpdateWorkspace, "/api/v1/workspaces/{id}", http::change, docs::CHANGE);
    routes.delete(DeleteWorkspace, "/api/v1/workspaces/{id}", http::remove, docs::REMOVE);
}
