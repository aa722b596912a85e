//! How nodes hang together.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    DEPTH, Edge, Fault, Kind, Node, Type, Workflow,
    document::{Drawn, Wire},
    members::Place,
    node::VALUE,
};

/// The nodes by id, and what was wrong.
struct Graph<'g> {
    nodes: BTreeMap<&'g str, &'g Drawn<'g>>,
    faults: &'g mut Vec<Fault>,
}

/// The workflow that they make; with faults it may be nothing.
pub(crate) fn connect(
    nodes: Vec<Drawn<'_>>,
    wires: &[Wire<'_>],
    faults: &mut Vec<Fault>,
) -> Option<Workflow> {
    let mut graph = Graph { nodes: BTreeMap::new(), faults };
    for node in &nodes {
        if graph.nodes.insert(node.id, node).is_some() {
            graph.fault(&["nodes", &node.at.to_string(), "id"], "duplicate", "this id is taken");
        }
    }
    graph.edge_ids(wires);
    graph.inputs_and_outputs(&nodes);
    let edges: Vec<(usize, Edge)> = wires.iter().filter_map(|wire| graph.edge(wire)).collect();
    graph.all_fed(&nodes, &edges);
    let order = graph.order(&nodes, &edges);
    graph.types(&order, &edges);
    graph.leads_to_output(&nodes, &edges);
    let rank: BTreeMap<String, usize> =
        order.iter().enumerate().map(|(i, id)| ((*id).to_owned(), i)).collect();
    let mut edges: Vec<Edge> = edges.into_iter().map(|(_, edge)| edge).collect();
    edges.sort_by(|a, b| a.id.cmp(&b.id));
    let mut ready: Vec<Node> = nodes
        .into_iter()
        .filter_map(|node| Some(Node { id: node.id.to_owned(), kind: node.kind? }))
        .collect();
    ready.sort_by_key(|node| rank.get(&node.id).copied());
    Some(Workflow { nodes: ready, edges })
}

impl Graph<'_> {
    fn fault(&mut self, steps: &[&str], code: &'static str, message: impl Into<String>) {
        let path = steps.iter().map(|step| format!("/{step}")).collect();
        Place { path, faults: self.faults }.fault(code, message);
    }

    fn edge_ids(&mut self, wires: &[Wire<'_>]) {
        let mut ids = BTreeSet::new();
        for wire in wires {
            if !ids.insert(wire.id) {
                self.fault(&["edges", &wire.at.to_string(), "id"], "duplicate", "this id is taken");
            }
        }
    }

    fn inputs_and_outputs(&mut self, nodes: &[Drawn<'_>]) {
        // While a kind cannot be read, nobody knows what it would be.
        let all_known = nodes.iter().all(|node| node.kind.is_some());
        let mut inputs = nodes.iter().filter(|node| matches!(node.kind, Some(Kind::Input(_))));
        if inputs.next().is_none() && all_known {
            self.fault(&["nodes"], "no_input", "a workflow has one node of type input");
        }
        for more in inputs {
            let at = more.at.to_string();
            self.fault(&["nodes", &at], "second_input", "a workflow has one node of type input");
        }
        let mut names = BTreeSet::new();
        for node in nodes {
            let Some(Kind::Output(output)) = &node.kind else { continue };
            if !names.insert(output.name.as_str()) {
                let at = node.at.to_string();
                let what = "another output has this name";
                self.fault(&["nodes", &at, "data", "name"], "duplicate", what);
            }
        }
        if names.is_empty() && all_known {
            self.fault(&["nodes"], "no_output", "a workflow has at least one node of type output");
        }
    }

    /// The edge with its handles named, when both ends are there.
    fn edge(&mut self, wire: &Wire<'_>) -> Option<(usize, Edge)> {
        let at = wire.at.to_string();
        let source = self.nodes.get(wire.source).copied();
        let target = self.nodes.get(wire.target).copied();
        for (end, name) in [(source, "source"), (target, "target")] {
            if end.is_none() {
                self.fault(&["edges", &at, name], "unknown_node", "there is no node of this id");
            }
        }
        // A node that is at fault is named where it stands.
        let (source, target) = (source?.kind.as_ref()?, target?.kind.as_ref()?);
        let source_handle = wire.source_handle.unwrap_or(VALUE);
        let gives = source.gives(source_handle, None).is_some();
        if !gives {
            let what = "the source has no such handle";
            self.fault(&["edges", &at, "sourceHandle"], "unknown_handle", what);
        }
        let takes = target.takes();
        let only = takes.keys().next().copied().filter(|_| takes.len() == 1);
        let target_handle = wire.target_handle.or(only).filter(|name| takes.contains_key(name));
        if target_handle.is_none() {
            let what = match wire.target_handle {
                Some(_) => "the target has no such handle",
                None => "name the handle: the target has none, or several",
            };
            self.fault(&["edges", &at, "targetHandle"], "unknown_handle", what);
        }
        let edge = Edge {
            id: wire.id.to_owned(),
            source: wire.source.to_owned(),
            source_handle: source_handle.to_owned(),
            target: wire.target.to_owned(),
            target_handle: target_handle?.to_owned(),
        };
        gives.then_some((wire.at, edge))
    }

    fn all_fed(&mut self, nodes: &[Drawn<'_>], edges: &[(usize, Edge)]) {
        let mut fed = BTreeSet::new();
        for (at, edge) in edges {
            if !fed.insert((edge.target.as_str(), edge.target_handle.as_str())) {
                let what = "another edge feeds this handle";
                self.fault(&["edges", &at.to_string()], "fed_twice", what);
            }
        }
        for node in nodes {
            let Some(kind) = &node.kind else { continue };
            for handle in kind.takes().into_keys() {
                if !fed.contains(&(node.id, handle)) {
                    let what = format!("no edge feeds the handle `{handle}`");
                    self.fault(&["nodes", &node.at.to_string()], "not_fed", what);
                }
            }
        }
    }

    /// Ids, each after those that feed it; those on a cycle, and behind one, are left out.
    fn order<'n>(&mut self, nodes: &[Drawn<'n>], edges: &[(usize, Edge)]) -> Vec<&'n str> {
        let mut sources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (_, edge) in edges {
            sources.entry(&edge.target).or_default().push(&edge.source);
        }
        let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
        let mut order = vec![];
        for level in 1.. {
            let is_ready = |node: &&Drawn<'n>| {
                let all = sources.get(node.id).into_iter().flatten();
                !depth.contains_key(node.id) && { all }.all(|id| depth.contains_key(id))
            };
            let layer: BTreeSet<&'n str> =
                nodes.iter().filter(is_ready).map(|node| node.id).collect();
            if layer.is_empty() {
                break;
            }
            depth.extend(layer.iter().map(|id| (*id, level)));
            order.extend(layer);
        }
        if depth.values().any(|level| *level > DEPTH) {
            self.fault(&["nodes"], "too_deep", "64 nodes may follow one another, and no more");
        }
        for (at, edge) in edges {
            let within = |id: &str| !depth.contains_key(id);
            if within(&edge.source) && within(&edge.target) {
                let what = "this edge is part of a circle, or behind one";
                self.fault(&["edges", &at.to_string()], "cycle", what);
            }
        }
        order
    }

    fn types(&mut self, order: &[&str], edges: &[(usize, Edge)]) {
        let mut given: BTreeMap<&str, Type> = BTreeMap::new();
        for id in order {
            for (at, edge) in edges.iter().filter(|(_, edge)| edge.target == *id) {
                let kind = |id: &str| self.nodes.get(id).and_then(|node| node.kind.as_ref());
                let (Some(source), Some(target)) = (kind(&edge.source), kind(id)) else { continue };
                let passed = given.get(edge.source.as_str()).copied();
                let Some(gives) = source.gives(&edge.source_handle, passed) else { continue };
                let takes = target.takes().remove(edge.target_handle.as_str()).unwrap_or_default();
                if !takes.contains(&gives) {
                    let takes: Vec<_> = takes.iter().map(|kind| kind.name()).collect();
                    let what = format!(
                        "the source gives {}, and the target takes {}",
                        gives.name(),
                        if takes.is_empty() { "nothing".to_owned() } else { takes.join(", ") }
                    );
                    self.fault(&["edges", &at.to_string()], "type_mismatch", what);
                }
                given.insert(id, gives);
            }
        }
    }

    /// What is computed is for an output.
    fn leads_to_output(&mut self, nodes: &[Drawn<'_>], edges: &[(usize, Edge)]) {
        let output = |node: &&Drawn<'_>| matches!(node.kind, None | Some(Kind::Output(_)));
        let mut useful: BTreeSet<&str> = nodes.iter().filter(output).map(|node| node.id).collect();
        loop {
            let more: Vec<&str> = edges
                .iter()
                .filter(|(_, edge)| {
                    useful.contains(edge.target.as_str()) && !useful.contains(edge.source.as_str())
                })
                .map(|(_, edge)| edge.source.as_str())
                .collect();
            if more.is_empty() {
                break;
            }
            useful.extend(more);
        }
        for node in nodes.iter().filter(|node| !useful.contains(node.id)) {
            // An agent may need no input.
            if !matches!(node.kind, Some(Kind::Input(_))) {
                let what = "nothing that comes of this node reaches an output";
                self.fault(&["nodes", &node.at.to_string()], "leads_nowhere", what);
            }
        }
    }
}
