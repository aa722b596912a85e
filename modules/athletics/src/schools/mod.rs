//! The school: its branding, the names of its sports, and where it is in law and time.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::place;

use crate::permissions::{ReadSchool, WriteSchool};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadSchool, "/api/v1/school", http::read, docs::READ);
    routes.patch(WriteSchool, "/api/v1/school", http::change, docs::CHANGE);
}
