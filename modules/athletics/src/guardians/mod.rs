//! Guardians: the adults around an athlete, and the athlete's own account. Who sees an athlete's record as
//! its family follows from it, and from the athlete's age (34 CFR 99.5).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadGuardian, WriteGuardian};

pub fn routes(routes: &mut Routes) {
    let list = "/api/v1/athletes/{id}/guardians";
    routes.post(WriteGuardian, list, http::create, docs::CREATE);
    routes.get(ReadGuardian, list, http::list, docs::LIST);
    routes.patch(WriteGuardian, "/api/v1/guardians/{id}", http::change, docs::CHANGE);
    routes.delete(WriteGuardian, "/api/v1/guardians/{id}", http::end, docs::END);
}
