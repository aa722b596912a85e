//! Reports of gender-based violence: made by nobody, readable by the police liaison and the admin alone, public as
//! suppressed counts.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

pub(crate) use rules::KINDS;

use kernel::http::{Limit, Routes};

use crate::{
    PUBLIC,
    permissions::{FollowViolence, ReadViolence, ReportViolence, WorkOnViolence},
};

pub fn routes(routes: &mut Routes) {
    let (all, one) = ("/api/v1/gbv-reports", "/api/v1/gbv-reports/{id}");
    routes.limited(Limit::per_hour("gbv-report", 10), |routes| {
        routes.post(ReportViolence, all, http::create, docs::CREATE);
    });
    routes.limited(PUBLIC, |routes| {
        routes.post(FollowViolence, "/api/v1/gbv-reports/follow", http::follow, docs::FOLLOW);
    });
    routes.get(ReadViolence, all, http::list, docs::LIST);
    routes.get(ReadViolence, one, http::find, docs::FIND);
    routes.patch(WorkOnViolence, one, http::change, docs::CHANGE);
}
