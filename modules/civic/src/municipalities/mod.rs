//! Municipalities, as everybody knows them and as the platform founds, changes and suspends them (S-022, S-042).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::{
    PUBLIC,
    permissions::{ReadMunicipality, ReadPublic, WriteMunicipality},
};

pub fn routes(routes: &mut Routes) {
    let (all, one) = ("/api/v1/municipalities", "/api/v1/municipalities/{id}");
    routes.limited(PUBLIC, |routes| {
        let public = "/api/v1/public/municipalities";
        routes.get(ReadPublic, public, http::list_public, docs::LIST_PUBLIC);
    });
    routes.get(ReadMunicipality, all, http::list, docs::LIST);
    routes.post(WriteMunicipality, all, http::create, docs::CREATE);
    routes.get(ReadMunicipality, one, http::find, docs::FIND);
    routes.patch(WriteMunicipality, one, http::change, docs::CHANGE);
}
