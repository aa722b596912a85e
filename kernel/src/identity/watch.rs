//! The watch of one replica: hears of withdrawn keys and tenants within a second (P7), and of a changed
//! law; tells streams what was published; writes down when keys were used.
//!
//! It has a connection of its own, so that a pool full of requests cannot make it late, and it asks
//! rather than listens, so that it works behind a pooler in transaction mode.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::{LoadError, WATCH, sql};
use crate::{
    core::Core,
    db::{Bound, Context, Db, DbError, Origin, PoolSettings, Row, Scope},
    statutes::StatuteError,
    streams,
};

const LOOK: Duration = Duration::from_millis(250);
const NOTE_USE: Duration = Duration::from_secs(30);
/// Rows of the outbox that are read at once; one transaction may have written more.
const AT_ONCE: u16 = 2000;

/// Whether the outbox may hold more than was read.
enum More {
    ThereIs,
    Nothing,
}

/// The watch; [`run`](Self::run) it beside the server.
pub struct Watch {
    core: Arc<Core>,
    db: Db,
    origin: Origin,
    /// Which changes of credentials the last look has heard of.
    heard: HashSet<(Timestamp, Uuid)>,
}

impl Watch {
    /// # Errors
    /// Pool settings that cannot work.
    pub fn new(core: Arc<Core>, settings: &PoolSettings) -> Result<Self, DbError> {
        let own = PoolSettings { size: 1, ..settings.clone() };
        let db = Db::new(&own)?;
        let origin = Origin::internal(core.clock.new_id());
        Ok(Self { core, db, origin, heard: HashSet::new() })
    }

    /// Runs until `stop` resolves; then writes the last uses.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut noted = Instant::now();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = look.tick() => {}
            }
            let looked = self.look().await;
            self.report("look for withdrawn keys", looked);
            let told = self.tell_published().await;
            if matches!(told, Ok(More::ThereIs)) {
                look.reset_immediately();
            }
            self.report("tell what was published", told.map(drop));
            if noted.elapsed() > NOTE_USE {
                noted = Instant::now();
                self.report("note the use of keys", self.note_use().await);
            }
        }
        self.report("note the use of keys", self.note_use().await);
    }

    async fn look(&mut self) -> Result<(), DbError> {
        let changed = self.flush(Uuid::nil(), &sql::list_changed()).await?;
        self.forget(&changed);
        let (size, idle, waiting) = self.core.db.usage();
        for (state, count) in [("open", size), ("idle", idle), ("waited_for", waiting)] {
            metrics::gauge!("reeve_pool_connections", "state" => state).set(count as f64);
        }
        if changed.iter().any(|row| row.of_ring) {
            self.core.read_ring().await.map_err(|e| match e {
                LoadError::Db(error) => error,
                LoadError::Ring(error) => DbError::Internal(error.to_string()),
            })?;
        }
        if changed.iter().any(|row| row.of_statutes) {
            self.core.load_statutes().await.map_err(|e| match e {
                StatuteError::Db(error) => error,
                other => DbError::Internal(other.to_string()),
            })?;
        }
        Ok(())
    }

    /// First what is remembered, then who relies on it: whoever is asked again is judged anew.
    fn forget(&mut self, changed: &[sql::Changed]) {
        let ids = changed.iter().map(|row| row.id).collect();
        self.core.policies.forget(&ids);
        self.core.callers.forget(&ids);
        self.end_streams(changed);
    }

    /// A change ends the streams of its time once: who comes again is looked at anew.
    fn end_streams(&mut self, changed: &[sql::Changed]) {
        let all: HashSet<_> = changed.iter().map(|row| (row.at, row.id)).collect();
        let fresh = all.difference(&self.heard).map(|(_, id)| *id).collect();
        self.core.streams.withdraw(&fresh);
        self.core.rooms.withdraw(&fresh);
        self.heard = all;
    }

    /// Hands on what has been published since the last look; one piece of it, for a withdrawal must not
    /// wait behind many.
    async fn tell_published(&self) -> Result<More, DbError> {
        let streams::Place { transaction, sequence } = self.core.streams.place();
        let next = streams::sql::read_outbox(transaction, sequence, AT_ONCE.into());
        let published = self.flush(Uuid::nil(), &next).await?;
        self.core.streams.tell(&published);
        self.core.rooms.tell(&published);
        let full = published.len() == usize::from(AT_ONCE);
        Ok(if full { More::ThereIs } else { More::Nothing })
    }

    async fn note_use(&self) -> Result<(), DbError> {
        for (tenant, (ids, times)) in self.core.callers.take_used() {
            self.flush(tenant, &sql::note_use(ids, times)).await?;
        }
        Ok(())
    }

    async fn flush<R: Row>(&self, tenant: Uuid, bound: &Bound<R>) -> Result<Vec<R>, DbError> {
        let (actor, origin) = (WATCH.actor(), &self.origin);
        let context = Context {
            tenant,
            actor,
            permission: "server:watch",
            origin,
            scope: Scope::Own,
            now: None,
        };
        self.db.flush(&context, bound).await
    }

    fn report(&self, what: &'static str, result: Result<(), DbError>) {
        if let Err(error) = result {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not {what}; will try again"
            );
        }
    }
}
