use serde::Serialize;
use serde_json::Value;

use crate::{
    Path, Scope, TEXT_BYTES, Type,
    members::{Members, Place},
    number::exact,
    template::path_member,
};

/// One comparison. What it compares passes on at `true` or at `false`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    pub path: Path,
    pub op: Op,
    /// What it is compared with; none with `exists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Scalar>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Eq,
    Ne,
    Gt,
    Lt,
    /// A part of a text, an item of a list.
    Contains,
    /// The path leads to something, null included.
    Exists,
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

impl Scalar {
    fn is(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Number(number) => value.as_f64() == Some(*number),
            Self::Boolean(flag) => value.as_bool() == Some(*flag),
        }
    }

    const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn read(value: &Value, mut place: Place<'_>) -> Option<Self> {
        match value {
            Value::String(text) if text.len() <= TEXT_BYTES && !text.contains('\0') => {
                Some(Self::Text(text.clone()))
            }
            Value::String(_) => {
                place.fault("length", "give 1024 bytes at the most, without U+0000");
                None
            }
            Value::Bool(flag) => Some(Self::Boolean(*flag)),
            Value::Number(number) => exact(number, &mut place).map(Self::Number),
            _ => {
                place.fault("type", "expected text, a number or a boolean");
                None
            }
        }
    }
}

impl Condition {
    /// Whether it holds. Where the path leads to nothing, `ne` alone holds; what cannot be compared is
    /// neither greater nor less.
    pub fn holds(&self, scope: &Scope<'_>) -> bool {
        let found = self.path.find(scope);
        let (Some(value), Some(than)) = (found, &self.value) else {
            return match self.op {
                Op::Exists => found.is_some(),
                Op::Ne => true,
                _ => false,
            };
        };
        let both = value.as_f64().zip(than.number());
        match self.op {
            Op::Eq => than.is(value),
            Op::Ne => !than.is(value),
            Op::Gt => both.is_some_and(|(a, b)| a > b),
            Op::Lt => both.is_some_and(|(a, b)| a < b),
            Op::Contains => match (value, than) {
                (Value::String(text), Scalar::Text(part)) => text.contains(part.as_str()),
                (Value::Array(items), _) => items.iter().any(|item| than.is(item)),
                _ => false,
            },
            Op::Exists => true,
        }
    }

    /// The types that the handle may have.
    pub(crate) fn accepts(&self) -> Vec<Type> {
        if !self.path.is_root() {
            return self.path.accepts();
        }
        let of_value = |value: &Scalar| match value {
            Scalar::Text(_) => Type::Text,
            Scalar::Number(_) => Type::Number,
            Scalar::Boolean(_) => Type::Boolean,
        };
        match (self.op, &self.value) {
            (Op::Gt | Op::Lt, _) => vec![Type::Number, Type::Json],
            (Op::Contains, Some(Scalar::Text(_))) => vec![Type::Text, Type::List, Type::Json],
            (Op::Contains, _) => vec![Type::List, Type::Json],
            (Op::Eq | Op::Ne, Some(value)) => vec![of_value(value), Type::Json],
            _ => Type::ALL.to_vec(),
        }
    }

    pub(crate) fn read(mut members: Members<'_, '_>) -> Option<Self> {
        let path = path_member(&mut members, "path");
        let op = members.text("op", TEXT_BYTES).and_then(|name| {
            let op = Op::named(name);
            if op.is_none() {
                let what = "one of eq, ne, gt, lt, contains, exists";
                members.place().at("op").fault("choice", what);
            }
            op
        });
        let value = match op {
            Some(Op::Exists) => None,
            Some(_) => members.required("value").and_then(|(v, place)| Scalar::read(v, place)),
            None => {
                members.ignore(&["value"]);
                None
            }
        };
        let ordered = matches!(op, Some(Op::Gt | Op::Lt));
        if ordered && value.as_ref().is_some_and(|value| value.number().is_none()) {
            members.place().at("value").fault("type", "`gt` and `lt` compare with a number");
        }
        members.finish();
        let complete = matches!(op, Some(Op::Exists)) || value.is_some();
        complete.then_some(Self { path: path?, op: op?, value })
    }
}

impl Op {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "lt" => Self::Lt,
            "contains" => Self::Contains,
            "exists" => Self::Exists,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comparisons() {
        let value = json!({"n": 3, "t": "abc", "b": true, "l": [1, "x"], "u": null});
        let cases = [
            (json!({"path": "input.n", "op": "eq", "value": 3.0}), true),
            (json!({"path": "input.n", "op": "gt", "value": 2.5}), true),
            (json!({"path": "input.n", "op": "gt", "value": 3}), false),
            (json!({"path": "input.n", "op": "lt", "value": 3.5}), true),
            (json!({"path": "input.t", "op": "gt", "value": 0}), false),
            (json!({"path": "input.t", "op": "lt", "value": 0}), false),
            (json!({"path": "input.t", "op": "eq", "value": "abc"}), true),
            (json!({"path": "input.t", "op": "ne", "value": "abc"}), false),
            (json!({"path": "input.x", "op": "ne", "value": "abc"}), true),
            (json!({"path": "input.x", "op": "eq", "value": "abc"}), false),
            (json!({"path": "input.b", "op": "eq", "value": true}), true),
            (json!({"path": "input.t", "op": "contains", "value": "bc"}), true),
            (json!({"path": "input.l", "op": "contains", "value": "x"}), true),
            (json!({"path": "input.l", "op": "contains", "value": 1}), true),
            (json!({"path": "input.l", "op": "contains", "value": 2}), false),
            (json!({"path": "input.u", "op": "exists"}), true),
            (json!({"path": "input.x", "op": "exists"}), false),
        ];
        for (document, expected) in cases {
            let mut faults = vec![];
            let place = Place { path: String::new(), faults: &mut faults };
            let condition = Condition::read(Members::of(&document, place)).unwrap();
            assert_eq!(condition.holds(&Scope::from([("input", &value)])), expected, "{document}");
        }
    }
}
