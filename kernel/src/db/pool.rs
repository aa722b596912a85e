//! The pool of serving connections, none stronger than `reeve_app`.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Client, Config, NoTls};

use super::{Bound, Context, DbError, Row, flush, transaction::typed};

/// How a pool is made.
#[derive(Clone)]
pub struct PoolSettings {
    pub config: Config,
    /// Connections; about four times PostgreSQL's cores (docs/performance.md).
    pub size: usize,
    /// How long a request may wait for one before it gets 503.
    pub wait: Duration,
}

/// The only owner of serving connections. It has no public method that hands one out: who wants
/// rows has an [`Authorized`](crate::authz::Authorized).
#[derive(Clone)]
pub struct Db {
    pool: Pool,
}

impl Db {
    /// Makes the pool. Connections are opened when first needed, and each prepares a statement when it
    /// is first asked for it, before the flush that runs it.
    ///
    /// # Errors
    /// A pool that cannot be built: a fault of the settings.
    pub fn new(settings: &PoolSettings) -> Result<Self, DbError> {
        let mut config = settings.config.clone();
        config.application_name("reeve").connect_timeout(Duration::from_secs(3));
        let recycle = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycle))
            .max_size(settings.size)
            .wait_timeout(Some(settings.wait))
            .create_timeout(Some(Duration::from_secs(5)))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| DbError::Unavailable(e.to_string()))?;
        Ok(Self { pool })
    }

    /// A connection, waited for no longer than the settings say.
    pub(crate) async fn connection(&self) -> Result<Object, DbError> {
        Ok(self.pool.get().await?)
    }

    /// One statement in one governed flush; its rows.
    pub(crate) async fn flush<R: Row>(
        &self,
        context: &Context<'_>,
        bound: &Bound<R>,
    ) -> Result<Vec<R>, DbError> {
        let client = self.connection().await?;
        let work = [flush::Work::of(&client, bound).await?];
        let rows = flush::begin_and(&client, context, &work, flush::End::Commit).await?;
        typed(rows.first().map_or(&[], Vec::as_slice))
    }

    /// Whether the database answers and what it may do is no more than it should: the login is
    /// neither owner, nor superuser, nor able to bypass row-level security (P1).
    ///
    /// # Errors
    /// [`DbError::TooStrong`] names the login and its power.
    pub async fn verify_login(&self) -> Result<(), DbError> {
        let client = self.connection().await?;
        refuse_strong_login(&client).await
    }

    /// One cheap question, for `/ready`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn ping(&self) -> Result<(), DbError> {
        Ok(self.connection().await?.batch_execute("select 1").await?)
    }

    pub fn close(&self) {
        self.pool.close();
    }

    /// Connections now, of them idle, and requests that wait for one.
    pub fn usage(&self) -> (usize, usize, usize) {
        let status = self.pool.status();
        (status.size, status.available, status.waiting)
    }
}

/// Looks at every role that the login is or may become, however indirectly.
async fn refuse_strong_login(client: &Client) -> Result<(), DbError> {
    let row = client
        .query_one(
            "select session_user::text, bool_or(rolsuper), bool_or(rolbypassrls),
                    bool_or(exists (select from pg_shdepend d
                             where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o'
                               and d.dbid = (select oid from pg_database where datname = current_database())))
               from pg_roles r where pg_has_role(session_user, r.oid, 'member')",
            &[],
        )
        .await?;
    let (login, superuser, bypass, owner): (String, bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let power = match (superuser, bypass, owner) {
        (true, _, _) => "is a superuser",
        (_, true, _) => "may bypass row-level security",
        (_, _, true) => "owns tables or functions, or may act as their owner",
        _ => return Ok(()),
    };
    Err(DbError::TooStrong { login, power })
}
