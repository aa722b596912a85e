//! The sender of one server or process: claims what is due and tells it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use outbound::{
    Limits, Method, Request, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Serialize;
use sqs::{Message, Queue, SecretKey, SqsError};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use uuid::Uuid;

use super::{
    http::event_id,
    rules::{self, Ended, Failed},
    sign::sign,
    sql::{self, DueRow},
};
use crate::{
    core::{Core, random_bytes},
    db::{Bound, Context, Db, DbError, Origin, PoolSettings, Row, Scope},
    identity::SystemAccount,
    privacy::Reveal,
};

/// As whom events are told.
pub(crate) const SENDER: SystemAccount =
    SystemAccount { name: "sender", permissions: &["delivery:send"] };

/// How long after it was written an event is noticed, at the latest.
const LOOK: Duration = Duration::from_millis(250);
/// How long after a look there is another, when a place has become free.
const PAUSE: Duration = Duration::from_millis(20);
/// How often the age of what waits is measured.
const MEASURE: Duration = Duration::from_secs(15);
/// Seconds for which a lease is given: an attempt with what is around it.
const LEASE: i32 = 30;
/// Of one attempt.
const LIMITS: Limits = Limits { total: Duration::from_secs(15), bytes: 64 * 1024 };
/// How long attempts may go on when the server stops. Those of which nothing was written are made again.
const GRACE: Duration = Duration::from_secs(10);
/// How many attempts are under way at once, with destinations that were heard lately and with those that were not.
const PLACES: [(bool, usize); 2] = [(false, 48), (true, 16)];

/// A sender; [`run`](Self::run) it beside the server.
pub struct Sender {
    shared: Arc<Shared>,
    works: bool,
}

struct Shared {
    core: Arc<Core>,
    /// Its own connections, so that a pool full of requests cannot make it lose its leases.
    db: Db,
}

/// Places for destinations of one sort.
struct Lane {
    failing: bool,
    places: usize,
    running: JoinSet<()>,
}

impl Sender {
    /// One that tells something only when it `works`: else that is left to others.
    ///
    /// # Errors
    /// Pool settings that cannot work.
    pub fn new(core: Arc<Core>, settings: &PoolSettings, works: bool) -> Result<Self, DbError> {
        let db = Db::new(&PoolSettings { size: 3, ..settings.clone() })?;
        Ok(Self { shared: Arc::new(Shared { core, db }), works })
    }

    /// Runs until `stop` resolves; then lets attempts end for a while.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        if !self.works {
            return;
        }
        let [mut alive, mut failing] =
            PLACES.map(|(failing, places)| Lane { failing, places, running: JoinSet::new() });
        let (mut looked, mut next, mut measured) = (Instant::now(), Instant::now(), None);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = sleep_until(next) => {}
                () = self.shared.core.telling.woken() => { next = next.min(looked + PAUSE); continue }
                Some(_ended) = alive.running.join_next() => { next = next.min(looked + PAUSE); continue }
                Some(_ended) = failing.running.join_next() => { next = next.min(looked + PAUSE); continue }
            }
            looked = Instant::now();
            for lane in [&mut alive, &mut failing] {
                self.fill(lane).await;
            }
            if measured.is_none_or(|at: Instant| at.elapsed() > MEASURE) {
                measured = Some(looked);
                self.shared.measure().await;
            }
            next = looked + LOOK;
        }
        let all = async {
            while alive.running.join_next().await.is_some() {}
            while failing.running.join_next().await.is_some() {}
        };
        // Whose attempt is cut loses its lease a few seconds later.
        let _late = timeout(GRACE, all).await;
    }

    /// Claims for the places that are free, and begins.
    async fn fill(&self, lane: &mut Lane) {
        while lane.running.try_join_next().is_some() {}
        let free = i32::try_from(lane.places.saturating_sub(lane.running.len())).unwrap_or(0);
        if free == 0 {
            return;
        }
        let lease = self.shared.core.clock.new_id();
        let claim = sql::claim_deliveries(lease, LEASE, free, lane.failing);
        match self.shared.flush(Uuid::nil(), lease, &claim).await {
            Ok(claimed) => claimed.into_iter().for_each(|row| {
                let shared = self.shared.clone();
                lane.running.spawn(async move {
                    shared.deliver(row.tenant_id, row.delivery_id, lease).await;
                });
            }),
            Err(error) => report("claim deliveries", &error),
        }
    }
}

/// What is told of an event: ids and its type, never a value of the record.
#[derive(Serialize)]
struct Event<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    id: Uuid,
    organization_id: Uuid,
}

impl Shared {
    /// One attempt, from its claim to its end.
    async fn deliver(&self, tenant: Uuid, delivery: Uuid, lease: Uuid) {
        let due = match self.flush(tenant, delivery, &sql::find_due(delivery, lease)).await {
            Ok(rows) => rows.into_iter().next(),
            Err(error) => return report("begin a delivery", &error),
        };
        // The destination was removed, or another server has it.
        let Some(due) = due else { return };
        let kind = if due.kind == "sqs" { "sqs" } else { "webhook" };
        let begun = Instant::now();
        let ended = self.attempt(tenant, due).await;
        let took = begun.elapsed();
        metrics::histogram!("reeve_delivery_seconds", "kind" => kind).record(took.as_secs_f64());
        let end = sql::end_delivery(
            delivery,
            lease,
            ended.outcome,
            ended.status.map(i32::from),
            ended.code.map(str::to_owned),
            i32::try_from(took.as_millis()).unwrap_or(i32::MAX),
            ended.wait.map(|wait| wait.as_secs_f64()),
        );
        let outcome = match self.flush(tenant, delivery, &end).await {
            Ok(rows) if rows.iter().all(|row| row.done) => ended.label(),
            Ok(_) => "lost",
            Err(error) => return report("end a delivery", &error),
        };
        metrics::counter!("reeve_deliveries_total", "kind" => kind, "outcome" => outcome)
            .increment(1);
    }

    /// Tells the event once; what follows from how that went. The one place that knows the kinds of destinations.
    async fn attempt(&self, tenant: Uuid, due: DueRow) -> Ended {
        let attempts = due.attempts;
        let sent = match due.kind.as_str() {
            "webhook" => self.post(tenant, due).await,
            _ => self.put(tenant, due).await,
        };
        // What was judged when it was saved and cannot be sent now is a fault of ours.
        sent.unwrap_or_else(|| Failed::with("internal").again(attempts, by_lot()))
    }

    /// A webhook by Standard Webhooks 1.0.0; none when its destination cannot be used.
    async fn post(&self, tenant: Uuid, due: DueRow) -> Option<Ended> {
        let now = self.core.clock.now();
        let request = webhook(tenant, &due, now)?;
        let answer = self.core.outbound().ok()?.send(request).await;
        let asked = answer.as_ref().ok().and_then(outbound::Answer::retry_after);
        let asked = asked.map(|at| at.seconds(self.core.clock.now()));
        Some(rules::judge(answer.as_ref().map_err(|e| *e), asked, due.attempts, by_lot()))
    }

    /// A message of a queue, which knows the event again for five minutes; in a FIFO queue in the order of its record.
    async fn put(&self, tenant: Uuid, due: DueRow) -> Option<Ended> {
        let id = event_id(due.event_id);
        let message = Message {
            body: String::from_utf8(body(tenant, &due)?).ok()?,
            group: due.in_order.then(|| due.record_id.to_string()),
            deduplication: due.in_order.then(|| id.clone()),
            attributes: vec![("id".into(), id), ("type".into(), due.event_type)],
        };
        let queue = Queue {
            url: Url::parse(&due.url).ok()?,
            region: due.region?,
            access_key_id: due.access_key_id?,
            secret_access_key: SecretKey::new(due.secret?.reveal(&Reveal::on_record())),
        };
        let sent = sqs::send(self.core.outbound().ok()?, &queue, &message).await;
        let asked = sent.err().and_then(SqsError::retry_after);
        let asked = asked.map(|at| at.seconds(self.core.clock.now()));
        Some(rules::judge_queue(sent, asked, due.attempts, by_lot()))
    }

    async fn measure(&self) {
        let id = self.core.clock.new_id();
        match self.flush(Uuid::nil(), id, &sql::find_oldest_due()).await {
            Ok(rows) => rows.iter().for_each(|row| {
                metrics::gauge!("reeve_delivery_oldest_due_seconds").set(row.seconds);
            }),
            Err(error) => report("measure what waits", &error),
        }
    }

    async fn flush<R: Row>(
        &self,
        tenant: Uuid,
        request: Uuid,
        bound: &Bound<R>,
    ) -> Result<Vec<R>, DbError> {
        let origin = Origin::internal(request);
        let context = Context {
            tenant,
            actor: SENDER.actor(),
            permission: "delivery:send",
            origin: &origin,
            scope: Scope::Own,
            now: None,
        };
        self.db.flush(&context, bound).await
    }
}

/// The body of an event: the same bytes in every attempt.
fn body(tenant: Uuid, due: &DueRow) -> Option<Vec<u8>> {
    let event = Event {
        r#type: &due.event_type,
        timestamp: due.occurred_at,
        data: Data { id: due.record_id, organization_id: tenant },
    };
    serde_json::to_vec(&event).ok()
}

fn webhook(tenant: Uuid, due: &DueRow, now: Timestamp) -> Option<Request> {
    let (id, timestamp, body) = (event_id(due.event_id), now.as_second(), body(tenant, due)?);
    // Keys are nobody's; they are opened to sign and for nothing else.
    let reveal = Reveal::on_record();
    let secrets = due.secret.iter().chain(&due.former_secret);
    let signatures: Option<Vec<String>> =
        secrets.map(|secret| sign(secret.peek(&reveal), &id, timestamp, &body)).collect();
    let signatures = signatures.filter(|all| !all.is_empty())?.join(" ");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("webhook-id"), id.parse().ok()?),
        (HeaderName::from_static("webhook-timestamp"), HeaderValue::from(timestamp)),
        (HeaderName::from_static("webhook-signature"), signatures.parse().ok()?),
    ];
    Some(Request {
        method: Method::POST,
        url: Url::parse(&due.url).ok()?,
        headers: HeaderMap::from_iter(headers),
        body,
        limits: LIMITS,
    })
}

/// A share of 0 to 1; all of it without randomness.
fn by_lot() -> f64 {
    random_bytes().map_or(1.0, |[a, b, ..]| f64::from(u16::from_be_bytes([a, b])) / 65_535.0)
}

fn report(what: &'static str, error: &DbError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "could not {what}; will try again");
}
