//! What a data subject may ask for, by when it is answered, and how. Pure.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use kernel::{http::Problem, privacy::Pii};

use super::http::{DecisionBody, RightsBody};
use crate::{
    consent::is_code,
    purposes::{Basis, purpose},
    text::{Message, plain},
};

const KINDS: &[&str] = &["correction", "restriction", "objection"];
/// Days to answer in (PAIA s25(1)).
const ANSWERED_WITHIN: i64 = 30;

/// A request, checked.
pub struct Asked {
    pub kind: String,
    pub purpose: Option<String>,
    pub statement: Pii<String>,
}

fn fault(field: &str, kind: &'static str, msg: &str) -> Problem {
    Problem::field(&["body", field], kind, msg)
}

/// Checks a request.
///
/// # Errors
/// 422 with the field; 409 for an objection to what rests on consent.
pub fn parse(body: RightsBody) -> Result<Asked, Problem> {
    if !KINDS.contains(&body.kind.as_str()) {
        return Err(fault("kind", "enum", &format!("expected one of {}", KINDS.join(", "))));
    }
    let objection = body.kind == "objection";
    if !objection && body.purpose.is_some() {
        return Err(fault(
            "purpose",
            "value_error",
            "only an objection names a purpose: leave this field out",
        ));
    }
    if body.kind != "correction" && body.record_id.is_some() {
        return Err(fault(
            "record_id",
            "value_error",
            "only a correction names a record: leave this field out",
        ));
    }
    if objection {
        let code = body.purpose.as_deref().unwrap_or_default();
        if !is_code(code) {
            return Err(fault(
                "purpose",
                "missing",
                "say to which purpose: see GET /api/v1/purposes",
            ));
        }
        if !purpose(code).map_or(Basis::Consent, |known| known.basis).takes_objection() {
            let detail =
                "this rests on your consent: withdraw it, at POST /api/v1/consent/{id}/withdraw";
            return Err(Problem::conflict("withdraw_instead", detail));
        }
    }
    let statement = plain(4000)(body.statement);
    let statement = statement.map_err(|(kind, msg)| fault("statement", kind, &msg))?;
    Ok(Asked { kind: body.kind, purpose: body.purpose, statement: Pii::new(statement) })
}

/// The last day on which a request of this moment is answered in time.
pub fn due(received: Timestamp, zone: &TimeZone) -> Date {
    let day = received.to_zoned(zone.clone()).date();
    day.saturating_add(ANSWERED_WITHIN.days())
}

/// A decision, checked.
pub struct Decision {
    pub status: &'static str,
    pub reason: Pii<String>,
    pub legislation: Option<String>,
}

/// Checks a decision.
///
/// # Errors
/// 422 with the field.
pub fn parse_decision(body: DecisionBody) -> Result<Decision, Problem> {
    let status = match body.decision.as_str() {
        "upheld" => "upheld",
        "refused" => "refused",
        _ => return Err(fault("decision", "enum", "expected upheld or refused")),
    };
    let reason = plain(4000)(body.reason).map_err(|(kind, msg)| fault("reason", kind, &msg))?;
    let legislation = body.legislation.map(plain(300)).transpose();
    let legislation = legislation.map_err(|(kind, msg)| fault("legislation", kind, &msg))?;
    Ok(Decision { status, reason: Pii::new(reason), legislation })
}

/// How somebody asked to be erased, in the words that the ledger keeps.
///
/// # Errors
/// 422 with the ways that there are.
pub fn parse_asked_by(given: &str) -> Result<&'static str, Problem> {
    Ok(match given {
        "writing" => "erasure asked for in writing",
        "counter" => "erasure asked for at a counter",
        "telephone" => "erasure asked for by telephone",
        "court_order" => "erasure ordered by a court",
        _ => {
            let msg = "expected writing, counter, telephone or court_order";
            return Err(fault("asked_by", "enum", msg));
        }
    })
}

/// What is said to who was erased.
pub const ERASED: Message = Message {
    en: "Your personal data has been erased. What the law keeps is named in this answer.",
    zu: "Imininingwane yakho isusiwe. Lokho umthetho othi makugcinwe kubaliwe kule mpendulo.",
    af: "Jou persoonlike inligting is uitgewis. Wat die wet laat bly, staan in hierdie antwoord.",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(kind: &str, purpose: Option<&str>) -> Result<Asked, Problem> {
        parse(RightsBody {
            kind: kind.into(),
            purpose: purpose.map(Into::into),
            record_id: None,
            statement: "It is wrong.".into(),
        })
    }

    fn code(result: Result<Asked, Problem>) -> &'static str {
        result.err().map_or("taken", |problem| problem.code)
    }

    #[test]
    fn one_objects_to_a_duty_and_withdraws_a_consent() {
        assert_eq!(code(ask("objection", Some("platform_registration"))), "taken");
        assert_eq!(code(ask("objection", Some("contact"))), "withdraw_instead");
        assert_eq!(code(ask("objection", Some("newsletter"))), "withdraw_instead");
        assert_eq!(code(ask("objection", None)), "invalid");
        assert_eq!(code(ask("restriction", Some("contact"))), "invalid");
        assert_eq!(code(ask("erasure", None)), "invalid");
    }

    #[test]
    fn a_request_is_due_thirty_days_later_in_the_countrys_calendar() {
        let zone = TimeZone::get("Africa/Johannesburg").expect("known");
        let received: Timestamp = "2026-01-31T22:30:00Z".parse().expect("a time");
        assert_eq!(due(received, &zone).to_string(), "2026-03-03");
        let leap: Timestamp = "2028-01-31T12:00:00Z".parse().expect("a time");
        assert_eq!(due(leap, &zone).to_string(), "2028-03-01");
    }
}
