//! What an organisation sets: whose law, which calendar, which protocol, from how many on it counts.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::{place, place_and_threshold};

use crate::permissions::{ReadSettings, WriteSettings};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadSettings, "/programs/settings", http::read, docs::READ);
    routes.patch(WriteSettings, "/programs/settings", http::change, docs::CHANGE);
}
