//! What a session and its attendance must be, and whether it may be recorded. Pure.

use std::collections::HashSet;

use jiff::{Timestamp, Zoned};
use kernel::{
    authz::Permission,
    http::{FieldError, Fields, Patch, Problem, Purpose, text},
    privacy::{Pii, Reveal},
};
use policy::{
    consent::{Participant, Verdict},
    statutes::InForce,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    http::{Attendee, SessionBody},
    sql::Asked,
};
use crate::consent::{
    rules::{capture, step},
    sql::GateRow,
};

/// How many one request may name.
const MOST: usize = 500;
const STATUSES: [&str; 4] = ["present", "late", "absent", "excused"];

/// A session's columns and its attendance.
pub struct NewSession {
    pub columns: Pii<Value>,
    pub attendance: Attendance,
}

/// Attendance, checked.
pub struct Attendance {
    pub rows: Pii<Value>,
    /// Those who were there, and so need consent.
    pub there: Vec<Uuid>,
    /// Everybody named.
    pub named: Vec<Uuid>,
}

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: SessionBody, now: Timestamp) -> Result<NewSession, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let attendance = parse_attendance(body.attendance)?;
    let (start, end) = (body.starts_at, body.ends_at);
    if body.program_id.is_none() && body.cohort_id.is_none() {
        fields.fault("program_id", ("missing", "say which programme or cohort this is of".into()));
    }
    if !attendance.there.is_empty() && start > now {
        fields.fault("starts_at", ("future", "nobody has attended what has not begun".into()));
    }
    if end.is_some_and(|end| end <= start) {
        fields.fault("ends_at", ("range", "the end must be after the start".into()));
    }
    for (name, id) in [
        ("program_id", body.program_id),
        ("cohort_id", body.cohort_id),
        ("location_id", body.location_id),
        ("instructor_id", body.instructor_id),
    ] {
        fields.optional(name, name, given(id), |id| Ok(id.to_string()));
    }
    fields.required("starts_at", "starts_at", Patch::Value(start), |at| Ok(at.to_string()));
    fields.optional("ends_at", "ends_at", given(end), |at| Ok(at.to_string()));
    fields.optional("topic", "topic", body.topic, text(200));
    fields.optional("notes", "notes", body.notes, text(4000));
    Ok(NewSession { columns: Pii::new(fields.finish()?), attendance })
}

fn given<T>(value: Option<T>) -> Patch<T> {
    value.map_or(Patch::Absent, Patch::Value)
}

/// Checks attendance: each participant once.
///
/// # Errors
/// 422 with every entry at fault.
pub fn parse_attendance(attendance: Vec<Attendee>) -> Result<Attendance, Problem> {
    let mut errors = vec![];
    let mut fault = |at: usize, field: &str, kind, msg: &str| {
        let loc = ["body", "attendance", &at.to_string(), field].map(str::to_owned).to_vec();
        errors.push(FieldError { loc, msg: msg.to_owned(), kind });
    };
    if attendance.len() > MOST {
        let msg = format!("name {MOST} participants at the most");
        return Err(Problem::field(&["body", "attendance"], "length", msg));
    }
    let (mut seen, mut rows, mut there) = (HashSet::new(), vec![], vec![]);
    for (at, attendee) in attendance.into_iter().enumerate() {
        let Attendee { participant_id, status, note } = attendee;
        if !seen.insert(participant_id) {
            fault(at, "participant_id", "duplicate", "name each participant once");
        }
        if !STATUSES.contains(&&*status) {
            fault(at, "status", "value_error", "expected present, late, absent or excused");
        }
        let note = match note.map(text(1000)).transpose() {
            Ok(note) => note,
            Err((kind, msg)) => {
                fault(at, "note", kind, &msg);
                None
            }
        };
        if matches!(&*status, "present" | "late") {
            there.push(participant_id);
        }
        rows.push(json!({"participant_id": participant_id, "status": status, "note": note}));
    }
    match errors.is_empty() {
        true => {
            let named = seen.into_iter().collect();
            Ok(Attendance { rows: Pii::new(Value::Array(rows)), there, named })
        }
        false => Err(Problem::invalid(errors)),
    }
}

/// What recording the session spends: consents of minors' own, by id.
///
/// # Errors
/// 409 that names everybody whose gate is closed, with the reasons; 422 for somebody who is not there.
pub fn judge<P: Permission>(
    rows: &[GateRow],
    reveal: &Reveal,
    attendance: &Attendance,
    session: &Asked,
    at: &Zoned,
    law: &InForce<'_>,
) -> Result<Vec<Uuid>, Problem> {
    if let Some(unknown) = attendance.named.iter().find(|id| rows.iter().all(|row| row.id != **id))
    {
        let who = format!("there is no such participant: {unknown}");
        return Err(Problem::field(&["body", "attendance"], "unknown", who));
    }
    let purposes: Vec<_> = session.consent_purposes.iter().map(String::as_str).collect();
    let (mut spends, mut closed) = (vec![], vec![]);
    for row in rows.iter().filter(|row| attendance.there.contains(&row.id)) {
        let person = Participant { id: row.id, born_on: Some(*row.date_of_birth.peek(reveal)) };
        let facts = &row.consents.peek(reveal).0;
        let found = capture(&person, facts, &purposes, Some(session.id), at, law);
        match found.verdict.open {
            true => spends.extend(found.spends),
            false => closed.push((row.id, found.verdict)),
        }
    }
    if closed.is_empty() { Ok(spends) } else { Err(refusal::<P>(&closed, law)) }
}

fn refusal<P: Permission>(closed: &[(Uuid, Verdict)], law: &InForce<'_>) -> Problem {
    let who = |(id, verdict): &(Uuid, Verdict)| {
        let reason = |reason: &policy::consent::Reason| {
            let step = step(reason.finding);
            json!({"purpose": reason.purpose, "code": step.code, "detail": step.detail,
                   "statute": reason.authority.citation})
        };
        let reasons = verdict.reasons.iter().filter(|r| r.finding.code() != "covered");
        json!({"participant_id": id, "reasons": reasons.map(reason).collect::<Vec<_>>()})
    };
    let detail = format!(
        "nothing was recorded: {} of those present have no consent for this session; see `participants`",
        closed.len()
    );
    Problem::conflict("consent_required", detail)
        .refusing(P::NAME)
        .with("participants", closed.iter().map(who).collect::<Vec<_>>())
        .with("pack", law.version())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attendees(text: &str) -> Vec<Attendee> {
        serde_json::from_str(text).expect("attendance")
    }

    const ONE: &str = "00000000-0000-7000-8000-000000000001";

    #[test]
    fn who_is_there_needs_consent_and_who_is_not_does_not() {
        for (status, needs) in [("present", 1), ("late", 1), ("absent", 0), ("excused", 0)] {
            let given = format!(r#"[{{"participant_id": "{ONE}", "status": "{status}"}}]"#);
            let parsed = parse_attendance(attendees(&given)).expect("sound");
            assert_eq!((parsed.there.len(), parsed.named.len()), (needs, 1), "{status}");
        }
    }

    #[test]
    fn each_entry_at_fault_is_named_by_its_place() {
        let given = format!(
            r#"[{{"participant_id": "{ONE}", "status": "present"}},
                {{"participant_id": "{ONE}", "status": "here"}}]"#
        );
        let problem = parse_attendance(attendees(&given)).err().expect("refused");
        let places: Vec<_> = problem.errors.iter().map(|e| e.loc.join(".")).collect();
        assert_eq!(places, ["body.attendance.1.participant_id", "body.attendance.1.status"]);
    }

    #[test]
    fn nobody_attends_what_has_not_begun() {
        let body = format!(
            r#"{{"program_id": "{ONE}", "starts_at": "2026-03-02T21:00:00Z",
                 "attendance": [{{"participant_id": "{ONE}", "status": "present"}}]}}"#
        );
        let parse = |now: &str| {
            let body = kernel::http::parse_json(body.as_bytes()).expect("the shape fits");
            parse(body, now.parse().expect("a time"))
        };
        assert!(parse("2026-03-02T21:00:00Z").is_ok());
        let problem = parse("2026-03-02T20:59:59Z").err().expect("refused");
        assert_eq!(problem.errors[0].loc, ["body", "starts_at"]);
    }
}
