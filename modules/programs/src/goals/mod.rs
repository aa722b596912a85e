//! Goals: what a participant works towards, and every step of it.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadGoal, WriteGoal};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteGoal, "/goals", http::create, docs::CREATE);
    routes.get(ReadGoal, "/goals", http::list, docs::LIST);
    routes.get(ReadGoal, "/goals/{id}", http::read, docs::READ);
    routes.patch(WriteGoal, "/goals/{id}", http::change, docs::CHANGE);
}
