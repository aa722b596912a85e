//! Athletes: who is at the school, in which sports and teams. Their injuries are cases.

mod docs;
mod http;
mod rules;
// The roster's statements are made of the same pieces.
#[macro_use]
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::{Restriction, TeamRef, known};

use crate::permissions::{ReadAthlete, WriteAthlete};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteAthlete, "/api/v1/athletes", http::create, docs::CREATE);
    routes.get(ReadAthlete, "/api/v1/athletes", http::list, docs::LIST);
    routes.get(ReadAthlete, "/api/v1/athletes/{id}", http::read, docs::READ);
    routes.patch(WriteAthlete, "/api/v1/athletes/{id}", http::change, docs::CHANGE);
    routes.delete(WriteAthlete, "/api/v1/athletes/{id}", http::end, docs::END);
}
