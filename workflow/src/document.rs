use serde_json::Value;

use crate::{
    DOCUMENT_BYTES, EDGES, Fault, ID_CHARS, Input, Kind, NAME_CHARS, NODES, TEXT_BYTES, graph,
    members::{Members, Place},
    size,
};

/// A workflow that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub id: String,
    pub kind: Kind,
}

/// From a source handle to a target handle, both of which there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    pub id: String,
    pub source: String,
    pub source_handle: String,
    pub target: String,
    pub target_handle: String,
}

impl Workflow {
    /// In an order in which each stands after those that feed it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// By id.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The edges that end at a node, one for each of its handles.
    pub fn feeding<'w>(&'w self, id: &'w str) -> impl Iterator<Item = &'w Edge> {
        self.edges.iter().filter(move |edge| edge.target == id)
    }

    /// What it is to be given.
    pub fn input(&self) -> Option<&Input> {
        self.nodes.iter().find_map(|node| match &node.kind {
            Kind::Input(input) => Some(input),
            _ => None,
        })
    }
}

/// An edge as written.
pub(crate) struct Wire<'v> {
    pub(crate) at: usize,
    pub(crate) id: &'v str,
    pub(crate) source: &'v str,
    pub(crate) source_handle: Option<&'v str>,
    pub(crate) target: &'v str,
    pub(crate) target_handle: Option<&'v str>,
}

/// A node as written, of which the id at least can be read.
pub(crate) struct Drawn<'v> {
    pub(crate) at: usize,
    pub(crate) id: &'v str,
    /// Nothing when it is at fault: what hangs on it is then not judged.
    pub(crate) kind: Option<Kind>,
}

/// What React Flow keeps beside what a node does.
const NODE_DRAWING: [&str; 10] = [
    "position",
    "measured",
    "width",
    "height",
    "selected",
    "dragging",
    "style",
    "zIndex",
    "sourcePosition",
    "targetPosition",
];
const EDGE_DRAWING: [&str; 7] =
    ["type", "label", "selected", "animated", "style", "markerEnd", "zIndex"];

/// The workflow that a document is.
///
/// # Errors
/// All that is wrong with it; where it is too large, that alone.
pub fn validate(document: &Value) -> Result<Workflow, Vec<Fault>> {
    let mut faults = vec![];
    let whole = Place { path: String::new(), faults: &mut faults };
    let drawn = read(document, whole);
    let workflow = drawn.and_then(|(nodes, edges)| graph::connect(nodes, &edges, &mut faults));
    match workflow {
        Some(workflow) if faults.is_empty() => Ok(workflow),
        _ => Err(faults),
    }
}

fn read<'v>(document: &'v Value, mut place: Place<'_>) -> Option<(Vec<Drawn<'v>>, Vec<Wire<'v>>)> {
    if size(document) > DOCUMENT_BYTES {
        place.fault("too_large", "a workflow has 256 KiB at the most");
        return None;
    }
    let mut members = Members::of(document, place);
    let nodes = list(&mut members, "nodes", NODES);
    let edges = list(&mut members, "edges", EDGES);
    members.ignore(&["viewport"]);
    let nodes = nodes.map(|nodes| {
        let mut place = members.place().at("nodes");
        let read = |(at, node)| read_node(at, node, place.at(&at.to_string()));
        nodes.iter().enumerate().filter_map(read).collect()
    });
    let edges = edges.map(|edges| {
        let mut place = members.place().at("edges");
        let read = |(at, edge)| read_edge(at, edge, place.at(&at.to_string()));
        edges.iter().enumerate().filter_map(read).collect()
    });
    members.finish();
    nodes.zip(edges)
}

fn list<'v>(
    members: &mut Members<'v, '_>,
    name: &'static str,
    most: usize,
) -> Option<&'v Vec<Value>> {
    let (value, mut place) = members.required(name)?;
    let Some(all) = value.as_array() else {
        place.fault("type", "expected a list");
        return None;
    };
    if all.len() > most {
        place.fault("too_many", format!("there are {most} at the most"));
        return None;
    }
    Some(all)
}

fn read_node<'v>(at: usize, node: &'v Value, place: Place<'_>) -> Option<Drawn<'v>> {
    let mut members = Members::of(node, place);
    let id = id(&mut members);
    let named = members.text("type", TEXT_BYTES);
    let known = named.filter(|name| Kind::NAMES.contains(name));
    if named.is_some() && known.is_none() {
        let what = format!("one of {}", Kind::NAMES.join(", "));
        members.place().at("type").fault("choice", what);
    }
    let data = members.required("data");
    let kind = data.zip(known).and_then(|((data, place), name)| Kind::read(name, data, place));
    members.ignore(&NODE_DRAWING);
    members.finish();
    Some(Drawn { at, id: id?, kind })
}

fn read_edge<'v>(at: usize, edge: &'v Value, place: Place<'_>) -> Option<Wire<'v>> {
    let mut members = Members::of(edge, place);
    let id = id(&mut members);
    let source = members.text("source", TEXT_BYTES);
    let source_handle = members.optional_text("sourceHandle", NAME_CHARS);
    let target = members.text("target", TEXT_BYTES);
    let target_handle = members.optional_text("targetHandle", NAME_CHARS);
    members.ignore(&EDGE_DRAWING);
    members.finish();
    Some(Wire { at, id: id?, source: source?, source_handle, target: target?, target_handle })
}

fn id<'v>(members: &mut Members<'v, '_>) -> Option<&'v str> {
    let id = members.text("id", 4 * ID_CHARS)?;
    if id.chars().count() > ID_CHARS || id.chars().any(char::is_control) {
        let what = "an id has 1 to 100 characters, none of which is a control character";
        members.place().at("id").fault("id", what);
        return None;
    }
    Some(id)
}
