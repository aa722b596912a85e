//! Connections to other systems of record: what changes here is told there, and what changes there comes here.

mod docs;
mod http;
mod jobs;
mod pull;
mod push;
mod rules;
pub(crate) mod sql;

use kernel::{http::Routes, jobs::Jobs};

use crate::permissions::{ReadEhr, WriteEhr};

pub fn routes(routes: &mut Routes) {
    const ALL: &str = "/v1/ehr-connections";
    const ONE: &str = "/v1/ehr-connections/{id}";
    routes.post(WriteEhr, ALL, http::create, docs::CREATE);
    routes.get(ReadEhr, ALL, http::list, docs::LIST);
    routes.get(ReadEhr, ONE, http::read, docs::READ);
    routes.patch(WriteEhr, ONE, http::change, docs::CHANGE);
    routes.delete(WriteEhr, ONE, http::remove, docs::REMOVE);
    routes.get(ReadEhr, "/v1/ehr-connections/{id}/status", http::status, docs::STATUS);
    routes.post(WriteEhr, "/v1/ehr-connections/{id}/sync", http::sync, docs::SYNC);
    routes.get(ReadEhr, "/v1/ehr-connections/{id}/dead-letters", http::letters, docs::LETTERS);
    routes.post(WriteEhr, "/v1/ehr-connections/{id}/dead-letters/retry", http::retry, docs::RETRY);
}

pub fn jobs(all: &mut Jobs) {
    all.on(&jobs::PUSH, push::push);
    all.on(&jobs::PULL, pull::pull);
}
