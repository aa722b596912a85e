//! Cases: an injury from its first event to its clearance. What is done to one is in [`crate::events`] and,
//! for a head injury, in [`crate::return_to_play`].

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::{Case, found, known};

use crate::permissions::{ReadCase, WriteCase};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadCase, "/api/v1/cases", http::list, docs::LIST);
    // One position, two meanings (C-13): here an athlete, in the others a case.
    routes.get(ReadCase, "/api/v1/cases/{id}", http::list_of_athlete, docs::LIST_OF_ATHLETE);
    routes.patch(WriteCase, "/api/v1/cases/{id}", http::change, docs::CHANGE);
}
