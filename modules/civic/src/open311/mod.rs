//! A facade for the clients of Open311 GeoReport v2 (<https://wiki.open311.org/GeoReport_v2>): services, requests read
//! and created, in JSON. `jurisdiction_id` is the municipality's code.

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::{
    PUBLIC,
    permissions::{ReadPublic, SubmitOpen311},
};

pub fn routes(routes: &mut Routes) {
    routes.limited(PUBLIC, |routes| {
        let requests = "/open311/v2/requests.json";
        routes.get(ReadPublic, "/open311/v2/discovery.json", http::discovery, docs::DISCOVERY);
        routes.get(ReadPublic, "/open311/v2/services.json", http::services, docs::SERVICES);
        routes.get(ReadPublic, "/open311/v2/services/{id}", http::service, docs::SERVICE);
        routes.get(ReadPublic, requests, http::requests, docs::REQUESTS);
        routes.post(SubmitOpen311, requests, http::create, docs::CREATE);
        routes.get(ReadPublic, "/open311/v2/requests/{id}", http::request, docs::REQUEST);
    });
}
