//! What an event must be, and what of a case allows it. Pure.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    authz::Permission,
    gates::{self, MissingStep},
    http::{Fault, Fields, Patch, Problem, Purpose, date, id, one_of, text},
    privacy::{Pii, Reveal},
    return_to_play::progress,
};
use policy::{
    return_to_play::{Closing, IncidentKind, Progress, may_close},
    statutes::{InForce, Setting},
};
use serde_json::Value;

use super::{http::EventBody, sql::FactsRow};
use crate::permissions::{ClearAthlete, WriteCase, WriteEvent};

/// What a trainer records; the other kinds are written by what they tell of.
pub const KINDS: &[&str] = &[
    "note",
    "evaluation",
    "restriction_added",
    "restriction_lifted",
    "clearance_granted",
    "correction",
];
const SEEN_BY: &[&str] = &["at", "coach", "parent"];
const LIMITS: &[&str] = &["restricted", "out"];

/// How long after its resolution a case may be reopened.
pub const REOPEN_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far a phone's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// An event, checked, on its way to the database.
pub struct NewEvent {
    pub columns: Pii<Value>,
    /// The trainer's words, which are kept apart.
    pub words: Option<Pii<String>>,
    pub occurred_at: Timestamp,
    pub clears: bool,
    pub sets_availability: bool,
}

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: EventBody, now: Timestamp) -> Result<NewEvent, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let kind = body.kind.clone().value().unwrap_or_default();
    let occurred_at = happened(&mut fields, body.occurred_at, now);
    let says = body.note.as_given().is_some() || body.clinical_notes.as_given().is_some();
    let wordless = match &*kind {
        "note" | "correction" => !says,
        "evaluation" => !says && body.availability == Patch::Absent,
        _ => false,
    };
    if wordless {
        fields.fault(
            "note",
            ("missing", "say what there is to say, here or in clinical_notes".into()),
        );
    }
    fields.required("kind", "kind", body.kind, one_of(KINDS));
    fields.optional("note", "note", body.note, text(8000));
    if body.visibility != Patch::Absent {
        fields.required("visibility", "visibility", body.visibility, visibility);
    }
    only(&mut fields, &kind, "restriction_added", "restriction", body.restriction, text(500));
    if body.restriction_until != Patch::Absent {
        let until = body.restriction_until;
        let day = |given: String| date(&given).map(|day| day.to_string());
        only(&mut fields, &kind, "restriction_added", "restriction_until", until, day);
    }
    only(&mut fields, &kind, "restriction_lifted", "lifts", body.lifts, id);
    only(&mut fields, &kind, "correction", "corrects", body.corrects, id);
    let availability = match (&*kind, body.availability) {
        ("clearance_granted", Patch::Absent) => Patch::Value("cleared".to_owned()),
        ("restriction_added", Patch::Absent) => Patch::Value("restricted".to_owned()),
        ("evaluation" | "restriction_added", given) => {
            given.try_map(one_of(LIMITS)).unwrap_or_else(|fault| {
                fields.fault("availability", fault);
                Patch::Absent
            })
        }
        (_, Patch::Absent) => Patch::Absent,
        _ => {
            fields.fault("availability", ("extra_forbidden", "this kind of event has none".into()));
            Patch::Absent
        }
    };
    let sets_availability = matches!(availability, Patch::Value(_));
    fields.optional("availability", "availability", availability, Ok);
    fields.optional("client_id", "client_id", body.client_id, text(100));
    let words = words(&mut fields, body.clinical_notes);
    let columns = Pii::new(fields.finish()?);
    Ok(NewEvent {
        columns,
        words,
        occurred_at,
        clears: kind == "clearance_granted",
        sets_availability,
    })
}

/// A field that one kind of event must have and no other has; `restriction_until` may be left out.
fn only(
    fields: &mut Fields,
    kind: &str,
    of: &str,
    field: &str,
    given: Patch<String>,
    parse: impl FnOnce(String) -> Result<String, Fault>,
) {
    if kind == of {
        fields.required(field, field, given, parse);
    } else if given != Patch::Absent {
        fields.fault(field, ("extra_forbidden", format!("only {of} has this field")));
    }
}

/// When something happened: now unless said; a little ahead is now, more is a fault.
pub fn happened(fields: &mut Fields, given: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let at = given.unwrap_or(now);
    if at.duration_since(now) > AHEAD {
        fields.fault("occurred_at", ("range", "this is later than now".into()));
    }
    // As PostgreSQL keeps it, and no earlier than its calendar is of use.
    let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    if at < Timestamp::UNIX_EPOCH {
        fields.fault("occurred_at", ("range", "give a time from 1970 on".into()));
    }
    at.min(now)
}

/// Who may see an event; the trainer always.
///
/// # Errors
/// An audience that is none.
pub fn visibility(given: Vec<String>) -> Result<Vec<String>, Fault> {
    let mut seen_by = vec!["at".to_owned()];
    for audience in given {
        let audience = one_of(SEEN_BY)(audience)?;
        if !seen_by.contains(&audience) {
            seen_by.push(audience);
        }
    }
    Ok(seen_by)
}

/// The trainer's words, out of the columns.
pub fn words(fields: &mut Fields, given: Patch<String>) -> Option<Pii<String>> {
    match given.try_map(text(8000)) {
        Ok(words) => words.value().map(Pii::new),
        Err(fault) => {
            fields.fault("clinical_notes", fault);
            None
        }
    }
}

/// Whether a case takes an event.
///
/// # Errors
/// 409: it is resolved; something happened after a clearance; a head injury's gate is closed, with
/// everything that is missing and the law.
pub fn may_record(
    facts: &FactsRow,
    event: &NewEvent,
    reveal: &Reveal,
    now: Timestamp,
    law: &InForce<'_>,
) -> Result<(), Problem> {
    if facts.resolved_at.is_some() && (event.sets_availability || facts.lifting) {
        let detail = "the case is resolved: reopen it, within thirty days of its resolution";
        return Err(Problem::conflict("case_resolved", detail).refusing(WriteEvent::NAME));
    }
    if !event.clears {
        return Ok(());
    }
    if facts.latest_at.is_some_and(|latest| latest > event.occurred_at) {
        let detail =
            "something happened after this clearance: read the timeline, and clear as of now";
        return Err(Problem::conflict("later_events", detail).refusing(ClearAthlete::NAME));
    }
    match facts.head_injury {
        true => {
            let progress = facts.rtp.as_ref().and_then(|rtp| progress(&rtp.peek(reveal).0));
            may_return(progress, facts.hurt_at, now, law)
        }
        false => Ok(()),
    }
}

/// Whether a head injury's return to play is complete: the clearance that the law asks for is on record
/// (C-33), and the last stage has come.
fn may_return(
    progress: Option<Progress>,
    hurt_at: Option<Timestamp>,
    now: Timestamp,
    law: &InForce<'_>,
) -> Result<(), Problem> {
    let kind = IncidentKind::InjuryConcussion;
    let closing = Closing { kind, progress: progress.as_ref(), recipient: None };
    let closed = may_close(&closing, now, law, Setting::School).err();
    let mut steps: Vec<_> = closed
        .iter()
        .flat_map(|blocked| &blocked.missing)
        .map(|gap| MissingStep { code: gap.code(), detail: gap.advice().to_owned() })
        .collect();
    let last = progress.as_ref().map(|progress| progress.protocol.last());
    if progress.as_ref().is_none_or(|progress| Some(progress.stage) != last) {
        let detail = "the return to play has stages to go: PATCH /api/v1/cases/{id}/rtp".to_owned();
        steps.push(MissingStep { code: "stages_to_go", detail });
    }
    let cleared_at = progress.as_ref().and_then(|progress| progress.cleared.as_ref()).map(|c| c.at);
    if cleared_at.is_some_and(|cleared| hurt_at.is_some_and(|hurt| hurt >= cleared)) {
        let detail =
            "the clearance is older than the last blow: go back a stage, and be cleared anew"
                .to_owned();
        steps.push(MissingStep { code: "clearance_outdated", detail });
    }
    if progress.is_some_and(|progress| progress.symptomatic) {
        let detail = "there are symptoms: go on when they are gone".to_owned();
        steps.push(MissingStep { code: "symptoms_present", detail });
    }
    match steps.is_empty() {
        true => Ok(()),
        false => {
            let cited = law.concussion(Setting::School).map(|(citation, _)| citation);
            Err(gates::closed::<ClearAthlete>(&steps, &law.authority(cited)))
        }
    }
}

/// Whether a resolved case may open again: within thirty days, the last instant among them (S11).
///
/// # Errors
/// 409: it is not resolved, or it is too late.
pub fn may_reopen(resolved_at: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    let refuse =
        |code, detail: &str| Err(Problem::conflict(code, detail).refusing(WriteCase::NAME));
    match resolved_at {
        None => refuse("case_active", "the case is active"),
        Some(at) if now.duration_since(at) > REOPEN_WITHIN => {
            let detail =
                "thirty days have passed since it was resolved: a new entry opens a new case";
            refuse("reopen_window_over", detail)
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-02T22:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().expect("a time")
    }

    fn errors(body: Value) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body, now()).err().map(|p| p.errors).unwrap_or_default();
        problem.into_iter().map(|e| format!("{} {}", e.loc[1..].join("."), e.kind)).collect()
    }

    #[test]
    fn each_kind_has_what_it_needs_and_nothing_of_another() {
        let some = "00000000-0000-7000-8000-000000000001";
        for (good, bad, fault) in [
            (json!({"kind": "note", "note": "x"}), json!({"kind": "note"}), "note missing"),
            (
                json!({"kind": "restriction_added", "restriction": "no running"}),
                json!({"kind": "restriction_added"}),
                "restriction missing",
            ),
            (
                json!({"kind": "restriction_lifted", "lifts": some}),
                json!({"kind": "restriction_lifted", "lifts": "x"}),
                "lifts uuid",
            ),
            (
                json!({"kind": "correction", "corrects": some, "note": "left, not right"}),
                json!({"kind": "correction", "note": "x"}),
                "corrects missing",
            ),
            (
                json!({"kind": "clearance_granted"}),
                json!({"kind": "clearance_granted", "availability": "out"}),
                "availability extra_forbidden",
            ),
            (
                json!({"kind": "evaluation", "availability": "out"}),
                json!({"kind": "evaluation", "availability": "cleared"}),
                "availability enum",
            ),
            (json!({"kind": "note", "note": "x"}), json!({"kind": "rtp_cleared"}), "kind enum"),
            (
                json!({"kind": "note", "note": "x"}),
                json!({"kind": "note", "note": "x", "lifts": some}),
                "lifts extra_forbidden",
            ),
        ] {
            assert_eq!(errors(good.clone()), Vec::<String>::new(), "{good}");
            assert_eq!(errors(bad.clone()), [fault], "{bad}");
        }
    }

    #[test]
    fn r031_the_trainer_always_sees_and_others_only_when_said() {
        assert_eq!(visibility(vec![]), Ok(vec!["at".to_owned()]));
        let both = visibility(vec!["coach".into(), "at".into(), "coach".into()]);
        assert_eq!(both, Ok(vec!["at".to_owned(), "coach".to_owned()]));
        assert!(visibility(vec!["everybody".into()]).is_err());
    }

    #[test]
    fn a_phone_a_little_ahead_is_on_time() {
        let at = |at: &str| {
            let mut fields = Fields::new(Purpose::Create);
            let at = happened(&mut fields, Some(at.parse().expect("a time")), now());
            fields.finish().is_ok().then_some(at)
        };
        assert_eq!(at("2026-11-02T22:05:00Z"), Some(now()));
        assert_eq!(at("2026-11-02T22:05:00.000001Z"), None);
        assert_eq!(
            at("2026-11-01T00:00:00Z"),
            Some("2026-11-01T00:00:00Z".parse().expect("a time"))
        );
    }

    #[test]
    fn s11_thirty_days_to_the_instant() {
        let later = |seconds: i64| {
            may_reopen(Some(now()), now() + SignedDuration::from_secs(30 * 86_400 + seconds))
                .is_ok()
        };
        assert!(later(-1) && later(0) && !later(1));
        assert!(may_reopen(None, now()).is_err());
    }
}
