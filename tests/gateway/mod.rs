//! A gateway, real on loopback, with real targets and a model to call.

mod calls;
mod process;
mod registrations;
mod runs;
pub mod target;

use std::{path::PathBuf, time::Duration};

use gateway::{Bearer, Gateway, Limits, ModelSettings, Settings};
use kernel::Clock;
use outbound::{Allowed, network};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use uuid::Uuid;

pub const SECRET: &str = "a-secret-of-the-gateways-own-thirty-two-bytes";
const OTHER: &str = "another one, which nobody was ever given by us";

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("reeve-gateway-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// What a test changes of a gateway.
pub struct Setup {
    limits: Limits,
    allowed: &'static [&'static str],
    invoke_secret: Option<&'static str>,
    model: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            allowed: &["127.0.0.1"],
            invoke_secret: None,
            model: None,
        }
    }
}

impl Setup {
    fn settings(&self, folder: &Folder) -> Settings {
        let networks = self.allowed.iter().map(|text| network(text).unwrap()).collect();
        let model = |url: &String| ModelSettings {
            url: url.parse().unwrap(),
            key: Some("the key of the model".into()),
        };
        Settings {
            secret: Bearer::new(SECRET).unwrap(),
            invoke_secret: self.invoke_secret.map(|text| Bearer::new(text).unwrap()),
            folder: folder.0.clone(),
            url: "http://gateway.example".into(),
            model: self.model.as_ref().map(model),
            allowed: Allowed::new(networks),
            limits: self.limits,
        }
    }

    pub async fn start(&self, folder: &Folder) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gateway = Gateway::open(self.settings(folder), Clock::default()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(gateway.serve(listener, async { drop(stopped.await) }));
        Running { caller: Caller::new(url, SECRET), stop, served }
    }
}

pub struct Running {
    pub caller: Caller,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Running {
    /// Stops it, and waits until it has.
    pub async fn stop(self) {
        drop(self.caller);
        drop(self.stop);
        self.served.await.unwrap();
    }
}

#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    pub url: String,
    secret: &'static str,
}

pub struct Reply {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Reply {
    /// Status and code of a problem.
    fn problem(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Caller {
    fn new(url: String, secret: &'static str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
        Self { http: http.build().unwrap(), url, secret }
    }

    fn with(&self, secret: &'static str) -> Self {
        Self { secret, ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(self.secret)
    }

    async fn send(request: RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Reply { status, headers, body: serde_json::from_str(&text).unwrap_or_default() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        Self::send(self.request(Method::GET, path)).await
    }

    async fn register(&self, id: Uuid, agent: Uuid, sequence: u64, document: &Value) -> Reply {
        let workflow = workflow::validate(document);
        let hash = workflow.map(|workflow| workflow::hash(&workflow)).unwrap_or_default();
        let body = json!({"agent_id": agent, "sequence": sequence, "version_hash": hash,
                          "workflow": document});
        let request = self.request(Method::PUT, &format!("/v1/registrations/{id}"));
        Self::send(request.json(&body)).await
    }

    /// An agent with this workflow.
    async fn agent(&self, document: &Value) -> Uuid {
        let agent = Uuid::new_v4();
        let reply = self.register(Uuid::new_v4(), agent, 1, document).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        agent
    }

    pub async fn invoke(&self, agent: Uuid, input: Value) -> Reply {
        let request = self.request(Method::POST, &format!("/v1/agents/{agent}/invoke"));
        Self::send(request.json(&json!({"input": input}))).await
    }

    /// The trace of a run.
    async fn trace(&self, reply: &Reply) -> Value {
        let run = reply.body["run_id"].as_str().unwrap();
        let trace_url = reply.body["trace_url"].as_str().unwrap();
        assert_eq!(trace_url, format!("http://gateway.example/v1/runs/{run}"));
        let trace = self.get(&format!("/v1/runs/{run}")).await;
        assert_eq!(trace.status, 200);
        trace.body
    }
}

/// The demonstration's workflow.
fn answer() -> Value {
    serde_json::from_str(include_str!("../../workflow/examples/answer.json")).unwrap()
}

fn answer_with_text(text: &str) -> Value {
    let mut document = answer();
    document["nodes"][1]["data"]["text"] = format!("{text} {{{{input.question}}}}").into();
    document
}

/// From the input through one node to an output.
fn through(kind: &str, data: Value) -> Value {
    json!({
        "nodes": [
            {"id": "in", "type": "input", "data": {"fields": [{"name": "q", "type": "text"}]}},
            {"id": "node", "type": kind, "data": data},
            {"id": "out", "type": "output", "data": {"name": "out"}}
        ],
        "edges": [
            {"id": "1", "source": "in", "target": "node", "targetHandle": "input"},
            {"id": "2", "source": "node", "target": "out"}
        ]
    })
}

fn http(url: &str) -> Value {
    through("http", json!({"method": "GET", "url": format!("{url}/{{{{input.q}}}}")}))
}

/// A gateway of its own, and what is asked of it.
async fn with(setup: Setup, test: impl AsyncFnOnce(Caller)) {
    let folder = Folder::new();
    let running = setup.start(&folder).await;
    test(running.caller.clone()).await;
    running.stop().await;
}
