//! The roster: who takes part in what, with nothing of anybody's record (K-082).

mod docs;
mod http;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::ReadRoster;

pub fn routes(routes: &mut Routes) {
    routes.get(ReadRoster, "/participants/roster", http::list, docs::LIST);
}
