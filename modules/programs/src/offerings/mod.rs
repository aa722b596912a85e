//! What an organisation offers, to which group, and where: programmes, cohorts, locations (K-084).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadProgram, WriteProgram};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteProgram, "/programs", http::create_program, docs::CREATE_PROGRAM);
    routes.get(ReadProgram, "/programs", http::list_programs, docs::LIST_PROGRAMS);
    routes.get(ReadProgram, "/programs/{id}", http::read_program, docs::READ);
    routes.post(WriteProgram, "/cohorts", http::create_cohort, docs::CREATE_COHORT);
    routes.get(ReadProgram, "/cohorts", http::list_cohorts, docs::LIST_COHORTS);
    routes.get(ReadProgram, "/cohorts/{id}", http::read_cohort, docs::READ);
    routes.post(WriteProgram, "/locations", http::create_location, docs::CREATE_LOCATION);
    routes.get(ReadProgram, "/locations", http::list_locations, docs::LIST_LOCATIONS);
    routes.get(ReadProgram, "/locations/{id}", http::read_location, docs::READ);
}
