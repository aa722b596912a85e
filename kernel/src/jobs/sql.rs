//! Statements on jobs.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{db::Done, row, statements};

row! {
    /// A job that was wanted.
    pub struct Queued { id: Uuid }
}

row! {
    /// A job as its tenant sees it.
    pub struct JobRow {
        id: Uuid,
        kind: String,
        state: String,
        attempts: i32,
        max_attempts: i32,
        record_id: Option<Uuid>,
        error_code: Option<String>,
        error_detail: Option<String>,
        run_after: Timestamp,
        finished_at: Option<Timestamp>,
        created_at: Timestamp,
        created_by: Uuid,
    }
}

row! {
    /// A job of whichever tenant, whose lease was given.
    pub struct ClaimedRow { tenant_id: Uuid, job_id: Uuid }
}

row! {
    /// A job that has begun; or has ended in its place, as `state` says.
    pub struct StartedRow {
        kind: String,
        record_id: Option<Uuid>,
        payload: Value,
        state: String,
        attempts: i32,
        max_attempts: i32,
        actor_kind: String,
        created_by: Uuid,
    }
}

row! {
    /// How it stands with a job while it runs.
    pub struct Renewed { held: bool, cancelled: bool, suspended: bool }
}

row! {
    /// A tenant.
    pub struct TenantRow { tenant_id: Uuid }
}

macro_rules! columns {
    () => {
        "id, kind, state, attempts, max_attempts, record_id, error_code, error_detail, run_after, finished_at,
         created_at, created_by"
    };
}

statements! {
    fn enqueue(id: Uuid, kind: &'static str, record: Option<Uuid>, payload: Value, most: i32) -> Queued
        = "select kernel.enqueue($1, $2, $3, $4, $5) as id";

    /// The same for the first who asks in this tick.
    fn enqueue_tick(id: Uuid, kind: &'static str, payload: Value, most: i32, seconds: i32) -> Queued
        = "select kernel.enqueue($1, $2, null, $3, $4) as id where kernel.begin_tick($2, $5)";

    fn list_jobs(before: Uuid, most: i64, kind: Option<String>) -> JobRow
        = concat!("select ", columns!(), " from kernel.job
            where tenant_id = kernel.tenant() and id < $1 and ($3::text is null or kind = $3)
            order by id desc limit $2");

    fn list_jobs_by_state(before: Uuid, most: i64, kind: Option<String>, state: String) -> JobRow
        = concat!("select ", columns!(), " from kernel.job
            where tenant_id = kernel.tenant() and state = $4 and id < $1 and ($3::text is null or kind = $3)
            order by id desc limit $2");

    fn find_job(id: Uuid) -> JobRow
        = concat!("select ", columns!(), " from kernel.job where tenant_id = kernel.tenant() and id = $1");

    /// No row when it has ended.
    fn cancel_job(id: Uuid) -> JobRow
        = concat!("update kernel.job
              set state = case when state = 'queued' then 'cancelled' else state end,
                  cancel_asked_at = coalesce(cancel_asked_at, now())
            where tenant_id = kernel.tenant() and id = $1 and state in ('queued', 'running')
           returning ", columns!());

    /// No row when it did not fail.
    fn replay_job(id: Uuid) -> JobRow
        = concat!("update kernel.job
              set state = 'queued', attempts = 0, run_after = now(), cancel_asked_at = null,
                  error_code = null, error_detail = null
            where tenant_id = kernel.tenant() and id = $1 and state in ('failed', 'dead')
           returning ", columns!());

    fn claim_job(lease: Uuid, seconds: i32, full: Vec<Uuid>) -> ClaimedRow
        = "select tenant_id, job_id from kernel.claim_job($1, $2, $3)";

    fn start_job(id: Uuid, lease: Uuid) -> StartedRow
        = "select kind, record_id, payload, state, attempts, max_attempts, actor_kind, created_by
             from kernel.start_job($1, $2)";

    fn renew_job(id: Uuid, lease: Uuid, seconds: i32) -> Renewed
        = "select kernel.renew_job(j.id, $2, $3) as held, j.cancel_asked_at is not null as cancelled,
                  exists (select from kernel.tenant t where t.tenant_id = j.tenant_id and t.id = j.tenant_id
                                                        and not t.is_active) as suspended
             from kernel.job j where j.tenant_id = kernel.tenant() and j.id = $1";

    /// Refuses, and so the transaction with it, when the lease is another's.
    fn hold_job(id: Uuid, lease: Uuid) -> Done = "select kernel.keep_lease($1, $2) as done";

    fn end_attempt(id: Uuid, lease: Uuid, state: &'static str, seconds: f64, code: Option<String>,
                   detail: Option<String>) -> Done
        = "select kernel.end_attempt($1, $2, $3, $4, $5, $6) as done";

    fn list_tenants_with_old_jobs() -> TenantRow
        = "select tenant_id from kernel.tenants_with_old_jobs() as tenant_id";

    fn remove_old_jobs() -> Done = "select kernel.remove_old_jobs() < 1000 as done";

    fn sweep() -> Done = "select kernel.sweep() is null as done";

    fn make_partitions() -> Done = "select audit.make_partitions(12) is null as done";
}
