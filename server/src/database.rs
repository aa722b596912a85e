//! Which database a command works on: the one of `DATABASE_URL`, or a private cluster in the data
//! folder, started for the occasion when no server runs it.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use kernel::db::{Cluster, ClusterError, Durability, PoolSettings};

use crate::settings::Settings;

/// The name of the database in a private cluster.
const NAME: &str = "reeve";

/// What a database is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A server holds a private cluster's folder alone.
    Serve,
    /// A command works beside a server, when one runs.
    Command,
}

/// A database, with the two logins to it.
pub struct Database {
    /// The login that serves: `reeve_app`.
    pub serving: kernel::tokio_postgres::Config,
    /// The login that migrates and works above tenants.
    pub owner: kernel::tokio_postgres::Config,
    /// What sealed cursors depend on; the same on every replica.
    pub secret: Vec<u8>,
    private: bool,
    /// Held as long as the database is used; dropping it stops a cluster that we started.
    _cluster: Option<Cluster>,
}

/// Why there is no database to work on; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("{name} is not a PostgreSQL URL such as postgres://user@host:5432/database ({cause})")]
    Url { name: &'static str, cause: String },
    #[error(
        "SECRET_KEY is not set: with DATABASE_URL every replica needs the same one; make it with `openssl rand -base64 48`"
    )]
    NoSecret,
    #[error("cannot keep a secret in the data folder: {0}")]
    Secret(#[from] io::Error),
    #[error("cannot reach the database: {0}")]
    Connect(String),
    #[error("no randomness to make a secret of: {0}")]
    Random(String),
}

impl Database {
    /// Finds or starts it. Call it from the main thread ([`Cluster::start`] says why).
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn open(settings: &Settings, what_for: Use) -> Result<Self, DatabaseError> {
        match (&settings.database_url, &settings.database_owner_url) {
            (Some(url), _) | (None, Some(url)) => Self::remote(settings, url),
            (None, None) => Self::private(settings, what_for),
        }
    }

    fn remote(settings: &Settings, url: &str) -> Result<Self, DatabaseError> {
        let parse = |name, url: &str| {
            url.parse().map_err(|e: kernel::tokio_postgres::Error| DatabaseError::Url {
                name,
                cause: e.to_string(),
            })
        };
        let owner_url = settings.database_owner_url.as_deref().unwrap_or(url);
        Ok(Self {
            serving: parse("DATABASE_URL", url)?,
            owner: parse("DATABASE_OWNER_URL", owner_url)?,
            secret: match &settings.secret_key {
                Some(secret) => secret.expose().as_bytes().to_vec(),
                None if settings.ephemeral_secret => random()?,
                None => vec![],
            },
            private: false,
            _cluster: None,
        })
    }

    fn private(settings: &Settings, what_for: Use) -> Result<Self, DatabaseError> {
        let folder = &settings.data;
        let cluster = match what_for {
            Use::Command if Cluster::runs_in(folder) => None,
            _ => Some(Cluster::start(folder, Durability::Full)?),
        };
        let secret = match &settings.secret_key {
            Some(secret) => secret.expose().as_bytes().to_vec(),
            None => kept_secret(&folder.join("secret.key"))?,
        };
        Ok(Self {
            serving: Cluster::config(folder, "reeve_app", NAME),
            owner: Cluster::config(folder, "reeve_admin", NAME),
            secret,
            private: true,
            _cluster: cluster,
        })
    }

    /// Makes the database of a private cluster on its first use.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub async fn ensure(&self) -> Result<(), DatabaseError> {
        if !self.private {
            return Ok(());
        }
        let fault = |e: kernel::tokio_postgres::Error| DatabaseError::Connect(e.to_string());
        let mut config = self.owner.clone();
        config.dbname("postgres");
        kernel::db::create_database(&config, NAME).await.map_err(fault)
    }

    /// Whether it is a private cluster of ours.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The pool that serves from this database.
    pub fn pool(&self, settings: &Settings) -> PoolSettings {
        PoolSettings {
            config: self.serving.clone(),
            size: settings.pool_size,
            wait: Duration::from_secs(2),
        }
    }

    /// The secret, which a database of several replicas must be given.
    ///
    /// # Errors
    /// None was given.
    pub fn require_secret(&self) -> Result<&[u8], DatabaseError> {
        if self.secret.is_empty() { Err(DatabaseError::NoSecret) } else { Ok(&self.secret) }
    }
}

/// A secret made once and kept beside the data it protects.
fn kept_secret(path: &Path) -> Result<Vec<u8>, DatabaseError> {
    match fs::read(path) {
        Ok(secret) if secret.len() >= 32 => Ok(secret),
        _ => {
            let secret = random()?;
            let mut file = fs::OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(path)?;
            io::Write::write_all(&mut file, &secret)?;
            Ok(secret)
        }
    }
}

fn random() -> Result<Vec<u8>, DatabaseError> {
    let bytes = kernel::random_bytes().map_err(|e| DatabaseError::Random(e.to_string()))?;
    Ok(bytes.to_vec())
}
