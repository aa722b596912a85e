//! A run: each node as soon as what feeds it is there, those that do not wait for each other at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{StreamExt, stream::FuturesUnordered};
use outbound::Outbound;
use serde_json::{Map, Value};
use tokio::time::timeout;
use workflow::{Edge, Kind, Node, RunFault, Workflow, size};

use crate::{Limits, model::Model, trace::Trace};

/// What agents run with.
pub(crate) struct Runner {
    pub(crate) outbound: Outbound,
    pub(crate) model: Option<Model>,
    pub(crate) limits: Limits,
}

/// Why a run has no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) node: Option<String>,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    pub(crate) cause: Cause,
    /// The status that a node's call was answered with.
    pub(crate) answered: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// What was given does not go through this workflow.
    Values,
    /// Who was called.
    Call,
    Time,
}

impl Failure {
    pub(crate) fn call(code: &'static str) -> Self {
        Self { node: None, code, cause: Cause::Call, answered: None }
    }

    pub(crate) fn time(code: &'static str) -> Self {
        Self { node: None, code, cause: Cause::Time, answered: None }
    }

    pub(crate) fn values(code: &'static str) -> Self {
        Self { node: None, code, cause: Cause::Values, answered: None }
    }
}

impl From<RunFault> for Failure {
    fn from(fault: RunFault) -> Self {
        Self::values(fault.code())
    }
}

/// The values at a node's target handles.
pub(crate) type Given<'w> = BTreeMap<&'w str, Arc<Value>>;

/// What a node made: at all source handles but the one that a condition did not take.
pub(crate) struct Made {
    pub(crate) value: Arc<Value>,
    /// The handle, where it is one alone.
    pub(crate) only: Option<&'static str>,
}

impl Made {
    /// What it gives at a handle. Fields of the input are at handles of their names.
    fn at(&self, source: &Node, handle: &str) -> Option<Arc<Value>> {
        match (&source.kind, self.only) {
            (_, Some(only)) => (only == handle).then(|| self.value.clone()),
            (Kind::Input(_), None) if handle != "value" => {
                self.value.get(handle).cloned().map(Arc::new)
            }
            _ => Some(self.value.clone()),
        }
    }
}

/// A run on its way.
struct Run<'w> {
    nodes: BTreeMap<&'w str, &'w Node>,
    feeding: BTreeMap<&'w str, Vec<&'w Edge>>,
    /// What was made; nothing by a node that was skipped.
    made: BTreeMap<&'w str, Option<Made>>,
    /// Bytes of all values so far.
    bytes: usize,
}

enum Turn<'w> {
    Wait,
    Skip,
    Ready(Given<'w>),
}

impl<'w> Run<'w> {
    fn new(workflow: &'w Workflow) -> Self {
        let nodes = workflow.nodes().iter().map(|node| (node.id.as_str(), node)).collect();
        let mut feeding: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
        for edge in workflow.edges() {
            feeding.entry(&edge.target).or_default().push(edge);
        }
        Self { nodes, feeding, made: BTreeMap::new(), bytes: 0 }
    }

    fn turn(&self, node: &Node) -> Turn<'w> {
        let mut given = Given::new();
        let mut skip = false;
        for edge in self.feeding.get(node.id.as_str()).into_iter().flatten() {
            let source =
                self.nodes.get(edge.source.as_str()).zip(self.made.get(edge.source.as_str()));
            let Some((source, made)) = source else { return Turn::Wait };
            match made.as_ref().and_then(|made| made.at(source, &edge.source_handle)) {
                Some(value) => drop(given.insert(edge.target_handle.as_str(), value)),
                None => skip = true,
            }
        }
        if skip { Turn::Skip } else { Turn::Ready(given) }
    }
}

impl Runner {
    /// The outputs that were reached, by name.
    ///
    /// # Errors
    /// The first node that fails ends the run.
    pub(crate) async fn run(
        &self,
        workflow: &Workflow,
        input: Arc<Value>,
        trace: &Trace,
    ) -> Result<Map<String, Value>, Failure> {
        match timeout(self.limits.run, self.all(workflow, input, trace)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::time("run_timeout")),
        }
    }

    async fn all(
        &self,
        workflow: &Workflow,
        input: Arc<Value>,
        trace: &Trace,
    ) -> Result<Map<String, Value>, Failure> {
        let mut run = Run::new(workflow);
        let mut waiting: Vec<&Node> = workflow.nodes().iter().collect();
        let mut running = FuturesUnordered::new();
        let mut outputs = Map::new();
        loop {
            let mut left = BTreeSet::new();
            // Each stands after those that feed it, so that one pass finds all that are skipped.
            for node in &waiting {
                match run.turn(node) {
                    Turn::Wait => drop(left.insert(node.id.as_str())),
                    Turn::Skip => {
                        trace.skipped(&node.id);
                        run.made.insert(&node.id, None);
                    }
                    Turn::Ready(given) => {
                        running.push(self.one(node, given, input.clone(), trace));
                    }
                }
            }
            waiting.retain(|node| left.contains(node.id.as_str()));
            let Some(ended) = running.next().await else { return Ok(outputs) };
            let (node, made, bytes) = ended?;
            run.bytes += bytes;
            if run.bytes > self.limits.values {
                return Err(Failure::values("run_too_large"));
            }
            if let Kind::Output(output) = &node.kind {
                outputs.insert(output.name.clone(), (*made.value).clone());
            }
            run.made.insert(&node.id, Some(made));
        }
    }

    /// One node, within its time.
    async fn one<'w>(
        &self,
        node: &'w Node,
        given: Given<'w>,
        input: Arc<Value>,
        trace: &Trace,
    ) -> Result<(&'w Node, Made, usize), Failure> {
        trace.started(&node.id, given.values().map(|value| size(value)).sum());
        let made = match timeout(self.limits.node, self.make(node, &given, input)).await {
            Ok(made) => made,
            Err(_) => Err(Failure::time("timeout")),
        };
        let made = made.and_then(|made| match size(&made.value) {
            bytes if bytes > self.limits.value => Err(RunFault::TooLarge.into()),
            bytes => Ok((made, bytes)),
        });
        match made {
            Ok((made, bytes)) => {
                trace.succeeded(&node.id, &made.value, bytes);
                Ok((node, made, bytes))
            }
            Err(failure) => {
                trace.failed(&node.id, failure.code);
                Err(Failure { node: Some(node.id.clone()), ..failure })
            }
        }
    }
}
