//! What a connection must be, and how long it waits after a failure. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kernel::{
    http::{Fault, Fields, Patch, Problem, Purpose, one_of, or, text},
    privacy::Pii,
};
use outbound::{Outbound, RetryAfter};
use serde_json::Value;

use super::http::ConnectionBody;
use crate::fhir::rules::Mapping;

const ADAPTERS: &[&str] = &["fhir_r4"];
const AUTHS: &[&str] = &["none", "bearer", "basic"];
const DIRECTIONS: &[&str] = &["push", "pull", "both"];
const STATES: &[&str] = &["active", "paused"];
/// Bytes of an address, as it is kept.
const LONGEST: usize = 500;
const POLL: std::ops::RangeInclusive<i64> = 5..=86_400;

/// Failures one after the other that open the circuit.
pub const MOST_FAILURES: i32 = 5;
/// Nobody is waited for longer, whatever they say.
const LONGEST_WAIT: Duration = Duration::from_secs(1800);

/// Checks a body; its columns, the secret among them.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(
    body: ConnectionBody,
    purpose: Purpose,
    outbound: &Outbound,
) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(purpose);
    // A secret is for one address: it does not go to another by itself.
    if purpose == Purpose::Change
        && matches!((&body.base_url, &body.auth), (Patch::Value(_), Patch::Absent))
    {
        let msg = "say how one signs in at this address: `none`, or with a secret for it";
        fields.fault("auth", ("missing", msg.into()));
    }
    let (auth, username, secret) = credentials(&mut fields, purpose, &body);
    fields.required("name", "name", body.name, text(120));
    if purpose == Purpose::Create {
        let adapter = or(body.adapter, "fhir_r4");
        fields.required("adapter", "adapter", adapter, one_of(ADAPTERS));
    } else if !matches!(body.adapter, Patch::Absent) {
        fields.fault("adapter", ("immutable", "the adapter of a connection stays".into()));
    }
    fields.required("base_url", "base_url", body.base_url, |given| base_url(&given, outbound));
    fields.required("auth", "auth", auth, one_of(AUTHS));
    fields.optional("username", "username", username, plain(200));
    fields.optional("secret", "secret", secret, plain(4096));
    fields.required("direction", "direction", body.direction, one_of(DIRECTIONS));
    fields.required("mapping", "mapping", or_usual(body.mapping, purpose), mapping);
    let poll = match purpose {
        Purpose::Create => or_number(body.poll_seconds, 300),
        Purpose::Change => body.poll_seconds,
    };
    fields.required("poll_seconds", "poll_seconds", poll, poll_seconds);
    let state = if purpose == Purpose::Create { or(body.state, "active") } else { body.state };
    fields.required("state", "state", state, one_of(STATES));
    fields.finish().map(Pii::new)
}

type Credentials = (Patch<String>, Patch<String>, Patch<String>);

/// What a way of signing in takes it has, and nothing else: what the body does not say is cleared with it.
fn credentials(fields: &mut Fields, purpose: Purpose, body: &ConnectionBody) -> Credentials {
    let auth = match purpose {
        Purpose::Create => or(body.auth.clone(), "none"),
        Purpose::Change => body.auth.clone(),
    };
    let Patch::Value(way) = &auth else {
        return (auth, Patch::Absent, body.secret.clone());
    };
    let mut take = |needed: bool, field: &str, given: &Patch<String>| match (needed, given) {
        (true, Patch::Value(given)) => Patch::Value(given.clone()),
        (true, _) => {
            fields.fault(field, ("missing", "this way of signing in needs it".into()));
            Patch::Null
        }
        (false, Patch::Value(_)) => {
            fields.fault(field, ("value_error", "this way of signing in takes none".into()));
            Patch::Null
        }
        (false, _) => Patch::Null,
    };
    let username = take(way == "basic", "username", &body.username);
    let secret = take(way != "none", "secret", &body.secret);
    (auth, username, secret)
}

fn or_usual(given: Patch<Mapping>, purpose: Purpose) -> Patch<Mapping> {
    match given {
        Patch::Absent if purpose == Purpose::Create => Patch::Value(Mapping::default()),
        Patch::Null => Patch::Value(Mapping::default()),
        given => given,
    }
}

fn or_number(given: Patch<i64>, usual: i64) -> Patch<i64> {
    if matches!(given, Patch::Absent) { Patch::Value(usual) } else { given }
}

fn mapping(given: Mapping) -> Result<Value, Fault> {
    given.check().map_err(|(member, (kind, msg))| (kind, format!("`{member}`: {msg}")))?;
    serde_json::to_value(given).map_err(|_| ("value_error", "this cannot be kept".into()))
}

fn poll_seconds(given: i64) -> Result<i64, Fault> {
    let fault = || ("range", "give 5 to 86400 seconds".to_owned());
    if POLL.contains(&given) { Ok(given) } else { Err(fault()) }
}

/// Where a server is, without a slash at the end.
fn base_url(given: &str, outbound: &Outbound) -> Result<String, Fault> {
    let fault = |unfit: outbound::Unfit| (unfit.code(), unfit.to_string());
    let long = || ("length", format!("give an address of {LONGEST} characters at the most"));
    let url = outbound.check(given.trim()).map_err(fault)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("url_malformed", "give the server's address without `?` and `#`".into()));
    }
    let url = url.as_str().trim_end_matches('/');
    if url.len() <= LONGEST { Ok(url.to_owned()) } else { Err(long()) }
}

/// What a header can carry.
fn plain(longest: usize) -> impl Fn(String) -> Result<String, Fault> {
    move |given| {
        let fits = (1..=longest).contains(&given.len())
            && given.bytes().all(|byte| byte.is_ascii_graphic());
        let fault =
            || ("value_error", format!("give 1 to {longest} characters of ASCII, without blanks"));
        if fits { Ok(given) } else { Err(fault()) }
    }
}

/// How long to wait after so many failures one after the other (the first makes 1): a second, doubled with each, up to
/// half an hour; half to all of that by lot, so that what failed together does not come again together. Longer where
/// the server says so.
pub fn wait(failures: i32, share: f64, after: Option<RetryAfter>, now: Timestamp) -> Duration {
    let doublings = u32::try_from(failures.clamp(1, 31) - 1).unwrap_or(0);
    let most = Duration::from_secs(1 << doublings).min(LONGEST_WAIT);
    let asked = Duration::from_secs(after.map_or(0, |after| after.seconds(now)));
    most.mul_f64(0.5 + share.clamp(0.0, 1.0) / 2.0).max(asked.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use kernel::http::parse_json;
    use outbound::Allowed;
    use serde_json::json;

    use super::*;

    fn faults(body: &Value, purpose: Purpose) -> Vec<String> {
        let outbound = Outbound::new(Allowed::default()).expect("TLS");
        let body = parse_json(body.to_string().as_bytes()).expect("the shape fits");
        match parse(body, purpose, &outbound) {
            Ok(_) => vec![],
            Err(problem) => {
                assert!(!format!("{problem:?}").contains("CANARY"));
                problem.errors.into_iter().map(|e| format!("{} {}", e.loc[1], e.kind)).collect()
            }
        }
    }

    fn whole(changes: &Value) -> Value {
        let mut body = json!({"name": "North", "base_url": "https://ehr.example.org/fhir", "direction": "both"});
        for (name, value) in changes.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    }

    #[test]
    fn the_least_is_a_name_an_address_and_a_direction() {
        assert_eq!(faults(&whole(&json!({})), Purpose::Create), Vec::<String>::new());
        assert_eq!(
            faults(&json!({}), Purpose::Create),
            ["name missing", "base_url missing", "direction missing"]
        );
        assert_eq!(faults(&json!({}), Purpose::Change), Vec::<String>::new());
    }

    #[test]
    fn a_way_of_signing_in_has_what_it_takes_and_nothing_else() {
        for (changes, expected) in [
            (json!({"auth": "bearer"}), vec!["secret missing"]),
            (json!({"auth": "basic"}), vec!["username missing", "secret missing"]),
            (json!({"auth": "none", "secret": "CANARY"}), vec!["secret value_error"]),
            (
                json!({"auth": "bearer", "secret": "x", "username": "CANARY"}),
                vec!["username value_error"],
            ),
            (json!({"auth": "bearer", "secret": "CANARY \n"}), vec!["secret value_error"]),
            (json!({"auth": "bearer", "secret": "x"}), vec![]),
            (json!({"auth": "basic", "username": "u", "secret": "x"}), vec![]),
        ] {
            assert_eq!(faults(&whole(&changes), Purpose::Create), expected, "{changes}");
        }
        // A secret does not go to another address by itself.
        let moved = json!({"base_url": "https://elsewhere.example/"});
        assert_eq!(faults(&moved, Purpose::Change), ["auth missing"]);
        let moved = json!({"base_url": "https://elsewhere.example/", "auth": "bearer"});
        assert_eq!(faults(&moved, Purpose::Change), ["secret missing"]);
    }

    #[test]
    fn what_cannot_be_called_is_refused_where_it_is_saved() {
        for (url, kind) in [
            ("https://127.0.0.1/fhir", "blocked_address"),
            ("https://169.254.169.254/", "blocked_address"),
            ("http://ehr.example.org/", "url_scheme"),
            ("https://user:CANARY@ehr.example.org/", "url_userinfo"),
            ("https://ehr.example.org/?a=CANARY", "url_malformed"),
        ] {
            let body = whole(&json!({"base_url": url}));
            assert_eq!(faults(&body, Purpose::Create), [format!("base_url {kind}")], "{url}");
        }
        let odd = whole(
            &json!({"mapping": {"statuses": {"booked": "lost"}}, "poll_seconds": 1, "state": "stopped"}),
        );
        assert_eq!(
            faults(&odd, Purpose::Create),
            ["mapping value_error", "poll_seconds range", "state enum"]
        );
    }

    #[test]
    fn the_wait_doubles_up_to_half_an_hour_and_a_server_may_ask_for_more() {
        let now = Timestamp::UNIX_EPOCH;
        let seconds = |failures| wait(failures, 1.0, None, now).as_secs();
        assert_eq!([1, 2, 5, 11, 12, 40, 0].map(seconds), [1, 2, 16, 1024, 1800, 1800, 1]);
        assert_eq!(wait(3, 0.0, None, now).as_secs(), 2);
        let asked = |seconds| wait(1, 1.0, Some(RetryAfter::Seconds(seconds)), now).as_secs();
        assert_eq!([0, 90, u64::MAX].map(asked), [1, 90, 1800]);
    }
}
