//! Participants: the whole record, with the adults and places around it. What is shown without anybody's
//! record is the roster.

mod docs;
mod http;
pub mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadParticipant, WriteParticipant};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteParticipant, "/participants", http::create, docs::CREATE);
    routes.get(ReadParticipant, "/participants", http::list, docs::LIST);
    routes.get(ReadParticipant, "/participants/{id}", http::read, docs::READ);
    routes.patch(WriteParticipant, "/participants/{id}", http::change, docs::CHANGE);
}
