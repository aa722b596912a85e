//! Authorization: a permission is a type, and the only handle to the database names one (P2).
//!
//! A route declares its permission; the kernel checks the caller's role against the matrix and only
//! then makes an [`Authorized`] of that permission. What the permission *does* ([`Reads`],
//! [`Writes`], [`Discloses`]) decides which methods the handle has and what the handler must return:
//!
//! | effect | the handle can | the handler returns | which proves that |
//! |---|---|---|---|
//! | [`Reads`] | `fetch` | [`Fetched`] | nothing about a person left: such rows cannot be opened |
//! | [`Discloses`] | `disclose` | [`Disclosed`] | the READ entry was committed with the read |
//! | [`Writes`] | `write`, `begin` | [`Committed`] | the server confirmed COMMIT, ledger row included |

mod answer;
mod authorized;
mod permission;

pub(crate) use answer::Encoded;
pub use answer::{Answer, Committed, Disclosed, Fetched, Reply};
pub use authorized::{Authorized, Caller, Governed, Operator, TenantTx};
pub use permission::{Discloses, Effect, Permission, Reads, Writes};
