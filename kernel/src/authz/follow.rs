//! Streams: what a caller may see of a topic, then what changes of it, as server-sent events (WHATWG
//! HTML section 9.2). Each event is read, and its reading recorded, when it is told.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{Authorized, Encoded, Followed, Follows, Permission, answer::Events};
use crate::{
    db::{Disclosing, Row},
    http::{Problem, Resume},
    identity::confirm,
    privacy::Reveal,
    streams::{MOST_RECORDS, News, Place, Seat, sql},
};

/// How long after a stream was cut its client should come again, in milliseconds.
const RETRY: &[u8] = b"retry: 2000\n\n";
/// A comment: it says nothing.
const COMMENT: &[u8] = b":\n\n";
/// Even when nothing was heard of its caller, a stream asks for their standing after this long.
const CONFIRM: Duration = Duration::from_secs(60);
/// The outbox is kept for a day; what was told nearly as long ago is told anew.
const OLDEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(23);

/// What an event's id says, sealed: up to where its client knows everything.
#[derive(Serialize, Deserialize)]
struct Mark {
    place: Place,
    at: Timestamp,
}

/// Of which records something is told; none: of all that the caller may see.
type Which = Option<Vec<Uuid>>;

/// An open stream.
struct Following<P, Q, W> {
    act: Authorized<P>,
    topic: &'static str,
    read: Q,
    view: W,
    seat: Seat,
    confirmed: Instant,
}

impl<P: Permission<Effect = Follows>> Authorized<P> {
    /// Tells what the caller may see of `topic`, then what changes of it until the caller's right ends.
    /// `read` is given the records to look at, or none for all of the caller's slice; a record that is
    /// not in the slice is not told. Who puts a record into somebody's slice publishes it.
    ///
    /// # Errors
    /// 429 `too_many_streams`, 401 and 403 when the caller's standing has just changed, 503 when the
    /// server is about to stop, and what [`Problem`] says of the database's failure. A failure after
    /// the stream began ends it; its client comes again.
    pub async fn follow<R: Row, V: Serialize + 'static>(
        &self,
        topic: &'static str,
        resume: Resume,
        read: impl Fn(Option<Vec<Uuid>>) -> Disclosing<R> + Send + Sync + 'static,
        view: impl Fn(R, &Reveal) -> V + Send + Sync + 'static,
    ) -> Result<Followed<V>, Problem> {
        // First the seat, then the standing, then the records: what changes in between is told twice
        // rather than not at all.
        let seat = self.core().streams.take_seat(self.caller(), topic)?;
        let (act, confirmed) = (self.clone(), Instant::now());
        let following = Following { act, topic, read, view, seat, confirmed };
        following.confirm().await?;
        let first = following.first(resume).await?;
        let rest = stream::unfold(following, |mut following| async move {
            let event = following.next().await?;
            Some((event, following))
        });
        let events: Events = stream::once(std::future::ready(first)).chain(rest).boxed();
        Ok(Followed::new(Encoded::streaming(events)))
    }
}

impl<P, Q, W> Following<P, Q, W>
where
    P: Permission<Effect = Follows>,
{
    /// Asks the database itself: whatever was withdrawn before is seen here, and whatever is withdrawn
    /// later is heard by the seat.
    async fn confirm(&self) -> Result<(), Problem> {
        let governed = &self.act.governed;
        let core = &governed.core;
        let confirmed = confirm(core, &governed.origin, &governed.caller).await;
        confirmed.map_err(|refused| *refused.problem)
    }

    /// What was told under this id is another thing for another role.
    fn question(&self) -> String {
        format!("{} {:?}", self.topic, self.act.caller().role)
    }

    fn seal(&self, place: Place) -> Result<String, Problem> {
        self.act.seal(&self.question(), &Mark { place, at: self.act.now() })
    }

    /// Up to where the client knows everything, if it says so and that is not too long ago.
    fn resumed(&self, resume: &Resume) -> Option<Place> {
        let mark: Mark = self.act.unseal(&self.question(), resume.0.as_deref()?).ok()?;
        let young = self.act.now().duration_since(mark.at) < OLDEST;
        // Ahead of this server's own place: of a faster replica, or of a database that was set back.
        (young && mark.place <= self.seat.since).then_some(mark.place)
    }

    /// The records that changed since; none when they are too many to name.
    async fn changed_since(&self, place: Place) -> Result<Which, Problem> {
        let most = i64::try_from(MOST_RECORDS).unwrap_or(i64::MAX);
        let changes = sql::list_changes(self.topic, place.transaction, place.sequence, most + 1);
        // The outbox names records alone; which of them are the caller's is asked by `read`.
        let changed = self.act.governed.run(P::NAME, &changes).await?;
        let few = changed.len() <= MOST_RECORDS;
        Ok(few.then(|| changed.into_iter().map(|row| row.record_id).collect()))
    }
}

impl<P, R, V, Q, W> Following<P, Q, W>
where
    P: Permission<Effect = Follows>,
    R: Row,
    V: Serialize,
    Q: Fn(Option<Vec<Uuid>>) -> Disclosing<R>,
    W: Fn(R, &Reveal) -> V,
{
    async fn first(&self, resume: Resume) -> Result<Vec<u8>, Problem> {
        let which = match self.resumed(&resume) {
            Some(place) => self.changed_since(place).await?,
            None => None,
        };
        Ok([RETRY.to_vec(), self.tell(which, self.seat.since).await?].concat())
    }

    /// The next event or comment; none when the stream has ended.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let told = match self.seat.take() {
                News::Records(records, place) => self.tell(Some(records), place).await,
                News::Everything(place) => self.tell(None, place).await,
                News::Nothing => self.wait().await,
                News::End => return None,
            };
            // The right may have ended while the rows were read.
            if self.seat.has_ended() || self.has_expired() {
                return None;
            }
            match told {
                Ok(nothing) if nothing.is_empty() => {}
                Ok(event) => return Some(event),
                Err(problem) => return self.give_up(&problem),
            }
        }
    }
    /// Until there is something to tell, or it is time to say nothing aloud.
    async fn wait(&mut self) -> Result<Vec<u8>, Problem> {
        let core = self.act.core();
        let left = self.act.caller().until.map(|until| until.duration_since(core.clock.now()));
        let left = left.map(|left| Duration::try_from(left).unwrap_or_default());
        let patience = core.stream_settings.comment.min(left.unwrap_or(Duration::MAX));
        if timeout(patience, self.seat.woken()).await.is_ok() {
            return Ok(vec![]);
        }
        if self.confirmed.elapsed() > CONFIRM {
            self.confirm().await?;
            self.confirmed = Instant::now();
        }
        Ok(COMMENT.to_vec())
    }

    fn has_expired(&self) -> bool {
        self.act.caller().until.is_some_and(|until| until <= self.act.core().clock.now())
    }

    /// Everything as one event, or these records with one event each; nothing when there are none.
    async fn tell(&self, which: Which, place: Place) -> Result<Vec<u8>, Problem> {
        if which.as_ref().is_some_and(Vec::is_empty) {
            return Ok(vec![]);
        }
        let everything = which.is_none();
        let Disclosing { bound } = (self.read)(which);
        let rows = self.act.flush_in(bound.scope(), &bound).await?;
        let reveal = Reveal::on_record();
        let views: Vec<V> = rows.into_iter().map(|row| (self.view)(row, &reveal)).collect();
        let id = self.seal(place)?;
        if everything {
            return event("snapshot", Some(&id), &views);
        }
        let mut events = vec![];
        for (left, view) in (0..views.len()).rev().zip(&views) {
            // Who is cut off before the last one knows none of them for sure.
            events.extend(event("changed", (left == 0).then_some(id.as_str()), view)?);
        }
        Ok(events)
    }

    fn give_up(&self, problem: &Problem) -> Option<Vec<u8>> {
        let governed = &self.act.governed;
        tracing::warn!(
            request_id = %governed.origin.request_id,
            route = governed.route,
            %problem,
            cause = problem.cause.as_deref().map(tracing::field::display),
            "a stream ended early"
        );
        None
    }
}

/// One event. JSON has line breaks between its parts at most, where they say nothing; each line is a
/// `data` of its own.
fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let data = serde_json::to_string(data).map_err(Problem::internal)?;
    let mut text = format!("event: {name}\n");
    if let Some(id) = id {
        text.extend(["id: ", id, "\n"]);
    }
    for line in data.split(['\n', '\r']) {
        text.extend(["data: ", line, "\n"]);
    }
    text.push('\n');
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn told(id: Option<&str>, data: &impl Serialize) -> String {
        String::from_utf8(event("changed", id, data).expect("an event")).expect("text")
    }

    #[test]
    fn an_event_has_its_name_its_id_where_it_has_one_and_its_data() {
        assert_eq!(told(Some("x"), &7), "event: changed\nid: x\ndata: 7\n\n");
        assert_eq!(told(None, &"a\nb"), "event: changed\ndata: \"a\\nb\"\n\n");
    }

    #[test]
    fn no_line_break_of_the_data_ends_the_event() {
        let raw = RawValue::from_string("[1,\r\n\n2]".to_owned()).expect("JSON");
        let lines = "event: changed\ndata: [1,\ndata: \ndata: \ndata: 2]\n\n";
        assert_eq!(told(None, &raw), lines);
    }
}
