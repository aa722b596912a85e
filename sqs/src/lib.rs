//! Publishes to a customer's queue of Amazon SQS, with the SDK of AWS over a client of ours: the address of a queue is
//! one that a customer named, and [`outbound`] judges where it leads. The credentials are the customer's too; nothing
//! is read from this machine's environment, files or metadata.

mod connector;
mod error;
mod queue;
mod send;

pub use error::SqsError;
pub use queue::{Message, Queue, SecretKey, is_access_key_id, is_region};
pub use send::send;

#[cfg(feature = "testing")]
pub mod testing;
