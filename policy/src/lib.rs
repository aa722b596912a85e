//! Who may do what, and how private each column is. Pure: no I/O, no clock, no SQL.
//!
//! - [`Matrix`] is the one lever of access: roles in rows, permissions in columns (K-006).
//! - [`Classes`] is the privacy class of every column (promise P9), and what follows from it: what
//!   the ledger masks, what a reader without the right to it does not see.

mod classes;
mod matrix;

pub use classes::{Class, Classes, Column, Ledger, Table};
pub use matrix::{Grant, Matrix, Role};
