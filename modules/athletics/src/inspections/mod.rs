//! Inspections: who holds the rights in a record asks to see it whole, and is answered within the days that
//! the law gives (34 CFR 99.10). The live view keeps the trainer's words back; a reviewed inspection shows
//! them, but for what the review withheld.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{InspectRecord, ReadInspection, RequestInspection, ReviewInspection};

pub fn routes(routes: &mut Routes) {
    let (all, one) = ("/api/v1/inspections", "/api/v1/inspections/{id}");
    routes.post(RequestInspection, all, http::request, docs::REQUEST);
    routes.get(ReadInspection, all, http::list, docs::LIST);
    routes.get(ReadInspection, one, http::read, docs::READ);
    routes.post(ReviewInspection, "/api/v1/inspections/{id}/release", http::release, docs::RELEASE);
    routes.post(ReviewInspection, "/api/v1/inspections/{id}/refuse", http::refuse, docs::REFUSE);
    routes.get(InspectRecord, "/api/v1/inspections/{id}/record", http::inspect, docs::INSPECT);
}
