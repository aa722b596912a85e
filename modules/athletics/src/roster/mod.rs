//! The roster: who may play. A coach's is their teams'; a family has none, and hears of
//! its own through the live roster.

mod docs;
mod http;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadRoster, WatchRoster};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadRoster, "/api/v1/roster", http::list, docs::LIST);
    routes.get(ReadRoster, "/api/v1/roster/{id}", http::read, docs::READ);
    routes.get(WatchRoster, "/api/v1/live/roster", http::watch, docs::WATCH);
}
