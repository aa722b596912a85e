//! A running server: its parts put together, its listeners, its end.

use std::{future::Future, sync::Arc, time::Duration};

use kernel::{
    Clock, Core, StreamSettings,
    audit::Checkpoints,
    db::{DbError, MigrateError, PoolSettings, status},
    destinations::Sender,
    http::{Edge, Limits, MetricsHandle, metrics_router, router, serve},
    identity::{IdentitySettings, LoadError, Watch},
    jobs::Worker,
    module::Registry,
    sockets::Relay,
    statutes::StatuteError,
};
use outbound::Allowed;
use tokio::{net::TcpListener, sync::watch};

use crate::settings::Settings;

/// Why a server does not start; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "refusing to serve: login `{login}` {power}, so row-level security would not hold for it; run `reeve migrate` with this login in DATABASE_OWNER_URL, and serve as reeve_app in DATABASE_URL"
    )]
    TooStrong { login: String, power: &'static str },
    #[error("cannot use the database: {0}")]
    Database(#[source] DbError),
    #[error("the schema is behind this binary by {0} migrations: run `reeve migrate`")]
    Behind(usize),
    #[error(transparent)]
    Schema(#[from] MigrateError),
    #[error(transparent)]
    Ring(#[from] LoadError),
    #[error(transparent)]
    Statutes(#[from] StatuteError),
    #[error(
        "refusing to serve in production: the database holds organisations of the demonstration, whose passwords everybody knows; suspend them with `reeve tenant suspend`"
    )]
    Demo,
    #[error("{0} is taken: stop what listens there, or choose another with PORT or METRICS_ADDR")]
    Taken(std::net::SocketAddr),
    #[error("cannot listen on {0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
}

impl From<DbError> for StartError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::TooStrong { login, power } => Self::TooStrong { login, power },
            other => Self::Database(other),
        }
    }
}

/// How long sockets may take to end, once all else has.
const FAREWELL: Duration = Duration::from_secs(3);

/// A server that is ready to listen.
pub struct Server {
    pub core: Arc<Core>,
    edge: Edge,
    registry: Registry,
    pool: PoolSettings,
    checkpoints: Checkpoints,
    jobs_at_once: usize,
}

impl Server {
    /// Puts it together and refuses what must not serve: a login that could bypass the policies,
    /// a schema that is not this binary's.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn prepare(
        settings: &Settings,
        registry: Registry,
        pool: PoolSettings,
        secret: &[u8],
        clock: Clock,
    ) -> Result<Self, StartError> {
        let streams = StreamSettings { comment: settings.stream_comment };
        let outbound = Allowed::new(settings.outbound_allow.clone());
        let identity = identity(settings, secret);
        let core = Core::new(&registry, &pool, identity, streams, outbound, clock)?;
        let schema = status(&pool.config, &registry.migrations).await?;
        if !schema.pending.is_empty() {
            return Err(StartError::Behind(schema.pending.len()));
        }
        core.db().verify_login().await?;
        core.load_ring().await?;
        core.load_statutes().await?;
        core.begin_streams().await?;
        if settings.environment == "production" && core.has_demo_tenants().await? {
            return Err(StartError::Demo);
        }
        let edge = Edge {
            core: core.clone(),
            environment: settings.environment.clone(),
            origins: settings.origins.clone(),
            docs: settings.docs,
            trusted_proxies: settings.trusted_proxies.clone(),
            largest_body: 1024 * 1024,
            patience: Duration::from_secs(10),
        };
        let checkpoints = Checkpoints::new(core.clone(), settings.checkpoints.clone());
        let jobs_at_once = settings.jobs_at_once;
        Ok(Self { core, edge, registry, pool, checkpoints, jobs_at_once })
    }

    /// Serves until `stop` resolves; then answers what has begun and closes.
    ///
    /// # Errors
    /// The watch or the worker could not be set up.
    pub async fn run(
        self,
        listener: TcpListener,
        metrics: Option<(TcpListener, MetricsHandle)>,
        limits: Limits,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let app = router(self.edge.clone(), &self.registry);
        let watch = Watch::new(self.core.clone(), &self.pool)?;
        let worker = self.worker()?;
        let relay = Relay::new(self.core.clone(), &self.pool)?;
        let sender = self.sender()?;
        let (stopping, stopped) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let core = self.core.clone();
        let stop = async move {
            stop.await;
            // No job and no delivery begins any more, and streams would go on for ever.
            let _sent = stopping.send(true);
            core.end_streams();
        };
        let worker = Box::pin(worker.run(until(stopped.clone())));
        let sender = Box::pin(sender.run(until(stopped)));
        let public = async {
            tokio::join!(serve(listener, app, limits, stop), worker, sender);
            // They say why they end; who does not listen is not waited for.
            let _in_time = tokio::time::timeout(FAREWELL, self.core.sockets_ended()).await;
            // Nobody is left to care.
            let _sent = end.send(true);
        };
        let private = private(metrics, limits, ended.clone());
        let watch = Box::pin(watch.run(until(ended.clone())));
        let checkpoints = self.checkpoints.run(until(ended.clone()));
        let relay = Box::pin(relay.run(until(ended)));
        tokio::join!(public, private, watch, relay, checkpoints);
        self.core.db().close();
        Ok(())
    }

    /// Runs jobs, tells events and answers no requests, until `stop` resolves.
    ///
    /// # Errors
    /// The watch or the worker could not be set up.
    pub async fn work(
        self,
        metrics: Option<(TcpListener, MetricsHandle)>,
        limits: Limits,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let watch = Watch::new(self.core.clone(), &self.pool)?;
        let worker = self.worker()?;
        let sender = self.sender()?;
        let (stopping, stopped) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let sender = Box::pin(sender.run(until(stopped)));
        let stop = async move {
            stop.await;
            let _sent = stopping.send(true);
        };
        let work = async {
            tokio::join!(Box::pin(worker.run(stop)), sender);
            let _sent = end.send(true);
        };
        let private = private(metrics, limits, ended.clone());
        tokio::join!(work, private, Box::pin(watch.run(until(ended))));
        self.core.db().close();
        Ok(())
    }

    fn sender(&self) -> Result<Sender, DbError> {
        Sender::new(self.core.clone(), &self.pool, self.jobs_at_once > 0)
    }

    fn worker(&self) -> Result<Worker, DbError> {
        let jobs = self.registry.jobs.clone();
        Worker::new(self.core.clone(), jobs, &self.pool, self.jobs_at_once)
    }
}

/// Resolves when it is said, or can no longer be.
async fn until(mut said: watch::Receiver<bool>) {
    let _said = said.wait_for(|said| *said).await;
}

/// The address of the metrics, where there is one.
async fn private(
    metrics: Option<(TcpListener, MetricsHandle)>,
    limits: Limits,
    ended: watch::Receiver<bool>,
) {
    if let Some((listener, handle)) = metrics {
        let app = metrics_router(handle.clone());
        let scraped = serve(listener, app, limits, until(ended.clone()));
        tokio::join!(scraped, keep_up(&handle, until(ended)));
    }
}

fn identity(settings: &Settings, secret: &[u8]) -> IdentitySettings {
    let minutes = settings.access_minutes.map(|minutes| ("athletics", minutes));
    IdentitySettings {
        secret: secret.to_vec(),
        issuer: settings.issuer.clone(),
        default_tenant: settings.default_tenant.clone(),
        access_minutes: minutes.into_iter().collect(),
        private_key: settings.private_key.as_ref().map(|key| key.expose().to_owned()),
        ephemeral: settings.ephemeral_secret,
        providers: settings.providers.clone(),
        public_url: settings.public_url.clone(),
        origins: settings.origins.clone(),
        session_secret: settings.session_secret.as_ref().map(|s| s.expose().as_bytes().to_vec()),
        deid_salt: settings.deid_salt.as_ref().map(|s| s.expose().as_bytes().to_vec()),
    }
}

/// Folds what was measured into its buckets, whether or not anybody scrapes; else it piles up.
async fn keep_up(handle: &MetricsHandle, end: impl Future<Output = ()>) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return,
            _ = tick.tick() => handle.run_upkeep(),
        }
    }
}

/// Listens, or says who is in the way.
///
/// # Errors
/// The port is taken or not ours to take.
pub async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => StartError::Taken(address),
        _ => StartError::Listen(address, error),
    })
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without a handler SIGTERM ends the process at once; Ctrl-C still drains.
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
