//! The worker of one server or process: claims jobs, runs each as the person who wanted it, and keeps their leases.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    kind::{Jobs, Schedule, Task},
    rules,
    run::{Failure, Finished, LEASE, Lease, Stop},
    sql::{self, StartedRow},
};
use crate::{
    authz::{Caller, Governed},
    core::{Core, random_bytes},
    db::{Actor, Bound, Context, Db, DbError, Origin, PoolSettings, Row, Scope},
    http::Problem,
    identity::{Refused, SystemAccount, recall},
    policies::admit_job,
};

/// As whom jobs are claimed and their attempts are ended.
pub(crate) const WORKER: SystemAccount =
    SystemAccount { name: "worker", permissions: &["job:run"] };

/// How long after it was wanted on another server a job is noticed, at the latest.
const LOOK: Duration = Duration::from_millis(250);
/// How often schedules are looked at.
const TICK: Duration = Duration::from_secs(1);
/// A third of a lease: two renewals may fail.
const RENEW: Duration = Duration::from_secs(5);
/// How long jobs may go on when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// How long giving them back may take then.
const LAST: Duration = Duration::from_secs(5);

/// A worker; [`run`](Self::run) it beside the server.
pub struct Worker {
    shared: Arc<Shared>,
    places: usize,
    hurry: watch::Sender<bool>,
}

struct Shared {
    core: Arc<Core>,
    /// Its own connections, so that a pool full of requests cannot make it lose its leases.
    db: Db,
    jobs: Jobs,
    /// How many places each tenant has.
    taken: Mutex<HashMap<Uuid, usize>>,
    hurry: watch::Receiver<bool>,
}

impl Worker {
    /// One that runs up to `places` jobs at once.
    ///
    /// # Errors
    /// Pool settings that cannot work.
    pub fn new(
        core: Arc<Core>,
        jobs: Jobs,
        settings: &PoolSettings,
        places: usize,
    ) -> Result<Self, DbError> {
        let own = PoolSettings { size: 2, ..settings.clone() };
        let (hurry, hurried) = watch::channel(false);
        let db = Db::new(&own)?;
        let shared = Shared { core, db, jobs, taken: Mutex::default(), hurry: hurried };
        Ok(Self { shared: Arc::new(shared), places, hurry })
    }

    /// Runs until `stop` resolves; then lets jobs end for a while, and gives back those that do not.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        if self.places == 0 {
            return;
        }
        let mut running = JoinSet::new();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticked = None::<Instant>;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = look.tick() => {}
                () = self.shared.core.wake.woken() => {}
                Some(_ended) = running.join_next() => {}
            }
            if ticked.is_none_or(|at| at.elapsed() > TICK) {
                ticked = Some(Instant::now());
                self.shared.begin_ticks().await;
            }
            self.fill(&mut running).await;
        }
        self.end(running).await;
    }

    /// Claims until there is no place or no job.
    async fn fill(&self, running: &mut JoinSet<()>) {
        while running.len() < self.places {
            match self.shared.claim(self.places).await {
                Ok(Some(lease)) => {
                    let span = tracing::info_span!("job", job_id = %lease.job);
                    let place = Place::take(self.shared.clone(), lease.tenant);
                    let work = async move {
                        place.0.work(lease).await;
                        drop(place);
                    };
                    running.spawn(work.instrument(span));
                }
                Ok(None) => return,
                Err(error) => return report("claim a job", &error),
            }
        }
    }

    async fn end(self, mut running: JoinSet<()>) {
        let all = async { while running.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_err() {
            self.hurry.send_replace(true);
            let rest = async { while running.join_next().await.is_some() {} };
            // Whose lease could not be given back loses it a few seconds later.
            let _late = timeout(LAST, rest).await;
        }
    }
}

/// A place that a tenant has; given up when dropped.
struct Place(Arc<Shared>, Uuid);

impl Place {
    fn take(shared: Arc<Shared>, tenant: Uuid) -> Self {
        *shared.taken().entry(tenant).or_default() += 1;
        Self(shared, tenant)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.taken();
        match taken.get_mut(&self.1) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.1)),
        }
    }
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, HashMap<Uuid, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job. No tenant has all places, where there are several: another's job need not wait until one of its jobs
    /// has ended.
    async fn claim(&self, places: usize) -> Result<Option<Lease>, DbError> {
        let most = places.saturating_sub(1).max(1);
        let full = {
            let taken = self.taken();
            taken.iter().filter(|(_, places)| **places >= most).map(|(id, _)| *id).collect()
        };
        let token = self.core.clock.new_id();
        let claim = sql::claim_job(token, LEASE, full);
        let claimed = self.flush(WORKER, "job:run", &claim).await?.into_iter().next();
        Ok(claimed.map(|row| Lease {
            core: self.core.clone(),
            tenant: row.tenant_id,
            job: row.job_id,
            token,
            record: None,
            attempt: 0,
        }))
    }

    /// Wants what is due again, unless another server did.
    async fn begin_ticks(&self) {
        for schedule in &self.jobs.schedules {
            let Schedule { kind, permission, account, seconds, attempts, payload } = schedule;
            let id = self.core.clock.new_id();
            let tick = sql::enqueue_tick(id, kind, payload.clone(), *attempts, *seconds);
            if let Err(error) = self.flush(*account, permission, &tick).await {
                report("begin a tick", &error);
            }
        }
    }

    /// One statement of no tenant.
    async fn flush<R: Row>(
        &self,
        account: SystemAccount,
        permission: &'static str,
        bound: &Bound<R>,
    ) -> Result<Vec<R>, DbError> {
        let origin = Origin::internal(self.core.clock.new_id());
        let context = Context {
            tenant: Uuid::nil(),
            actor: account.actor(),
            permission,
            origin: &origin,
            scope: Scope::Own,
            now: None,
        };
        self.db.flush(&context, bound).await
    }

    /// One attempt, from its beginning to its end.
    async fn work(&self, lease: Lease) {
        let begun = lease.run(&self.db, &sql::start_job(lease.job, lease.token)).await;
        let job = match begun {
            Ok(rows) => rows.into_iter().next(),
            // Another has it, or its tenant was suspended: it waits until its lease ends.
            Err(DbError::Rule(_)) => None,
            Err(error) => return report("begin a job", &error),
        };
        // It was cancelled in between.
        let Some(job) = job else { return };
        let task = self.jobs.task(&job.kind);
        let name = task.map_or("unknown", |task| task.name);
        match job.state.as_str() {
            "running" => {}
            "dead" => return count(name, "dead"),
            _ => return count(name, "cancelled"),
        }
        let lease = Lease { record: job.record_id, attempt: job.attempts, ..lease };
        let begun = Instant::now();
        let ended = match task {
            Some(task) => self.attempt(task, &job, &lease).await,
            // Of a newer version; a server that knows it may be next.
            None => Err(Failure::Retry { problem: unknown_kind().into(), after: None }),
        };
        let took = begun.elapsed().as_secs_f64();
        metrics::histogram!("reeve_job_seconds", "kind" => name).record(took);
        self.settle(&lease, name, job.attempts >= job.max_attempts, ended).await;
    }

    /// Asks for the caller's right again, and does the work for as long as the lease is held.
    async fn attempt(
        &self,
        task: &Task,
        job: &StartedRow,
        lease: &Lease,
    ) -> Result<Finished, Failure> {
        let governed = Arc::new(self.govern(task, job, lease).await?);
        // What panics when it is called panics in here too.
        let work =
            async { (task.work)(governed.clone(), lease.clone(), job.payload.clone()).await };
        let mut hurry = self.hurry.clone();
        let ended = tokio::select! {
            biased;
            ended = AssertUnwindSafe(work).catch_unwind() => ended.unwrap_or_else(|_| Err(panicked())),
            stop = self.keep(lease) => Err(Failure::Stopped(stop)),
            _ = hurry.wait_for(|hurry| *hurry) => Err(Failure::Stopped(Stop::GivenBack)),
        };
        match ended {
            Err(Failure::Final(problem)) => Err(Failure::Final(governed.refuse(problem).await)),
            ended => ended,
        }
    }

    /// Renews the lease until something stands against going on. That its end was asked for is for the handler's own
    /// checkpoints, which know what can be left half done.
    async fn keep(&self, lease: &Lease) -> Stop {
        loop {
            sleep(RENEW).await;
            match lease.renew(&self.db).await {
                Ok(None | Some(Stop::Cancelled)) => {}
                Ok(Some(stop)) => return stop,
                Err(error) => report("renew a lease", &error),
            }
        }
    }

    /// Whoever wanted the job, as they are now; refused on record as a request of theirs would be.
    async fn govern(
        &self,
        task: &Task,
        job: &StartedRow,
        lease: &Lease,
    ) -> Result<Governed, Failure> {
        let origin = Origin::internal(lease.job);
        let caller = match self.caller(job, lease.tenant, &origin).await {
            Ok(caller) => caller,
            Err(refused) => {
                let place = (task.permission, task.name);
                let problem = self.core.refuse_credential(refused, place, &origin).await;
                return Err(not_allowed(problem));
            }
        };
        let governed = Governed {
            core: self.core.clone(),
            origin,
            route: task.name,
            realm: (!caller.realm.is_empty()).then_some(caller.realm),
            above: None,
            slice: self.core.matrix.slice(caller.role),
            caller,
            if_match: None,
            idempotency: None,
            call: None,
            clock: self.core.clock.clone(),
            counted: Arc::default(),
        };
        if !self.core.matrix.permits(governed.caller.role, task.permission) {
            let problem = governed.forbidden(task.permission);
            return Err(not_allowed(governed.refuse(problem).await));
        }
        match admit_job(&governed, task, job.record_id, &job.payload).await {
            Ok(()) => Ok(governed),
            Err(problem) => Err(not_allowed(governed.refuse(problem).await)),
        }
    }

    async fn caller(
        &self,
        job: &StartedRow,
        tenant: Uuid,
        origin: &Origin,
    ) -> Result<Caller, Refused> {
        let id = job.created_by;
        let actor = match job.actor_kind.as_str() {
            "api_key" => Actor::ApiKey(id),
            "user" => Actor::User(id),
            _ => Actor::System(id),
        };
        let known = |schedule: &&Schedule| schedule.account.actor() == actor;
        match self.jobs.schedules.iter().find(known) {
            Some(schedule) => Ok(Caller {
                tenant,
                actor,
                role: Some(schedule.account.role()),
                authenticated_by: "job",
                ..Caller::anonymous()
            }),
            None => recall(&self.core, origin, tenant, actor).await,
        }
    }

    /// Writes down how an attempt ended, unless it did so itself.
    async fn settle(
        &self,
        lease: &Lease,
        kind: &'static str,
        was_last: bool,
        ended: Result<Finished, Failure>,
    ) {
        let (outcome, state, wait, problem) = match ended {
            Ok(_) => return count(kind, "succeeded"),
            Err(Failure::Stopped(Stop::Lost)) => return count(kind, "lost"),
            Err(Failure::Stopped(Stop::Cancelled)) => {
                ("cancelled", "cancelled", Duration::ZERO, None)
            }
            Err(Failure::Stopped(Stop::GivenBack)) => {
                ("given_back", "queued", Duration::ZERO, None)
            }
            Err(Failure::Final(problem)) => {
                ("failed", "failed", Duration::ZERO, Some(problem.into()))
            }
            Err(Failure::Retry { problem, .. }) if was_last => {
                ("dead", "dead", Duration::ZERO, Some(problem))
            }
            Err(Failure::Retry { problem, after }) => {
                ("retried", "queued", after.unwrap_or_else(|| by_lot(lease.attempt)), Some(problem))
            }
        };
        if let Some(problem) = &problem {
            let cause = problem.cause.as_deref().map(tracing::field::display);
            tracing::warn!(kind, outcome, attempt = lease.attempt, %problem, cause, "a job did not end well");
        }
        let (code, detail) = problem.map(|p| (p.code.to_owned(), clip(&p.detail))).unzip();
        let seconds = wait.as_secs_f64();
        let end = sql::end_attempt(lease.job, lease.token, state, seconds, code, detail);
        match lease.run(&self.db, &end).await {
            Ok(_) => count(kind, outcome),
            // It has ended after all, or another has it.
            Err(DbError::Rule(_)) => count(kind, "lost"),
            Err(error) => report("end an attempt", &error),
        }
    }
}

fn unknown_kind() -> Problem {
    Problem::new(501, "unknown_kind", "no server that has looked at it knows this kind of job")
}

fn panicked() -> Failure {
    let problem = Problem::new(500, "panicked", "something failed on our side; it is logged");
    Failure::Retry { problem: problem.into(), after: None }
}

/// J12: one answer to whoever asks why, whatever was withdrawn; the ledger says which.
fn not_allowed(problem: Problem) -> Failure {
    match (problem.code, problem.status) {
        ("tenant_suspended", _) => Failure::Stopped(Stop::GivenBack),
        (_, 401 | 403) => {
            let detail = "whoever wanted this may no longer do it";
            Failure::Final(Problem::new(403, "forbidden", detail))
        }
        _ => problem.into(),
    }
}

fn by_lot(attempt: i32) -> Duration {
    // Without randomness all of it: late is better than together.
    let share = random_bytes()
        .map_or(1.0, |[a, b, c, d, ..]| rules::share(u32::from_be_bytes([a, b, c, d])));
    rules::backoff(attempt, share)
}

fn clip(detail: &str) -> String {
    detail.chars().take(500).collect()
}

fn count(kind: &'static str, outcome: &'static str) {
    metrics::counter!("reeve_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
}

fn report(what: &'static str, error: &DbError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "could not {what}; will try again");
}
