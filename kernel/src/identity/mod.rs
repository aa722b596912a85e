//! Who calls: from a credential to a [`Caller`], without holding a database connection.

mod cache;
mod key;
pub(crate) mod sql;
mod watch;

pub use cache::Keys;
pub(crate) use cache::Refused;
pub use key::{ApiKey, KeyText, PREFIX};
pub use watch::Watch;
