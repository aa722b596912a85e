//! The organization itself: the tenant, in its own words.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadOrganization, UpdateOrganization};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadOrganization, "/api/v1/organizations", http::list, docs::LIST);
    routes.get(ReadOrganization, "/api/v1/organizations/{id}", http::read, docs::READ);
    routes.patch(UpdateOrganization, "/api/v1/organizations/{id}", http::change, docs::CHANGE);
}
