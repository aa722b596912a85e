//! What is done later about deployments: the agent is put on its gateway, or taken off it, by the contract of
//! `docs/gateway.md`.

use std::time::Duration;

use kernel::{
    authz::Authorized,
    http::Problem,
    jobs::{Failure, Finished, Jobs, Kind, Run, Stop as Stopped},
    privacy::Reveal,
};
use outbound::{
    Limits, Method, Request, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    rules::{self, Outcome},
    sql::{self, StoppingRow, TargetRow},
};
use crate::{
    agents,
    permissions::{DeployAgent, UpdateDeployment},
};

/// Which deployment, and where to: the policies are asked about both records again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    pub deployment_id: Uuid,
    pub gateway_id: Uuid,
}

/// Nothing but the record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {}

/// About an agent. Fourteen attempts last some twenty minutes, or as long as the gateway asks for: it may be started anew
/// meanwhile.
pub const DEPLOY: Kind<DeployAgent, Deploy> = Kind::new("studio.deploy_agent", 14);
/// About a deployment.
pub const STOP: Kind<UpdateDeployment, Stop> = Kind::new("studio.stop_deployment", 14);

pub fn jobs(jobs: &mut Jobs) {
    jobs.on(&DEPLOY, deploy);
    jobs.on(&STOP, stop);
}

/// Registers the pinned version and records what became of it. Whatever is done twice has one effect: the
/// registration's name is the deployment's id, and the later deployment wins at the gateway and here. What was
/// registered and cannot be recorded any more is taken off again.
async fn deploy(act: Authorized<DeployAgent>, run: Run<Deploy>) -> Result<Finished, Failure> {
    let deployment = run.payload.deployment_id;
    let begin = sql::begin_deployment(deployment);
    let requests = run.step(&act, move |tx| {
        Box::pin(async move {
            let requests = |rows: Vec<_>, reveal: &_| {
                let row = rows.into_iter().next();
                row.map(|row| register(deployment, row, reveal)).transpose()
            };
            tx.judge(begin, requests).await?
        })
    });
    let Some((put, delete)) = requests.await? else {
        // It was stopped, or a later one came, while this one waited.
        return run.finish(&act, |_| Box::pin(async { Ok(()) })).await;
    };
    run.checkpoint().await?;
    let outcome = rules::registered(act.outbound()?.send(put).await, act.now())?;
    let end = match outcome {
        Outcome::Registered(registration) => {
            sql::activate_deployment(deployment, registration.id, registration.invoke_url)
        }
        Outcome::Superseded => sql::supersede_deployment(deployment),
    };
    let finished = run.finish(&act, move |tx| Box::pin(async move { tx.run(end).await.map(drop) }));
    match finished.await {
        Err(ended @ (Failure::Stopped(Stopped::Cancelled) | Failure::Final(_))) => {
            // As far as it goes: who stops the deployment again has this done again.
            let _taken_off = act.outbound()?.send(delete).await;
            Err(ended)
        }
        finished => finished,
    }
}

/// Takes it off its gateway, and records that, whoever asks for the job's end meanwhile: it is off.
async fn stop(act: Authorized<UpdateDeployment>, run: Run<Stop>) -> Result<Finished, Failure> {
    let deployment = run.record().ok_or_else(|| Problem::internal("a job about a deployment"))?;
    let find = sql::find_stopping(deployment);
    let request = run
        .step(&act, move |tx| {
            Box::pin(async move {
                let request = |rows: Vec<_>, reveal: &_| {
                    let row = rows.into_iter().next();
                    row.map(|row| end(deployment, row, reveal)).transpose()
                };
                tx.judge(find, request).await?
            })
        })
        .await?;
    if let Some(request) = request {
        rules::ended(act.outbound()?.send(request).await, act.now())?;
    }
    let end = sql::stop_deployment(deployment);
    run.step(&act, move |tx| Box::pin(async move { tx.run(end).await.map(drop) })).await?;
    run.finish(&act, |_| Box::pin(async { Ok(()) })).await
}

/// A gateway answers shortly: it registers, and runs nothing.
const LIMITS: Limits = Limits { total: Duration::from_secs(15), bytes: 64 * 1024 };

/// `PUT /v1/registrations/{deployment}`, the same however often it is sent; and what takes it back.
///
/// # Errors
/// 409 where the agent or the gateway was taken out of use meanwhile. An address or a secret that cannot be sent is a
/// fault of ours: both were checked when they were saved.
fn register(
    deployment: Uuid,
    row: TargetRow,
    reveal: &Reveal,
) -> Result<(Request, Request), Problem> {
    agents::require_in_use(&row.agent_status)?;
    rules::require_active(&row.gateway_status)?;
    let body = json!({
        "agent_id": row.agent_id,
        "sequence": row.sequence,
        "version_hash": row.hash,
        "workflow": row.workflow,
    });
    let secret = row.secret.map(|secret| secret.reveal(reveal));
    let put = request(Method::PUT, &row.url, deployment, secret.clone(), Some(&body))?;
    Ok((put, request(Method::DELETE, &row.url, deployment, secret, None)?))
}

/// `DELETE /v1/registrations/{deployment}`.
///
/// # Errors
/// As [`register`].
fn end(deployment: Uuid, row: StoppingRow, reveal: &Reveal) -> Result<Request, Problem> {
    let secret = row.secret.map(|secret| secret.reveal(reveal));
    request(Method::DELETE, &row.url, deployment, secret, None)
}

fn request(
    method: Method,
    base: &str,
    deployment: Uuid,
    secret: Option<String>,
    body: Option<&Value>,
) -> Result<Request, Problem> {
    let secret =
        secret.ok_or_else(|| Problem::conflict("gateway_gone", "the gateway was removed"))?;
    let mut bearer: HeaderValue = format!("Bearer {secret}").parse().map_err(Problem::internal)?;
    // Nothing prints it.
    bearer.set_sensitive(true);
    let url = Url::parse(&format!("{base}/v1/registrations/{deployment}"));
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Request {
        method,
        url: url.map_err(Problem::internal)?,
        headers,
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        limits: LIMITS,
    })
}
