//! Who may do what, and how private each column is. Pure: no I/O, no clock, no SQL.
//!
//! - [`Matrix`] is the one lever of access: roles in rows, permissions in columns (K-006).
//! - [`Entity`] is the same for the fields of a record: which role sees which.
//! - [`Classes`] is the privacy class of every column (promise P9), and what follows from it: what
//!   the ledger masks, what a reader without the right to it does not see.
//! - [`Vocabulary`] and what is around it are the policies that an organization writes over attributes,
//!   evaluated by Cedar, whose types stay inside.
//! - [`statutes`] is law as dated data; [`return_to_play`] and [`consent`] decide by it, as of the day of
//!   the event.
//! - [`erasure`] is what stays of a person who was erased, and by which law.
//! - [`deidentification`] is what may be told of people without telling of a person.

mod attributes;
mod classes;
pub mod consent;
pub mod deidentification;
mod entity;
pub mod erasure;
mod matrix;
pub mod return_to_play;
pub mod statutes;

pub use attributes::{
    Attribute, AttributeKind, Circumstances, CompiledRule, Decision, Determining, Effect, Field,
    PolicySet, Question, Reason, ResourceKind, Rule, RuleFault, Subject, Vocabulary, When,
};
pub use classes::{Class, Classes, Column, Kept, Ledger, Person, Table};
pub use entity::Entity;
pub use matrix::{Grant, Matrix, Role};
