//! For what a municipality processes personal information, and on which of the grounds of POPIA s11(1): the notice
//! at collection (s18) and the documentation of processing (s17), in words that a consent can be tied to.

mod docs;
mod http;
mod rules;

pub(crate) use rules::{Basis, REGISTRATION, hash_of, purpose};

use kernel::http::Routes;

use crate::{PUBLIC, permissions::ReadPublic};

pub fn routes(routes: &mut Routes) {
    routes.limited(PUBLIC, |routes| {
        routes.get(ReadPublic, "/api/v1/purposes", http::list, docs::LIST);
    });
}
