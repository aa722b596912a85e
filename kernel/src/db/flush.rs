//! One flush: a whole governed transaction in one round trip.
//!
//! `BEGIN`, the context, the statements and `COMMIT` all leave before the first answer is awaited.
//! Three facts make it safe (docs/decisions/0002-one-flush.md):
//!
//! - All statements are prepared before it starts. One that were prepared inside would run after
//!   COMMIT, without the tenant.
//! - COMMIT is chosen only when all the others have left. If one could not be encoded, ROLLBACK is
//!   sent in its place: half a transaction cannot be committed.
//! - The driver does not say whether COMMIT committed or rolled back. Success is that *every*
//!   answer is Ok, COMMIT's included.
//!
//! Everything is queued at the first poll, so a dropped request sends all of it or nothing, and the
//! connection goes back clean.

use std::{future::Future, pin::Pin, task::Poll};

use deadpool_postgres::Object;
use futures::poll;
use postgres_types::ToSql;
use tokio_postgres::Row as PgRow;

use super::{Bound, DbError, context::Context};

/// A statement without its row type.
pub(crate) struct Work<'a> {
    statement: tokio_postgres::Statement,
    params: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Work<'a> {
    /// Looks the statement up among the connection's prepared ones.
    pub(crate) async fn of<R>(client: &Object, bound: &'a Bound<R>) -> Result<Self, DbError> {
        let statement = client.prepare_cached(bound.statement.sql).await?;
        Ok(Self { statement, params: bound.refs().collect() })
    }
}

type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<PgRow>, tokio_postgres::Error>> + Send + 'a>>;

/// What follows the statements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Commit,
    /// The transaction stays open, in the hands of a guard.
    StayOpen,
}

/// Runs `BEGIN`, the context, `work` and the end in one flush; the rows of each piece of work.
pub(crate) async fn begin_and(
    client: &Object,
    context: &Context<'_>,
    work: &[Work<'_>],
    end: End,
) -> Result<Vec<Vec<PgRow>>, DbError> {
    let bound = context.bound();
    let set = Work::of(client, &bound).await?;
    let opening: Vec<Answer<'_>> =
        vec![Box::pin(simple(client, "BEGIN")), Box::pin(run(client, &set))];
    let mut rows = send(client, opening, work, end).await?;
    Ok(rows.split_off(2))
}

/// Runs `work` in an open transaction, in one flush, and ends it or not.
pub(crate) async fn then(
    client: &Object,
    work: &[Work<'_>],
    end: End,
) -> Result<Vec<Vec<PgRow>>, DbError> {
    send(client, vec![], work, end).await
}

async fn run(client: &Object, work: &Work<'_>) -> Result<Vec<PgRow>, tokio_postgres::Error> {
    client.query(&work.statement, &work.params).await
}

async fn simple(client: &Object, sql: &'static str) -> Result<Vec<PgRow>, tokio_postgres::Error> {
    client.batch_execute(sql).await.map(|()| vec![])
}

async fn send<'a>(
    client: &'a Object,
    mut answers: Vec<Answer<'a>>,
    work: &'a [Work<'a>],
    end: End,
) -> Result<Vec<Vec<PgRow>>, DbError> {
    answers.extend(work.iter().map(|piece| Box::pin(run(client, piece)) as Answer<'a>));
    let mut polled = Vec::with_capacity(answers.len() + 1);
    for answer in &mut answers {
        polled.push(poll!(answer.as_mut()));
    }
    if end == End::Commit {
        let all_left = !polled.iter().any(|p| matches!(p, Poll::Ready(Err(_))));
        let mut last: Answer<'a> =
            Box::pin(simple(client, if all_left { "COMMIT" } else { "ROLLBACK" }));
        polled.push(poll!(last.as_mut()));
        answers.push(last);
    }
    let mut rows = Vec::with_capacity(answers.len());
    let mut first_error = None;
    for (answer, polled) in answers.into_iter().zip(polled) {
        let result = match polled {
            Poll::Ready(result) => result,
            Poll::Pending => answer.await,
        };
        match result {
            Ok(found) => rows.push(found),
            // The first in order is the cause; what follows are echoes (25P02).
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    match first_error {
        Some(error) => Err(error.into()),
        None => Ok(rows),
    }
}
