//! JSON conditions: read, checked against the vocabulary, and turned into a Cedar expression.
//!
//! A test of an optional attribute that is absent does not hold. The one exception makes a `deny`
//! close: there `ne` and `not_in` hold of what is absent, since it is not known to be the exception.

use cedar_policy::pst::Expr;
use serde_json::{Map, Value};

use super::operators::{self, Operator};
use super::rule::{Effect, RuleFault};
use super::vocabulary::{Attribute, ResourceKind, Source, resolve};
use super::{expression, index::Need};

const MAX_DEPTH: usize = 5;
const MAX_CONDITIONS: usize = 50;

/// A list of conditions, understood.
pub(super) struct Understood {
    pub expression: Expr,
    /// Tests on the top level without which the whole cannot hold.
    pub needs: Vec<Need>,
    /// The attributes that are read.
    pub reads: Vec<(Source, &'static str)>,
}

/// Understands a policy's list of conditions, all of which must hold.
pub(super) fn understand(
    kind: &ResourceKind,
    effect: Effect,
    list: &[Value],
) -> Result<Understood, Vec<RuleFault>> {
    let mut reader = Reader {
        kind,
        effect,
        path: vec![],
        count: 0,
        needs: vec![],
        reads: vec![],
        faults: vec![],
    };
    let expressions = reader.list("conditions", list, 1);
    let Reader { needs, reads, faults, .. } = reader;
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Understood { expression: expression::all(expressions), needs, reads })
}

struct Reader<'a> {
    kind: &'a ResourceKind,
    effect: Effect,
    path: Vec<String>,
    count: usize,
    needs: Vec<Need>,
    reads: Vec<(Source, &'static str)>,
    faults: Vec<RuleFault>,
}

impl Reader<'_> {
    fn fault<T>(&mut self, member: &str, message: impl Into<String>) -> Option<T> {
        let mut path = self.path.clone();
        path.extend((!member.is_empty()).then(|| member.to_owned()));
        self.faults.push(RuleFault { path, message: message.into() });
        None
    }

    fn list(&mut self, name: &str, list: &[Value], depth: usize) -> Vec<Expr> {
        if depth > MAX_DEPTH {
            self.fault::<()>(name, format!("conditions may be nested {MAX_DEPTH} deep"));
            return vec![];
        }
        self.path.push(name.into());
        let mut expressions = vec![];
        for (place, condition) in list.iter().enumerate() {
            self.count += 1;
            if self.count > MAX_CONDITIONS {
                // Said once, however many follow.
                if self.count == MAX_CONDITIONS + 1 {
                    self.fault::<()>(
                        "",
                        format!("a policy has at most {MAX_CONDITIONS} conditions"),
                    );
                }
                break;
            }
            self.path.push(place.to_string());
            expressions.extend(self.condition(condition, depth));
            self.path.pop();
        }
        self.path.pop();
        expressions
    }

    fn condition(&mut self, condition: &Value, depth: usize) -> Option<Expr> {
        let Some(members) = condition.as_object() else {
            return self.fault("", "must be an object with field, operator and value");
        };
        for (name, join) in
            [("all", expression::all as fn(Vec<Expr>) -> Expr), ("any", expression::any)]
        {
            let Some(inner) = members.get(name) else { continue };
            if members.len() > 1 {
                return self.fault("", format!("{name} stands alone in its object"));
            }
            return match inner.as_array() {
                Some(list) if !list.is_empty() => Some(join(self.list(name, list, depth + 1))),
                _ => self.fault(name, "must be a list of at least one condition"),
            };
        }
        self.test(members, depth)
    }

    fn test(&mut self, members: &Map<String, Value>, depth: usize) -> Option<Expr> {
        const MEMBERS: [&str; 4] = ["field", "attribute", "operator", "value"];
        if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            return self
                .fault("", "may have field, operator and value, or all, or any; and no more");
        }
        let (place, field) = match (members.get("field"), members.get("attribute")) {
            (Some(_), Some(_)) => {
                return self.fault("attribute", "is another name of field: give one");
            }
            (None, Some(field)) => ("attribute", Some(field)),
            (field, None) => ("field", field),
        };
        let Some((source, attribute)) =
            field.and_then(Value::as_str).and_then(|field| resolve(self.kind, field))
        else {
            let message = format!("must be one of: {}", known(self.kind).join(", "));
            return self.fault(place, message);
        };
        let fitting = Operator::of(attribute.kind);
        let named = members.get("operator").and_then(Value::as_str).and_then(Operator::parse);
        let Some(operator) = named.filter(|operator| fitting.contains(operator)) else {
            let names: Vec<_> = fitting.iter().map(|operator| operator.name()).collect();
            return self.fault("operator", format!("must be one of: {}", names.join(", ")));
        };
        let value = match operators::value(operator, attribute.kind, members.get("value")) {
            Ok(value) => value,
            Err(message) => return self.fault("value", message),
        };
        self.reads.push((source, attribute.name));
        if depth == 1 {
            let attribute = attribute.name;
            let constants = value.needed(operator);
            self.needs.extend(constants.map(|constants| Need {
                source,
                attribute,
                operator,
                constants,
            }));
        }
        let test = operators::expression(operator, source, attribute.name, value);
        Some(self.guarded(source, attribute, operator, test))
    }

    fn guarded(
        &self,
        source: Source,
        attribute: Attribute,
        operator: Operator,
        test: Expr,
    ) -> Expr {
        if attribute.required || operator == Operator::Exists {
            return test;
        }
        let present = expression::has(source, attribute.name);
        if self.effect == Effect::Deny && operator.is_negative() {
            return expression::any(vec![expression::not(present), test]);
        }
        expression::all(vec![present, test])
    }
}

fn known(kind: &ResourceKind) -> Vec<String> {
    super::vocabulary::fields(kind).into_iter().map(|field| field.path).collect()
}
