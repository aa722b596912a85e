//! An interactive transaction, for rules that must see rows before they decide.

use deadpool_postgres::Object;
use futures::{FutureExt, TryStreamExt};
use tokio_postgres::Row as PgRow;

use super::{
    Bound, Context, Db, DbError, Row,
    flush::{self, End, Work},
};

/// An open transaction. Dropped before [`commit`](Self::commit), however that comes about, it sends
/// ROLLBACK before the connection goes back, so that the next borrower finds nothing of it.
pub(crate) struct Transaction {
    client: Option<Object>,
    open: bool,
}

impl Transaction {
    /// Begins, with `first` riding in the same flush as BEGIN and the context.
    pub(crate) async fn begin<R: Row>(
        db: &Db,
        context: &Context<'_>,
        first: &[&Bound<R>],
    ) -> Result<(Self, Vec<Vec<R>>), DbError> {
        let client = db.connection().await?;
        let mut work = Vec::with_capacity(first.len());
        for bound in first {
            work.push(Work::of(&client, bound).await?);
        }
        // The guard exists before the first message leaves.
        let transaction = Self { client: Some(client), open: true };
        let rows = flush::begin_and(transaction.client()?, context, &work, End::StayOpen).await?;
        let rows = rows.iter().map(|rows| typed(rows)).collect::<Result<_, _>>()?;
        Ok((transaction, rows))
    }

    /// Runs one statement.
    pub(crate) async fn run<R: Row>(&mut self, bound: &Bound<R>) -> Result<Vec<R>, DbError> {
        let client = self.client()?;
        let work = [Work::of(client, bound).await?];
        let rows = flush::then(client, &work, End::StayOpen).await?;
        typed(rows.first().map_or(&[], Vec::as_slice))
    }

    /// Runs one statement and hands over its rows as they come, so that any number takes no more memory
    /// than one.
    pub(crate) async fn each<R: Row>(
        &mut self,
        bound: &Bound<R>,
        mut take: impl FnMut(R),
    ) -> Result<(), DbError> {
        let client = self.client()?;
        let statement = client.prepare_cached(bound.statement.sql).await?;
        let rows = client.query_raw(&statement, bound.refs()).await?;
        futures::pin_mut!(rows);
        while let Some(row) = rows.try_next().await? {
            take(R::from_row(&row)?);
        }
        Ok(())
    }

    /// Runs `last` and COMMIT in one flush. Anything but Ok means that nothing was committed, or
    /// (when the connection broke) that it is unknown.
    pub(crate) async fn commit<R: Row>(mut self, last: &[&Bound<R>]) -> Result<(), DbError> {
        let client = self.client()?;
        let mut work = Vec::with_capacity(last.len());
        for bound in last {
            work.push(Work::of(client, bound).await?);
        }
        let result = flush::then(client, &work, End::Commit).await;
        // COMMIT or ROLLBACK has been sent, and a failed transaction ends with either.
        self.open = false;
        result.map(drop)
    }

    fn client(&self) -> Result<&Object, DbError> {
        self.client.as_ref().ok_or_else(|| DbError::Unavailable("the transaction has ended".into()))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.open
        {
            // The first poll queues it; the driver reads the answer.
            let _queued = client.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

/// Rows of the driver as rows of ours.
pub(crate) fn typed<R: Row>(rows: &[PgRow]) -> Result<Vec<R>, DbError> {
    rows.iter().map(|row| Ok(R::from_row(row)?)).collect()
}
