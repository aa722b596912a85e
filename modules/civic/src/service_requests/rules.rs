//! What a report must be, what may follow what, and when it is late. Pure.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    http::{Fault, Fields, Patch, Problem, Purpose, defaulted, one_of, text, whole},
    privacy::Pii,
};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::http::RequestBody;
use crate::text::{Message, language, plain};

pub const STATUSES: &[&str] = &["open", "in_progress", "resolved", "closed", "rejected"];
const CHANNELS: &[&str] = &["web", "app", "phone", "walk_in", "whatsapp", "open311"];
/// How long after it was settled a request can be opened again, in hours.
const REOPENED_WITHIN: i64 = 30 * 24;

/// Checks a report.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: RequestBody) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let nowhere =
        !matches!(body.address, Patch::Value(_)) && !matches!(body.latitude, Patch::Value(_));
    let half =
        matches!(body.latitude, Patch::Value(_)) != matches!(body.longitude, Patch::Value(_));
    fields.required("category", "category", body.category, text(40));
    fields.required("description", "description", body.description, plain(4000));
    fields.optional("address", "address", body.address, plain(300));
    fields.optional("latitude", "latitude", body.latitude, degrees(90.0));
    fields.optional("longitude", "longitude", body.longitude, degrees(180.0));
    fields.optional("ward", "ward", body.ward, whole(1, 999));
    fields.optional("photo_url", "photo_url", body.photo_url, photo);
    defaulted(&mut fields, "channel", body.channel, one_of(CHANNELS));
    fields.optional("language", "language", body.language, language);
    if nowhere {
        fields.fault(
            "address",
            ("missing", "say where: an address, or latitude and longitude".into()),
        );
    }
    if half {
        fields.fault("longitude", ("missing", "latitude and longitude come together".into()));
    }
    fields.finish().map(Pii::new)
}

fn degrees(most: f64) -> impl Fn(f64) -> Result<f64, Fault> {
    move |given| match (-most..=most).contains(&given) {
        true => Ok(given),
        false => Err(("range", format!("give degrees from -{most} to {most}"))),
    }
}

/// Where a photo is: only named here, never fetched.
fn photo(given: String) -> Result<String, Fault> {
    let fault = || ("url", "give an https address".to_owned());
    let given = text(500)(given)?;
    let url = Url::parse(&given).map_err(|_| fault())?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    if plain { Ok(url.into()) } else { Err(fault()) }
}

/// The number that people use: eight letters and digits that nobody mistakes for one another (Crockford's base
/// 32), of the random end of the record's id.
pub fn number(prefix: &str, id: Uuid) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = id.as_u128();
    let letter = |place: u32| {
        let index = usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0);
        LETTERS.get(index).copied().unwrap_or(b'0') as char
    };
    let half = |from: u32| (from..from + 4).map(letter).collect::<String>();
    format!("{prefix}-{}-{}", half(0), half(4))
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Status,
    Assigned,
    Reopened,
}

impl Event {
    pub fn code(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Assigned => "assigned",
            Self::Reopened => "reopened",
        }
    }
}

/// Which statuses may come next. The database holds the same rule.
pub fn next(status: &str) -> &'static [&'static str] {
    match status {
        "open" => &["in_progress", "resolved", "rejected"],
        "in_progress" => &["open", "resolved", "rejected"],
        "resolved" => &["closed"],
        _ => &[],
    }
}

/// Whether an event may come now, to a request that is settled since then or not.
///
/// # Errors
/// 409 with what may come instead.
pub fn may_follow(
    event: Event,
    status: &str,
    to: &str,
    settled_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Problem> {
    let open = settled_at.is_none();
    let refused = |detail: String, next: &[&str]| {
        Err(Problem::conflict("cannot_follow", detail).with("next", next.to_vec()))
    };
    match event {
        Event::Status if next(status).contains(&to) => Ok(()),
        Event::Status => {
            let words = next(status).join(", ");
            let detail = match words.is_empty() {
                true => format!("the request is {status}: it can only be reopened"),
                false => format!("the request is {status}: it may become {words}"),
            };
            refused(detail, next(status))
        }
        Event::Assigned if open => Ok(()),
        Event::Assigned => refused(format!("the request is {status}: reopen it first"), &[]),
        Event::Reopened if open => refused("the request is open".into(), next(status)),
        Event::Reopened => {
            let last = settled_at.unwrap_or(now) + SignedDuration::from_hours(REOPENED_WITHIN);
            match now <= last {
                true => Ok(()),
                false => {
                    refused("it was settled more than 30 days ago: report it anew".into(), &[])
                }
            }
        }
    }
}

/// The times of a request.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When it was reported, or reopened: from then on the targets run.
    pub counted_from: Timestamp,
    pub response_due_at: Timestamp,
    pub resolution_due_at: Timestamp,
    pub responded_at: Option<Timestamp>,
    pub settled_at: Option<Timestamp>,
}

/// To whom a request was escalated, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub level: u8,
    pub to: &'static str,
    pub since: Timestamp,
}

impl Times {
    /// The escalations up to `now`, in order: each begins the moment after a target.
    pub fn escalations(&self, now: Timestamp) -> Vec<Escalation> {
        let late = |due: Timestamp, done: Option<Timestamp>| done.unwrap_or(now) > due;
        let answer = Escalation { level: 1, to: "manager", since: self.response_due_at };
        let repair = Escalation { level: 2, to: "admin", since: self.resolution_due_at };
        let mut all = vec![];
        if late(self.response_due_at, self.responded_at.or(self.settled_at)) {
            all.push(answer);
        }
        if late(self.resolution_due_at, self.settled_at) {
            all.push(repair);
        }
        all
    }

    /// How a request stands that is not settled: `on_track`, `warning` from four fifths of a time on,
    /// `breached_response`, `breached_resolution`.
    pub fn standing(&self, now: Timestamp) -> Option<&'static str> {
        if self.settled_at.is_some() {
            return None;
        }
        let spent = |due: Timestamp| {
            let (all, gone) =
                (due.duration_since(self.counted_from), now.duration_since(self.counted_from));
            gone.as_secs() * 5 >= all.as_secs() * 4
        };
        let waiting = self.responded_at.is_none();
        Some(match () {
            () if now > self.resolution_due_at => "breached_resolution",
            () if waiting && now > self.response_due_at => "breached_response",
            () if spent(self.resolution_due_at) || waiting && spent(self.response_due_at) => {
                "warning"
            }
            () => "on_track",
        })
    }
}

/// What a citizen is told of a status.
pub fn message(status: &str) -> &'static Message {
    match status {
        "in_progress" => &Message {
            en: "Work on your report has begun.",
            zu: "Umsebenzi ngombiko wakho usuqalile.",
            af: "Die werk aan jou aanmelding het begin.",
        },
        "resolved" => &Message {
            en: "What you reported has been put right. If it has not, reopen the report within 30 days.",
            zu: "Inkinga oyibikile isilungisiwe. Uma ingalungisiwe, vula umbiko kabusha zingakapheli izinsuku ezingu-30.",
            af: "Wat jy aangemeld het, is reggestel. Indien nie, heropen die aanmelding binne 30 dae.",
        },
        "closed" => &Message {
            en: "Your report is closed.",
            zu: "Umbiko wakho usuvaliwe.",
            af: "Jou aanmelding is gesluit.",
        },
        "rejected" => &Message {
            en: "Your report was not taken up; the note says why.",
            zu: "Umbiko wakho awamukelwanga; inothi lichaza isizathu.",
            af: "Jou aanmelding is nie aanvaar nie; die nota sê waarom.",
        },
        _ => &Message {
            en: "We have received your report.",
            zu: "Siwutholile umbiko wakho.",
            af: "Ons het jou aanmelding ontvang.",
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: Value) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body).err();
        problem.map(|p| p.errors).unwrap_or_default().into_iter().map(|e| e.loc.join(".")).collect()
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn times() -> Times {
        Times {
            counted_from: at(0),
            response_due_at: at(10),
            resolution_due_at: at(100),
            responded_at: None,
            settled_at: None,
        }
    }

    #[test]
    fn a_report_says_what_and_where() {
        let wanted = ["body.category", "body.description", "body.address"];
        assert_eq!(errors(json!({})), wanted);
        let report = |place: Value| {
            let mut report = json!({"category": "water", "description": "It leaks"});
            report
                .as_object_mut()
                .expect("an object")
                .extend(place.as_object().expect("one").clone());
            errors(report)
        };
        assert!(report(json!({"address": "12 Long Street"})).is_empty());
        assert!(report(json!({"latitude": -90, "longitude": 180})).is_empty());
        assert_eq!(report(json!({"latitude": -33.9})), ["body.longitude"]);
        assert_eq!(report(json!({"latitude": 90.1, "longitude": 1})), ["body.latitude"]);
    }

    #[test]
    fn a_photo_is_an_https_address_without_a_password() {
        assert!(photo("https://photos.example/1.jpg".into()).is_ok());
        for bad in [
            "http://photos.example/1.jpg",
            "javascript:alert(1)",
            "https://a:b@c.example/",
            "1.jpg",
        ] {
            assert!(photo(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_short_and_differ() {
        let number = |n: u128| number("SR", Uuid::from_u128(n));
        assert_eq!(number(0), "SR-0000-0000");
        assert_eq!(number(31), "SR-Z000-0000");
        assert_ne!(number(1 << 39), number(0));
    }

    #[test]
    fn what_is_settled_can_be_reopened_until_the_thirtieth_day_ends() {
        let reopen = |hours: i64| {
            may_follow(Event::Reopened, "closed", "open", Some(at(0)), at(hours)).is_ok()
        };
        assert!(reopen(0) && reopen(720) && !reopen(721));
        assert!(may_follow(Event::Reopened, "open", "open", None, at(0)).is_err());
    }

    #[test]
    fn a_refusal_names_what_may_come() {
        let problem =
            may_follow(Event::Status, "open", "closed", None, at(0)).expect_err("refused");
        assert!(problem.detail.contains("in_progress, resolved, rejected"), "{}", problem.detail);
        assert!(may_follow(Event::Status, "resolved", "closed", Some(at(0)), at(1)).is_ok());
        assert!(may_follow(Event::Assigned, "resolved", "resolved", Some(at(0)), at(1)).is_err());
    }

    #[test]
    fn a_target_is_met_at_its_moment_and_missed_after_it() {
        let levels = |times: Times, hours: i64| -> Vec<u8> {
            times.escalations(at(hours)).iter().map(|escalation| escalation.level).collect()
        };
        assert_eq!(levels(times(), 10), [] as [u8; 0]);
        assert_eq!(levels(times(), 11), [1]);
        assert_eq!(levels(times(), 101), [1, 2]);
        let answered = Times { responded_at: Some(at(10)), ..times() };
        assert_eq!(levels(answered, 101), [2]);
        let settled = Times { settled_at: Some(at(100)), ..answered };
        assert_eq!(levels(settled, 500), [] as [u8; 0]);
    }

    #[test]
    fn a_request_warns_from_four_fifths_of_a_time_on() {
        let standing = |hours: i64| times().standing(at(hours)).expect("not settled");
        let answered = Times { responded_at: Some(at(9)), ..times() };
        assert_eq!(
            [standing(7), standing(8), standing(11)],
            ["on_track", "warning", "breached_response"]
        );
        assert_eq!(answered.standing(at(79)), Some("on_track"));
        assert_eq!(answered.standing(at(80)), Some("warning"));
        assert_eq!(answered.standing(at(101)), Some("breached_resolution"));
        assert_eq!(Times { settled_at: Some(at(1)), ..times() }.standing(at(500)), None);
    }
}
