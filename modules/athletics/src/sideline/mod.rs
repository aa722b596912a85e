//! The sideline: three taps on a phone, body part, mechanism, severity. One request finds the active case of
//! athlete and body part or opens one, and records what was seen.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::WriteEvent;

pub fn routes(routes: &mut Routes) {
    routes.post(WriteEvent, "/api/v1/events/sideline-entry", http::create, docs::CREATE);
}
