//! `serve`, `worker` and `migrate`.

use std::net::SocketAddr;

use kernel::{
    Clock,
    db::{self},
    http::{Limits, MetricsHandle, install_metrics},
    module::Registry,
};
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::{Failure, show};
use crate::{
    database::Database,
    run::{Server, listen, stop_signal},
    settings::Settings,
};

/// What a command works with.
pub struct Work<'a> {
    pub settings: &'a Settings,
    pub registry: Registry,
    pub database: &'a Database,
    pub json: bool,
}

impl Work<'_> {
    /// Puts a server together on this database.
    pub async fn server(self) -> Result<Server, Failure> {
        let pool = self.database.pool(self.settings);
        let secret = self.database.require_secret()?;
        Ok(Server::prepare(self.settings, self.registry, pool, secret, Clock::default()).await?)
    }
}

/// Logs to standard output, one JSON object a line.
pub fn log(environment: &str, level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let format = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    // A second start in one process keeps the first.
    let _set = format.with_env_filter(filter).try_init();
    tracing::debug!(environment, "settings read");
}

pub async fn serve(work: Work<'_>) -> Result<(), Failure> {
    log(&work.settings.environment, &work.settings.log_level);
    if work.settings.ephemeral_secret {
        tracing::warn!(
            "SECRET_KEY is too short or a placeholder; DEBUG is on, so one of this process's own takes its place, and everybody signs in again at the next start"
        );
    }
    let settings = work.settings.clone();
    let server = work.server().await?;
    tracing::info!(address = %address(&settings), version = env!("CARGO_PKG_VERSION"), "serving");
    listen_and_run(&settings, server).await
}

pub async fn worker(work: Work<'_>) -> Result<(), Failure> {
    log(&work.settings.environment, &work.settings.log_level);
    if work.settings.jobs_at_once == 0 {
        return Err(Failure::Usage("JOBS_AT_ONCE is 0: a worker runs at least one".into()));
    }
    let settings = work.settings.clone();
    let server = work.server().await?;
    let metrics = metrics(&settings).await?;
    tracing::info!(at_once = settings.jobs_at_once, version = env!("CARGO_PKG_VERSION"), "working");
    server.work(metrics, Limits::default(), stop_signal()).await?;
    Ok(())
}

/// Listens on the public and the private address, until a signal.
pub async fn listen_and_run(settings: &Settings, server: Server) -> Result<(), Failure> {
    let listener = listen(address(settings)).await?;
    let metrics = metrics(settings).await?;
    server.run(listener, metrics, Limits::default(), stop_signal()).await?;
    Ok(())
}

/// The private address, where there is one.
async fn metrics(settings: &Settings) -> Result<Option<(TcpListener, MetricsHandle)>, Failure> {
    let Some(address) = settings.metrics_addr else { return Ok(None) };
    let handle = install_metrics().map_err(|e| Failure::Usage(e.to_string()))?;
    Ok(Some((listen(address).await?, handle)))
}

pub fn address(settings: &Settings) -> SocketAddr {
    SocketAddr::new(settings.host, settings.port)
}

pub async fn migrate(work: Work<'_>, only_status: bool) -> Result<(), Failure> {
    let Work { settings, registry, database, json } = work;
    if only_status {
        let status = db::status(&database.owner, &registry.migrations).await?;
        if json {
            show::line(&json!({"applied": status.applied, "pending": status.pending}).to_string());
        } else {
            show::line(&format!("{} applied, {} pending", status.applied, status.pending.len()));
            status.pending.iter().for_each(|name| show::line(name));
        }
        return Ok(());
    }
    let applied = db::migrate(&database.owner, &registry.migrations).await?;
    if let Some(password) = &settings.app_password {
        db::set_app_password(&database.owner, password.expose()).await?;
    }
    match (json, applied.is_empty()) {
        (true, _) => show::line(&json!({"applied": applied}).to_string()),
        (false, true) => show::line("the schema is up to date"),
        (false, false) => applied.iter().for_each(|name| show::line(name)),
    }
    Ok(())
}
