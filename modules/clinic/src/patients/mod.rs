//! Patients: the canonical record with custom fields (M-022…M-045).

mod docs;
mod http;
pub mod rules;
#[macro_use]
pub(crate) mod sql;

use kernel::http::Routes;

pub use http::{Patient, PatientBody};
pub(crate) use http::{create, prepare};

use crate::permissions::{ReadPatient, WritePatient};

pub fn routes(routes: &mut Routes) {
    routes.post(WritePatient, "/v1/patients", http::create, docs::CREATE);
    routes.get(ReadPatient, "/v1/patients", http::list, docs::LIST);
    routes.get(ReadPatient, "/v1/patients/{id}", http::read, docs::READ);
    routes.patch(WritePatient, "/v1/patients/{id}", http::change, docs::CHANGE);
    routes.delete(WritePatient, "/v1/patients/{id}", http::remove, docs::REMOVE);
}
