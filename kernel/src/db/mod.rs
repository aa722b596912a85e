//! PostgreSQL: the only part of Reeve that names the driver.
//!
//! [`Db`] keeps the connections and gives none away. Statements are typed constants ([`statements!`](crate::statements)).
//! A governed transaction is one flush, or interactive under a guard ([`crate::authz`]).

mod cluster;
mod context;
mod error;
pub(crate) mod flush;
mod lint;
mod migrate;
mod platform;
mod pool;
mod programs;
mod statement;
mod transaction;

pub use cluster::{Cluster, ClusterError, Durability};
pub use context::{Actor, Origin};
pub(crate) use context::{Context, Scope};
pub use error::DbError;
pub use lint::{Finding, lint};
pub use migrate::{
    MigrateError, Migration, Status, create_database, migrate, set_app_password, status,
};
pub use platform::Platform;
pub use pool::{Db, PoolSettings};
pub use programs::reachable_for_postgres;
pub use statement::{
    Bound, Disclosing, Done, Field, Nothing, Param, Row, Statement, check, enqueues,
};
pub(crate) use transaction::Transaction;

pub(crate) const CONTEXT_STATEMENTS: &[&Statement] = context::ALL;
