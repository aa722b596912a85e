//! What is done later about deployments: the agent is put on its gateway, or taken off it.

use kernel::{
    authz::Authorized,
    http::Problem,
    jobs::{Failure, Finished, Jobs, Kind, Run},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    gateway,
    rules::{self, Outcome},
    sql,
};
use crate::permissions::{DeployAgent, UpdateDeployment};

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

/// About an agent. Eight attempts take some ten minutes at the most, or what the gateway asks for.
pub const DEPLOY: Kind<DeployAgent, Deploy> = Kind::new("studio.deploy_agent", 8);
/// About a deployment.
pub const STOP: Kind<UpdateDeployment, Stop> = Kind::new("studio.stop_deployment", 8);

pub fn jobs(jobs: &mut Jobs) {
    jobs.on(&DEPLOY, deploy);
    jobs.on(&STOP, stop);
}

/// Registers the pinned version and records what became of it. Whatever is done twice has one effect: the
/// registration's name is the deployment's id, and the later deployment wins at the gateway and here.
async fn deploy(act: Authorized<DeployAgent>, run: Run<Deploy>) -> Result<Finished, Failure> {
    let deployment = run.payload.deployment_id;
    let begin = sql::begin_deployment(deployment);
    let request = run
        .step(&act, move |tx| {
            Box::pin(async move {
                let request = |rows: Vec<_>, reveal: &_| {
                    let row = rows.into_iter().next();
                    row.map(|row| gateway::register(deployment, row, reveal)).transpose()
                };
                tx.judge(begin, request).await?
            })
        })
        .await?;
    let Some(request) = request else {
        // It was stopped, or a later one came, while this one waited.
        return run.finish(&act, |_| Box::pin(async { Ok(()) })).await;
    };
    run.checkpoint().await?;
    let outcome = rules::registered(act.outbound()?.send(request).await, act.now())?;
    let end = match outcome {
        Outcome::Registered(registration) => {
            sql::activate_deployment(deployment, registration.id, registration.invoke_url)
        }
        Outcome::Superseded => sql::supersede_deployment(deployment),
    };
    run.finish(&act, move |tx| Box::pin(async move { tx.run(end).await.map(drop) })).await
}

/// Takes it off its gateway, and records that.
async fn stop(act: Authorized<UpdateDeployment>, run: Run<Stop>) -> Result<Finished, Failure> {
    let deployment = run.record().ok_or_else(|| Problem::internal("a job about a deployment"))?;
    let find = sql::find_stopping(deployment);
    let request = run
        .step(&act, move |tx| {
            Box::pin(async move {
                let request = |rows: Vec<_>, reveal: &_| {
                    let row = rows.into_iter().next();
                    row.map(|row| gateway::end(deployment, row, reveal)).transpose()
                };
                tx.judge(find, request).await?
            })
        })
        .await?;
    if let Some(request) = request {
        rules::ended(act.outbound()?.send(request).await, act.now())?;
    }
    let end = sql::stop_deployment(deployment);
    run.finish(&act, move |tx| Box::pin(async move { tx.run(end).await.map(drop) })).await
}
