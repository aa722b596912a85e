//! Who is in a workspace, and so sees what is in it.

mod docs;
mod http;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadMember, UpdateWorkspace};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadMember, "/api/v1/workspaces/{id}/members", http::list, docs::LIST);
    routes.post(UpdateWorkspace, "/api/v1/workspaces/{id}/members", http::add, docs::ADD);
    routes.delete(
        UpdateWorkspace,
        "/api/v1/workspaces/{id}/members",
        http::take_out,
        docs::TAKE_OUT,
    );
}
