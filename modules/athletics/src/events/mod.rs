//! Events: everything that was ever done about an injury. They are added and never changed; what a case is
//! follows from them. The first of a case is in [`crate::sideline`].

mod docs;
mod http;
pub(crate) mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::require_person;

use crate::permissions::{ReadEvent, WriteCase, WriteEvent};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadEvent, "/api/v1/events", http::list, docs::LIST);
    routes.get(ReadEvent, "/api/v1/cases/{id}/timeline", http::timeline, docs::TIMELINE);
    routes.post(WriteEvent, "/api/v1/cases/{id}/events", http::create, docs::CREATE);
    routes.post(WriteCase, "/api/v1/cases/{id}/reopen", http::reopen, docs::REOPEN);
}
