//! Migrations: numbered files of each module, applied once, in order, by one process at a time.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Config, NoTls};

use super::Platform;
use crate::{
    core::Clock,
    statutes::{StatuteError, load_built_in},
};

/// One numbered file. Applied files are never edited: the checksum would not match.
#[derive(Clone, Copy)]
pub struct Migration {
    pub module: &'static str,
    pub number: i32,
    pub name: &'static str,
    pub sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> Vec<u8> {
        Sha256::digest(self.sql.as_bytes()).to_vec()
    }
}

/// Why the schema is not what the binary needs.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("cannot reach the database: {0}")]
    Connect(#[source] tokio_postgres::Error),
    #[error("another migration is running on this database: wait for it, then run this again")]
    Busy,
    #[error("this database has no schema of Reeve's yet: run `reeve migrate`, or `reeve demo`")]
    Empty,
    #[error(
        "migration {module}/{number} was edited after it was applied: restore the file, and put the change into a new one"
    )]
    Edited { module: String, number: i32 },
    #[error(
        "the database has migration {module}/{number}, which this binary does not know: run a newer Reeve"
    )]
    Newer { module: String, number: i32 },
    #[error("migration {module}/{number} ({name}) failed and was rolled back: {cause}")]
    Failed { module: &'static str, number: i32, name: &'static str, cause: String },
    #[error(transparent)]
    Statutes(#[from] StatuteError),
    #[error("the database refused: {0}")]
    Query(#[from] tokio_postgres::Error),
}

/// How far a database's schema has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub applied: usize,
    pub pending: Vec<String>,
}

/// Applies what is pending and loads the statutes that this binary brings; what was applied, by name. The login must be able to create roles on
/// the first run and be a member of `reeve_owner` and `reeve_ledger` later.
///
/// # Errors
/// See [`MigrateError`]. Each file is one transaction: a failed one leaves nothing behind.
pub async fn migrate(
    config: &Config,
    migrations: &[Migration],
) -> Result<Vec<String>, MigrateError> {
    let client = connect(config).await?;
    take_lock(&client).await?;
    client
        .batch_execute(
            "create schema if not exists reeve;
             create table if not exists reeve.migration (
                 module text not null, number integer not null, name text not null,
                 checksum bytea not null, applied_at timestamptz not null default now(),
                 primary key (module, number))",
        )
        .await?;
    let pending = pending(&client, migrations).await?;
    let mut applied = vec![];
    for migration in pending {
        apply(&client, migration).await?;
        applied.push(format!("{}/{:04}_{}", migration.module, migration.number, migration.name));
    }
    client
        .batch_execute(
            "grant usage on schema reeve to reeve_app; grant select on reeve.migration to reeve_app;
             select audit.make_partitions(12)",
        )
        .await?;
    // Here, so that whoever migrates cannot forget it.
    let mut platform = Platform::connect(config, Clock::default().new_id()).await?;
    load_built_in(&mut platform).await?;
    Ok(applied)
}

/// What is applied and what is pending.
///
/// # Errors
/// The schema is newer than this binary, or a file was edited after it was applied.
pub async fn status(config: &Config, migrations: &[Migration]) -> Result<Status, MigrateError> {
    let client = connect(config).await?;
    let known = client.query_one("select to_regclass('reeve.migration') is not null", &[]).await?;
    let pending = if known.try_get(0)? {
        pending(&client, migrations).await?
    } else {
        migrations.iter().collect()
    };
    Ok(Status {
        applied: migrations.len() - pending.len(),
        pending: pending
            .iter()
            .map(|m| format!("{}/{:04}_{}", m.module, m.number, m.name))
            .collect(),
    })
}

pub(crate) async fn connect(config: &Config) -> Result<Client, MigrateError> {
    connect_to(config).await.map_err(MigrateError::Connect)
}

async fn connect_to(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    #[allow(clippy::disallowed_methods, reason = "the driver's own task; it carries no tenant")]
    tokio::spawn(async move {
        // Its end is seen by the client's next statement.
        let _closed = connection.await;
    });
    Ok(client)
}

/// Gives `reeve_app` a password, for a server that logs in over TCP.
///
/// # Errors
/// The driver's, or the login may not.
pub async fn set_app_password(owner: &Config, password: &str) -> Result<(), MigrateError> {
    let client = connect(owner).await?;
    // ALTER ROLE takes no parameters; the server quotes the text.
    let quoted = client.query_one("select quote_literal($1::text)", &[&password]).await?;
    let quoted: String = quoted.try_get(0)?;
    client.batch_execute(&format!("alter role reeve_app password {quoted}")).await?;
    Ok(())
}

/// Creates a database, if there is none of the name.
///
/// # Errors
/// The driver's.
pub async fn create_database(server: &Config, name: &str) -> Result<(), tokio_postgres::Error> {
    let client = connect_to(server).await?;
    let known = client.query_opt("select from pg_database where datname = $1", &[&name]).await?;
    if known.is_none() {
        client.batch_execute(&format!("create database \"{name}\"")).await?;
    }
    Ok(())
}

async fn take_lock(client: &Client) -> Result<(), MigrateError> {
    client.batch_execute("set lock_timeout = '3s'").await?;
    for _ in 0..300 {
        let got =
            client.query_one("select pg_try_advisory_lock(hashtext('reeve.migrate'))", &[]).await?;
        if got.try_get(0)? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(MigrateError::Busy)
}

async fn pending<'a>(
    client: &Client,
    migrations: &'a [Migration],
) -> Result<Vec<&'a Migration>, MigrateError> {
    let mut pending: Vec<&Migration> = migrations.iter().collect();
    for row in client.query("select module, number, checksum from reeve.migration", &[]).await? {
        let (module, number, checksum): (String, i32, Vec<u8>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        match migrations.iter().find(|m| m.module == module && m.number == number) {
            None => return Err(MigrateError::Newer { module, number }),
            Some(known) if known.checksum() != checksum => {
                return Err(MigrateError::Edited { module, number });
            }
            Some(_) => pending.retain(|m| !(m.module == module && m.number == number)),
        }
    }
    Ok(pending)
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), MigrateError> {
    let Migration { module, number, name, sql } = *migration;
    let failed = |e: &tokio_postgres::Error| MigrateError::Failed {
        module,
        number,
        name,
        cause: e.as_db_error().map_or(e.to_string(), |db| {
            format!("{} {}", db.message(), db.where_().unwrap_or_default())
        }),
    };
    let run = format!("begin; {sql}\n; reset role;");
    if let Err(error) = client.batch_execute(&run).await {
        client.batch_execute("rollback").await?;
        return Err(failed(&error));
    }
    let note =
        "insert into reeve.migration (module, number, name, checksum) values ($1, $2, $3, $4)";
    client.execute(note, &[&module, &number, &name, &migration.checksum()]).await?;
    client.batch_execute("commit").await?;
    Ok(())
}
