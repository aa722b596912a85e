//! What an agent does, as a document: nodes and edges in the format of React Flow, checked whole
//! before it is kept or run. Pure: no I/O, no clock, no SQL.
//!
//! - [`validate`] makes a [`Workflow`] of a document or names all that is wrong with it.
//! - [`canonical`] and [`hash`] say which workflow it is: as RFC 8785 writes it, without what is only drawing.
//! - [`diff`] says what one has that another has not.
//! - [`Path`], [`Template`], [`Pick`] and [`Condition`] compute values; there is no code in a document.
//!
//! A node takes values at its target handles and gives one at a source handle. Where an edge names no
//! source handle it is `value`; where it names no target handle it is the only one that there is.

/// A workflow, which the demo deploys.
pub const EXAMPLE: &str = include_str!("../examples/answer.json");

mod canonical;
mod condition;
mod diff;
mod document;
mod fault;
mod graph;
mod limits;
mod members;
mod node;
mod number;
#[cfg(test)]
mod properties;
mod template;
mod value;

pub use canonical::{canonical, hash};
pub use condition::{Condition, Op, Scalar};
pub use diff::{Changed, Changes, Diff, diff};
pub use document::{Edge, Node, Workflow, validate};
pub use fault::{Fault, RunFault};
pub use limits::*;
pub use node::{Http, Input, InputField, Kind, Map, Method, Model, Output, TemplateNode};
pub use template::{Path, Pick, Scope, Template};
pub use value::{Type, size};
