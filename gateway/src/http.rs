//! The routes. `docs/gateway.md` is what they promise.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;
use workflow::{Fault, Kind, Workflow};

use crate::{
    Bearer, Gateway,
    problem::Problem,
    registrations::{Conflict, Kept, New, Registered, Status},
    run::{Cause, Failure},
    trace::Record,
};

/// Bytes of a body, and how long it may take to come.
const BODY: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

/// Which version answered, on every answer of an agent.
const VERSION: HeaderName = HeaderName::from_static("x-agent-version");

type Shared = State<Arc<Gateway>>;

pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    let registration = put(register).get(show).delete(stop);
    Router::new()
        .route("/health", get(health))
        .route("/v1/registrations/{id}", registration)
        .route("/v1/agents/{id}/invoke", post(invoke))
        .route("/v1/runs/{id}", get(trace))
        .fallback(async || Problem::not_found("there is no such route"))
        .method_not_allowed_fallback(async || {
            Problem::new(405, "method_not_allowed", "this route has no such method")
        })
        .layer(from_fn_with_state(gateway.clone(), around))
        .with_state(gateway)
}

/// Around everything: request id, log line, headers that every answer has.
async fn around(State(gateway): Shared, request: Request, next: Next) -> Response {
    let id = gateway.clock.new_id();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let version = response.headers_mut().remove(VERSION);
        response = problem.render(id);
        response.headers_mut().extend(version.map(|version| (VERSION, version)));
    }
    tracing::info!(request_id = %id, %method, status = response.status().as_u16(), "answered");
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-request-id", id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn health(State(gateway): Shared) -> Response {
    let body = json!({
        "status": "ok",
        "service": "reeve-gateway",
        "version": env!("CARGO_PKG_VERSION"),
        "url": gateway.url,
        "agents": gateway.registrations.active(),
        "model": gateway.runner.model.is_some(),
    });
    json_answer(StatusCode::OK, &body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    agent_id: Uuid,
    sequence: u64,
    version_hash: String,
    workflow: Value,
}

async fn register(
    State(gateway): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    gateway.registrar(request.headers())?;
    let id = parse_id(&id)?;
    let sent: Registration = body(request).await?;
    let workflow = workflow::validate(&sent.workflow)
        .map_err(|faults| Problem::invalid(below("/workflow", faults)))?;
    gateway.check_addresses(&sent.workflow, &workflow)?;
    if workflow::hash(&workflow) != sent.version_hash {
        let detail = "the workflow has another hash than `version_hash`";
        return Err(Problem::new(409, "hash_mismatch", detail));
    }
    let asks = workflow.nodes().iter().any(|node| matches!(node.kind, Kind::Model(_)));
    if asks && gateway.runner.model.is_none() {
        let detail = "the workflow asks a model, and this gateway has none: set MODEL_URL";
        return Err(Problem::new(409, "no_model", detail));
    }
    let new = New { id, agent_id: sent.agent_id, sequence: sent.sequence, workflow };
    let (created, registered) = gateway.registrations.put(new).await.map_err(refusal)?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json_answer(status, &gateway.registration(&registered.kept, id)?))
}

async fn show(
    State(gateway): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gateway.registrar(&headers)?;
    let id = parse_id(&id)?;
    let holder = gateway.registrations.holder(id).ok_or_else(no_registration)?;
    Ok(json_answer(StatusCode::OK, &gateway.registration(&holder.kept, id)?))
}

async fn stop(
    State(gateway): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    gateway.registrar(&headers)?;
    let stopped = gateway.registrations.stop(parse_id(&id)?).await;
    stopped.map_err(|error| disk(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invocation {
    input: Value,
}

async fn invoke(
    State(gateway): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    gateway.invoker(request.headers())?;
    let agent = gateway.registrations.of_agent(parse_id(&id)?);
    let agent = agent
        .filter(|agent| agent.kept.status == Status::Active)
        .ok_or_else(|| Problem::not_found("no workflow is active for this agent"))?;
    let answered = gateway.invoke(&agent, request).await;
    let mut response = answered.into_response();
    let version = HeaderValue::from_str(&agent.kept.version_hash).ok();
    response.headers_mut().extend(version.map(|version| (VERSION, version)));
    Ok(response)
}

async fn trace(
    State(gateway): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gateway.invoker(&headers)?;
    let found = gateway.traces.find(parse_id(&id)?);
    let record = found.ok_or_else(|| Problem::not_found("there is no such run any more"))?;
    Ok(json_answer(StatusCode::OK, &json!(record)))
}

impl Gateway {
    async fn invoke(&self, agent: &Registered, request: Request) -> Result<Response, Problem> {
        let sent: Invocation = body(request).await?;
        let input = agent.workflow.input();
        let faults = input.map(|input| input.faults(&sent.input)).unwrap_or_default();
        if !faults.is_empty() {
            return Err(Problem::invalid(below("/input", faults)));
        }
        let Ok(_place) = self.places.try_acquire() else {
            let detail = "as many runs as this gateway has places for go on: come back in a second";
            return Err(Problem::new(503, "busy", detail));
        };
        let running = self.traces.begin(self.clock.new_id(), agent, self.clock.now());
        let trace = running.0.clone();
        let run = self.runner.run(&agent.workflow, Arc::new(sent.input), &trace);
        // A run holds all its values: not on the stack of whoever waits for it.
        let result = Box::pin(run).await;
        running.finish(&result);
        let about = self.about(&trace.record());
        match result {
            Ok(output) => {
                let body = about.chain([("output", Value::Object(output))]);
                let body = body.map(|(name, value)| (name.to_owned(), value)).collect();
                Ok(json_answer(StatusCode::OK, &Value::Object(body)))
            }
            Err(failure) => {
                let with = |problem: Problem, (name, value)| problem.with(name, value);
                Err(about.fold(failed(failure), with))
            }
        }
    }

    /// What every answer of a run says of it.
    fn about(&self, run: &Record) -> impl Iterator<Item = (&'static str, Value)> + use<> {
        let trace_url = format!("{}/v1/runs/{}", self.url, run.run_id);
        [
            ("run_id", json!(run.run_id)),
            ("agent_id", json!(run.agent_id)),
            ("version_hash", json!(run.version_hash)),
            ("trace_url", trace_url.into()),
        ]
        .into_iter()
    }

    fn registrar(&self, headers: &HeaderMap) -> Result<(), Problem> {
        authenticate(headers, &self.secret)
    }

    fn invoker(&self, headers: &HeaderMap) -> Result<(), Problem> {
        authenticate(headers, self.invoke_secret.as_ref().unwrap_or(&self.secret))
    }

    fn registration(&self, kept: &Kept, id: Uuid) -> Result<Value, Problem> {
        let (status, version_hash) = kept.state_of(id).ok_or_else(no_registration)?;
        Ok(json!({
            "id": id,
            "agent_id": kept.agent_id,
            "version_hash": version_hash,
            "status": status,
            "invoke_url": format!("{}/v1/agents/{}/invoke", self.url, kept.agent_id),
        }))
    }

    /// What could never be called is refused here.
    fn check_addresses(&self, sent: &Value, workflow: &Workflow) -> Result<(), Problem> {
        let nodes = sent.get("nodes").and_then(Value::as_array);
        let place = |id: &str| {
            let mut all = nodes.into_iter().flatten();
            all.position(|node| node.get("id").is_some_and(|other| other == id)).unwrap_or_default()
        };
        let fault = |node: &workflow::Node| {
            let Kind::Http(http) = &node.kind else { return None };
            let unfit = self.runner.outbound.check(&http.origin()?).err()?;
            let path = format!("/workflow/nodes/{}/data/url", place(&node.id));
            Some(Fault { path, code: unfit.code(), message: unfit.to_string() })
        };
        let faults: Vec<Fault> = workflow.nodes().iter().filter_map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
    }
}

fn authenticate(headers: &HeaderMap, secret: &Bearer) -> Result<(), Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let only = all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok());
    let shown = only.and_then(|text| text.split_once(' '));
    match shown {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && secret.is(token) => {
            Ok(())
        }
        _ => {
            let detail = "send the gateway's secret in Authorization: Bearer";
            Err(Problem::new(401, "unauthenticated", detail))
        }
    }
}

fn parse_id(text: &str) -> Result<Uuid, Problem> {
    // In one form: what is given out is what is asked with.
    let id = text.parse().ok().filter(|_| text.len() == 36);
    id.ok_or_else(|| Problem::not_found("an id is a UUID of 36 characters"))
}

/// A JSON body, read to its limit.
async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail = "send JSON in UTF-8, with Content-Type: application/json";
        return Err(Problem::new(415, "unsupported_media_type", detail));
    }
    let read = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), BODY)).await;
    let late = |_| Problem::new(408, "body_timeout", "the body did not come within ten seconds");
    let large = |_| Problem::new(413, "body_too_large", "a body has a mebibyte at the most");
    let bytes = read.map_err(late)?.map_err(large)?;
    let mut parser = serde_json::Deserializer::from_slice(&bytes);
    let parsed = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let path = error.path().iter().fold(String::new(), |path, step| format!("{path}/{step}"));
        // serde's own words repeat the value.
        let message = match error.inner().to_string().split_once(", expected ") {
            Some((_, expected)) => {
                format!("expected {}", expected.split(" at line ").next().unwrap_or_default())
            }
            None => "this is not JSON of the members that the route takes".to_owned(),
        };
        Problem::field(&path, "shape", &message)
    })?;
    let end = parser.end();
    end.map_err(|_| Problem::field("", "shape", "there is more after the JSON"))?;
    Ok(parsed)
}

fn below(root: &str, faults: Vec<Fault>) -> Vec<Fault> {
    let moved = |fault: Fault| Fault { path: format!("{root}{}", fault.path), ..fault };
    faults.into_iter().map(moved).collect()
}

fn no_registration() -> Problem {
    Problem::not_found("there is no such registration")
}

fn refusal(conflict: Conflict) -> Problem {
    let (code, detail) = match conflict {
        Conflict::Superseded => ("superseded", "a registration of a higher sequence is here"),
        Conflict::SequenceTaken => {
            ("sequence_taken", "another registration has this sequence: give a higher one")
        }
        Conflict::Stopped => {
            ("stopped", "it has been stopped: register anew with a higher sequence")
        }
        Conflict::IdTaken => ("id_taken", "this id is a registration of another agent"),
        Conflict::Disk(error) => return disk(&error),
    };
    Problem::new(409, code, detail)
}

fn disk(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "a registration could not be written");
    Problem::new(503, "not_written", "the registration could not be kept: try again")
}

fn failed(failure: Failure) -> Problem {
    let (status, detail) = match failure.cause {
        Cause::Values => (422, "the given values do not go through this workflow"),
        Cause::Call => (502, "what a node called gave no answer that it can use"),
        Cause::Time => (504, "it took longer than allowed"),
    };
    let problem = Problem::new(status, failure.code, detail).with("node", failure.node);
    match failure.answered {
        Some(answered) => problem.with("answered", answered),
        None => problem,
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, kind, Body::from(body.to_string())).into_response()
}
