//! Kinds of jobs, and what does them.

use std::{future::Future, marker::PhantomData, sync::Arc};

use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{
    run::{Failure, Finished, Lease, Run},
    sql::{self, Queued},
};
use crate::{
    authz::{Attributes, Authorized, Governed, Permission, Writes},
    db::Bound,
    http::Problem,
    identity::SystemAccount,
};

/// A kind of job: its name (`studio.deploy_agent`), how many attempts it has, the permission `P` under which it runs
/// and what it is told, `T`: at most 8 KiB of JSON in which nothing is personal.
pub struct Kind<P, T> {
    pub name: &'static str,
    attempts: i32,
    types: PhantomData<fn() -> (P, T)>,
}

impl<P, T> Kind<P, T> {
    /// `attempts` is 1 to 100.
    pub const fn new(name: &'static str, attempts: i32) -> Self {
        Self { name, attempts, types: PhantomData }
    }
}

impl<P: Permission<Effect = Writes>, T: Serialize> Kind<P, T> {
    /// Wants one done, about `record`: for [`TenantTx::run`](crate::authz::TenantTx::run), in the transaction that wants
    /// it. A module's statement may call `kernel.enqueue` itself. It is done as the transaction's actor.
    ///
    /// # Errors
    /// A payload that is no JSON. At the database 403 `job_needs_a_member`: operators, and those who stand above the
    /// organisation, could not be asked for again.
    pub fn enqueue(
        &self,
        id: Uuid,
        record: Option<Uuid>,
        payload: &T,
    ) -> Result<Bound<Queued>, Problem> {
        let payload = serde_json::to_value(payload).map_err(Problem::internal)?;
        Ok(sql::enqueue(id, self.name, record, payload, self.attempts))
    }
}

type Work = Arc<
    dyn Fn(Arc<Governed>, Lease, Value) -> BoxFuture<'static, Result<Finished, Failure>>
        + Send
        + Sync,
>;

/// A kind with what does it.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) permission: &'static str,
    pub(crate) attributes: Option<Attributes>,
    pub(crate) work: Work,
}

/// What is done again and again, by the server itself and of no tenant.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub(crate) kind: &'static str,
    pub(crate) permission: &'static str,
    pub(crate) account: SystemAccount,
    pub(crate) seconds: i32,
    pub(crate) attempts: i32,
    pub(crate) payload: Value,
}

/// A module's kinds of jobs and what is done again and again, in the making; or those of all modules.
#[derive(Clone, Default)]
pub struct Jobs {
    pub(crate) tasks: Vec<Task>,
    pub(crate) schedules: Vec<Schedule>,
}

impl Jobs {
    /// What does jobs of this kind. `T` should deny unknown fields: a payload that does not fit fails its job.
    pub fn on<P, T, F>(
        &mut self,
        kind: &Kind<P, T>,
        handler: impl Fn(Authorized<P>, Run<T>) -> F + Send + Sync + 'static,
    ) where
        P: Permission<Effect = Writes>,
        T: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<Finished, Failure>> + Send + 'static,
    {
        let work: Work = Arc::new(move |governed, lease, payload| {
            let begun = Authorized::<P>::check(governed).and_then(|act| {
                let payload = serde_json::from_value(payload).map_err(misfit)?;
                Ok(handler(act, Run { payload, lease }))
            });
            match begun {
                Ok(running) => Box::pin(running),
                Err(problem) => Box::pin(std::future::ready(Err(problem.into()))),
            }
        });
        self.tasks.push(Task {
            name: kind.name,
            permission: P::NAME,
            attributes: P::ATTRIBUTES,
            work,
        });
    }

    /// Does one once in each tick of so many seconds, on one of all servers: ticks count from 1970 on, in UTC, by the
    /// database's clock. A tick in which no server ran is not made up for. A kind has one schedule.
    pub fn every<P, T>(
        &mut self,
        seconds: i32,
        account: SystemAccount,
        kind: &Kind<P, T>,
        payload: &T,
    ) where
        P: Permission<Effect = Writes>,
        T: Serialize,
    {
        self.schedules.push(Schedule {
            kind: kind.name,
            permission: P::NAME,
            account,
            seconds,
            attempts: kind.attempts,
            // What is no JSON the database refuses at each tick, and the log says so.
            payload: serde_json::to_value(payload).unwrap_or_default(),
        });
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.tasks.extend(other.tasks);
        self.schedules.extend(other.schedules);
    }

    pub(crate) fn task(&self, kind: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == kind)
    }

    /// A kind that two modules do.
    pub(crate) fn repeated(&self) -> Option<&'static str> {
        let again = |(n, task): (usize, &Task)| {
            self.tasks.iter().skip(n + 1).any(|other| other.name == task.name).then_some(task.name)
        };
        self.tasks.iter().enumerate().find_map(again)
    }
}

/// The message of the parser could repeat a value.
fn misfit(_: serde_json::Error) -> Problem {
    Problem::new(422, "payload_does_not_fit", "this version of the server cannot read the payload")
}
