//! Requests on deployments.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, FromQuery, Item, List, Page, Paging, Problem, Query, QueryReader, parameter},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    jobs::{DEPLOY, Deploy, STOP, Stop},
    rules,
    sql::{self, DeploymentRow},
};
use crate::{
    agents,
    permissions::{DeployAgent, ReadDeployment, UpdateDeployment},
    versions,
};

/// Where to, and what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentCreate {
    pub gateway_id: Uuid,
    /// The number of a version; the current one when it is not said.
    #[serde(default)]
    pub version: Option<i32>,
}

/// What was queued (Z-042).
#[derive(Serialize, ToSchema)]
pub struct Queued {
    job_id: Uuid,
    /// `queued`.
    status: &'static str,
    deployment_id: Uuid,
}

/// A deployment.
#[derive(Serialize, ToSchema)]
pub struct Deployment {
    id: Uuid,
    agent_id: Uuid,
    gateway_id: Uuid,
    version_id: Uuid,
    version_number: i32,
    version_hash: String,
    /// The order among the deployments of the agent.
    sequence: i32,
    status: String,
    /// The job that deploys it.
    job_id: Uuid,
    /// What the gateway calls it.
    registration_id: Option<String>,
    /// Where the agent answers, while this is active.
    invoke_url: Option<String>,
    /// Why it failed.
    error: Option<String>,
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    active_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<DeploymentRow> for Deployment {
    fn from(row: DeploymentRow) -> Self {
        Self {
            id: row.id,
            agent_id: row.agent_id,
            gateway_id: row.gateway_id,
            version_id: row.version_id,
            version_number: row.version_number,
            version_hash: row.version_hash,
            sequence: row.sequence,
            invoke_url: row.invoke_url.filter(|_| row.status == "active"),
            status: row.status,
            job_id: row.job_id,
            registration_id: row.registration_id,
            error: row.error,
            created_by: row.created_by,
            created_at: row.created_at,
            active_at: row.active_at,
            ended_at: row.ended_at,
        }
    }
}

/// Which deployments.
pub struct DeploymentQuery {
    agent_id: Option<Uuid>,
    gateway_id: Option<Uuid>,
    paging: Paging,
}

impl FromQuery for DeploymentQuery {
    fn read(query: &mut QueryReader) -> Self {
        let agent_id = query.parse("agent_id", "the id of an agent");
        let gateway_id = query.parse("gateway_id", "the id of a gateway");
        if agent_id.is_some() && gateway_id.is_some() {
            query.fault("gateway_id", "conflict", "give `agent_id` or `gateway_id`, not both");
        }
        Self { agent_id, gateway_id, paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let id = || json!({"type": "string", "format": "uuid"});
        let mut all = vec![
            parameter("agent_id", id(), "those of this agent"),
            parameter("gateway_id", id(), "those to this gateway"),
        ];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn deploy(
    act: Authorized<DeployAgent>,
    (Item(agent), Body(body)): (Item<Uuid>, Body<DeploymentCreate>),
) -> Result<Committed<Queued>, Problem> {
    let (deployment_id, job_id) = (act.new_id(), act.new_id());
    let DeploymentCreate { gateway_id, version } = body;
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(agents::sql::hold_agent(agent)).await?.into_iter().next();
            agents::require_in_use(&held.ok_or_else(Problem::not_found)?.status)?;
            let gateway = tx.run(sql::find_gateway(gateway_id)).await?.into_iter().next();
            rules::require_active(&gateway.ok_or_else(Problem::not_found)?.status)?;
            let version = versions::pinned(tx, agent, version).await?;
            let insert = sql::insert_deployment(deployment_id, agent, gateway_id, version, job_id);
            tx.run(insert).await?;
            let payload = Deploy { deployment_id, gateway_id };
            tx.run(DEPLOY.enqueue(job_id, Some(agent), &payload)?).await?;
            Ok(Answer::ok(Queued { job_id, status: "queued", deployment_id }))
        })
    })
    .await
}

pub async fn stop(
    act: Authorized<UpdateDeployment>,
    Item(deployment_id): Item<Uuid>,
) -> Result<Committed<Queued>, Problem> {
    let job_id = act.new_id();
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(sql::hold_deployment(deployment_id)).await?.into_iter().next();
            rules::require_not_superseded(&held.ok_or_else(Problem::not_found)?.status)?;
            let open = tx.run(sql::find_open_stop(deployment_id)).await?.into_iter().next();
            let job_id = match open {
                Some(job) => job.id,
                None => tx
                    .run(STOP.enqueue(job_id, Some(deployment_id), &Stop {})?)
                    .await
                    .map(|_| job_id)?,
            };
            Ok(Answer::ok(Queued { job_id, status: "queued", deployment_id }))
        })
    })
    .await
}

pub async fn read(
    act: Authorized<ReadDeployment>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Deployment>, Problem> {
    act.fetch_one(sql::find_deployment(id), |row| {
        let version = row.version;
        Answer::ok(Deployment::from(row)).version(version)
    })
    .await
}

pub async fn list(
    act: Authorized<ReadDeployment>,
    Query(query): Query<DeploymentQuery>,
) -> Result<Fetched<List<Deployment>>, Problem> {
    let DeploymentQuery { agent_id, gateway_id, paging: Paging { limit, cursor } } = query;
    let question = format!("deployments {agent_id:?} {gateway_id:?}");
    let before: Uuid = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::max(),
    };
    let list = match (agent_id, gateway_id) {
        (Some(agent), _) => sql::list_deployments_of_agent(agent, before, limit + 1),
        (None, Some(gateway)) => sql::list_deployments_of_gateway(gateway, before, limit + 1),
        (None, None) => sql::list_deployments(before, limit + 1),
    };
    let admitted = act.admitted().await?;
    act.fetch(list, |rows| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &last.id))?;
        let shown = |row: &DeploymentRow| admitted.holds(row.id, &row.attributes);
        Ok(Answer::list(page.only(shown).map(Deployment::from)))
    })
    .await
}
