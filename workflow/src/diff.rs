use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::{Workflow, canonical};

/// What one workflow has that another has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    pub nodes: Changes,
    pub edges: Changes,
}

/// By id, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<Changed>,
}

/// A node or an edge that both have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    pub id: String,
    /// JSON Pointers into it to what differs: `/data/text`.
    pub fields: Vec<String>,
}

impl Diff {
    /// Both do the same.
    pub fn is_empty(&self) -> bool {
        let none = Changes::default();
        self.nodes == none && self.edges == none
    }
}

/// What `b` has otherwise than `a`, in what is computed; where something is drawn does not count.
pub fn diff(a: &Workflow, b: &Workflow) -> Diff {
    let nodes = |workflow: &Workflow| {
        let by_id = |node: &crate::Node| (node.id.clone(), canonical::node(node));
        workflow.nodes.iter().map(by_id).collect()
    };
    let edges = |workflow: &Workflow| {
        let by_id = |edge: &crate::Edge| (edge.id.clone(), canonical::edge(edge));
        workflow.edges.iter().map(by_id).collect()
    };
    Diff { nodes: changes(&nodes(a), &nodes(b)), edges: changes(&edges(a), &edges(b)) }
}

fn changes(a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>) -> Changes {
    let only = |these: &BTreeMap<String, Value>, those: &BTreeMap<String, Value>| {
        these.keys().filter(|id| !those.contains_key(*id)).cloned().collect()
    };
    let changed = a.iter().filter_map(|(id, was)| {
        let mut fields = vec![];
        compare(was, b.get(id)?, "", &mut fields);
        (!fields.is_empty()).then(|| Changed { id: id.clone(), fields })
    });
    Changes { added: only(b, a), removed: only(a, b), changed: changed.collect() }
}

/// Lists are compared whole: their items have no names.
fn compare(a: &Value, b: &Value, path: &str, fields: &mut Vec<String>) {
    let (Value::Object(was), Value::Object(is)) = (a, b) else {
        if a != b {
            fields.push(path.to_owned());
        }
        return;
    };
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names {
        let null = Value::Null;
        let (a, b) = (was.get(name).unwrap_or(&null), is.get(name).unwrap_or(&null));
        compare(a, b, &format!("{path}/{name}"), fields);
    }
}
