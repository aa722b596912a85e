//! Statements on deployments.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    policies::AttributesRow,
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A deployment.
    pub struct DeploymentRow {
        id: Uuid,
        agent_id: Uuid,
        gateway_id: Uuid,
        version_id: Uuid,
        version_number: i32,
        version_hash: String,
        sequence: i32,
        status: String,
        job_id: Uuid,
        registration_id: Option<String>,
        invoke_url: Option<String>,
        error: Option<String>,
        created_by: Option<Uuid>,
        created_at: Timestamp,
        active_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
        version: i32,
        attributes: Value,
    }
}

row! {
    /// Whether something can be deployed to a gateway.
    pub struct GatewayRow { status: String }
}

row! {
    /// Where what is registered.
    pub struct TargetRow {
        agent_id: Uuid,
        sequence: i32,
        hash: String,
        workflow: Value,
        url: String,
        secret: Option<Pii<String>>,
        agent_status: String,
        gateway_status: String,
    }
}

row! {
    /// Where something is registered that ends.
    pub struct StoppingRow {
        url: String,
        secret: Option<Pii<String>>,
    }
}

row! {
    /// Where a deployment stands.
    pub struct StatusRow { status: String }
}

row! {
    /// A job.
    pub struct JobRow { id: Uuid }
}

/// What policies know of a deployment.
macro_rules! attributes {
    () => {
        "jsonb_strip_nulls(jsonb_build_object('status', d.status, 'agent_id', d.agent_id, 'gateway_id', d.gateway_id,
             'created_by', d.created_by)) as attributes"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "d.id, d.agent_id, d.gateway_id, d.version_id, v.number as version_number, v.hash as version_hash, d.sequence,
             d.status, d.job_id, d.registration_id, d.invoke_url, d.error, d.created_by, d.created_at, d.active_at,
             d.ended_at, d.version, ",
            attributes!()
        )
    };
}

macro_rules! from {
    () => {
        " from studio.deployment d
          join studio.agent_version v on v.tenant_id = d.tenant_id and v.agent_id = d.agent_id and v.id = d.version_id "
    };
}

statements! {
    fn find_attributes(id: Uuid) -> AttributesRow
        = concat!("select ", attributes!(), " from studio.deployment d where d.id = $1");

    /// Of the agent, and of where it is to go.
    fn find_deploy_attributes(agent: Uuid, gateway: Uuid) -> AttributesRow
        = "select jsonb_strip_nulls(jsonb_build_object('name', a.name, 'status', a.status, 'workspace_id', a.workspace_id,
                    'created_by', a.created_by, 'gateway_id', g.id, 'environment', g.environment)) as attributes
             from studio.agent a join studio.gateway g on g.tenant_id = a.tenant_id and g.id = $2 and g.deleted_at is null
            where a.id = $1 and a.deleted_at is null";

    /// Whoever removes it waits.
    fn find_gateway(id: Uuid) -> GatewayRow
        = "select g.status from studio.gateway g where g.id = $1 and g.deleted_at is null for share";

    /// The next of its agent, whose lock the transaction holds.
    fn insert_deployment(id: Uuid, agent: Uuid, gateway: Uuid, version: Uuid, job: Uuid) -> DeploymentRow
        = concat!("with a as (
             update studio.agent a set deployments = a.deployments + 1 where a.id = $2 returning a.deployments),
           d as (
             insert into studio.deployment (tenant_id, id, agent_id, gateway_id, version_id, sequence, job_id)
             select kernel.tenant(), $1, $2, $3, $4, a.deployments, $5 from a returning *)
           select ", columns!(), " from d
             join studio.agent_version v on v.tenant_id = d.tenant_id and v.agent_id = d.agent_id and v.id = d.version_id");

    fn find_deployment(id: Uuid) -> DeploymentRow
        = concat!("select ", columns!(), from!(), "where d.id = $1");

    fn list_deployments(before: Uuid, limit: i64) -> DeploymentRow
        = concat!("select ", columns!(), from!(), "where d.id < $1 order by d.id desc limit $2");

    fn list_deployments_of_agent(agent: Uuid, before: Uuid, limit: i64) -> DeploymentRow
        = concat!("select ", columns!(), from!(), "where d.agent_id = $1 and d.id < $2 order by d.id desc limit $3");

    fn list_deployments_of_gateway(gateway: Uuid, before: Uuid, limit: i64) -> DeploymentRow
        = concat!("select ", columns!(), from!(), "where d.gateway_id = $1 and d.id < $2 order by d.id desc limit $3");

    /// Nothing when there is nothing to do any more.
    fn begin_deployment(id: Uuid) -> TargetRow
        = "with d as (
             update studio.deployment d set status = 'deploying', error = null
              where d.id = $1 and d.status in ('pending', 'deploying', 'failed') returning *)
           select d.agent_id, d.sequence, v.hash, v.workflow, g.url, kernel.open(g.secret) as secret,
                  a.status as agent_status, g.status as gateway_status
             from d
             join studio.agent a on a.tenant_id = d.tenant_id and a.id = d.agent_id
             join studio.agent_version v on v.tenant_id = d.tenant_id and v.agent_id = d.agent_id and v.id = d.version_id
             join studio.gateway g on g.tenant_id = d.tenant_id and g.id = d.gateway_id";

    fn activate_deployment(id: Uuid, registration: String, invoke_url: Option<String>) -> Done
        = "update studio.deployment d set status = 'active', registration_id = $2, invoke_url = $3, error = null
            where d.id = $1 returning true as done";

    fn supersede_deployment(id: Uuid) -> Done
        = "update studio.deployment d set status = 'superseded' where d.id = $1 returning true as done";

    fn hold_deployment(id: Uuid) -> StatusRow
        = "select d.status from studio.deployment d where d.id = $1 for update";

    /// The job that is about to stop it, unless its end was asked for. Those who stop one take turns.
    fn find_open_stop(id: Uuid) -> JobRow
        = "select j.id from kernel.job j
            where j.kind = 'studio.stop_deployment' and j.record_id = $1 and j.state in ('queued', 'running')
              and j.cancel_asked_at is null";

    fn find_stopping(id: Uuid) -> StoppingRow
        = "select g.url, kernel.open(g.secret) as secret
             from studio.deployment d join studio.gateway g on g.tenant_id = d.tenant_id and g.id = d.gateway_id
            where d.id = $1 and d.status <> 'superseded'";

    fn stop_deployment(id: Uuid) -> Done
        = "update studio.deployment d set status = 'stopped'
            where d.id = $1 and d.status in ('pending', 'deploying', 'active') returning true as done";
}

pub fn constraints() -> Vec<Constraint> {
    let moved_on = || {
        let detail = "the deployment has gone on meanwhile: read it and try again";
        Problem::conflict("illegal_transition", detail)
    };
    vec![
        Constraint { name: "RV733", problem: moved_on },
        Constraint { name: "deployment_one_active", problem: moved_on },
    ]
}
