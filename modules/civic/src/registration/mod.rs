//! Registration: citizens make their own accounts, and consent to what is done with them (POPIA s11(1)(a)).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::{Limit, Routes};

use crate::permissions::{DecideRight, Register};

pub fn routes(routes: &mut Routes) {
    routes.limited(Limit::per_hour("register", 3), |routes| {
        routes.post(Register, "/auth/register", http::register, docs::REGISTER);
    });
    let part = "/api/v1/users/{id}/date-of-birth";
    routes.post(DecideRight, part, http::record_birth, docs::BIRTH);
}
