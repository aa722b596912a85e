//! Disclosures: to whom a record was shown outside of the school and why, for its family to read
//! (34 CFR 99.32). Inspections enter themselves.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadDisclosure, WriteDisclosure};

pub fn routes(routes: &mut Routes) {
    let list = "/api/v1/athletes/{id}/disclosures";
    routes.post(WriteDisclosure, list, http::create, docs::CREATE);
    routes.get(ReadDisclosure, list, http::list, docs::LIST);
}
