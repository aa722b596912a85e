//! The ground that black-box tests stand on: a real PostgreSQL, a database for each test, a server
//! on a real socket, and personas who call it.
//!
//! ```no_run
//! testkit::run(async |app| {
//!     let north = app.tenant("north").await;
//!     let reply = north.admin.get("/v1/patients").await;
//!     assert_eq!(reply.status, 200);
//! });
//! ```
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a fixture that fails must fail the test"
)]

mod app;
mod canvas;
mod events;
mod logs;
mod persona;
mod postgres;

pub use app::{Options, SECRET, TestApp, run, run_with};
pub use canvas::{Came, Canvas, Document, Refusal};
pub use events::{Event, EventStream};
pub use logs::{logged, metrics};
pub use persona::{Organisation, PASSWORD, Persona, Reply, TestTenant, appointment, patient};
pub use postgres::{TestDatabase, socket_folder};
