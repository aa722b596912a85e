//! Requests on jobs.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ReadJobs, WriteJobs,
    sql::{self, JobRow},
};
use crate::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{FromQuery, Item, List, Page, Paging, Problem, Query, QueryReader, choice, parameter},
};

/// What a job may be.
pub const STATES: [&str; 6] = ["queued", "running", "succeeded", "failed", "cancelled", "dead"];

/// A job.
#[derive(Serialize, ToSchema)]
pub struct JobView {
    pub job_id: Uuid,
    /// `studio.deploy_agent`.
    pub kind: String,
    /// `queued`, `running`, `succeeded`, `failed`, `cancelled`, or `dead`: it failed in every attempt.
    pub status: String,
    pub attempts: i32,
    /// What it is about.
    pub record_id: Option<Uuid>,
    /// Why the last attempt that failed did.
    pub last_error: Option<JobError>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Not before this.
    #[schema(value_type = String, format = DateTime)]
    pub run_after: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// As whom it runs.
    pub created_by: Uuid,
}

/// Why an attempt failed.
#[derive(Serialize, ToSchema)]
pub struct JobError {
    /// Stable, for programs.
    pub code: String,
    pub detail: String,
}

impl From<JobRow> for JobView {
    fn from(row: JobRow) -> Self {
        let last_error = row.error_code.zip(row.error_detail);
        Self {
            job_id: row.id,
            kind: row.kind,
            status: row.state,
            attempts: row.attempts,
            record_id: row.record_id,
            last_error: last_error.map(|(code, detail)| JobError { code, detail }),
            created_at: row.created_at,
            run_after: row.run_after,
            finished_at: row.finished_at,
            created_by: row.created_by,
        }
    }
}

/// Which jobs.
pub struct Filter {
    status: Option<String>,
    kind: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            status: choice(query, "status", &STATES),
            kind: query.text("kind", 80),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let mut all = vec![
            parameter("status", json!({"type": "string", "enum": STATES}), "only those"),
            parameter("kind", json!({"type": "string"}), "only those of this kind"),
        ];
        all.extend(Page::<()>::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadJobs>,
    Query(filter): Query<Filter>,
) -> Result<Fetched<List<JobView>>, Problem> {
    let Filter { status, kind, paging } = filter;
    let question = format!("{status:?} {kind:?}");
    let before = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::max(),
    };
    let most = paging.limit + 1;
    let statement = match status {
        Some(state) => sql::list_jobs_by_state(before, most, kind, state),
        None => sql::list_jobs(before, most, kind),
    };
    act.fetch(statement, |rows| {
        let seal = |last: &JobRow| act.seal(&question, &last.id);
        Ok(Answer::list(Page::cut(rows, paging.limit, seal)?.map(JobView::from)))
    })
    .await
}

pub async fn find(
    act: Authorized<ReadJobs>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<JobView>, Problem> {
    act.fetch_one(sql::find_job(id), |row| Answer::ok(JobView::from(row))).await
}

pub async fn cancel(
    act: Authorized<WriteJobs>,
    Item(id): Item<Uuid>,
) -> Result<Committed<JobView>, Problem> {
    let ended = || Problem::conflict("job_has_ended", "the job has ended: it cannot be cancelled");
    act.transact(move |tx| {
        Box::pin(async move {
            match tx.run(sql::cancel_job(id)).await?.into_iter().next() {
                Some(row) => Ok(Answer::ok(JobView::from(row))),
                None if tx.run(sql::find_job(id)).await?.is_empty() => Err(Problem::not_found()),
                None => Err(ended()),
            }
        })
    })
    .await
}

pub async fn replay(
    act: Authorized<WriteJobs>,
    Item(id): Item<Uuid>,
) -> Result<Committed<JobView>, Problem> {
    let not_failed = || {
        let detail = "only a job that is `failed` or `dead` is done again";
        Problem::conflict("job_has_not_failed", detail)
    };
    let done = act.transact(move |tx| {
        Box::pin(async move {
            match tx.run(sql::replay_job(id)).await?.into_iter().next() {
                Some(row) => Ok(Answer::ok(JobView::from(row))),
                None if tx.run(sql::find_job(id)).await?.is_empty() => Err(Problem::not_found()),
                None => Err(not_failed()),
            }
        })
    });
    let done = done.await?;
    act.core().wake.wake();
    Ok(done)
}
