//! What can be reported, by which department it is dealt with, and in how many hours.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadCategory, WriteCategory};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadCategory, "/api/v1/categories", http::list, docs::LIST);
    routes.post(WriteCategory, "/api/v1/categories", http::create, docs::CREATE);
    routes.patch(WriteCategory, "/api/v1/categories/{id}", http::change, docs::CHANGE);
}
