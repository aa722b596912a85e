//! A gateway: runs the agents of one organization, each by the newest workflow that was registered for
//! it. `docs/gateway.md` is its contract. It holds workflows and nothing else that lasts: no records, no
//! values of a run.
//!
//! ```text
//! PUT /v1/registrations/{id}   → registrations.rs   validated, hashed, on disk before it is answered
//! POST /v1/agents/{id}/invoke  → run.rs             nodes as soon as what feeds them is there
//!                                → nodes.rs         one node: pure, by outbound, or by model.rs
//! GET /v1/runs/{id}            → trace.rs           when, how much, which fault; never a value
//! ```

mod http;
mod model;
mod nodes;
mod problem;
mod registrations;
mod run;
mod secret;
mod trace;

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use kernel::Clock;
use outbound::{Allowed, Outbound};
use tokio::{net::TcpListener, sync::Semaphore};

pub use model::ModelSettings;
pub use registrations::OpenError;
use registrations::Registrations;
use run::Runner;
pub use secret::Bearer;
use trace::Traces;

/// The settings of one gateway.
pub struct Settings {
    /// Who registers workflows shows it.
    pub secret: Bearer,
    /// Who invokes agents shows it; the other one when not said.
    pub invoke_secret: Option<Bearer>,
    /// Where registrations are kept; no other process keeps any there.
    pub folder: PathBuf,
    /// Under which callers reach it, without a `/` at its end.
    pub url: String,
    pub model: Option<ModelSettings>,
    /// What agents may call beside the public internet.
    pub allowed: Allowed,
    pub limits: Limits,
}

/// How much a run may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub run: Duration,
    pub node: Duration,
    /// Bytes of one value, as JSON.
    pub value: usize,
    /// Bytes of all values of a run.
    pub values: usize,
    /// Runs at once.
    pub runs: usize,
    /// Runs whose trace is kept.
    pub traces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            run: Duration::from_secs(60),
            node: Duration::from_secs(30),
            value: 1 << 20,
            values: 16 << 20,
            runs: 16,
            traces: 1000,
        }
    }
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Registrations(#[from] OpenError),
    #[error(transparent)]
    Outbound(#[from] outbound::SetupError),
}

/// A gateway that is ready to listen.
pub struct Gateway {
    secret: Bearer,
    invoke_secret: Option<Bearer>,
    url: String,
    limits: Limits,
    registrations: Arc<Registrations>,
    runner: Runner,
    traces: Traces,
    places: Arc<Semaphore>,
    clock: Clock,
}

impl Gateway {
    /// Reads what is registered.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn open(settings: Settings, clock: Clock) -> Result<Arc<Self>, StartError> {
        let limits = settings.limits;
        let model = settings.model.map(model::Model::new).transpose()?;
        Ok(Arc::new(Self {
            secret: settings.secret,
            invoke_secret: settings.invoke_secret,
            url: settings.url,
            limits,
            registrations: Registrations::open(settings.folder)?,
            runner: Runner { outbound: Outbound::new(settings.allowed)?, model, limits },
            traces: Traces::new(limits.traces),
            places: Arc::new(Semaphore::new(limits.runs)),
            clock,
        }))
    }

    /// Serves until `stop` resolves; then ends what has begun.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) {
        let drain = self.limits.run + Duration::from_secs(5);
        let limits = kernel::http::Limits { drain, ..kernel::http::Limits::default() };
        kernel::http::serve(listener, http::router(self), limits, stop).await;
    }
}

/// Where a gateway listens when nobody says.
pub const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8100);
