//! Work above tenants (create one, give it a key): another login than the server's, from the
//! command line only, recorded like everything else.

use futures::TryStreamExt;
use tokio_postgres::{Client, Config};
use uuid::Uuid;

use super::{
    Actor, Bound, Context, DbError, MigrateError, Origin, Row, Scope, migrate, transaction::typed,
};

/// A connection that acts as `reeve_owner`, for an operator.
pub struct Platform {
    client: Client,
    actor: Actor,
    origin: Origin,
}

impl Platform {
    /// Connects. `run` names this run of the command in the ledger.
    ///
    /// # Errors
    /// The login cannot connect, or may not act as `reeve_owner`.
    pub async fn connect(config: &Config, run: Uuid) -> Result<Self, MigrateError> {
        let client = migrate::connect(config).await?;
        let known =
            client.query_one("select to_regclass('kernel.tenant') is not null", &[]).await?;
        if !known.try_get::<_, bool>(0)? {
            return Err(MigrateError::Empty);
        }
        client.batch_execute("set role reeve_owner; set lock_timeout = '3s'").await?;
        Ok(Self { client, actor: Actor::Operator(run), origin: Origin::internal(run) })
    }

    /// Why the operator looks at what is a tenant's own (T17), in 1 to 200 characters. It stands in that
    /// tenant's ledger.
    pub fn because(&mut self, reason: &str) {
        self.origin.purpose_of_event = Some(reason.trim().to_owned());
    }

    /// The driver's client, for the lint and the statement check.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Lets the planner count again, after a load that a server's plans would otherwise not know of for
    /// a minute.
    ///
    /// # Errors
    /// The driver's.
    pub async fn analyze(&self) -> Result<(), DbError> {
        Ok(self.client.batch_execute("set client_min_messages = error; analyze").await?)
    }

    /// Runs one statement in its own transaction, in the name of `tenant`.
    pub(crate) async fn run<R: Row>(
        &mut self,
        tenant: Uuid,
        permission: &'static str,
        bound: &Bound<R>,
    ) -> Result<Vec<R>, DbError> {
        let transaction = self.begin(tenant, permission).await?;
        let rows =
            transaction.query(bound.statement.sql, &bound.refs().collect::<Vec<_>>()).await?;
        transaction.commit().await?;
        typed(&rows)
    }

    /// The same for a statement with any number of rows, each handed over as it comes. What `take`
    /// cannot do with one ends it.
    pub(crate) async fn each<R: Row, E: From<DbError>>(
        &mut self,
        tenant: Uuid,
        permission: &'static str,
        bound: &Bound<R>,
        mut take: impl FnMut(R) -> Result<(), E>,
    ) -> Result<(), E> {
        let db = |e: tokio_postgres::Error| DbError::from(e);
        let transaction = self.begin(tenant, permission).await?;
        {
            let statement = transaction.prepare(bound.statement.sql).await.map_err(db)?;
            let rows = transaction.query_raw(&statement, bound.refs()).await.map_err(db)?;
            futures::pin_mut!(rows);
            while let Some(row) = rows.try_next().await.map_err(db)? {
                take(R::from_row(&row).map_err(db)?)?;
            }
        }
        Ok(transaction.commit().await.map_err(db)?)
    }

    /// A transaction of `reeve_owner`'s in the name of `tenant`.
    async fn begin(
        &mut self,
        tenant: Uuid,
        permission: &'static str,
    ) -> Result<tokio_postgres::Transaction<'_>, DbError> {
        let Self { client, actor, origin } = self;
        let context =
            Context { tenant, actor: *actor, permission, origin, scope: Scope::Owner, now: None };
        let set = context.bound();
        let transaction = client.transaction().await?;
        transaction.query(set.statement.sql, &set.refs().collect::<Vec<_>>()).await?;
        Ok(transaction)
    }
}
