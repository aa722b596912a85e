//! Passwords: what a new one must be, how it is kept, and how one is checked without stalling the
//! server. No database and no HTTP here.

mod breached;
mod hashers;
mod policy;
mod rules;
mod secret;
mod stored;

pub use hashers::{HashError, Hashers, Verdict};
pub use policy::{Policy, UnknownPolicy, needs_rehash};
pub use rules::{Person, Refusal, check};
pub use secret::{Password, PasswordHash};
pub use stored::Unreadable;
