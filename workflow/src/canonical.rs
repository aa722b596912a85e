use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{Edge, Node, Workflow};

/// The document of a workflow as RFC 8785 writes it, with what is computed and without what is drawn:
/// positions, selection, the order of nodes and of edges. Two documents that do the same under the
/// same ids have one canonical form, and it is a document.
///
/// Two limits make the form exact: members' names are ASCII, so that they sort alike by any unit, and
/// numbers are such that no exponent is written (`number.rs`).
pub fn canonical(workflow: &Workflow) -> String {
    let mut nodes: Vec<&Node> = workflow.nodes.iter().collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    let nodes: Vec<Value> = nodes.into_iter().map(node).collect();
    let edges: Vec<Value> = workflow.edges.iter().map(edge).collect();
    let mut text = String::new();
    write(&json!({"edges": edges, "nodes": nodes}), &mut text);
    text
}

/// `sha256:` and the hash of the canonical form in small hexadecimal digits.
pub fn hash(workflow: &Workflow) -> String {
    let hash = Sha256::digest(canonical(workflow).as_bytes());
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

pub(crate) fn node(node: &Node) -> Value {
    // A kind is plain data: writing it does not fail.
    let mut value = serde_json::to_value(&node.kind).unwrap_or_default();
    if let Value::Object(members) = &mut value {
        members.insert("id".into(), node.id.clone().into());
    }
    value
}

pub(crate) fn edge(edge: &Edge) -> Value {
    json!({
        "id": edge.id,
        "source": edge.source,
        "sourceHandle": edge.source_handle,
        "target": edge.target,
        "targetHandle": edge.target_handle,
    })
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => object(members, text),
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i == 0 { "" } else { "," });
                write(item, text);
            }
            text.push(']');
        }
        // As ECMAScript does: 3 and not 3.0.
        Value::Number(number) => match number.as_f64() {
            Some(float) => text.push_str(&float.to_string()),
            None => text.push_str(&number.to_string()),
        },
        // Escapes are those of RFC 8785 section 3.2.2.2.
        other => text.push_str(&other.to_string()),
    }
}

fn object(members: &Map<String, Value>, text: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    text.push('{');
    for (i, (name, value)) in sorted.into_iter().enumerate() {
        text.push_str(if i == 0 { "" } else { "," });
        text.push_str(&Value::String(name.clone()).to_string());
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_rfc_8785_has_it() {
        let mut text = String::new();
        let value =
            json!({"b": "\u{1}\u{1f}\u{8}\t\n\u{c}\r\"\\/\u{7f}\u{2028}é", "a": [1.0, -0.5, true]});
        write(&value, &mut text);
        let escaped = r#"\u0001\u001f\b\t\n\f\r\"\\/"#;
        assert_eq!(text, format!("{{\"a\":[1,-0.5,true],\"b\":\"{escaped}\u{7f}\u{2028}é\"}}"));
    }
}
