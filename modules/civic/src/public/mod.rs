//! What everybody may know: how soon a municipality answers and repairs, and how much violence is reported, in numbers
//! in which nobody is to be found.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::{
    PUBLIC,
    permissions::{ReadPublic, ReadStatistics},
};

pub fn routes(routes: &mut Routes) {
    routes.limited(PUBLIC, |routes| {
        let times = "/api/v1/public/response-times";
        routes.get(ReadPublic, times, http::response_times, docs::RESPONSE_TIMES);
        routes.get(ReadStatistics, "/api/v1/public/gbv", http::violence, docs::VIOLENCE);
    });
}
