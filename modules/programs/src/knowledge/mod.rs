//! What is known to help: interventions with their sources, and the organisation's own documents, found
//! by their words (K-050…K-052).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadKnowledge, WriteKnowledge};

pub fn routes(routes: &mut Routes) {
    routes.get(ReadKnowledge, "/knowledge/interventions", http::interventions, docs::INTERVENTIONS);
    routes.get(ReadKnowledge, "/knowledge/search", http::search, docs::SEARCH);
    routes.post(WriteKnowledge, "/knowledge/documents", http::add, docs::ADD);
    routes.get(ReadKnowledge, "/knowledge/documents", http::list, docs::LIST);
    routes.get(ReadKnowledge, "/knowledge/documents/{id}", http::read, docs::READ);
    routes.delete(WriteKnowledge, "/knowledge/documents/{id}", http::remove, docs::REMOVE);
}
