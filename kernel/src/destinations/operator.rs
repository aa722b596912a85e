//! Destinations at the command line.

use uuid::Uuid;

use super::{DeliveryView, sql};
use crate::{
    db::{DbError, Platform},
    tenant::{self, TenantError},
};

/// Why an operator's command on destinations failed.
#[derive(Debug, thiserror::Error)]
pub enum DestinationFault {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("there is no such destination that is active")]
    NotActive,
    #[error("there is no such delivery")]
    NoDelivery,
}

/// Sends a test event to an active destination of an organisation. `id` names the order.
///
/// # Errors
/// See [`DestinationFault`].
pub async fn test(
    platform: &mut Platform,
    id: Uuid,
    tenant: &str,
    destination: Uuid,
) -> Result<DeliveryView, DestinationFault> {
    let tenant = tenant::find(platform, tenant).await?.id;
    let send = sql::test_destination(id, destination);
    let sent = platform.run(tenant, "destination:write", &send).await?.into_iter().next();
    sent.map(DeliveryView::from).ok_or(DestinationFault::NotActive)
}

/// Sends an event of an organisation again. `id` names the order.
///
/// # Errors
/// See [`DestinationFault`].
pub async fn replay(
    platform: &mut Platform,
    id: Uuid,
    tenant: &str,
    delivery: Uuid,
) -> Result<DeliveryView, DestinationFault> {
    let tenant = tenant::find(platform, tenant).await?.id;
    let send = sql::replay_delivery(id, delivery);
    let sent = platform.run(tenant, "destination:write", &send).await?.into_iter().next();
    sent.map(DeliveryView::from).ok_or(DestinationFault::NoDelivery)
}
