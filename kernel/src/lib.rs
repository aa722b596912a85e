//! The kernel: every compliance concern, once, for all modules (K-002).
//!
//! A request comes in through [`http`], is given a caller by [`identity`], an
//! [`Authorized`](authz::Authorized) by [`authz`], and reaches PostgreSQL through [`db`] alone. The
//! [`module`] registry is the list of everything there is.

pub mod audit;
pub mod authz;
mod codes;
pub mod consent;
mod core;
pub mod db;
pub mod destinations;
pub mod gates;
pub mod http;
pub mod identity;
pub mod jobs;
pub mod keys;
pub mod module;
pub mod people;
pub mod place;
pub mod policies;
pub mod privacy;
pub mod return_to_play;
mod seal;
pub mod sessions;
pub mod sign_on;
pub mod sockets;
pub mod statutes;
mod streams;
pub mod subjects;
pub mod tenant;

pub use crate::core::{Clock, Core, Hand, random_bytes};
pub use crate::streams::StreamSettings;
#[doc(hidden)]
pub use {jiff, postgres_types, serde_json, tokio_postgres, uuid};
