//! Training sessions and who attended, never without consent (K-035, K-036, K-056). Sessions of a login
//! are the kernel's, under `/auth/sessions` (C-11).

mod docs;
mod http;
pub(crate) mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadSession, WriteSession};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteSession, "/sessions", http::create, docs::CREATE);
    routes.get(ReadSession, "/sessions", http::list, docs::LIST);
    routes.get(ReadSession, "/sessions/{id}", http::read, docs::READ);
    routes.patch(WriteSession, "/sessions/{id}/attendance", http::attend, docs::ATTEND);
}
