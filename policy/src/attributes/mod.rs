//! Policies over attributes: who may do what to which resource, on which conditions.
//!
//! An organization writes [`Rule`]s, as JSON conditions or as Cedar text. A [`Vocabulary`] checks them
//! when they are written, and [`Vocabulary::decide`] answers a [`Question`] by Cedar:
//!
//! - any one policy that matches allows; none that matches denies; a `deny` that matches wins;
//! - a policy that fails denies, and so does a resource without an attribute that it must have;
//! - an answer names the policies that made it.

mod conditions;
mod decision;
mod expression;
mod facts;
mod index;
mod operators;
#[cfg(test)]
mod properties;
mod rule;
#[cfg(test)]
mod sample;
mod text;
mod vocabulary;

pub use decision::{Circumstances, Decision, Determining, Question, Reason, Subject};
pub use index::PolicySet;
pub use rule::{CompiledRule, Effect, Rule, RuleFault, When};
pub use vocabulary::{Attribute, AttributeKind, Field, ResourceKind, Vocabulary};
