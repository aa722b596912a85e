//! What a destination must be, who may hear of what, and when an attempt is made again. Pure.

use std::time::Duration;

use outbound::{Answer, Outbound, OutboundError};
use serde_json::{Value, json};
use sqs::SqsError;

use super::{EventType, http::DestinationBody};
use crate::{
    http::{Fault, Fields, Patch, Problem, Purpose, one_of, or, text},
    privacy::Pii,
};

/// What a destination may be.
const KINDS: &[&str] = &["webhook", "sqs"];
/// What whoever changes one may make of it.
const SETTABLE: &[&str] = &["active", "paused"];
/// Bytes of an address, as it is kept.
const LONGEST: usize = 2048;
/// How many patterns there are at the most.
const PATTERNS: usize = 50;

/// What a caller may hear of: the types of their realm, and which of them their role may read.
pub struct Hearing {
    pub all: Vec<EventType>,
    pub held: Vec<&'static str>,
}

impl Hearing {
    /// The types that patterns mean. A name means itself; `noun.*` and `*` mean those that the caller may hear of.
    ///
    /// # Errors
    /// 422 for what is no type; 403 for what the caller may not hear of.
    pub fn expand(&self, patterns: &[String]) -> Result<Vec<&'static str>, Problem> {
        if !(1..=PATTERNS).contains(&patterns.len()) {
            return Err(unknown(format!("give 1 to {PATTERNS} types")));
        }
        let mut meant = vec![];
        for pattern in patterns {
            let named: Vec<_> = self.all.iter().filter(|of| matches(pattern, of.name)).collect();
            if named.is_empty() {
                return Err(unknown("GET /api/v1/event-types has those that there are".into()));
            }
            let held = |of: &&&EventType| self.held.contains(&of.name);
            let heard: Vec<_> = named.iter().filter(held).map(|of| of.name).collect();
            if heard.is_empty() {
                return Err(not_permitted());
            }
            meant.extend(heard);
        }
        meant.sort_unstable();
        meant.dedup();
        Ok(meant)
    }

    /// Who does not hear of something does not decide where it is told, and does not see that it was.
    ///
    /// # Errors
    /// 403 unless the caller may hear of all these types, as far as there are such.
    pub fn require(&self, types: &[String]) -> Result<(), Problem> {
        let hidden = |name: &String| {
            self.all.iter().any(|of| of.name == name) && !self.held.contains(&name.as_str())
        };
        if types.iter().any(hidden) { Err(not_permitted()) } else { Ok(()) }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let noun = pattern.strip_suffix(".*");
    pattern == "*"
        || pattern == name
        || noun.is_some_and(|noun| name.split_once('.').is_some_and(|(of, _)| of == noun))
}

fn unknown(msg: String) -> Problem {
    Problem::field(&["body", "events"], "event_type", msg)
}

fn not_permitted() -> Problem {
    let detail = "your role may not read what these events are about";
    Problem::new(403, "event_not_permitted", detail).refusing("destination:write")
}

/// Checks a body; its columns, the secret among them where it comes with the body. `kind` is that of the destination to
/// be changed.
///
/// # Errors
/// 422 with every field at fault; 403 as [`Hearing::expand`].
pub fn parse(
    body: DestinationBody,
    kind: Option<&str>,
    hearing: &Hearing,
    outbound: &Outbound,
) -> Result<Value, Problem> {
    let purpose = if kind.is_some() { Purpose::Change } else { Purpose::Create };
    let meant = match &body.events {
        Patch::Value(patterns) => Some(hearing.expand(patterns)?),
        _ => None,
    };
    let mut fields = Fields::new(purpose);
    let given = body.kind.as_given().flatten().cloned();
    let is_queue = kind.or(given.as_deref()) == Some("sqs");
    match (purpose, &body.kind) {
        (Purpose::Create, _) => {
            fields.required("kind", "kind", or(body.kind, "webhook"), one_of(KINDS))
        }
        (Purpose::Change, Patch::Absent) => {}
        (Purpose::Change, _) => fields.fault("kind", fixed("the kind stays as it is")),
    }
    fields.required("url", "url", body.url, |given| url(&given, is_queue, outbound));
    fields.optional("description", "description", body.description, text(500));
    fields.required("events", "events", body.events, Ok::<_, Fault>);
    if let Some(meant) = meant {
        fields.optional("event_types", "events", Patch::Value(meant), |m| Ok::<_, Fault>(json!(m)));
    }
    let status = if purpose == Purpose::Create { or(body.status, "active") } else { body.status };
    fields.required("state", "status", status, one_of(SETTABLE));
    let of_queue = [
        ("region", "region", body.region, region as fn(String) -> Result<String, Fault>),
        ("access_key_id", "access_key_id", body.access_key_id, access_key_id),
        ("secret", "secret_access_key", body.secret_access_key, secret_access_key),
    ];
    for (column, name, given, check) in of_queue {
        match (is_queue, given) {
            (true, given) => fields.required(column, name, given, check),
            (false, Patch::Absent) => {}
            (false, _) => fields.fault(name, fixed("this belongs to a queue")),
        }
    }
    fields.finish()
}

fn region(given: String) -> Result<String, Fault> {
    let fault = || ("region", "give a region of AWS such as eu-west-1".to_owned());
    if sqs::is_region(&given) { Ok(given) } else { Err(fault()) }
}

fn access_key_id(given: String) -> Result<String, Fault> {
    let fault = || ("access_key_id", "give 16 to 128 letters and digits".to_owned());
    if sqs::is_access_key_id(&given) { Ok(given) } else { Err(fault()) }
}

fn secret_access_key(given: String) -> Result<String, Fault> {
    let fits = (1..=256).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_graphic());
    let fault = || ("length", "give 1 to 256 characters of ASCII, without blanks".to_owned());
    if fits { Ok(given) } else { Err(fault()) }
}

fn fixed(msg: &str) -> Fault {
    ("value_error", msg.to_owned())
}

/// The columns with this secret.
pub fn with_secret(mut columns: Value, secret: &str) -> Pii<Value> {
    if let Value::Object(members) = &mut columns {
        members.insert("secret".into(), secret.into());
    }
    Pii::new(columns)
}

fn url(given: &str, is_queue: bool, outbound: &Outbound) -> Result<String, Fault> {
    let url = outbound.check(given.trim()).map_err(|unfit| (unfit.code(), unfit.to_string()))?;
    if url.fragment().is_some() || is_queue && url.query().is_some() {
        return Err((
            "url_malformed",
            "give the address without `#`, a queue's without `?`".into(),
        ));
    }
    match url.as_str().len() <= LONGEST {
        true => Ok(url.into()),
        false => Err(("length", format!("give an address of {LONGEST} characters at the most"))),
    }
}

/// How long the former secret signs beside the new one: 0 to 720 hours.
///
/// # Errors
/// 422.
pub fn overlap(hours: Option<i32>) -> Result<i32, Problem> {
    match hours.unwrap_or(24) {
        hours @ 0..=720 => Ok(hours),
        _ => Err(Problem::field(&["body", "overlap_hours"], "range", "give 0 to 720 hours")),
    }
}

/// The waits before the second attempt and each later one, in seconds: Standard Webhooks 1.0.0, "Delivery".
const WAITS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// How much longer a wait may be by lot, so that what failed together does not come again together.
const JITTER: f64 = 0.1;
/// A receiver that asks for more gets this.
const LONGEST_WAIT: u64 = 86_400;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// What `kernel.end_delivery` knows: `delivered`, `retry`, `failed`, `gone`.
    pub outcome: &'static str,
    pub status: Option<u16>,
    /// Ours; nothing of what was answered.
    pub code: Option<&'static str>,
    pub wait: Option<Duration>,
}

impl Ended {
    /// What is counted: few words, whatever receivers answer.
    pub fn label(&self) -> &'static str {
        match (self.outcome, self.code, self.status) {
            ("delivered", _, _) => "delivered",
            (_, Some(code), _) => code,
            (_, _, Some(status @ 400..=499)) if status != 429 => "answered_4xx",
            (_, _, Some(429)) => "answered_429",
            (_, _, Some(500..)) => "answered_5xx",
            _ => "answered_other",
        }
    }
}

/// An attempt that has failed, and may be made again.
#[derive(Clone, Copy)]
pub struct Failed {
    pub status: Option<u16>,
    pub code: Option<&'static str>,
    /// Seconds, where the receiver says when to come back.
    pub asked: Option<u64>,
}

impl Failed {
    /// Why there was no answer.
    pub fn with(code: &'static str) -> Self {
        Self { status: None, code: Some(code), asked: None }
    }

    /// What follows, after `attempts` others. `share`, 0 to 1, is drawn by lot.
    pub fn again(self, attempts: i32, share: f64) -> Ended {
        let asked = Duration::from_secs(self.asked.unwrap_or(0).min(LONGEST_WAIT));
        let wait = wait(attempts, share).map(|usual| usual.max(asked));
        let outcome = if wait.is_some() { "retry" } else { "failed" };
        Ended { outcome, status: self.status, code: self.code, wait }
    }
}

/// What follows from a receiver's answer, or from none, to the attempt after `attempts` others. `asked` is what the answer's
/// Retry-After says, in seconds.
pub fn judge(
    answer: Result<&Answer, OutboundError>,
    asked: Option<u64>,
    attempts: i32,
    share: f64,
) -> Ended {
    let status = match answer {
        Ok(answer) => answer.status,
        Err(error) => return Failed::with(error.code()).again(attempts, share),
    };
    let ended = |outcome| Ended { outcome, status: Some(status), code: None, wait: None };
    let asked = asked.filter(|_| matches!(status, 429 | 503));
    match status {
        200..=299 => ended("delivered"),
        410 => ended("gone"),
        _ => Failed { status: Some(status), code: None, asked }.again(attempts, share),
    }
}

/// The same of a queue. What it took it answered with 200.
pub fn judge_queue(
    sent: Result<(), SqsError>,
    asked: Option<u64>,
    attempts: i32,
    share: f64,
) -> Ended {
    match sent {
        Ok(()) => Ended { outcome: "delivered", status: Some(200), code: None, wait: None },
        Err(error) if error.is_final() => {
            Ended { outcome: "failed", status: None, code: Some(error.code()), wait: None }
        }
        Err(error) => Failed { asked, ..Failed::with(error.code()) }.again(attempts, share),
    }
}

/// The wait before the next attempt, when the one after `attempts` others has failed; none after the tenth.
fn wait(attempts: i32, share: f64) -> Option<Duration> {
    let seconds = WAITS.get(usize::try_from(attempts).ok()?)?;
    Some(Duration::from_secs(*seconds).mul_f64(1.0 + JITTER * share.clamp(0.0, 1.0)))
}

/// 409 for a queue, whose secret is the organisation's own.
///
/// # Errors
/// As said.
pub fn require_webhook(kind: &str) -> Result<(), Problem> {
    match kind {
        "webhook" => Ok(()),
        _ => {
            let detail = "a queue has no secret of ours: change its `secret_access_key`";
            Err(Problem::conflict("not_a_webhook", detail))
        }
    }
}

/// 409: nothing is sent there now.
pub fn not_active() -> Problem {
    Problem::conflict("destination_not_active", "make the destination `active` first")
}

#[cfg(test)]
mod tests {
    use outbound::header::HeaderMap;

    use super::*;

    fn answer(status: u16) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: vec![] }
    }

    fn seconds(ended: &Ended) -> Option<u64> {
        ended.wait.map(|wait| wait.as_secs())
    }

    #[test]
    fn j08_the_schedule_is_that_of_the_specification_and_ends() {
        let waits: Vec<_> = (0..10)
            .map(|attempts| seconds(&judge(Ok(&answer(500)), None, attempts, 0.0)))
            .collect();
        let expected = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400].map(Some);
        assert_eq!(waits, [&expected[..], &[None]].concat());
        let last = judge(Ok(&answer(500)), None, 9, 0.0);
        assert_eq!((last.outcome, last.status), ("failed", Some(500)));
        for attempts in [-1, i32::MIN, i32::MAX] {
            assert_eq!(judge(Ok(&answer(500)), None, attempts, 0.0).outcome, "failed");
        }
    }

    #[test]
    fn a_wait_is_longer_by_lot_and_never_shorter() {
        let wait = |share| judge(Ok(&answer(500)), None, 1, share).wait.unwrap();
        assert_eq!(wait(0.0), Duration::from_secs(300));
        assert_eq!(wait(1.0), Duration::from_secs(330));
        assert_eq!((wait(-1.0), wait(7.0)), (wait(0.0), wait(1.0)));
    }

    #[test]
    fn j09_a_receiver_that_is_gone_says_so_and_a_busy_one_is_given_time() {
        assert_eq!(judge(Ok(&answer(410)), Some(5), 0, 0.0).outcome, "gone");
        for status in [429, 503] {
            let of = |asked, attempts| seconds(&judge(Ok(&answer(status)), asked, attempts, 0.0));
            assert_eq!(of(Some(120), 0), Some(120));
            assert_eq!(of(Some(1), 1), Some(300), "never sooner than the schedule");
            assert_eq!(of(Some(u64::MAX), 0), Some(86_400));
            assert_eq!(of(Some(120), 9), None);
        }
        assert_eq!(seconds(&judge(Ok(&answer(500)), Some(120), 0, 0.0)), Some(5));
    }

    #[test]
    fn a_queue_takes_a_message_or_will_or_never_does() {
        assert_eq!(judge_queue(Ok(()), None, 9, 0.0).outcome, "delivered");
        let never = judge_queue(Err(SqsError::Rejected), None, 0, 0.0);
        assert_eq!((never.outcome, never.code), ("failed", Some("rejected")));
        let later = judge_queue(Err(SqsError::Throttled(None)), Some(60), 0, 0.0);
        assert_eq!((later.outcome, seconds(&later)), ("retry", Some(60)));
        assert_eq!(judge_queue(Err(SqsError::NoSuchQueue), None, 9, 0.0).outcome, "failed");
    }

    #[test]
    fn only_2xx_was_heard() {
        for status in [200, 204, 299] {
            assert_eq!(judge(Ok(&answer(status)), None, 0, 0.0).outcome, "delivered");
        }
        for status in [100, 199, 300, 304, 400, 404, 422, 500] {
            assert_eq!(judge(Ok(&answer(status)), None, 0, 0.0).outcome, "retry");
        }
        let blocked = judge(Err(OutboundError::BlockedAddress), None, 0, 0.0);
        assert_eq!((blocked.outcome, blocked.code), ("retry", Some("blocked_address")));
        assert_eq!((blocked.label(), blocked.status), ("blocked_address", None));
    }

    fn hearing() -> Hearing {
        let of = |name, permission| EventType { name, permission };
        Hearing {
            all: vec![
                of("visit.created", "visit:read"),
                of("visit.deleted", "visit:read"),
                of("visitor.created", "visitor:read"),
            ],
            held: vec!["visit.created", "visit.deleted"],
        }
    }

    #[test]
    fn patterns_mean_what_their_author_may_hear_of() {
        let expand = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|p| (*p).to_owned()).collect();
            hearing().expand(&patterns).map_err(|problem| problem.status)
        };
        assert_eq!(expand(&["*"]), Ok(vec!["visit.created", "visit.deleted"]));
        assert_eq!(
            expand(&["visit.*", "visit.created"]),
            Ok(vec!["visit.created", "visit.deleted"])
        );
        assert_eq!(expand(&["visitor.created"]), Err(403));
        assert_eq!(expand(&["visitor.*"]), Err(403));
        for unknown in
            ["", "visit", "visi.*", "visit.", "*.created", "VISIT.created", "visit.created "]
        {
            assert_eq!(expand(&[unknown]), Err(422), "{unknown}");
        }
        assert_eq!(expand(&[]), Err(422));
        assert_eq!(expand(&vec!["*"; 51]), Err(422));
    }

    #[test]
    fn who_does_not_hear_of_something_decides_nothing_about_it() {
        let require = |name: &str| hearing().require(&[name.to_owned()]).is_ok();
        assert!(require("visit.created") && require("destination.test") && require("of.the_past"));
        assert!(!require("visitor.created"));
    }
}
