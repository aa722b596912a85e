//! The relay of one server: ends those whose credential has ended, says who is in a room, and exchanges with the other
//! servers what is kept nowhere.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::{
    rooms::Signal,
    sql::{self, SignalRow},
};
use crate::{
    core::Core,
    db::{Bound, Context, Db, DbError, Origin, PoolSettings, Row, Scope},
    identity::WATCH,
    streams::{self, Place},
};

/// How soon what is said here is heard elsewhere, at the latest twice this.
const LOOK: Duration = Duration::from_millis(50);
/// How often a server says who is in its rooms, though nothing has changed.
const ANEW: Duration = Duration::from_secs(10);
const SWEEP: Duration = Duration::from_secs(60);
/// Signals that are read at once.
const AT_ONCE: u16 = 1000;

/// The relay; [`run`](Self::run) it beside the server.
pub struct Relay {
    core: Arc<Core>,
    db: Db,
    origin: Origin,
    /// Up to where the signals of others are known; none while no room is open here.
    place: Option<Place>,
}

impl Relay {
    /// # Errors
    /// Pool settings that cannot work.
    pub fn new(core: Arc<Core>, settings: &PoolSettings) -> Result<Self, DbError> {
        let db = Db::new(&PoolSettings { size: 1, ..settings.clone() })?;
        let origin = Origin::internal(core.clock.new_id());
        Ok(Self { core, db, origin, place: None })
    }

    /// Runs until `stop` resolves; then says that nobody is here any more.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut announced, mut swept) = (Instant::now(), Instant::now());
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = look.tick() => {}
            }
            self.core.rooms.expire(self.core.clock.now());
            metrics::gauge!("reeve_sockets").set(self.core.rooms.seats() as f64);
            let anew = announced.elapsed() > ANEW;
            if anew {
                announced = Instant::now();
            }
            report("exchange what is said in rooms", self.exchange(anew).await);
            if swept.elapsed() > SWEEP {
                swept = Instant::now();
                report("sweep what was said", self.flush(Uuid::nil(), &sql::sweep_sockets()).await);
            }
        }
        report("exchange what is said in rooms", self.exchange(false).await);
    }

    /// Says what this server has to say, and hears the others.
    async fn exchange(&mut self, anew: bool) -> Result<(), DbError> {
        let open = self.core.rooms.seats() > 0;
        // Before others are asked: what they answer comes after it.
        let begun = if open && self.place.is_none() { self.begin().await } else { Ok(()) };
        // Taken whatever becomes of it: what cannot be said now is not worth saying later.
        let signals = self.core.rooms.settle(anew);
        begun?;
        self.say(signals).await?;
        match self.place {
            Some(place) if open => self.hear(place).await,
            _ => {
                self.place = None;
                Ok(())
            }
        }
    }

    async fn begin(&mut self) -> Result<(), DbError> {
        let end = self.flush(Uuid::nil(), &streams::sql::find_end()).await?;
        self.place = end.first().map(|row| Place { transaction: row.transaction_id, sequence: 0 });
        Ok(())
    }

    async fn say(&self, signals: Vec<Signal>) -> Result<(), DbError> {
        let mut by_tenant: HashMap<Uuid, Vec<Signal>> = HashMap::new();
        for signal in signals {
            by_tenant.entry(signal.tenant).or_default().push(signal);
        }
        for (tenant, signals) in by_tenant {
            let topics = signals.iter().map(|signal| signal.topic).collect();
            let records = signals.iter().map(|signal| signal.record).collect();
            let kinds = signals.iter().map(|signal| signal.kind).collect();
            let bodies = signals.into_iter().map(|signal| signal.body).collect();
            let server = self.core.rooms.server;
            let insert = sql::insert_signals(topics, records, server, kinds, bodies);
            self.flush(tenant, &insert).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, place: Place) -> Result<(), DbError> {
        let server = self.core.rooms.server;
        let read = sql::read_signals(place.transaction, place.sequence, server, AT_ONCE.into());
        let said = self.flush(Uuid::nil(), &read).await?;
        said.iter().for_each(|signal| self.core.rooms.hear(signal));
        if let Some(SignalRow { transaction_id, sequence, .. }) = said.last() {
            self.place = Some(Place { transaction: *transaction_id, sequence: *sequence });
        }
        Ok(())
    }

    async fn flush<R: Row>(&self, tenant: Uuid, bound: &Bound<R>) -> Result<Vec<R>, DbError> {
        let context = Context {
            tenant,
            actor: WATCH.actor(),
            permission: "server:watch",
            origin: &self.origin,
            scope: Scope::Own,
            now: None,
        };
        self.db.flush(&context, bound).await
    }
}

fn report<T>(what: &'static str, result: Result<T, DbError>) {
    if let Err(error) = result {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "could not {what}; will try again"
        );
    }
}
