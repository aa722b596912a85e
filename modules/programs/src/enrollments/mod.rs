//! Enrollments: who is in which cohort, from when until when (K-091).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{CountEnrollments, ReadEnrollment, WriteEnrollment};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteEnrollment, "/enrollments", http::create, docs::CREATE);
    routes.get(ReadEnrollment, "/enrollments", http::list, docs::LIST);
    routes.get(CountEnrollments, "/enrollments/cohorts", http::count, docs::COUNT);
    routes.get(ReadEnrollment, "/enrollments/{id}", http::read, docs::READ);
    routes.patch(WriteEnrollment, "/enrollments/{id}/end", http::end, docs::END);
}
