//! Sockets: a member of a room, from its request until its right ends. It is told what the room is told, and what it
//! does to the document is done under its own right to that, asked for each time.

use std::{
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{SinkExt, StreamExt, stream::SplitSink, stream::SplitStream};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    time::{Instant, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};
use uuid::Uuid;

use super::{Answer, Authorized, Committed, Encoded, Joined, Joins, Permission, Writes};
use crate::{
    http::Problem,
    identity::confirm,
    policies::admit_to,
    sockets::{
        self, After, AppliedRow, Close, Document, Fault, Frame, Letter, OperationRow, Seat,
        Standing, Ticket, Upgrade,
    },
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The largest frame of a client, in bytes.
const LARGEST: usize = 256 * 1024;
/// Frames that a client may send at once, and in a second; a large one counts for each 16 KiB.
const AT_ONCE: f64 = 200.0;
const PER_SECOND: f64 = 100.0;
const COUNTS_FOR: usize = 16 * 1024;
/// How long a client that was told what it missed waits before it asks again.
const RESUME: Duration = Duration::from_secs(1);
/// Who tries so often what they may not is shown out.
const TRIES: u32 = 3;
/// Operations that are read at once; who has missed more than this begins anew.
const MOST_MISSED: i64 = 1000;
/// For so long a right to change the document is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// Even when nothing was heard of a member, their standing is asked for after this long.
const CONFIRM: Duration = Duration::from_secs(60);
/// How long a client may take to become a socket, and to hear a farewell.
const PATIENCE: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(2);

/// A member of a room.
struct Member<P, D> {
    act: Authorized<P>,
    id: Uuid,
    seat: Seat,
    /// When the peer was last heard.
    heard: Mutex<Instant>,
    /// When the client last asked for what it had missed.
    resumed: Mutex<Option<Instant>>,
    /// When it was last found that this member may change the document.
    judged: Mutex<Option<Instant>>,
    document: PhantomData<fn() -> D>,
}

/// With what a member begins: frames, and up to which operation they tell.
struct Beginning {
    seq: i64,
    frames: Vec<String>,
}

impl<P: Permission<Effect = Joins>> Authorized<P> {
    /// Lets the caller into the room of a document: first the document, or what was missed of it, then what happens,
    /// until the caller's right ends.
    ///
    /// # Errors
    /// 404 where there is no such document, 429 and 503 where there are too many sockets, 401 and 403 when the
    /// caller's standing has just changed, and what [`Problem`] says of the database's failure.
    pub async fn join<D: Document, V>(
        &self,
        id: Uuid,
        After(after): After,
        upgrade: Upgrade,
    ) -> Result<Joined<V>, Problem> {
        // First the seat, then the standing, then the document: what changes in between is told twice rather than
        // not at all.
        let (core, connection) = (self.core(), self.new_id());
        let seat = core.rooms.take_seat(self.caller(), (D::TOPIC, id), connection)?;
        let member = Member::<P, D> {
            act: self.clone(),
            id,
            seat,
            heard: Mutex::new(Instant::now()),
            resumed: Mutex::default(),
            judged: Mutex::default(),
            document: PhantomData,
        };
        member.confirm().await?;
        let beginning = member.begin(after).await?;
        let answer = Encoded::switching(upgrade.accept.clone(), upgrade.select(D::PROTOCOL));
        spawn(member.live(upgrade.on, beginning));
        Ok(Joined::new(answer))
    }
}

#[allow(clippy::disallowed_methods, reason = "one task a socket, which its seat at the rooms ends")]
fn spawn(life: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(life);
}

impl<P: Permission<Effect = Writes>> Authorized<P> {
    /// A ticket for a socket of the caller's at this record: for 30 seconds, once, at any server.
    ///
    /// # Errors
    /// What [`Problem`] says of the database's failure.
    pub async fn ticket(&self, record: Uuid) -> Result<Committed<Ticket>, Problem> {
        let caller = self.caller();
        let (ticket, hash) = Ticket::new(caller.tenant, self.now())?;
        let expires_at = ticket.expires_at;
        let insert =
            sockets::sql::insert_ticket(hash, caller.session, caller.until, record, expires_at);
        self.write(insert, move |_, _| Answer::ok(ticket).shown_once()).await
    }
}

impl<P: Permission<Effect = Joins>, D: Document> Member<P, D> {
    /// Asks the database itself, and the tenant's policies, whether the caller may be here.
    async fn confirm(&self) -> Result<(), Problem> {
        let governed = &self.act.governed;
        let confirmed = confirm(&governed.core, &governed.origin, &governed.caller).await;
        confirmed.map_err(|refused| *refused.problem)?;
        admit_to::<P>(governed, self.id).await
    }

    async fn begin(&self, after: Option<i64>) -> Result<Beginning, Problem> {
        let _turn = self.seat.room.turn.lock().await;
        let missed = match after {
            Some(after) => self.missed(after).await?,
            None => None,
        };
        let beginning = match missed {
            Some(beginning) => beginning,
            None => {
                let row = self.act.look_up(D::snapshot(self.id)).await?.into_iter().next();
                let row = row.ok_or_else(Problem::not_found)?;
                Beginning { seq: row.seq, frames: vec![sockets::snapshot(row.seq, row.document)] }
            }
        };
        self.seat.room.begin(beginning.seq);
        Ok(beginning)
    }

    /// What was missed after an operation; none where that is too much, or nothing can be said of it.
    async fn missed(&self, after: i64) -> Result<Option<Beginning>, Problem> {
        // With the one that the client knows: a number that was never given out is not there.
        let from = (after - 1).max(0);
        let rows = self.act.look_up(D::list(self.id, from, MOST_MISSED + 1)).await?;
        let known = after == 0 || rows.first().is_some_and(|row| row.seq == after);
        if !known || rows.len() > usize::try_from(MOST_MISSED).unwrap_or(usize::MAX) {
            return Ok(None);
        }
        let seq = rows.last().map_or(after, |row| row.seq);
        let missed = rows.iter().filter(|row| row.seq > after);
        Ok(Some(Beginning { seq, frames: missed.map(sockets::operation).collect() }))
    }

    /// The whole life of a socket.
    async fn live(self, on: OnUpgrade, beginning: Beginning) {
        let Ok(Ok(upgraded)) = timeout(PATIENCE, on).await else { return };
        let socket =
            Socket::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(settings())).await;
        let (mut sink, mut stream) = socket.split();
        let mut standing = self.seat.standing();
        let ended = async {
            let ended = |standing: &Standing| matches!(standing, Standing::Ended(_));
            match standing.wait_for(ended).await.as_deref() {
                Ok(Standing::Ended(close)) => *close,
                _ => Close::Failed,
            }
        };
        let close = tokio::select! {
            biased;
            close = ended => close,
            close = self.tell(&mut sink, beginning) => close,
            close = self.listen(&mut stream) => close,
            close = self.keep_up() => close,
        };
        self.seat.leave();
        if let Ok(socket) = sink.reunite(stream) {
            farewell(socket, close).await;
        }
    }

    /// Tells what there is to tell.
    async fn tell(&self, sink: &mut SplitSink<Socket, Message>, beginning: Beginning) -> Close {
        let mut ping = interval_at(Instant::now() + self.every(), self.every());
        let mut confirmed = Instant::now();
        for frame in beginning.frames {
            if sink.feed(Message::text(frame)).await.is_err() {
                return Close::Gone;
            }
        }
        loop {
            while let Some(doubt) = self.seat.doubt() {
                if let Err(problem) = self.look_again().await {
                    return close_of(&problem);
                }
                self.seat.trust(doubt);
            }
            while let Some(Letter { seq, text }) = self.seat.next() {
                let news = seq.is_none_or(|seq| seq > beginning.seq);
                if news && sink.feed(Message::Text(text)).await.is_err() {
                    return Close::Gone;
                }
            }
            if sink.flush().await.is_err() {
                return Close::Gone;
            }
            tokio::select! {
                () = self.seat.woken() => continue,
                _ = ping.tick() => {}
            }
            if sink.send(Message::Ping(Default::default())).await.is_err() {
                return Close::Gone;
            }
            if confirmed.elapsed() > CONFIRM {
                confirmed = Instant::now();
                if let Err(problem) = self.look_again().await {
                    return close_of(&problem);
                }
            }
        }
    }

    async fn look_again(&self) -> Result<(), Problem> {
        *lock(&self.judged) = None;
        self.confirm().await
    }

    /// Listens to the client.
    async fn listen(&self, stream: &mut SplitStream<Socket>) -> Close {
        let mut allowance = Allowance { left: AT_ONCE, at: Instant::now() };
        let (mut standing, mut tries) = (self.seat.standing(), 0);
        loop {
            let message = match stream.next().await {
                None => return Close::Gone,
                Some(Err(error)) => return fault(&error),
                Some(Ok(message)) => message,
            };
            *lock(&self.heard) = Instant::now();
            let frames = 1.0 + (message.len() / COUNTS_FOR) as f64;
            if !allowance.spend(frames, Instant::now()) {
                return Close::TooFast;
            }
            let text = match message {
                Message::Text(text) => text,
                Message::Binary(_) => return Close::NotText,
                Message::Close(_) => return Close::Gone,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            if standing.wait_for(|standing| *standing == Standing::Good).await.is_err() {
                return Close::Gone;
            }
            if let Err(Fault { id, problem }) = self.take(text).await {
                tries += u32::from(problem.status == 403);
                let problem = self.act.governed.refuse(*problem).await;
                self.report(&problem);
                self.seat.answer(sockets::error(id, &problem));
                match problem.status {
                    403 if tries >= TRIES => return Close::Forbidden,
                    404 => return Close::NoDocument,
                    _ => {}
                }
            }
        }
    }

    /// One frame.
    async fn take(&self, text: Utf8Bytes) -> Result<(), Fault> {
        match sockets::parse(&text)? {
            Frame::Operation { id, operation } => {
                let name = |problem| Fault::of(Value::String(id.to_string()), problem);
                D::check(&operation).map_err(name)?;
                self.operate(id, operation).await.map_err(name)
            }
            Frame::Resume { after } => Ok(self.resume(after).await?),
            Frame::Cursor(members) => {
                self.seat.say_to_others(sockets::cursor(members, self.seat.member()));
                Ok(())
            }
            Frame::Plain => {
                self.may_edit().await?;
                self.seat.say(text);
                Ok(())
            }
        }
    }

    async fn resume(&self, after: i64) -> Result<(), Problem> {
        let last = lock(&self.resumed).replace(Instant::now());
        if last.is_some_and(|last| last.elapsed() < RESUME) {
            let detail = "you ask for what was missed too often: wait a second";
            return Err(Problem::new(429, "too_many_resumes", detail));
        }
        let beginning = self.begin(Some(after)).await?;
        beginning.frames.into_iter().for_each(|frame| self.seat.answer(frame));
        Ok(())
    }

    /// The right to change the document: what the matrix says, and the tenant's policies of this document.
    async fn may_edit(&self) -> Result<Authorized<D::Edit>, Problem> {
        let edit = self.act.also::<D::Edit>()?;
        let judged = *lock(&self.judged);
        if judged.is_none_or(|at| at.elapsed() > BELIEVED) {
            admit_to::<D::Edit>(&self.act.governed, self.id).await?;
            *lock(&self.judged) = Some(Instant::now());
        }
        Ok(edit)
    }

    /// Does an operation, in its turn, and tells it.
    async fn operate(&self, id: Uuid, operation: Value) -> Result<(), Problem> {
        let edit = self.may_edit().await?;
        let room = &self.seat.room;
        let _turn = room.turn.lock().await;
        let apply = D::apply(self.id, id, operation);
        let row = edit.flush_in(apply.scope(), &apply).await?.into_iter().next();
        let AppliedRow { seq, id, author_kind, author_id, operation, fresh } =
            row.ok_or_else(Problem::not_found)?;
        let row = OperationRow { seq, id, author_kind, author_id, operation };
        let text = sockets::operation(&row);
        if !fresh {
            self.seat.answer(text);
            return Ok(());
        }
        room.wrote();
        if !room.deliver(seq, &text.into()) {
            self.catch_up().await?;
        }
        self.seat.hint();
        Ok(())
    }

    /// Tells the room what was done and not told; for whoever has the turn.
    async fn catch_up(&self) -> Result<(), Problem> {
        loop {
            let missed = D::list(self.id, self.seat.room.delivered(), MOST_MISSED);
            let rows = self.act.look_up(missed).await?;
            for row in &rows {
                self.seat.room.deliver(row.seq, &sockets::operation(row).into());
            }
            if i64::try_from(rows.len()).unwrap_or(i64::MAX) < MOST_MISSED {
                return Ok(());
            }
        }
    }

    /// Takes the room's calls to read what other servers wrote, and sees whether the peer is still there.
    async fn keep_up(&self) -> Close {
        let (behind, mut standing) = (&self.seat.room.behind, self.seat.standing());
        let mut look = tokio::time::interval((self.every() / 5).max(Duration::from_millis(50)));
        loop {
            tokio::select! {
                () = behind.notified() => {}
                _ = look.tick() => {
                    // Two pings unanswered, and a little before thirty seconds.
                    if lock(&self.heard).elapsed() > self.every() * 7 / 4 {
                        return Close::Gone;
                    }
                    continue;
                }
            }
            // If this member goes meanwhile, the call goes to another.
            let call = Call { room: &self.seat.room, answered: false };
            if standing.wait_for(|standing| *standing == Standing::Good).await.is_err() {
                return Close::Gone;
            }
            let turn = self.seat.room.turn.lock().await;
            let caught_up = self.catch_up().await;
            drop(turn);
            match caught_up {
                Ok(()) => call.answer(),
                Err(problem) => {
                    self.report(&problem);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    fn every(&self) -> Duration {
        self.act.core().stream_settings.comment
    }

    fn report(&self, problem: &Problem) {
        if problem.status >= 500 {
            tracing::warn!(
                request_id = %self.act.governed.origin.request_id,
                route = self.act.governed.route,
                %problem,
                cause = problem.cause.as_deref().map(tracing::field::display),
                "a frame was not done"
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call to read; taken up by another member when it is dropped unanswered.
struct Call<'a> {
    room: &'a Arc<sockets::Room>,
    answered: bool,
}

impl Call<'_> {
    fn answer(mut self) {
        self.answered = true;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.room.behind.notify_one();
        }
    }
}

/// What a client may still send: so much at once, and so much in a second.
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    /// Whether so many more may be sent; else they do not count.
    fn spend(&mut self, frames: f64, now: Instant) -> bool {
        let earned = now.duration_since(self.at).as_secs_f64() * PER_SECOND;
        (self.left, self.at) = ((self.left + earned).min(AT_ONCE), now);
        let enough = self.left >= frames;
        if enough {
            self.left -= frames;
        }
        enough
    }
}

/// Small buffers: there are thousands of sockets, and most are silent.
fn settings() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(8 * 1024)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST))
}

fn fault(error: &Error) -> Close {
    match error {
        Error::Capacity(_) => Close::TooLarge,
        Error::Utf8(_) => Close::BadText,
        // It went without a farewell.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Close::Gone,
        Error::Protocol(_) => Close::Broken,
        _ => Close::Gone,
    }
}

fn close_of(problem: &Problem) -> Close {
    match problem.status {
        401 => Close::Unauthenticated,
        403 => Close::Forbidden,
        404 => Close::NoDocument,
        _ => Close::Failed,
    }
}

/// Says why, and waits a little for the peer to read it: of a connection that is cut while it still writes, the last
/// words are lost.
async fn farewell(mut socket: Socket, close: Close) {
    let told = close.told();
    let code = told.map_or(1000, |(code, _)| code);
    metrics::counter!("reeve_socket_ends_total", "code" => code.to_string()).increment(1);
    let frame = told.map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() });
    let said = async {
        // Where the peer has said farewell first, reading on answers it.
        let _answered = socket.close(frame).await;
        if matches!(close, Close::TooLarge | Close::Broken) {
            let mut rest = [0; 4096];
            while socket.get_mut().read(&mut rest).await.is_ok_and(|read| read > 0) {}
        } else {
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
    };
    // Who does not listen is cut off.
    let _in_time = timeout(FAREWELL, said).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_so_much_at_once_and_so_much_in_a_second() {
        let begun = Instant::now();
        let mut allowance = Allowance { left: AT_ONCE, at: begun };
        assert!((0..200).all(|_| allowance.spend(1.0, begun)));
        assert!(!allowance.spend(1.0, begun));
        let later = begun + Duration::from_millis(20);
        assert!(allowance.spend(2.0, later) && !allowance.spend(1.0, later));
        let much_later = begun + Duration::from_secs(60);
        assert!(
            !allowance.spend(AT_ONCE + 1.0, much_later) && allowance.spend(AT_ONCE, much_later)
        );
    }
}
