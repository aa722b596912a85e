//! The operators of JSON conditions: which kinds of attribute each fits, which value it takes, and
//! what it is in Cedar.

use cedar_policy::pst::{BinaryOp, Expr};
use serde_json::Value;

use super::expression;
use super::vocabulary::{AttributeKind, Source};

const MAX_VALUES: usize = 100;
const MAX_CHARACTERS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Differs,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    NotIn,
    Contains,
    StartsWith,
    Exists,
}

use Operator::{Contains, Differs, Equal, Exists, Gt, Gte, In, Lt, Lte, NotIn, StartsWith};

const NAMES: [(Operator, &str); 11] = [
    (Equal, "eq"),
    (Differs, "ne"),
    (Gt, "gt"),
    (Gte, "gte"),
    (Lt, "lt"),
    (Lte, "lte"),
    (In, "in"),
    (NotIn, "not_in"),
    (Contains, "contains"),
    (StartsWith, "starts_with"),
    (Exists, "exists"),
];

impl Operator {
    pub(super) fn parse(text: &str) -> Option<Self> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(operator, _)| *operator)
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }

    /// The operators that fit an attribute.
    pub(super) fn of(kind: AttributeKind) -> &'static [Self] {
        match kind {
            AttributeKind::Text => &[Equal, Differs, In, NotIn, Contains, StartsWith, Exists],
            AttributeKind::Number => &[Equal, Differs, Gt, Gte, Lt, Lte, In, NotIn, Exists],
            AttributeKind::Boolean => &[Equal, Differs, Exists],
            AttributeKind::TextSet => &[Contains, Exists],
        }
    }

    pub(super) fn is_negative(self) -> bool {
        matches!(self, Differs | NotIn)
    }
}

/// A value that was given in a condition.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    Text(String),
    Number(i64),
    Boolean(bool),
}

/// The value of an attribute.
#[derive(Clone, Copy)]
pub(super) enum Fact<'a> {
    Text(&'a str),
    Number(i64),
    Boolean(bool),
}

/// What stands in a condition's `value`.
pub(super) enum Given {
    One(Constant),
    Many(Vec<Constant>),
    /// Part of a text or, of a set, a member.
    Part(String, AttributeKind),
    Presence(bool),
}

impl Given {
    /// What a test is made with, if it is one whose outcome can be told at sight.
    pub(super) fn needed(&self, operator: Operator) -> Option<Vec<Constant>> {
        match self {
            Self::One(constant) if operator != Differs => Some(vec![constant.clone()]),
            Self::Many(constants) if operator == In => Some(constants.clone()),
            _ => None,
        }
    }
}

/// The outcome of a test, told at sight: it means what [`expression`] means.
pub(super) fn met(operator: Operator, fact: Fact<'_>, constants: &[Constant]) -> bool {
    constants.iter().any(|constant| match (fact, constant) {
        (Fact::Text(fact), Constant::Text(text)) => fact == text,
        (Fact::Boolean(fact), Constant::Boolean(boolean)) => fact == *boolean,
        (Fact::Number(fact), Constant::Number(number)) => match operator {
            Gt => fact > *number,
            Gte => fact >= *number,
            Lt => fact < *number,
            Lte => fact <= *number,
            _ => fact == *number,
        },
        _ => false,
    })
}

/// Reads the value that an operator takes, or says what it must be.
pub(super) fn value(
    operator: Operator,
    kind: AttributeKind,
    value: Option<&Value>,
) -> Result<Given, String> {
    match (operator, value) {
        (Exists, None) => Ok(Given::Presence(true)),
        (Exists, Some(value)) => {
            value.as_bool().map(Given::Presence).ok_or_else(|| "must be true or false".into())
        }
        (In | NotIn, value) => {
            let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let constants = list.iter().map(|value| constant(kind, value));
            constants
                .collect::<Option<Vec<_>>>()
                .filter(|list| (1..=MAX_VALUES).contains(&list.len()))
                .map(Given::Many)
                .ok_or_else(|| {
                    format!("must be a list of 1 to {MAX_VALUES}, and each {}", noun(kind))
                })
        }
        (Contains | StartsWith, value) => {
            match value.and_then(|v| constant(AttributeKind::Text, v)) {
                Some(Constant::Text(text)) => Ok(Given::Part(text, kind)),
                _ => Err(format!("must be {}", noun(AttributeKind::Text))),
            }
        }
        (_, value) => value
            .and_then(|value| constant(kind, value))
            .map(Given::One)
            .ok_or_else(|| format!("must be {}", noun(kind))),
    }
}

fn noun(kind: AttributeKind) -> String {
    match kind {
        AttributeKind::Number => "a whole number".into(),
        AttributeKind::Boolean => "true or false".into(),
        _ => format!("a text of at most {MAX_CHARACTERS} characters"),
    }
}

fn constant(kind: AttributeKind, value: &Value) -> Option<Constant> {
    match kind {
        AttributeKind::Text => value
            .as_str()
            .filter(|text| text.chars().count() <= MAX_CHARACTERS)
            .map(|text| Constant::Text(text.into())),
        AttributeKind::Number => value.as_i64().map(Constant::Number),
        AttributeKind::Boolean => value.as_bool().map(Constant::Boolean),
        AttributeKind::TextSet => None,
    }
}

/// The test in Cedar, of an attribute that is there.
pub(super) fn expression(operator: Operator, source: Source, name: &str, given: Given) -> Expr {
    let field = || expression::attribute(source, name);
    match given {
        Given::Presence(true) => expression::has(source, name),
        Given::Presence(false) => expression::not(expression::has(source, name)),
        Given::Part(text, AttributeKind::TextSet) => {
            expression::binary(BinaryOp::Contains, field(), Constant::Text(text).into())
        }
        Given::Part(text, _) if operator == StartsWith => expression::starts_with(field(), &text),
        Given::Part(text, _) => expression::has_within(field(), &text),
        Given::Many(constants) => {
            let equal =
                |constant: Constant| expression::binary(BinaryOp::Eq, field(), constant.into());
            let found = expression::any(constants.into_iter().map(equal).collect());
            if operator == NotIn { expression::not(found) } else { found }
        }
        Given::One(constant) => expression::binary(comparison(operator), field(), constant.into()),
    }
}

fn comparison(operator: Operator) -> BinaryOp {
    match operator {
        Differs => BinaryOp::NotEq,
        Gt => BinaryOp::Greater,
        Gte => BinaryOp::GreaterEq,
        Lt => BinaryOp::Less,
        Lte => BinaryOp::LessEq,
        _ => BinaryOp::Eq,
    }
}
