//! How a job of a connection begins and ends, whichever way it goes.

use ehr::{Auth, Fault, Managed, Server};
use kernel::{
    authz::Authorized,
    http::Problem,
    jobs::{Failure, Finished, Kind, Run},
    privacy::Reveal,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    rules,
    sql::{self, RunRow},
};
use crate::{fhir::rules::Mapping, permissions::WriteEhr};

/// Nothing but the connection, which is the job's record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Wanted by `clinic.plan_ehr`, which says how many attempts it has.
pub const PUSH: Kind<WriteEhr, Nothing> = Kind::new("clinic.push_records", 20);
/// The same.
pub const PULL: Kind<WriteEhr, Nothing> = Kind::new("clinic.pull_records", 20);

/// Seconds until a job is tried again that found another one at work.
const AFTER_ANOTHER: f64 = 2.0;

/// What is told and read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    Patient,
    Appointment,
}

impl Noun {
    /// As in `record_kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Appointment => "appointment",
        }
    }

    /// As FHIR calls it.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Patient => "Patient",
            Self::Appointment => "Appointment",
        }
    }

    pub const fn managed(self) -> Managed {
        match self {
            Self::Patient => Managed::PATIENT,
            Self::Appointment => Managed::APPOINTMENT,
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Patient, Self::Appointment].into_iter().find(|noun| noun.name() == name)
    }
}

/// A connection that may be used now.
pub struct Session {
    pub connection: Uuid,
    pub server: Server,
    pub mapping: Mapping,
    pub poll_seconds: i32,
    direction: &'static str,
    failures: i32,
    is_probe: bool,
    reads: bool,
}

impl Session {
    /// Whether changes of theirs are taken over too.
    pub const fn reads(&self) -> bool {
        self.reads
    }
}

/// What comes in the way of a run.
pub enum Halt {
    /// The server, or one resource of it.
    Fault(Fault),
    /// Our own side.
    Failure(Failure),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        Self::Failure(problem.into())
    }
}

/// What the job is to do.
pub enum Opened {
    Go(Box<Session>),
    /// Again after so many seconds, or never: the connection was switched off or removed.
    Over(Option<f64>),
}

/// Takes the connection's turn.
///
/// # Errors
/// Ours.
pub async fn open(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    direction: &'static str,
) -> Result<Opened, Failure> {
    let connection = run.record().ok_or_else(|| Problem::internal("a job about a connection"))?;
    let begin = sql::begin_run(connection, direction, run.id());
    let begun = run.step(act, move |tx| {
        Box::pin(async move {
            tx.run(sql::take_turn(connection)).await?;
            tx.judge(begin, |rows, reveal| rows.into_iter().next().map(|row| known(row, reveal)))
                .await
        })
    });
    let Some((row, auth)) = begun.await? else { return Ok(Opened::Over(None)) };
    if row.is_superfluous || row.closed_for.is_some() {
        return Ok(Opened::Over(Some(row.closed_for.unwrap_or(AFTER_ANOTHER))));
    }
    let server = Server::new(act.outbound()?, &row.base_url, &auth).map_err(Problem::internal)?;
    Ok(Opened::Go(Box::new(Session {
        connection,
        direction,
        server,
        mapping: serde_json::from_value(row.mapping).map_err(Problem::internal)?,
        poll_seconds: row.poll_seconds,
        failures: row.failures,
        is_probe: row.is_probe,
        reads: row.direction == "both",
    })))
}

fn known(mut row: RunRow, reveal: &Reveal) -> (RunRow, Auth) {
    let secret = row.secret.take().map(|secret| Zeroizing::new(secret.reveal(reveal)));
    let auth = match (row.username.take(), secret) {
        (_, None) => Auth::None,
        (None, Some(token)) => Auth::Bearer(token),
        (Some(username), Some(password)) => Auth::Basic { username, password },
    };
    (row, auth)
}

/// Ends a job that had nothing to do.
///
/// # Errors
/// Ours.
pub async fn pass(
    act: &Authorized<WriteEhr>,
    run: Run<Nothing>,
    direction: &'static str,
    again: Option<f64>,
) -> Result<Finished, Failure> {
    let connection = run.record().ok_or_else(|| Problem::internal("a job about a connection"))?;
    let next = again.map(|seconds| sql::plan(connection, direction, seconds, false));
    run.finish(act, move |tx| {
        Box::pin(async move {
            match next {
                Some(next) => tx.run(next).await.map(drop),
                None => Ok(()),
            }
        })
    })
    .await
}

/// Lets others through, once the other side has answered one call while the circuit was being tried.
///
/// # Errors
/// Ours.
pub async fn answered(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &mut Session,
) -> Result<(), Failure> {
    if !std::mem::take(&mut session.is_probe) {
        return Ok(());
    }
    let note = sql::note_success(session.connection);
    run.step(act, move |tx| Box::pin(async move { tx.run(note).await.map(drop) })).await
}

/// Writes down how it went, wants the next job, and ends this one, all at once. What is wrong at the other side is tried
/// again by a later job; `worked` says after how many seconds there is more to do.
///
/// # Errors
/// Ours.
pub async fn close(
    act: &Authorized<WriteEhr>,
    run: Run<Nothing>,
    session: &Session,
    worked: Result<Option<f64>, Halt>,
) -> Result<Finished, Failure> {
    let &Session { connection, direction, failures, .. } = session;
    let (note, again) = match worked {
        Err(Halt::Failure(failure)) => return Err(failure),
        Ok(again) => (sql::note_success(connection), again),
        Err(Halt::Fault(fault)) => {
            let (now, share) = (act.now(), share(act.new_id()));
            let wait = rules::wait(failures + 1, share, fault.retry_after(), now).as_secs_f64();
            let most = rules::MOST_FAILURES;
            (sql::note_failure(connection, fault.code(), most, wait), Some(wait))
        }
    };
    let next = again.map(|seconds| sql::plan(connection, direction, seconds, false));
    run.finish(act, move |tx| {
        Box::pin(async move {
            tx.run(note).await?;
            match next {
                Some(next) => tx.run(next).await.map(drop),
                None => Ok(()),
            }
        })
    })
    .await
}

/// A lot between 0 and 1, of the random end of a UUIDv7.
fn share(id: Uuid) -> f64 {
    let (_, low) = id.as_u64_pair();
    f64::from(u32::try_from(low & u64::from(u32::MAX)).unwrap_or_default()) / f64::from(u32::MAX)
}
