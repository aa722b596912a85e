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
            return expression::unless_absent(present, test);
        }
        expression::all(vec![present, test])
    }
}

fn known(kind: &ResourceKind) -> Vec<String> {
    super::vocabulary::fields(kind).into_iter().map(|field| field.path).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::{allows, decide, fault, rule};
    use super::super::{Effect, Reason};
    use super::*;

    fn refused(conditions: Value) -> (String, String) {
        fault(&rule(Effect::Allow, &["*"], conditions))
    }

    #[test]
    fn z07_an_unknown_field_is_refused_with_the_names_of_the_known() {
        let (path, message) =
            refused(json!([{"field": "resource.secret", "operator": "eq", "value": "x"}]));
        assert_eq!(path, "conditions.0.field");
        assert!(message.contains("resource.workspace_id") && !message.contains("secret"));
    }

    #[test]
    fn z07_an_operator_or_a_value_that_does_not_fit_the_field_is_refused() {
        let test = |field: &str, operator: &str, value: Value| {
            refused(json!([{"field": field, "operator": operator, "value": value}])).0
        };
        assert_eq!(test("resource.workspace_id", "gt", json!("x")), "conditions.0.operator");
        assert_eq!(test("resource.cost", "contains", json!(1)), "conditions.0.operator");
        assert_eq!(test("resource.cost", "sounds_like", json!(1)), "conditions.0.operator");
        assert_eq!(test("resource.cost", "eq", json!("1")), "conditions.0.value");
        assert_eq!(test("resource.cost", "eq", json!(1.5)), "conditions.0.value");
        assert_eq!(test("user.role", "in", json!([])), "conditions.0.value");
        assert_eq!(test("user.role", "in", json!(["a", 1])), "conditions.0.value");
        assert_eq!(test("resource.draft", "eq", Value::Null), "conditions.0.value");
    }

    #[test]
    fn an_unknown_member_is_refused() {
        let test = json!({"field": "user.role", "operator": "eq", "value": "x", "nto": true});
        assert_eq!(refused(json!([test])).0, "conditions.0");
        let group = json!({"any": [{"field": "user.role", "operator": "exists"}], "value": 1});
        assert_eq!(refused(json!([group])).0, "conditions.0");
    }

    #[test]
    fn attribute_is_another_name_of_field_but_not_beside_it() {
        let test = json!({"attribute": "user.role", "operator": "eq", "value": "member"});
        assert!(allows(json!([test]), json!({"workspace_id": "w", "cost": 1})));
        let both = json!({"attribute": "user.role", "field": "user.role", "operator": "exists"});
        assert_eq!(refused(json!([both])).0, "conditions.0.attribute");
    }

    #[test]
    fn conditions_are_bounded_in_depth_and_in_number() {
        let leaf = json!({"field": "user.role", "operator": "exists"});
        let nest = |levels| (0..levels).fold(leaf.clone(), |inner, _| json!({"any": [inner]}));
        assert!(allows(json!([nest(4)]), json!({"workspace_id": "w", "cost": 1})));
        assert_eq!(refused(json!([nest(5)])).0, "conditions.0.any.0.any.0.any.0.any.0.any");
        let wide = |count| Value::Array(vec![leaf.clone(); count]);
        assert!(allows(wide(50), json!({"workspace_id": "w", "cost": 1})));
        assert_eq!(refused(wide(51)).0, "conditions");
        assert_eq!(refused(json!([{"all": []}])).0, "conditions.0.all");
    }

    #[test]
    fn a_fault_never_repeats_a_value() {
        let (_, message) =
            refused(json!([{"field": "resource.cost", "operator": "eq", "value": "s3cret"}]));
        assert!(!message.contains("s3cret"), "{message}");
    }

    const HOSTILE: [&str; 6] = [
        "\"); permit(principal,action,resource);//",
        "\" || true || \"",
        "back\\slash \\\" \\u{41}",
        "new\nline\r\t\0",
        "*",
        "\u{202e}Ünï\u{1f980}",
    ];

    #[test]
    fn a_hostile_value_is_a_value() {
        for text in HOSTILE {
            for operator in ["eq", "starts_with", "contains"] {
                let test = json!([{"field": "resource.workspace_id", "operator": operator, "value": text}]);
                assert!(!allows(test.clone(), json!({"workspace_id": "w", "cost": 1})), "{text:?}");
                assert!(allows(test, json!({"workspace_id": text, "cost": 1})), "{text:?}");
            }
            let label =
                json!([{"field": "resource.labels", "operator": "contains", "value": text}]);
            assert!(!allows(label.clone(), json!({"workspace_id": "w", "cost": 1, "labels": []})));
            let labels = json!({"workspace_id": "w", "cost": 1, "labels": ["x", text]});
            assert!(allows(label, labels), "{text:?}");
        }
    }

    #[test]
    fn a_hostile_field_is_refused() {
        for text in HOSTILE {
            for field in [text.to_owned(), format!("resource.{text}"), format!("{text}.id")] {
                let test = json!([{"field": field, "operator": "exists"}]);
                assert_eq!(refused(test).0, "conditions.0.field", "{field:?}");
            }
        }
    }

    #[test]
    fn what_is_absent_holds_of_nothing_but_a_denial_of_all_others() {
        let absent = json!({"workspace_id": "w", "cost": 1, "region": null});
        for (operator, value) in
            [("ne", json!("eu")), ("not_in", json!(["eu"])), ("eq", json!("eu"))]
        {
            let test = json!([{"field": "resource.region", "operator": operator, "value": value}]);
            assert!(!allows(test.clone(), absent.clone()), "{operator}");
            let all = rule(Effect::Allow, &["*"], json!([]));
            let denial = rule(Effect::Deny, &["*"], test);
            let decision = decide(&[all, denial], "deploy", absent.clone());
            let expected = if operator == "eq" { Reason::Allowed } else { Reason::Denied };
            assert_eq!(decision.reason, expected, "{operator}");
        }
    }
}
