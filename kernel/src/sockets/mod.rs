//! Sockets (RFC 6455): people at one document, in a room of its own.
//!
//! A room is a tenant's, and has members at every server. What changes its document is an operation: PostgreSQL puts
//! them in order, each server tells them to its members in that order, and what another server wrote is heard
//! through the outbox. What is only said (a cursor, a frame of the client's own) is kept nowhere. The life of one
//! socket is in [`Authorized::join`](crate::authz::Authorized::join). docs/decisions/0020-canvas.md.

mod frames;
mod handshake;
mod relay;
mod rooms;
pub(crate) mod sql;

use serde_json::Value;
use uuid::Uuid;

pub(crate) use frames::{Fault, Frame, cursor, error, operation, parse, snapshot};
pub use handshake::{After, Ticket, Upgrade};
pub(crate) use handshake::{Presented, offered_token, query_ticket};
pub use relay::Relay;
pub(crate) use rooms::{Close, Letter, Room, Rooms, Seat, Standing};
pub use sql::{AppliedRow, OperationRow, SnapshotRow};

use crate::{
    authz::{Permission, Writes},
    db::Bound,
    http::Problem,
};

/// A kind of document that people work on together.
pub trait Document: Send + Sync + 'static {
    /// Which subprotocol its clients name (RFC 6455 section 1.9).
    const PROTOCOL: &'static str;
    /// Under which topic an operation is published, once for each.
    const TOPIC: &'static str;
    /// What changing it takes.
    type Edit: Permission<Effect = Writes>;

    /// # Errors
    /// 422 for what is no operation.
    fn check(operation: &Value) -> Result<(), Problem>;
    /// The document as it is; no row where there is none.
    fn snapshot(id: Uuid) -> Bound<SnapshotRow>;
    /// What was done after an operation, in order.
    fn list(id: Uuid, after: i64, most: i64) -> Bound<OperationRow>;
    /// Does it, or finds that it was done under this id of the client's; no row where there is no document.
    fn apply(id: Uuid, name: Uuid, operation: Value) -> Bound<AppliedRow>;
}
