//! Tests that are lists: driven by the registries, so that whatever is mounted next is covered the
//! day it is mounted.

mod athletics;
mod civic;
mod documents;
mod house;
mod people;
mod programs;
pub mod routes;
mod schema;
mod studio;
