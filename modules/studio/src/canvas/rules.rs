//! What an operation is, and by which hash a canvas is known. Nodes and edges are React Flow's.

use kernel::http::{FieldError, Problem};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Characters of an id, a type, a handle.
const LONGEST_NAME: usize = 100;
/// Bytes of a node or an edge, as JSON.
const LARGEST: usize = 32 * 1024;
/// How deep `data` may go.
const DEEPEST: usize = 32;
/// How far out a node may stand.
const FARTHEST: f64 = 1e7;

/// A member of an object: its name, whether it must be there, and what it must be.
type Member = (&'static str, bool, fn(&Value) -> bool);
type Members = &'static [Member];

const NODE: Members = &[
    ("id", true, is_name),
    ("type", true, is_name),
    ("position", true, is_position),
    ("data", true, is_data),
];
const EDGE: Members = &[
    ("id", true, is_name),
    ("source", true, is_name),
    ("sourceHandle", false, is_name_or_null),
    ("target", true, is_name),
    ("targetHandle", false, is_name_or_null),
];

/// What the operation of this type holds besides it; of `node` and `edge` what they hold.
fn members(kind: &str) -> Option<(Members, Option<(&'static str, Members)>)> {
    Some(match kind {
        "node.put" => (&[("node", true, Value::is_object)], Some(("node", NODE))),
        "node.move" => (&[("id", true, is_name), ("position", true, is_position)], None),
        "node.change" => (&[("id", true, is_name), ("data", true, is_data)], None),
        "node.remove" | "edge.remove" => (&[("id", true, is_name)], None),
        "edge.put" => (&[("edge", true, Value::is_object)], Some(("edge", EDGE))),
        _ => return None,
    })
}

/// Whether it is an operation: its parts there and within bounds. What it is about may be gone all the same.
///
/// # Errors
/// 422 with every fault.
pub fn check(operation: &Value) -> Result<(), Problem> {
    let kind = operation.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some((own, within)) = members(kind) else {
        let msg = "expected node.put, node.move, node.change, node.remove, edge.put or edge.remove";
        return Err(Problem::field(&["operation", "type"], "value_error", msg));
    };
    let mut faults = vec![];
    object(operation, own, &["type"], &["operation"], &mut faults);
    if let Some((name, members)) = within
        && let Some(part) = operation.get(name)
    {
        object(part, members, &[], &["operation", name], &mut faults);
    }
    if faults.is_empty() && operation.to_string().len() > LARGEST {
        faults.push(fault(&["operation"], "size", "a node or an edge has 32 KiB at the most"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// What is wrong with an object's members.
fn object(
    value: &Value,
    members: &[Member],
    besides: &[&str],
    place: &[&str],
    faults: &mut Vec<FieldError>,
) {
    let empty = Map::new();
    let given = value.as_object().unwrap_or(&empty);
    for (name, required, fits) in members {
        let place = [place, &[name]].concat();
        match given.get(*name) {
            None if *required => faults.push(fault(&place, "missing", "this is required")),
            Some(value) if !fits(value) => {
                faults.push(fault(&place, "value_error", "this is not what docs/canvas.md says"));
            }
            _ => {}
        }
    }
    let known = |name: &str| besides.contains(&name) || members.iter().any(|(n, ..)| *n == name);
    if given.keys().any(|name| !known(name)) {
        faults.push(fault(place, "extra_forbidden", "there is a member too many"));
    }
}

fn fault(place: &[&str], kind: &'static str, msg: &str) -> FieldError {
    let loc = place.iter().map(|part| (*part).to_owned()).collect();
    FieldError { loc, msg: msg.to_owned(), kind }
}

fn is_name(value: &Value) -> bool {
    value.as_str().is_some_and(|name| {
        (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    })
}

fn is_name_or_null(value: &Value) -> bool {
    value.is_null() || is_name(value)
}

fn is_position(value: &Value) -> bool {
    let within =
        |axis| value.get(axis).and_then(Value::as_f64).is_some_and(|n| n.abs() <= FARTHEST);
    within("x") && within("y") && value.as_object().is_some_and(|members| members.len() == 2)
}

fn is_data(value: &Value) -> bool {
    value.is_object() && is_kept(value, DEEPEST)
}

/// Whether PostgreSQL keeps it as it is: no U+0000, and not deeper than this.
fn is_kept(value: &Value, deep: usize) -> bool {
    let plain = |text: &str| !text.contains('\0');
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => deep > 0 && items.iter().all(|item| is_kept(item, deep - 1)),
        Value::Object(members) => {
            deep > 0 && members.iter().all(|(name, v)| plain(name) && is_kept(v, deep - 1))
        }
        _ => true,
    }
}

/// The nodes and edges of a document, each by id.
pub fn sorted(mut document: Value) -> (Vec<Value>, Vec<Value>) {
    let mut take = |name| match document.get_mut(name).map(Value::take) {
        Some(Value::Array(mut elements)) => {
            elements.sort_by(|a, b| id(a).encode_utf16().cmp(id(b).encode_utf16()));
            elements
        }
        _ => vec![],
    };
    (take("nodes"), take("edges"))
}

fn id(element: &Value) -> &str {
    element.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// The hash of a canvas whose nodes and edges are sorted.
pub fn hash(nodes: &[Value], edges: &[Value]) -> String {
    let text = canonical(&json!({"nodes": nodes, "edges": edges}));
    let digits = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{digits}")
}

/// RFC 8785: members by name, numbers as ECMAScript writes them, so that a browser comes to the same text.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            let member = |(name, value)| {
                format!("{}:{}", Value::from(String::as_str(name)), canonical(value))
            };
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Number(number) => number.as_f64().map(number_text).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.to_string(),
    }
}

/// ECMA-262 section 6.1.6.1.20.
fn number_text(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        large if large >= 1e21 => format!("{number:e}").replace('e', "e+"),
        small if small < 1e-6 => format!("{number:e}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str) -> Value {
        json!({"id": id, "type": "input", "position": {"x": 1, "y": -2.5}, "data": {"label": "a"}})
    }

    fn places(operation: Value) -> Vec<String> {
        let faults = check(&operation).err().map(|problem| problem.errors).unwrap_or_default();
        faults.into_iter().map(|fault| fault.loc.join(".")).collect()
    }

    #[test]
    fn each_operation_has_its_parts_and_no_others() {
        let edge = json!({"id": "e", "source": "a", "sourceHandle": null, "target": "b"});
        for operation in [
            json!({"type": "node.put", "node": node("a")}),
            json!({"type": "node.move", "id": "a", "position": {"x": 0, "y": 0}}),
            json!({"type": "node.change", "id": "a", "data": {"label": null}}),
            json!({"type": "node.remove", "id": "a"}),
            json!({"type": "edge.put", "edge": edge}),
            json!({"type": "edge.remove", "id": "e"}),
        ] {
            assert_eq!(places(operation.clone()), Vec::<String>::new(), "{operation}");
            let mut more = operation.clone();
            more["author"] = json!("another");
            assert_eq!(places(more), ["operation"], "{operation}");
        }
    }

    #[test]
    fn every_fault_is_named_by_its_place() {
        assert_eq!(places(json!({"type": "node.explode"})), ["operation.type"]);
        assert_eq!(places(json!({})), ["operation.type"]);
        assert_eq!(places(json!({"type": "node.put"})), ["operation.node"]);
        let bare =
            json!({"type": "node.put", "node": {"id": "", "type": "x\u{7}", "position": {"x": 1}}});
        let wrong = ["id", "type", "position", "data"].map(|name| format!("operation.node.{name}"));
        assert_eq!(places(bare), wrong);
        for position in [json!({"x": 1e9, "y": 0}), json!({"x": 0, "y": 0, "z": 0}), json!([0, 0])]
        {
            let moved = json!({"type": "node.move", "id": "a", "position": position});
            assert_eq!(places(moved), ["operation.position"]);
        }
        let long = json!({"type": "node.remove", "id": "é".repeat(101)});
        assert_eq!(places(long), ["operation.id"]);
    }

    #[test]
    fn data_is_bounded_in_size_and_depth_and_can_be_stored() {
        let change = |data| places(json!({"type": "node.change", "id": "a", "data": data}));
        let deep = (0..40).fold(json!(1), |inner, _| json!({"a": inner}));
        assert_eq!(change(deep), ["operation.data"]);
        assert_eq!(change(json!({"a": "x\0"})), ["operation.data"]);
        assert_eq!(change(json!([1])), ["operation.data"]);
        assert_eq!(change(json!({"a": "x".repeat(LARGEST)})), ["operation"]);
    }

    #[test]
    fn a_hash_says_the_same_whatever_the_order_was() {
        let document = |ids: [&str; 2]| json!({"edges": [], "nodes": ids.map(node)});
        let of = |document| {
            let (nodes, edges) = sorted(document);
            hash(&nodes, &edges)
        };
        assert_eq!(of(document(["a", "b"])), of(document(["b", "a"])));
        assert_ne!(of(document(["a", "b"])), of(document(["a", "c"])));
        // printf '{"edges":[],"nodes":[]}' | sha256sum
        assert_eq!(of(json!({})).len(), "sha256:".len() + 64);
    }

    #[test]
    fn the_text_that_is_hashed_is_that_of_rfc_8785() {
        // Section 3.2.2.3 and appendix B.
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (100.0, "100"),
            (4.5, "4.5"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (9.999_999_999_999_997e22, "9.999999999999997e+22"),
            (1e21, "1e+21"),
            (999_999_999_999_999_700_000.0, "999999999999999700000"),
            (-333_333_333.333_333_3, "-333333333.3333333"),
        ] {
            assert_eq!(canonical(&json!(number)), text);
        }
        let sorted = json!({"\u{20ac}": 1, "\r": 2, "1": 3, "\u{1f600}": 4, "\u{fb33}": [null, true, "\u{f}\n"]});
        let text = "{\"\\r\":2,\"1\":3,\"\u{20ac}\":1,\"\u{1f600}\":4,\"\u{fb33}\":[null,true,\"\\u000f\\n\"]}";
        assert_eq!(canonical(&sorted), text);
    }
}
