//! Return to play of a head injury: the kernel's engine, under the law of schools (ORC 3313.539).

mod docs;
mod http;
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::go_back;

use crate::permissions::WriteCase;

pub fn routes(routes: &mut Routes) {
    routes.patch(WriteCase, "/api/v1/cases/{id}/rtp", http::step, docs::STEP);
}
