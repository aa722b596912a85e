//! What is remembered of runs: when, how much, which fault. Never a value: those are somebody's.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{hmac, rand::SystemRandom};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::run::Failure;

/// One run.
pub(crate) struct Trace {
    record: Mutex<Record>,
    begun: Instant,
    key: Option<Arc<hmac::Key>>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Record {
    pub(crate) run_id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) version_hash: String,
    status: Status,
    started_at: Timestamp,
    /// Milliseconds from its start on, as all times below.
    ended: Option<u128>,
    code: Option<&'static str>,
    nodes: Vec<NodeRecord>,
}

#[derive(Clone, Serialize)]
struct NodeRecord {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    status: Status,
    started: Option<u128>,
    ended: Option<u128>,
    /// Bytes of its values as JSON.
    input_bytes: Option<usize>,
    output_bytes: Option<usize>,
    /// Keyed, with a key of this process: the same for the same value, and nothing else can be found out.
    output_hash: Option<String>,
    code: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Waiting,
    Running,
    Succeeded,
    Failed,
    /// A condition went the other way.
    Skipped,
    /// The run ended before it did.
    Abandoned,
}

impl Trace {
    fn change(&self, id: &str, change: impl FnOnce(&mut NodeRecord, u128)) {
        let now = self.begun.elapsed().as_millis();
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = record.nodes.iter_mut().find(|node| node.id == id) {
            change(node, now);
        }
    }

    pub(crate) fn started(&self, id: &str, input_bytes: usize) {
        self.change(id, |node, now| {
            (node.status, node.started) = (Status::Running, Some(now));
            node.input_bytes = Some(input_bytes);
        });
    }

    pub(crate) fn succeeded(&self, id: &str, output: &Value, output_bytes: usize) {
        let hash = self.key.as_ref().map(|key| {
            let tag = hmac::sign(key, output.to_string().as_bytes());
            tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
        });
        self.change(id, |node, now| {
            (node.status, node.ended) = (Status::Succeeded, Some(now));
            (node.output_bytes, node.output_hash) = (Some(output_bytes), hash);
        });
    }

    pub(crate) fn failed(&self, id: &str, code: &'static str) {
        self.change(id, |node, now| {
            (node.status, node.ended, node.code) = (Status::Failed, Some(now), Some(code));
        });
    }

    pub(crate) fn skipped(&self, id: &str) {
        self.change(id, |node, _| node.status = Status::Skipped);
    }

    fn end(&self, status: Status, code: Option<&'static str>) {
        let now = self.begun.elapsed().as_millis();
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        (record.status, record.ended, record.code) = (status, Some(now), code);
        for node in &mut record.nodes {
            if matches!(node.status, Status::Running | Status::Waiting) {
                node.status = Status::Abandoned;
            }
        }
    }

    pub(crate) fn record(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A run that goes on. Whose caller has gone away is abandoned.
pub(crate) struct Running(pub(crate) Arc<Trace>);

impl Running {
    pub(crate) fn finish<T>(self, result: &Result<T, Failure>) {
        match result {
            Ok(_) => self.0.end(Status::Succeeded, None),
            Err(failure) => self.0.end(Status::Failed, Some(failure.code)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let running = self.0.record().status == Status::Running;
        if running {
            self.0.end(Status::Abandoned, None);
        }
    }
}

/// The last runs.
pub(crate) struct Traces {
    kept: Mutex<VecDeque<(Uuid, Arc<Trace>)>>,
    most: usize,
    key: Option<Arc<hmac::Key>>,
}

impl Traces {
    pub(crate) fn new(most: usize) -> Self {
        // Without randomness there are no hashes, and runs all the same.
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok().map(Arc::new);
        Self { kept: Mutex::default(), most, key }
    }

    pub(crate) fn begin(
        &self,
        run_id: Uuid,
        registered: &crate::registrations::Registered,
        started_at: Timestamp,
    ) -> Running {
        let node = |node: &workflow::Node| NodeRecord {
            id: node.id.clone(),
            kind: node.kind.name(),
            status: Status::Waiting,
            started: None,
            ended: None,
            input_bytes: None,
            output_bytes: None,
            output_hash: None,
            code: None,
        };
        let record = Record {
            run_id,
            agent_id: registered.kept.agent_id,
            version_hash: registered.kept.version_hash.clone(),
            status: Status::Running,
            started_at,
            ended: None,
            code: None,
            nodes: registered.workflow.nodes().iter().map(node).collect(),
        };
        let (record, key) = (Mutex::new(record), self.key.clone());
        let trace = Arc::new(Trace { record, begun: Instant::now(), key });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((run_id, trace.clone()));
        if kept.len() > self.most {
            kept.pop_front();
        }
        Running(trace)
    }

    pub(crate) fn find(&self, run: Uuid) -> Option<Record> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(id, _)| *id == run).map(|(_, trace)| trace.record())
    }
}
