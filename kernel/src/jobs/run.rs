//! One attempt, as its handler sees it.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{CANCELLED, HELD, LOST, sql};
use crate::{
    authz::{Answer, Authorized, Permission, TenantTx, Writes},
    core::Core,
    db::{Bound, Context, Db, DbError, Origin, Row, Scope},
    http::Problem,
};

/// Proof that a job's end is committed, with its effect.
pub struct Finished(());

/// Why an attempt did not finish.
#[derive(Debug)]
pub enum Failure {
    /// Another attempt may do better, after this long; when not said, later and later.
    Retry {
        problem: Box<Problem>,
        after: Option<Duration>,
    },
    /// It would fail again.
    Final(Problem),
    Stopped(Stop),
}

/// What came between an attempt and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for its end.
    Cancelled,
    /// Another worker has it.
    Lost,
    /// Its tenant is suspended, or this server is about to stop.
    GivenBack,
}

/// What is ours to mend may be mended by then, and so may what was too much at once; the rest stays as it is.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match (problem.code, problem.status) {
            (CANCELLED, _) => Self::Stopped(Stop::Cancelled),
            (LOST, _) => Self::Stopped(Stop::Lost),
            (HELD, _) => Self::Stopped(Stop::GivenBack),
            (_, 500.. | 408 | 429) => Self::Retry { problem: problem.into(), after: None },
            _ => Self::Final(problem),
        }
    }
}

/// A job that this worker has, for as long as it renews its lease.
#[derive(Clone)]
pub(crate) struct Lease {
    pub(super) core: Arc<Core>,
    pub(super) tenant: Uuid,
    pub(super) job: Uuid,
    pub(super) token: Uuid,
    pub(super) record: Option<Uuid>,
    pub(super) attempt: i32,
}

/// Seconds for which a lease is given.
pub(super) const LEASE: i32 = 15;

impl Lease {
    /// One statement on the job, in the name of the workers.
    pub(super) async fn run<R: Row>(&self, db: &Db, bound: &Bound<R>) -> Result<Vec<R>, DbError> {
        let origin = Origin::internal(self.job);
        let context = Context {
            tenant: self.tenant,
            actor: super::WORKER.actor(),
            permission: "job:run",
            origin: &origin,
            scope: Scope::Own,
            now: None,
        };
        db.flush(&context, bound).await
    }

    /// Lengthens the lease; what stands against going on.
    pub(super) async fn renew(&self, db: &Db) -> Result<Option<Stop>, DbError> {
        let found = self.run(db, &sql::renew_job(self.job, self.token, LEASE)).await?;
        Ok(match found.first() {
            Some(row) if row.held && row.suspended => Some(Stop::GivenBack),
            Some(row) if row.held && row.cancelled => Some(Stop::Cancelled),
            Some(row) if row.held => None,
            _ => Some(Stop::Lost),
        })
    }
}

/// A job under way.
pub struct Run<T> {
    /// What it was told.
    pub payload: T,
    pub(super) lease: Lease,
}

impl<T> Run<T> {
    /// The job's id.
    pub fn id(&self) -> Uuid {
        self.lease.job
    }

    /// What it is about.
    pub fn record(&self) -> Option<Uuid> {
        self.lease.record
    }

    /// Which attempt this is; the first is 1.
    pub fn attempt(&self) -> i32 {
        self.lease.attempt
    }

    /// Whether to go on: to be asked between the steps of something long, before what cannot be taken back.
    ///
    /// # Errors
    /// Its end was asked for, it is another worker's, or it is given back: hand the failure on.
    pub async fn checkpoint(&self) -> Result<(), Failure> {
        let db = self.lease.core.db();
        let renewed = self.lease.renew(db).await.map_err(|e| Problem::from_db(e, &[]))?;
        renewed.map_or(Ok(()), |stop| Err(Failure::Stopped(stop)))
    }

    /// Does `work` in a transaction before the last one; it commits only while the job is this worker's.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn step<P: Permission<Effect = Writes>, V: Send + 'static>(
        &self,
        act: &Authorized<P>,
        work: impl for<'t> FnOnce(&'t mut TenantTx<'_>) -> BoxFuture<'t, Result<V, Problem>>
        + Send
        + 'static,
    ) -> Result<V, Failure> {
        let hold = sql::hold_job(self.lease.job, self.lease.token);
        let (tell, told) = oneshot::channel();
        act.transact(move |tx| {
            Box::pin(async move {
                let made = work(tx).await?;
                tx.run(hold).await?;
                // Who waits for it has gone, and nobody asks.
                let _gone = tell.send(made);
                Ok(Answer::<()>::gone())
            })
        })
        .await?;
        told.await.map_err(|_| Problem::internal("a step that committed made nothing").into())
    }

    /// Does `work` and ends the job, in one transaction: both or neither.
    ///
    /// # Errors
    /// Those of `work`, what [`Problem`] says of the database's failure, and as [`checkpoint`](Self::checkpoint).
    pub async fn finish<P: Permission<Effect = Writes>>(
        self,
        act: &Authorized<P>,
        work: impl for<'t> FnOnce(&'t mut TenantTx<'_>) -> BoxFuture<'t, Result<(), Problem>>
        + Send
        + 'static,
    ) -> Result<Finished, Failure> {
        let end = sql::end_attempt(self.lease.job, self.lease.token, "succeeded", 0.0, None, None);
        act.transact(move |tx| {
            Box::pin(async move {
                work(tx).await?;
                tx.run(end).await?;
                Ok(Answer::<()>::gone())
            })
        })
        .await?;
        Ok(Finished(()))
    }
}
