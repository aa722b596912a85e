//! Instructors: who leads sessions, and what qualifies them for it.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadInstructor, WriteInstructor};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteInstructor, "/instructors", http::create, docs::CREATE);
    routes.get(ReadInstructor, "/instructors", http::list, docs::LIST);
    routes.get(ReadInstructor, "/instructors/{id}", http::read, docs::READ);
    routes.patch(WriteInstructor, "/instructors/{id}", http::change, docs::CHANGE);
}
