//! Streams of what changed: what the outbox says, handed to whoever follows it on this server.
//!
//! `kernel.publish` writes the ids of changed records in the transaction that changes them. The
//! [`Watch`](crate::identity::Watch) of each server reads them in order and hands them to its [`Hub`];
//! each stream takes from there what concerns it, and reads the records under its caller's own rights
//! ([`Authorized::follow`](crate::authz::Authorized::follow)). docs/decisions/0012-live-streams.md.

mod hub;
pub(crate) mod sql;

use std::time::Duration;

pub(crate) use hub::{Hub, MOST_RECORDS, News, Place, Seat};

use crate::{
    core::Core,
    db::{Context, DbError, Origin, Scope},
    identity::WATCH,
};

/// What the server's settings say of streams.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    /// After how long a silence a comment is sent, so that no proxy takes the stream for dead.
    pub comment: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { comment: Duration::from_secs(15) }
    }
}

impl Core {
    /// Streams tell what happens from now on.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_streams(&self) -> Result<(), DbError> {
        let origin = Origin::internal(self.clock.new_id());
        let context = Context {
            tenant: uuid::Uuid::nil(),
            actor: WATCH.actor(),
            permission: "server:watch",
            origin: &origin,
            scope: Scope::Own,
            now: None,
        };
        let end = self.flush(&context, &sql::find_end()).await?;
        if let Some(row) = end.first() {
            self.streams.begin(Place { transaction: row.transaction_id, sequence: 0 });
        }
        Ok(())
    }

    /// Resolves when every socket has said farewell.
    pub async fn sockets_ended(&self) {
        self.rooms.emptied().await;
    }

    /// Ends every stream and socket, and begins no other: the server is about to stop.
    pub fn end_streams(&self) {
        self.streams.close();
        self.rooms.close();
    }
}
