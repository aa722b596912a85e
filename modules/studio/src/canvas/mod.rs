//! The canvas of an agent: its nodes and edges, which several people draw at once over a socket. What a client writes
//! and is told is in docs/canvas.md.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

pub use http::draw;

use kernel::http::Routes;

use crate::permissions::{JoinCanvas, ReadAgent, TakeTicket};

pub fn routes(routes: &mut Routes) {
    routes.get(JoinCanvas, "/ws/canvas/{id}", http::join, docs::JOIN);
    routes.post(TakeTicket, "/api/v1/canvas-tickets", http::take_ticket, docs::TICKET);
    routes.get(ReadAgent, "/api/v1/agents/{id}/canvas", http::find, docs::FIND);
}
