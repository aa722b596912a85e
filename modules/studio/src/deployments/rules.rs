//! What a deployment needs, and what a gateway's answer means. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kernel::{http::Problem, jobs::Failure};
use outbound::{Answer, OutboundError};
use serde::Deserialize;

/// What a gateway may call a fault (docs/gateway.md).
const CODES: &[&str] =
    &["sequence_taken", "stopped", "id_taken", "hash_mismatch", "no_model", "invalid"];
/// However long a gateway asks to be left alone.
const LONGEST: Duration = Duration::from_secs(3600);

/// What a gateway says of a registration.
#[derive(Deserialize)]
pub struct Registration {
    pub id: String,
    #[serde(default)]
    pub invoke_url: Option<String>,
}

/// What became of a registration.
pub enum Outcome {
    Registered(Registration),
    /// A later one is there: this one is not to be tried again.
    Superseded,
}

/// What a gateway calls a fault.
#[derive(Default, Deserialize)]
struct Fault {
    #[serde(default)]
    code: String,
}

/// 409: a gateway that is disabled takes nothing.
///
/// # Errors
/// As said.
pub fn require_active(status: &str) -> Result<(), Problem> {
    match status {
        "active" => Ok(()),
        _ => {
            let detail = "this gateway is disabled: set its status to active, or choose another";
            Err(Problem::conflict("gateway_disabled", detail))
        }
    }
}

/// 409: where a later one is, there is nothing to stop. What failed or was stopped may be at the gateway all the
/// same, when its answer was lost.
///
/// # Errors
/// As said.
pub fn require_not_superseded(status: &str) -> Result<(), Problem> {
    match status {
        "superseded" => {
            let detail = "a later deployment has taken this one's place: stop that one";
            Err(Problem::conflict("deployment_superseded", detail))
        }
        _ => Ok(()),
    }
}

/// What a gateway's answer to a registration means.
///
/// # Errors
/// Why it failed, and whether trying again may help.
pub fn registered(
    answer: Result<Answer, OutboundError>,
    now: Timestamp,
) -> Result<Outcome, Failure> {
    let answer = answer.map_err(unreached)?;
    match answer.status {
        200 | 201 => match serde_json::from_slice::<Registration>(&answer.body) {
            Ok(registration) if fits(&registration) => Ok(Outcome::Registered(registration)),
            _ => Err(Failure::Final(refusal("its answer is no registration"))),
        },
        409 if code(&answer) == "superseded" => Ok(Outcome::Superseded),
        _ => Err(refused(&answer, now)),
    }
}

/// What a gateway's answer to the end of a registration means.
///
/// # Errors
/// As [`registered`].
pub fn ended(answer: Result<Answer, OutboundError>, now: Timestamp) -> Result<(), Failure> {
    let answer = answer.map_err(unreached)?;
    match answer.status {
        200 | 204 | 404 | 410 => Ok(()),
        _ => Err(refused(&answer, now)),
    }
}

/// What is kept of a registration.
fn fits(registration: &Registration) -> bool {
    let plain = |text: &str, most| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let web = |url: &String| {
        plain(url, 1000) && (url.starts_with("https://") || url.starts_with("http://"))
    };
    plain(&registration.id, 200) && registration.invoke_url.as_ref().is_none_or(web)
}

fn code(answer: &Answer) -> String {
    serde_json::from_slice::<Fault>(&answer.body).unwrap_or_default().code
}

fn unreached(error: OutboundError) -> Failure {
    let problem = Problem::new(502, "gateway_unreached", format!("the gateway: {error}"));
    match error {
        // It says the same however often it is asked.
        OutboundError::BlockedAddress | OutboundError::Redirected | OutboundError::TooLarge => {
            Failure::Final(problem)
        }
        OutboundError::Refused | OutboundError::Timeout => {
            Failure::Retry { problem: problem.into(), after: None }
        }
    }
}

/// What is too much at once, or broken for now, may pass; it says itself when.
fn refused(answer: &Answer, now: Timestamp) -> Failure {
    let status = answer.status;
    match status {
        401 | 403 => Failure::Final(refusal("it does not know this secret")),
        408 | 425 | 429 | 500.. => Failure::Retry {
            problem: Problem::new(502, "gateway_failed", format!("the gateway answered {status}"))
                .into(),
            after: answer
                .retry_after()
                .map(|after| LONGEST.min(Duration::from_secs(after.seconds(now)))),
        },
        _ => {
            // What it says in words of its own could be anything, the secret it was shown included.
            let code = code(answer);
            let known = CODES.iter().find(|known| **known == code).copied().unwrap_or_default();
            Failure::Final(refusal(format!("it answered {status} {known}").trim_end()))
        }
    }
}

fn refusal(why: &str) -> Problem {
    Problem::new(409, "gateway_refused", format!("the gateway refused: {why}"))
}

#[cfg(test)]
mod tests {
    use outbound::header::{HeaderMap, RETRY_AFTER};

    use super::*;

    fn answer(status: u16, body: &str, after: Option<&str>) -> Result<Answer, OutboundError> {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, after.parse().expect("a header"));
        }
        Ok(Answer { status, headers, body: body.as_bytes().to_vec() })
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn a_registration_has_an_id_that_can_be_kept() {
        let said = |body| registered(answer(201, body, None), now());
        assert!(matches!(said(r#"{"id":"r1"}"#), Ok(Outcome::Registered(r)) if r.id == "r1"));
        for body in ["", "{}", r#"{"id":""}"#, &format!(r#"{{"id":"{}"}}"#, "x".repeat(201))] {
            assert!(matches!(said(body), Err(Failure::Final(_))), "{body}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_when_the_gateway_says_and_the_rest_is_not() {
        for (status, after, wait) in [
            (503, Some("7"), Some(7)),
            (429, Some("Sat, 21 Nov 2026 12:00:30 GMT"), Some(30)),
            (500, None, None),
        ] {
            let failed = registered(answer(status, "{}", after), now()).err();
            let Some(Failure::Retry { after, .. }) = failed else {
                panic!("{status} is tried again")
            };
            assert_eq!(after.map(|after| after.as_secs()), wait, "{status}");
        }
        for status in [400, 401, 403, 404, 409, 422] {
            let failed = registered(answer(status, r#"{"code":"x"}"#, None), now());
            assert!(matches!(failed, Err(Failure::Final(_))), "{status}");
        }
        let late = registered(answer(409, r#"{"code":"superseded"}"#, None), now());
        assert!(matches!(late, Ok(Outcome::Superseded)));
        assert!(matches!(
            registered(Err(OutboundError::BlockedAddress), now()),
            Err(Failure::Final(_))
        ));
        assert!(matches!(
            registered(Err(OutboundError::Timeout), now()),
            Err(Failure::Retry { .. })
        ));
    }

    #[test]
    fn what_is_not_there_has_been_stopped() {
        assert!(
            [204, 404].into_iter().all(|status| ended(answer(status, "", None), now()).is_ok())
        );
        assert!(ended(answer(500, "", None), now()).is_err());
    }
}
