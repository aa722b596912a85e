//! Teams: which sport, and who coaches. Whom a coach sees follows from it.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadTeam, WriteTeam};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteTeam, "/api/v1/teams", http::create, docs::CREATE);
    routes.get(ReadTeam, "/api/v1/teams", http::list, docs::LIST);
    routes.get(ReadTeam, "/api/v1/teams/{id}", http::read, docs::READ);
    routes.patch(WriteTeam, "/api/v1/teams/{id}", http::change, docs::CHANGE);
}
