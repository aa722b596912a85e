//! Who follows what on this server, and what of it they have not taken yet.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use super::sql::PublishedRow;
use crate::{authz::Caller, db::Actor, http::Problem};

/// Streams that one actor may have open on one server.
pub(crate) const MOST_OF_ONE: usize = 8;
/// Records that a stream keeps in mind; with more it tells everything anew.
pub(crate) const MOST_RECORDS: usize = 1000;

/// Up to where the outbox is known: all rows up to this one are, and none after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) transaction: i64,
    pub(crate) sequence: i64,
}

/// The streams of one server.
#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seats: HashMap<u64, Slot>,
    last: u64,
    place: Place,
    closed: bool,
}

/// What the hub knows of a stream.
struct Slot {
    tenant: Uuid,
    actor: Actor,
    session: Option<Uuid>,
    topic: &'static str,
    waiting: Waiting,
    wake: Arc<Notify>,
}

/// What a stream has not taken yet.
#[derive(Default)]
enum Waiting {
    #[default]
    Nothing,
    Records(HashSet<Uuid>),
    TooMany,
    End,
}

/// What a stream is to tell, and where it then stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    Nothing,
    Records(Vec<Uuid>, Place),
    Everything(Place),
    End,
}

/// A stream's seat at the hub; given up when dropped.
pub(crate) struct Seat {
    hub: Arc<Hub>,
    number: u64,
    /// Everything up to here was committed before the seat was taken; the rest will be told.
    pub(crate) since: Place,
    wake: Arc<Notify>,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, place: Place) {
        self.state().place = place;
    }

    pub(crate) fn place(&self) -> Place {
        self.state().place
    }

    /// A seat for what changes of `topic` in the caller's tenant from now on.
    ///
    /// # Errors
    /// 429 when the actor has as many as one may have; 503 when the server is about to stop.
    pub(crate) fn take_seat(
        self: &Arc<Self>,
        caller: &Caller,
        topic: &'static str,
    ) -> Result<Seat, Problem> {
        let mut state = self.state();
        if state.closed {
            return Err(Problem::unavailable("this server is about to stop; try again"));
        }
        let theirs = |slot: &&Slot| slot.tenant == caller.tenant && slot.actor == caller.actor;
        if state.seats.values().filter(theirs).count() >= MOST_OF_ONE {
            let detail = format!("you follow {MOST_OF_ONE} streams already: end one first");
            let problem = Problem::new(429, "too_many_streams", detail);
            return Err(Problem { retry_after: Some(5), ..problem });
        }
        state.last += 1;
        let (number, since, wake) = (state.last, state.place, Arc::new(Notify::new()));
        let slot = Slot {
            tenant: caller.tenant,
            actor: caller.actor,
            session: caller.session,
            topic,
            waiting: Waiting::Nothing,
            wake: wake.clone(),
        };
        state.seats.insert(number, slot);
        Ok(Seat { hub: self.clone(), number, since, wake })
    }

    /// Hands out what was published, in order.
    pub(crate) fn tell(&self, published: &[PublishedRow]) {
        let Some(last) = published.last() else { return };
        let mut by_topic: HashMap<(Uuid, &str), Vec<Uuid>> = HashMap::new();
        for row in published {
            by_topic.entry((row.tenant_id, &row.topic)).or_default().push(row.record_id);
        }
        let mut state = self.state();
        state.place = Place { transaction: last.transaction_id, sequence: last.sequence };
        for slot in state.seats.values_mut() {
            if let Some(records) = by_topic.get(&(slot.tenant, slot.topic)) {
                slot.waiting.add(records);
                slot.wake.notify_one();
            }
        }
    }

    /// Ends the streams of these sessions, accounts, keys and tenants.
    pub(crate) fn withdraw(&self, changed: &HashSet<Uuid>) {
        if changed.is_empty() {
            return;
        }
        self.end(|slot| {
            let ids = [Some(slot.tenant), slot.actor.id(), slot.session];
            ids.into_iter().flatten().any(|id| changed.contains(&id))
        });
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.end(|_| true);
    }

    fn end(&self, which: impl Fn(&Slot) -> bool) {
        for slot in self.state().seats.values_mut().filter(|slot| which(slot)) {
            slot.waiting = Waiting::End;
            slot.wake.notify_one();
        }
    }
}

impl Waiting {
    fn add(&mut self, records: &[Uuid]) {
        match self {
            Self::Nothing => *self = Self::Records(records.iter().copied().collect()),
            Self::Records(known) => known.extend(records),
            Self::TooMany | Self::End => {}
        }
        if matches!(self, Self::Records(known) if known.len() > MOST_RECORDS) {
            *self = Self::TooMany;
        }
    }
}

impl Seat {
    /// What is to be told; it is not told again.
    pub(crate) fn take(&self) -> News {
        let mut state = self.hub.state();
        let place = state.place;
        let Some(slot) = state.seats.get_mut(&self.number) else { return News::End };
        match std::mem::take(&mut slot.waiting) {
            Waiting::Nothing => News::Nothing,
            Waiting::Records(records) => News::Records(records.into_iter().collect(), place),
            Waiting::TooMany => News::Everything(place),
            Waiting::End => {
                slot.waiting = Waiting::End;
                News::End
            }
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        let state = self.hub.state();
        state.seats.get(&self.number).is_none_or(|slot| matches!(slot.waiting, Waiting::End))
    }

    /// Resolves when there may be news since the last [`take`](Self::take).
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.state().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tenant: u128, key: u128) -> Caller {
        let actor = Actor::ApiKey(Uuid::from_u128(key));
        Caller { tenant: Uuid::from_u128(tenant), actor, ..Caller::anonymous() }
    }

    fn published(sequence: i64, tenant: u128, topic: &str, record: u128) -> PublishedRow {
        PublishedRow {
            transaction_id: 7,
            sequence,
            tenant_id: Uuid::from_u128(tenant),
            topic: topic.into(),
            record_id: Uuid::from_u128(record),
        }
    }

    #[test]
    fn a_stream_is_told_of_its_tenants_topic_and_each_record_once() {
        let hub = Arc::new(Hub::default());
        let seat = hub.take_seat(&caller(1, 1), "a").expect("a seat");
        hub.tell(&[published(1, 1, "a", 5), published(2, 2, "a", 6), published(3, 1, "b", 7)]);
        hub.tell(&[published(4, 1, "a", 5)]);
        let place = Place { transaction: 7, sequence: 4 };
        assert_eq!(seat.take(), News::Records(vec![Uuid::from_u128(5)], place));
        assert_eq!(seat.take(), News::Nothing);
        assert_eq!(hub.take_seat(&caller(1, 1), "a").expect("a seat").since, place);
    }

    #[test]
    fn too_much_to_keep_in_mind_becomes_everything() {
        let hub = Arc::new(Hub::default());
        let seat = hub.take_seat(&caller(1, 1), "a").expect("a seat");
        let many: Vec<_> = (0..=1000).map(|n| published(n, 1, "a", n as u128)).collect();
        hub.tell(&many);
        assert_eq!(seat.take(), News::Everything(Place { transaction: 7, sequence: 1000 }));
        assert_eq!(seat.take(), News::Nothing);
    }

    #[test]
    fn an_end_stays_an_end_whatever_is_told_after_it() {
        for id in [1, 2] {
            let hub = Arc::new(Hub::default());
            let seat = hub.take_seat(&caller(1, 2), "a").expect("a seat");
            let other = hub.take_seat(&caller(3, 4), "a").expect("a seat");
            hub.withdraw(&HashSet::from([Uuid::from_u128(id)]));
            hub.tell(&[published(1, 1, "a", 5)]);
            assert!(seat.has_ended() && !other.has_ended());
            assert_eq!((seat.take(), seat.take()), (News::End, News::End));
        }
    }

    #[test]
    fn nobody_has_more_than_their_share_and_a_seat_given_up_is_free() {
        let hub = Arc::new(Hub::default());
        let take = |tenant, key| hub.take_seat(&caller(tenant, key), "a");
        let mut seats: Vec<_> = (0..MOST_OF_ONE).map(|_| take(1, 1).expect("a seat")).collect();
        assert_eq!(take(1, 1).err().map(|problem| problem.status), Some(429));
        assert!(take(1, 2).is_ok());
        seats.pop();
        assert!(take(1, 1).is_ok());
        hub.close();
        assert!(seats.iter().all(Seat::has_ended));
        assert_eq!(take(1, 3).err().map(|problem| problem.status), Some(503));
    }
}
