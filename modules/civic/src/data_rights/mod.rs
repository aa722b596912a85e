//! The rights of the data subject (POPIA s5, s11(3), s14(6), s23, s24): see everything, have it corrected,
//! restricted, erased; object.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::{Limit, Routes};

use crate::permissions::{DecideRight, EraseSelf, PlanErasure, ReadOwnData, RequestRight};

pub fn routes(routes: &mut Routes) {
    let all = "/api/v1/data-rights/requests";
    routes.limited(Limit::per_hour("my-data", 5), |routes| {
        routes.get(ReadOwnData, "/api/v1/data-rights/my-data", http::my_data, docs::MY_DATA);
    });
    routes.limited(Limit::successes_per_day("delete-account", 1), |routes| {
        routes.delete(
            EraseSelf,
            "/api/v1/data-rights/delete-account",
            http::erase_self,
            docs::ERASE,
        );
    });
    routes.get(PlanErasure, "/api/v1/data-rights/erasure-plan", http::erasure_plan, docs::PLAN);
    routes.post(DecideRight, "/api/v1/users/{id}/erasure", http::erase_other, docs::ERASE_OTHER);
    routes.post(RequestRight, all, http::request, docs::REQUEST);
    routes.get(ReadOwnData, all, http::list, docs::LIST);
    let part = "/api/v1/data-rights/requests/{id}/withdraw";
    routes.post(RequestRight, part, http::withdraw, docs::WITHDRAW);
    let part = "/api/v1/data-rights/requests/{id}/decision";
    routes.post(DecideRight, part, http::decide, docs::DECIDE);
}
