//! `jobs`: what is done in the background, for operators.

use kernel::{
    Clock,
    db::Platform,
    jobs::{self, JobView},
};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, JobsCommand, operate::Work, show};

/// A job and whose it is.
#[derive(Serialize)]
struct Owned {
    tenant_id: Uuid,
    #[serde(flatten)]
    job: JobView,
}

pub async fn jobs(work: Work<'_>, command: JobsCommand) -> Result<(), Failure> {
    let mut platform = Platform::connect(&work.database.owner, Clock::default().new_id()).await?;
    match command {
        JobsCommand::List { tenant, status } => {
            show_all(work.json, &jobs::list(&mut platform, &tenant, status).await?);
        }
        JobsCommand::Retry { tenant, id } => {
            show_all(work.json, &[jobs::retry(&mut platform, tenant.as_deref(), id).await?]);
        }
        JobsCommand::Dead => {
            let dead = jobs::dead(&mut platform).await?;
            let dead: Vec<_> =
                dead.into_iter().map(|(tenant_id, job)| Owned { tenant_id, job }).collect();
            let columns: [show::Column<Owned>; 5] = [
                ("organisation", |o| o.tenant_id.to_string()),
                ("id", |o| o.job.job_id.to_string()),
                ("kind", |o| o.job.kind.clone()),
                ("finished", |o| o.job.finished_at.map(|at| at.to_string()).unwrap_or_default()),
                ("error", |o| error(&o.job)),
            ];
            show::rows(work.json, &dead, &columns);
        }
    }
    Ok(())
}

fn show_all(json: bool, jobs: &[JobView]) {
    let columns: [show::Column<JobView>; 6] = [
        ("id", |job| job.job_id.to_string()),
        ("kind", |job| job.kind.clone()),
        ("status", |job| job.status.clone()),
        ("attempts", |job| job.attempts.to_string()),
        ("created", |job| job.created_at.to_string()),
        ("error", error),
    ];
    show::rows(json, jobs, &columns);
}

fn error(job: &JobView) -> String {
    job.last_error.as_ref().map(|error| error.code.clone()).unwrap_or_default()
}
