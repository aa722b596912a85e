//! `gateway`: runs agents, and has no database.

use gateway::Gateway;
use kernel::Clock;
use tokio::runtime::Runtime;

use super::{Failure, operate};
use crate::{
    run::{listen, stop_signal},
    settings::GatewaySettings,
};

/// Serves until a signal.
///
/// # Errors
/// The address is taken, or the folder of registrations cannot be used.
pub fn gateway(settings: GatewaySettings, runtime: &Runtime) -> Result<(), Failure> {
    operate::log("gateway", &settings.log_level);
    runtime.block_on(async {
        let listener = listen(settings.address).await?;
        let gateway = Gateway::open(settings.gateway, Clock::default())?;
        tracing::info!(address = %settings.address, version = env!("CARGO_PKG_VERSION"), "serving");
        gateway.serve(listener, stop_signal()).await;
        Ok(())
    })
}
