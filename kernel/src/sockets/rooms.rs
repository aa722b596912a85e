//! Who is in which room on this server, and what each of them has not been told yet.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

use super::sql::SignalRow;
use crate::{authz::Caller, core::Clock, db::Actor, http::Problem, streams::sql::PublishedRow};

/// Sockets that one server has at once, of all, of one tenant, of one actor, in one room.
const MOST: usize = 4096;
const MOST_OF_TENANT: usize = 2048;
const MOST_OF_ONE: usize = 32;
const MOST_IN_ROOM: usize = 256;
/// What a socket may be behind; a slower one is dropped. The text of a frame is the same for all of a room.
const MOST_WAITING: usize = 1024;
const MOST_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// A server that was not heard of for so long has nobody in its rooms any more.
const SILENT: Duration = Duration::from_secs(25);

/// Why a socket ends, by its code (RFC 6455 section 7.4; from 4000 on our own).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// The peer went, or is heard of no more.
    Gone,
    Broken,
    NotText,
    BadText,
    TooFast,
    TooLarge,
    Failed,
    Stopping,
    TooSlow,
    Unauthenticated,
    Forbidden,
    NoDocument,
}

impl Close {
    /// The code and the reason; none when there is nobody to tell.
    pub(crate) fn told(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Gone => None,
            Self::Broken => Some((1002, "this is no frame of RFC 6455")),
            Self::NotText => Some((1003, "send text")),
            Self::BadText => Some((1007, "send UTF-8")),
            Self::TooFast => Some((1008, "too many frames")),
            Self::TooLarge => Some((1009, "a frame has 256 KiB at the most")),
            Self::Failed => Some((1011, "something failed on our side: come again")),
            Self::Stopping => Some((1012, "this server is about to stop: come again")),
            Self::TooSlow => Some((1013, "too far behind: come again")),
            Self::Unauthenticated => Some((4401, "your credential is good no more")),
            Self::Forbidden => Some((4403, "you may not do this")),
            Self::NoDocument => Some((4404, "there is no such document any more")),
        }
    }
}

/// What is known of whether a member may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// Something has changed: it is told nothing until it was looked at. Counted, for one may come while
    /// another is looked at.
    Doubted(u64),
    Ended(Close),
}

/// A frame on its way to a member.
#[derive(Clone)]
pub(crate) struct Letter {
    /// The operation's number, where it is one.
    pub(crate) seq: Option<i64>,
    pub(crate) text: Utf8Bytes,
}

/// What this server says to the others of a room.
pub(super) struct Signal {
    pub(super) tenant: Uuid,
    pub(super) topic: &'static str,
    pub(super) record: Uuid,
    pub(super) kind: &'static str,
    pub(super) body: String,
}

/// The rooms of one server.
pub(crate) struct Rooms {
    pub(super) server: Uuid,
    state: Mutex<State>,
    /// The last socket has said farewell.
    emptied: Notify,
}

#[derive(Default)]
struct State {
    rooms: HashMap<(Uuid, Uuid), Arc<Room>>,
    seats: HashMap<u64, Arc<Chair>>,
    last: u64,
    outgoing: Vec<Signal>,
    closed: bool,
}

/// The people at one document.
pub(crate) struct Room {
    tenant: Uuid,
    topic: &'static str,
    record: Uuid,
    /// Whoever reads or writes the operations of the document has it: those of this server come one after the other,
    /// each told before the next, and take one connection.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// There may be operations that this server has not told. One member takes the call.
    pub(crate) behind: Notify,
    state: Mutex<RoomState>,
}

#[derive(Default)]
struct RoomState {
    /// The number of the last operation that was told.
    delivered: Option<i64>,
    /// Operations written here whose row of the outbox was not read yet.
    unread: usize,
    chairs: Vec<Arc<Chair>>,
    /// The members at other servers, and when they were last heard of.
    others: HashMap<Uuid, (Vec<Value>, Instant)>,
    /// Who is here has changed: its members are to be told, and the other servers.
    stirred: bool,
    unannounced: bool,
    /// Nobody else has heard of this room being open here.
    new: bool,
}

/// A member at this server.
struct Chair {
    number: u64,
    tenant: Uuid,
    actor: Actor,
    session: Option<Uuid>,
    until: Option<Timestamp>,
    /// As the others see it.
    member: Value,
    standing: watch::Sender<Standing>,
    mail: Mutex<Mail>,
    wake: Notify,
}

#[derive(Default)]
struct Mail {
    waiting: VecDeque<Letter>,
    bytes: usize,
}

/// A member's place at the hub; given up when dropped.
pub(crate) struct Seat {
    rooms: Arc<Rooms>,
    pub(crate) room: Arc<Room>,
    chair: Arc<Chair>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rooms {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { server: clock.new_id(), state: Mutex::default(), emptied: Notify::new() }
    }

    /// A seat in the room of a document of the caller's tenant.
    ///
    /// # Errors
    /// 429 when the caller, the tenant or the room has as many as there may be; 503 when the server has, or is about
    /// to stop.
    pub(crate) fn take_seat(
        self: &Arc<Self>,
        caller: &Caller,
        (topic, record): (&'static str, Uuid),
        connection: Uuid,
    ) -> Result<Seat, Problem> {
        let mut state = lock(&self.state);
        state.admit(caller)?;
        let room = state.rooms.entry((caller.tenant, record));
        let room =
            room.or_insert_with(|| Arc::new(Room::new(caller.tenant, topic, record))).clone();
        let mut within = lock(&room.state);
        if within.chairs.len() >= MOST_IN_ROOM {
            return Err(too_many("room_full", "there are as many in this room as there may be"));
        }
        state.last += 1;
        let chair = Arc::new(Chair::new(state.last, caller, connection));
        state.seats.insert(chair.number, chair.clone());
        within.chairs.push(chair.clone());
        within.stirred = true;
        within.unannounced = true;
        drop(within);
        Ok(Seat { rooms: self.clone(), room, chair })
    }

    /// Tells rooms what was published: more than was written here means that another server wrote.
    pub(crate) fn tell(&self, published: &[PublishedRow]) {
        let mut counts: HashMap<(Uuid, Uuid), (usize, &str)> = HashMap::new();
        for row in published {
            counts.entry((row.tenant_id, row.record_id)).or_insert((0, &row.topic)).0 += 1;
        }
        let state = lock(&self.state);
        for (place, (count, topic)) in counts {
            if let Some(room) = state.rooms.get(&place).filter(|room| room.topic == topic) {
                room.published(count);
            }
        }
    }

    /// Doubts the members of these sessions, accounts, keys and tenants: each is told nothing more until it was
    /// looked at.
    pub(crate) fn withdraw(&self, changed: &HashSet<Uuid>) {
        if changed.is_empty() {
            return;
        }
        for chair in lock(&self.state).seats.values() {
            let ids = [Some(chair.tenant), chair.actor.id(), chair.session];
            if ids.into_iter().flatten().any(|id| changed.contains(&id)) {
                chair.doubt();
            }
        }
    }

    /// Ends those whose credential has ended by this time.
    pub(super) fn expire(&self, now: Timestamp) {
        for chair in lock(&self.state).seats.values() {
            if chair.until.is_some_and(|until| until <= now) {
                chair.end(Close::Unauthenticated);
            }
        }
    }

    /// Ends all sockets, and lets nobody in any more.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.seats.values().for_each(|chair| chair.end(Close::Stopping));
    }

    /// Resolves when no socket is left.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if lock(&self.state).seats.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// How many sockets there are.
    pub(super) fn seats(&self) -> usize {
        lock(&self.state).seats.len()
    }

    /// Says aloud what has changed: to the members who is here, to the other servers what concerns them. All of
    /// it, heard of lately or not, when `anew`.
    pub(super) fn settle(&self, anew: bool) -> Vec<Signal> {
        let mut state = lock(&self.state);
        let mut outgoing = std::mem::take(&mut state.outgoing);
        for room in state.rooms.values() {
            outgoing.extend(room.settle(anew));
        }
        outgoing
    }

    /// What another server said of a room.
    pub(super) fn hear(&self, signal: &SignalRow) {
        let SignalRow { tenant_id, record_id, topic, server, kind, body, .. } = signal;
        let room = lock(&self.state).rooms.get(&(*tenant_id, *record_id)).cloned();
        let ours = |room: &Arc<Room>| room.topic == topic && *server != self.server;
        let Some(room) = room.filter(ours) else { return };
        match kind.as_str() {
            "behind" => room.behind.notify_one(),
            "members" => room.meet(*server, body),
            _ => lock(&room.state).post(&Letter { seq: None, text: body.as_str().into() }, None),
        }
    }

    fn signal(&self, room: &Room, kind: &'static str, body: String) {
        let Room { tenant, topic, record, .. } = *room;
        lock(&self.state).outgoing.push(Signal { tenant, topic, record, kind, body });
    }
}

fn too_many(code: &'static str, detail: &str) -> Problem {
    Problem { retry_after: Some(5), ..Problem::new(429, code, detail) }
}

impl State {
    /// Whether one more may come in.
    fn admit(&self, caller: &Caller) -> Result<(), Problem> {
        if self.closed {
            return Err(Problem::unavailable("this server is about to stop; try again"));
        }
        if self.seats.len() >= MOST {
            return Err(Problem::unavailable(
                "this server has as many sockets as it may; try again",
            ));
        }
        let of_tenant = || self.seats.values().filter(|chair| chair.tenant == caller.tenant);
        if of_tenant().count() >= MOST_OF_TENANT {
            let detail = "your organisation has as many sockets open as it may";
            return Err(too_many("too_many_sockets", detail));
        }
        if of_tenant().filter(|chair| chair.actor == caller.actor).count() >= MOST_OF_ONE {
            let detail = format!("you have {MOST_OF_ONE} sockets open already: close one first");
            return Err(too_many("too_many_sockets", &detail));
        }
        Ok(())
    }
}

impl Room {
    fn new(tenant: Uuid, topic: &'static str, record: Uuid) -> Self {
        let state = RoomState { new: true, ..RoomState::default() };
        let (turn, behind) = (tokio::sync::Mutex::default(), Notify::new());
        Self { tenant, topic, record, turn, behind, state: Mutex::new(state) }
    }

    /// The number of the last operation that was told here.
    pub(crate) fn delivered(&self) -> i64 {
        lock(&self.state).delivered.unwrap_or_default()
    }

    /// The first look at the document says where the room begins. For whoever has the turn.
    pub(crate) fn begin(&self, seq: i64) {
        let mut state = lock(&self.state);
        let begun = *state.delivered.get_or_insert(seq);
        drop(state);
        if begun < seq {
            self.behind.notify_one();
        }
    }

    /// Tells an operation; false when one before it was not told yet. For whoever has the turn.
    pub(crate) fn deliver(&self, seq: i64, text: &Utf8Bytes) -> bool {
        let mut state = lock(&self.state);
        let next = state.delivered.unwrap_or_default() + 1;
        if seq == next {
            state.delivered = Some(seq);
            state.post(&Letter { seq: Some(seq), text: text.clone() }, None);
        }
        seq <= next
    }

    /// An operation was written here: its row of the outbox will say nothing new.
    pub(crate) fn wrote(&self) {
        lock(&self.state).unread += 1;
    }

    fn published(&self, count: usize) {
        let mut state = lock(&self.state);
        let others = count.saturating_sub(state.unread);
        state.unread = state.unread.saturating_sub(count);
        drop(state);
        if others > 0 {
            self.behind.notify_one();
        }
    }

    /// Who is in the room at another server.
    fn meet(&self, server: Uuid, body: &str) {
        let said: Value = serde_json::from_str(body).unwrap_or_default();
        let members = said.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut state = lock(&self.state);
        // It does not know us yet.
        state.unannounced |= said.get("new") == Some(&Value::Bool(true));
        let known = match members.is_empty() {
            true => state.others.remove(&server),
            false => state.others.insert(server, (members.clone(), Instant::now())),
        };
        state.stirred |= known.map(|(members, _)| members).unwrap_or_default() != members;
    }

    fn settle(&self, anew: bool) -> Option<Signal> {
        let mut state = lock(&self.state);
        let before = state.others.len();
        state.others.retain(|_, (_, heard)| heard.elapsed() < SILENT);
        if std::mem::take(&mut state.stirred) || state.others.len() != before {
            let here = state.chairs.iter().map(|chair| &chair.member);
            let others = state.others.values().flat_map(|(members, _)| members);
            let members: Vec<&Value> = here.chain(others).collect();
            let text = json!({"type": "presence", "members": members}).to_string();
            state.post(&Letter { seq: None, text: text.into() }, None);
        }
        let announce = std::mem::take(&mut state.unannounced) || anew;
        let new = announce && std::mem::take(&mut state.new);
        announce.then(|| self.announcement(&state, new))
    }

    fn announcement(&self, state: &RoomState, new: bool) -> Signal {
        let members: Vec<&Value> = state.chairs.iter().map(|chair| &chair.member).collect();
        let body = json!({"members": members, "new": new}).to_string();
        let Self { tenant, topic, record, .. } = *self;
        Signal { tenant, topic, record, kind: "members", body }
    }
}

impl RoomState {
    /// Posts to all but one, if one is named.
    fn post(&mut self, letter: &Letter, but: Option<u64>) {
        for chair in self.chairs.iter().filter(|chair| Some(chair.number) != but) {
            chair.post(letter.clone());
        }
    }
}

impl Chair {
    fn new(number: u64, caller: &Caller, connection: Uuid) -> Self {
        let (actor, id) = (caller.actor, caller.actor.id());
        Self {
            number,
            tenant: caller.tenant,
            actor,
            session: caller.session,
            until: caller.until,
            member: json!({"connection": connection, "id": id, "kind": actor.kind()}),
            standing: watch::Sender::new(Standing::Good),
            mail: Mutex::default(),
            wake: Notify::new(),
        }
    }

    fn post(&self, letter: Letter) {
        let mut mail = lock(&self.mail);
        mail.bytes += letter.text.len();
        mail.waiting.push_back(letter);
        let behind = mail.waiting.len() > MOST_WAITING || mail.bytes > MOST_WAITING_BYTES;
        drop(mail);
        if behind {
            self.end(Close::TooSlow);
        }
        self.wake.notify_one();
    }

    fn doubt(&self) {
        self.standing.send_modify(|standing| match *standing {
            Standing::Good => *standing = Standing::Doubted(1),
            Standing::Doubted(times) => *standing = Standing::Doubted(times + 1),
            Standing::Ended(_) => {}
        });
        self.wake.notify_one();
    }

    fn end(&self, close: Close) {
        self.standing.send_if_modified(|standing| {
            let ended = matches!(standing, Standing::Ended(_));
            if !ended {
                *standing = Standing::Ended(close);
            }
            !ended
        });
        *lock(&self.mail) = Mail::default();
    }
}

impl Seat {
    /// What is known of whether its member may stay.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.chair.standing.subscribe()
    }

    /// Which doubt there is, if any.
    pub(crate) fn doubt(&self) -> Option<u64> {
        match *self.chair.standing.borrow() {
            Standing::Doubted(times) => Some(times),
            Standing::Good | Standing::Ended(_) => None,
        }
    }

    /// This doubt was looked into, and there is none.
    pub(crate) fn trust(&self, doubt: u64) {
        self.chair.standing.send_if_modified(|standing| {
            let ours = *standing == Standing::Doubted(doubt);
            if ours {
                *standing = Standing::Good;
            }
            ours
        });
    }

    /// What is to be told next; nothing to whom there is a doubt about.
    pub(crate) fn next(&self) -> Option<Letter> {
        if *self.chair.standing.borrow() != Standing::Good {
            return None;
        }
        let mut mail = lock(&self.chair.mail);
        let letter = mail.waiting.pop_front()?;
        mail.bytes -= letter.text.len();
        Some(letter)
    }

    /// Resolves when there may be something to tell, or a doubt.
    pub(crate) async fn woken(&self) {
        self.chair.wake.notified().await;
    }

    /// Who this is, as the others see it.
    pub(crate) fn member(&self) -> Value {
        self.chair.member.clone()
    }

    /// To this member alone.
    pub(crate) fn answer(&self, text: String) {
        self.chair.post(Letter { seq: None, text: text.into() });
    }

    /// To all in the room, at every server.
    pub(crate) fn say(&self, text: Utf8Bytes) {
        self.spread(&text, None);
    }

    /// To all others in the room, at every server.
    pub(crate) fn say_to_others(&self, text: String) {
        self.spread(&text.into(), Some(self.chair.number));
    }

    /// An operation was told here: the other servers need not wait for the outbox.
    pub(crate) fn hint(&self) {
        if !lock(&self.room.state).others.is_empty() {
            self.rooms.signal(&self.room, "behind", String::new());
        }
    }

    fn spread(&self, text: &Utf8Bytes, but: Option<u64>) {
        let mut state = lock(&self.room.state);
        state.post(&Letter { seq: None, text: text.clone() }, but);
        let elsewhere = !state.others.is_empty();
        drop(state);
        if elsewhere {
            self.rooms.signal(&self.room, "frame", text.to_string());
        }
    }

    /// Leaves the room: nothing more is told.
    pub(crate) fn leave(&self) {
        let mut state = lock(&self.rooms.state);
        let mut within = lock(&self.room.state);
        let before = within.chairs.len();
        within.chairs.retain(|chair| chair.number != self.chair.number);
        if within.chairs.len() == before {
            return;
        }
        within.stirred = true;
        within.unannounced = true;
        if within.chairs.is_empty() {
            let said = self.room.announcement(&within, false);
            state.outgoing.push(said);
            state.rooms.remove(&(self.room.tenant, self.room.record));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
        let mut state = lock(&self.rooms.state);
        state.seats.remove(&self.chair.number);
        if state.seats.is_empty() {
            self.rooms.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tenant: u128, key: u128) -> Caller {
        let actor = Actor::ApiKey(Uuid::from_u128(key));
        Caller { tenant: Uuid::from_u128(tenant), actor, ..Caller::anonymous() }
    }

    fn rooms() -> Arc<Rooms> {
        Arc::new(Rooms::new(&Clock::default()))
    }

    fn seat(rooms: &Arc<Rooms>, tenant: u128, key: u128, record: u128) -> Result<Seat, Problem> {
        let record = ("topic", Uuid::from_u128(record));
        rooms.take_seat(&caller(tenant, key), record, Uuid::from_u128(key))
    }

    fn told(seat: &Seat) -> Vec<String> {
        std::iter::from_fn(|| seat.next()).map(|letter| letter.text.to_string()).collect()
    }

    fn standing(seat: &Seat) -> Standing {
        *seat.standing().borrow()
    }

    #[test]
    fn what_is_said_reaches_all_of_the_room_and_nobody_in_another() {
        let rooms = rooms();
        let here = [seat(&rooms, 1, 1, 5), seat(&rooms, 1, 2, 5)].map(|seat| seat.expect("a seat"));
        let elsewhere = [seat(&rooms, 1, 1, 6), seat(&rooms, 2, 1, 5)];
        let elsewhere = elsewhere.map(|seat| seat.expect("a seat"));
        here[0].say("to all".into());
        here[0].say_to_others("to others".into());
        here[0].answer("to me".into());
        assert_eq!(told(&here[0]), ["to all", "to me"]);
        assert_eq!(told(&here[1]), ["to all", "to others"]);
        assert!(elsewhere.iter().all(|seat| told(seat).is_empty()));
    }

    #[test]
    fn operations_are_told_once_and_in_order_and_a_gap_is_noticed() {
        let rooms = rooms();
        let one = seat(&rooms, 1, 1, 5).expect("a seat");
        one.room.begin(7);
        assert!(one.room.deliver(8, &"8".into()));
        assert!(one.room.deliver(8, &"8 again".into()));
        assert!(!one.room.deliver(10, &"10".into()), "9 is missing");
        assert!(one.room.deliver(9, &"9".into()) && one.room.deliver(10, &"10".into()));
        assert_eq!(
            (told(&one), one.room.delivered()),
            (vec!["8".into(), "9".into(), "10".into()], 10)
        );
    }

    #[test]
    fn who_does_not_read_is_ended_and_the_others_are_not() {
        let rooms = rooms();
        let (slow, quick) = (seat(&rooms, 1, 1, 5), seat(&rooms, 1, 2, 5));
        let (slow, quick) = (slow.expect("a seat"), quick.expect("a seat"));
        for _ in 0..=MOST_WAITING {
            quick.say("x".into());
            assert_eq!(told(&quick).len(), 1);
        }
        assert_eq!(standing(&slow), Standing::Ended(Close::TooSlow));
        assert!(slow.next().is_none() && standing(&quick) == Standing::Good);
        slow.say("y".repeat(MOST_WAITING_BYTES + 1).into());
        assert_eq!(standing(&quick), Standing::Ended(Close::TooSlow), "by bytes as well");
    }

    #[test]
    fn a_doubted_member_is_told_nothing_until_that_doubt_was_looked_into() {
        let rooms = rooms();
        let one = seat(&rooms, 1, 2, 5).expect("a seat");
        for id in [1, 2] {
            rooms.withdraw(&HashSet::from([Uuid::from_u128(id), Uuid::from_u128(9)]));
        }
        one.say("x".into());
        assert!(one.next().is_none());
        one.trust(1);
        assert_eq!(one.doubt(), Some(2), "the second came while the first was looked into");
        one.trust(2);
        assert_eq!(told(&one), ["x"]);
        rooms.close();
        rooms.withdraw(&HashSet::from([Uuid::from_u128(1)]));
        assert_eq!(standing(&one), Standing::Ended(Close::Stopping));
    }

    #[test]
    fn who_is_here_is_said_to_the_room_and_to_the_other_servers() {
        let rooms = rooms();
        let one = seat(&rooms, 1, 1, 5).expect("a seat");
        let said = rooms.settle(false);
        assert_eq!(said.len(), 1);
        assert!(said[0].kind == "members" && said[0].body.contains("\"new\":true"));
        assert!(told(&one).concat().contains("presence"));
        assert!(rooms.settle(false).is_empty() && told(&one).is_empty());
        let far = |kind: &str, body: &str| SignalRow {
            transaction_id: 1,
            sequence: 1,
            tenant_id: Uuid::from_u128(1),
            topic: "topic".into(),
            record_id: Uuid::from_u128(5),
            server: Uuid::from_u128(9),
            kind: kind.into(),
            body: body.into(),
        };
        rooms.hear(&far("members", r#"{"members":[{"id":"far"}],"new":true}"#));
        assert_eq!(rooms.settle(false).len(), 1, "it does not know us yet");
        assert!(told(&one).concat().contains("far"));
        one.say("x".into());
        rooms.hear(&far("frame", "y"));
        assert_eq!(told(&one), ["x", "y"]);
        assert!(rooms.settle(false).iter().any(|signal| signal.kind == "frame"));
        drop(one);
        assert!(rooms.settle(false)[0].body.contains("\"members\":[]"));
    }

    #[test]
    fn only_what_others_wrote_calls_a_member_to_read() {
        let rooms = rooms();
        let one = seat(&rooms, 1, 1, 5).expect("a seat");
        let row = |topic: &str| PublishedRow {
            transaction_id: 1,
            sequence: 1,
            tenant_id: Uuid::from_u128(1),
            topic: topic.into(),
            record_id: Uuid::from_u128(5),
        };
        let called = || futures::FutureExt::now_or_never(one.room.behind.notified()).is_some();
        one.room.wrote();
        rooms.tell(&[row("topic")]);
        assert!(!called());
        rooms.tell(&[row("another")]);
        assert!(!called());
        one.room.wrote();
        rooms.tell(&[row("topic"), row("topic")]);
        assert!(called());
    }

    #[test]
    fn nobody_has_more_than_their_share_and_a_seat_given_up_is_free() {
        let rooms = rooms();
        let mut seats: Vec<_> =
            (0..MOST_OF_ONE).map(|_| seat(&rooms, 1, 1, 5).expect("a seat")).collect();
        let status = |seat: Result<Seat, Problem>| seat.err().map(|problem| problem.status);
        assert_eq!(status(seat(&rooms, 1, 1, 5)), Some(429));
        seats.pop();
        assert_eq!(status(seat(&rooms, 1, 1, 5)), None);
        rooms.close();
        assert_eq!(status(seat(&rooms, 1, 9, 5)), Some(503));
    }
}
