//! Cedar expressions, built as a tree: no text is put together, so no value can become syntax.

use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, Expr, Literal, NonEmpty, PatternElem, UnaryOp, Var};

use super::operators::Constant;
use super::vocabulary::Source;

impl From<Constant> for Expr {
    fn from(value: Constant) -> Self {
        Expr::Literal(match value {
            Constant::Text(text) => Literal::String(text.into()),
            Constant::Number(number) => Literal::Long(number),
            Constant::Boolean(boolean) => Literal::Bool(boolean),
        })
    }
}

impl From<Source> for Var {
    fn from(source: Source) -> Self {
        match source {
            Source::User => Var::Principal,
            Source::Resource => Var::Resource,
            Source::Context => Var::Context,
        }
    }
}

pub(super) fn attribute(source: Source, name: &str) -> Expr {
    Expr::GetAttr { expr: Arc::new(Expr::Var(source.into())), attr: name.into() }
}

pub(super) fn has(source: Source, name: &str) -> Expr {
    Expr::HasAttr { expr: Arc::new(Expr::Var(source.into())), attrs: NonEmpty::new(name.into()) }
}

pub(super) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { op, left: Arc::new(left), right: Arc::new(right) }
}

pub(super) fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOp::Not, expr: Arc::new(expr) }
}

/// All of them, which is true of none.
pub(super) fn all(expressions: Vec<Expr>) -> Expr {
    balanced(BinaryOp::And, expressions).unwrap_or(Expr::Literal(Literal::Bool(true)))
}

/// Any of them, which is false of none.
pub(super) fn any(expressions: Vec<Expr>) -> Expr {
    balanced(BinaryOp::Or, expressions).unwrap_or(Expr::Literal(Literal::Bool(false)))
}

/// Halves joined in turn, so that a long list makes no deep tree; the order stays.
fn balanced(op: BinaryOp, mut expressions: Vec<Expr>) -> Option<Expr> {
    if expressions.len() < 2 {
        return expressions.pop();
    }
    let right = expressions.split_off(expressions.len() / 2);
    Some(binary(op, balanced(op, expressions)?, balanced(op, right)?))
}

/// The test, or true of what is absent. Cedar learns from `if` what it does not from `!(..) || ..`.
pub(super) fn unless_absent(present: Expr, test: Expr) -> Expr {
    let absent = Expr::Literal(Literal::Bool(true));
    let (cond, then_expr, else_expr) = (present.into(), test.into(), absent.into());
    Expr::IfThenElse { cond, then_expr, else_expr }
}

/// Whether a text begins with another.
pub(super) fn starts_with(expr: Expr, start: &str) -> Expr {
    let mut pattern: Vec<_> = start.chars().map(PatternElem::Char).collect();
    pattern.push(PatternElem::Wildcard);
    Expr::Like { expr: Arc::new(expr), pattern }
}

/// Whether a text has another somewhere in it.
pub(super) fn has_within(expr: Expr, part: &str) -> Expr {
    let mut pattern = vec![PatternElem::Wildcard];
    pattern.extend(part.chars().map(PatternElem::Char));
    pattern.push(PatternElem::Wildcard);
    Expr::Like { expr: Arc::new(expr), pattern }
}
