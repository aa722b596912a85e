//! Jobs at the command line.

use uuid::Uuid;

use super::{JobView, sql};
use crate::{
    db::{DbError, Platform},
    tenant::{self, TenantError},
};

/// Why an operator's command on jobs failed.
#[derive(Debug, thiserror::Error)]
pub enum JobFault {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("there is no such job that is failed or dead")]
    NotThere,
}

/// How many jobs of an organisation a command lists.
const MOST: i64 = 1000;

/// An organisation's newest jobs; of this state alone when said.
///
/// # Errors
/// See [`JobFault`].
pub async fn list(
    platform: &mut Platform,
    tenant: &str,
    state: Option<String>,
) -> Result<Vec<JobView>, JobFault> {
    let tenant = tenant::find(platform, tenant).await?.id;
    let jobs = match state {
        Some(state) => sql::list_jobs_by_state(Uuid::max(), MOST, None, state),
        None => sql::list_jobs(Uuid::max(), MOST, None),
    };
    let jobs = platform.run(tenant, "job:read", &jobs).await?;
    Ok(jobs.into_iter().map(JobView::from).collect())
}

/// The newest dead jobs of each organisation, and of the server itself under the nil id.
///
/// # Errors
/// See [`JobFault`].
pub async fn dead(platform: &mut Platform) -> Result<Vec<(Uuid, JobView)>, JobFault> {
    let mut tenants: Vec<_> =
        tenant::list(platform).await?.into_iter().map(|tenant| tenant.id).collect();
    tenants.push(Uuid::nil());
    let mut all = vec![];
    for tenant in tenants {
        let dead = sql::list_jobs_by_state(Uuid::max(), MOST, None, "dead".into());
        let dead = platform.run(tenant, "job:read", &dead).await?;
        all.extend(dead.into_iter().map(|row| (tenant, JobView::from(row))));
    }
    Ok(all)
}

/// Lets a failed or dead job of an organisation wait anew, with all its attempts; of the server itself when none is said.
///
/// # Errors
/// See [`JobFault`].
pub async fn retry(
    platform: &mut Platform,
    tenant: Option<&str>,
    job: Uuid,
) -> Result<JobView, JobFault> {
    let tenant = match tenant {
        Some(tenant) => tenant::find(platform, tenant).await?.id,
        None => Uuid::nil(),
    };
    let row = platform.run(tenant, "job:write", &sql::replay_job(job)).await?.into_iter().next();
    row.map(JobView::from).ok_or(JobFault::NotThere)
}
