//! What an incident must be, and what its gates ask. Pure.

use jiff::Timestamp;
use kernel::{
    authz::Permission,
    gates::{self, MissingStep},
    http::{Fields, Patch, Problem, Purpose, text},
    privacy::{Pii, Reveal},
    return_to_play,
};
use policy::{
    return_to_play::{
        Blocked, Closing, Gap, IncidentKind, Opening, Progress, Recipient, may_close, may_open,
    },
    statutes::{InForce, RecipientKind, Setting},
};
use serde_json::Value;

use super::{
    http::{IncidentBody, ReportBody, ReportFact},
    sql::CaseRow,
};
use crate::permissions::WriteIncident;

/// The types that are known; `sql` has the same. A type that nobody knows would have no gate.
const TYPES: [&str; 10] = [
    "injury",
    "injury_concussion",
    "illness",
    "behavioral",
    "bullying",
    "property",
    "near_miss",
    "mandated_report",
    "crisis",
    "other",
];
const SEVERITIES: [&str; 4] = ["low", "moderate", "high", "critical"];
/// An incident's columns and what opens with it.
pub struct NewIncident {
    pub columns: Pii<Value>,
    pub opening: Opening,
}

/// Checks a body and applies the safety workflow: status and escalation follow from the type, whatever
/// was sent (K-027).
///
/// # Errors
/// 422 with every field at fault, `report_basis` of a mandated report among them (K-022).
pub fn parse(
    body: IncidentBody,
    now: Timestamp,
    law: &InForce<'_>,
) -> Result<NewIncident, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let kind = IncidentKind::of_code(&body.incident_type);
    if body.status.as_deref().is_some_and(|status| !["open", "escalated"].contains(&status)) {
        let msg = "an incident opens; close it with PATCH /incidents/{id}/close".to_owned();
        fields.fault("status", ("value_error", msg));
    }
    if kind == IncidentKind::InjuryConcussion && body.participant_id.is_none() {
        fields.fault("participant_id", ("missing", "say who was removed from play".into()));
    }
    let mut opening = Opening::default();
    match may_open(kind, body.report_basis.as_deref(), law) {
        Ok(opens) => opening = opens,
        Err(blocked) => {
            let advice = blocked.missing.first().map_or("", |gap| gap.advice());
            fields.fault("report_basis", ("missing", advice.to_owned()));
        }
    }
    // More care than the type asks for is always welcome; less is not to be had.
    let wants = body.escalated == Some(true) || body.status.as_deref() == Some("escalated");
    opening.escalated |= wants;
    let one_of = |known: &'static [&'static str]| {
        move |given: String| match known.iter().find(|name| **name == given) {
            Some(name) => Ok(*name),
            None => Err(("value_error", format!("expected one of {}", known.join(", ")))),
        }
    };
    let value = |id: Option<uuid::Uuid>| id.map_or(Patch::Absent, Patch::Value);
    fields.required(
        "incident_type",
        "incident_type",
        Patch::Value(body.incident_type),
        one_of(&TYPES),
    );
    fields.optional("severity", "severity", body.severity, one_of(&SEVERITIES));
    fields.required(
        "occurred_at",
        "occurred_at",
        Patch::Value(body.occurred_at.unwrap_or(now)),
        |at| crate::consent::rules::past(at, now),
    );
    for (name, id) in [
        ("participant_id", body.participant_id),
        ("session_id", body.session_id),
        ("location_id", body.location_id),
    ] {
        fields.optional(name, name, value(id), |id| Ok(id.to_string()));
    }
    fields.optional("description", "description", body.description, text(8000));
    if let Some(basis) = body.report_basis.filter(|basis| !basis.trim().is_empty()) {
        fields.optional("report_basis", "report_basis", Patch::Value(basis), text(8000));
    }
    Ok(NewIncident { columns: Pii::new(fields.finish()?), opening })
}

/// A report's columns.
///
/// # Errors
/// 422 with every field at fault, below `place` when it came in another body.
pub fn parse_report(
    body: ReportBody,
    place: &str,
    now: Timestamp,
    basis: &str,
) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let at = |name: &str| format!("{place}{name}");
    let duty = body.duty.unwrap_or_else(|| basis.to_owned());
    fields.required("duty", &at("duty"), Patch::Value(duty), |duty| match &*duty {
        "mandated" | "permissive" => Ok(duty),
        _ => Err(("value_error", "expected mandated or permissive".into())),
    });
    fields.required("agency_type", &at("agency_type"), body.agency_type, |given| {
        let fault = || ("value_error", "expected pcsa or peace_officer".to_owned());
        recipient_kind(&given).map(|_| given).ok_or_else(fault)
    });
    fields.required("agency_name", &at("agency_name"), body.agency_name, text(200));
    fields.optional("county", &at("county"), body.county, text(80));
    fields.optional("contact", &at("contact"), body.contact, text(200));
    fields.optional("channel", &at("channel"), body.channel, |given| match &*given {
        "phone" | "in_person" | "written" | "online" => Ok(given),
        _ => Err(("value_error", "expected phone, in_person, written or online".into())),
    });
    fields.optional("reference_no", &at("reference_no"), body.reference_no, text(80));
    fields.optional("reporter_name", &at("reporter_name"), body.reporter_name, text(160));
    fields.required("reported_at", &at("reported_at"), body.reported_at, |at| {
        crate::consent::rules::past(at, now)
    });
    fields.finish().map(Pii::new)
}

fn recipient_kind(code: &str) -> Option<RecipientKind> {
    match code {
        "pcsa" => Some(RecipientKind::Pcsa),
        "peace_officer" => Some(RecipientKind::PeaceOfficer),
        _ => None,
    }
}

/// Which section of the law of concussions speaks to it.
pub fn setting(code: &str) -> Setting {
    if code == "school" { Setting::School } else { Setting::YouthSports }
}

/// What a case has recorded of its return to play.
pub fn progress(case: &CaseRow, reveal: &Reveal) -> Option<Progress> {
    return_to_play::progress(&case.rtp.as_ref()?.peek(reveal).0)
}

/// Who took a case's reports, the last first.
pub fn recipients(case: &CaseRow, reveal: &Reveal) -> Vec<Recipient> {
    case.reports.peek(reveal).0.iter().rev().filter_map(recipient).collect()
}

fn recipient(report: &ReportFact) -> Option<Recipient> {
    Some(Recipient {
        kind: recipient_kind(&report.agency_type)?,
        agency: report.agency_name.clone(),
        reported_at: Some(report.reported_at),
    })
}

/// Whether a case may close: one report that satisfies is enough.
///
/// # Errors
/// Everything that is missing, as the last report has it.
pub fn may_close_case(
    case: &CaseRow,
    reveal: &Reveal,
    now: Timestamp,
    law: &InForce<'_>,
) -> Result<(), Blocked> {
    let (progress, recipients) = (progress(case, reveal), recipients(case, reveal));
    let close = |recipient: Option<&Recipient>| {
        let kind = IncidentKind::of_code(&case.incident_type);
        let closing = Closing { kind, progress: progress.as_ref(), recipient };
        may_close(&closing, now, law, setting(&case.setting))
    };
    let first = close(recipients.first());
    match recipients.iter().skip(1).any(|recipient| close(Some(recipient)).is_ok()) {
        true => Ok(()),
        false => first,
    }
}

/// The refusal to close.
pub fn refuse_close(blocked: &Blocked) -> Problem {
    let step = |gap: &Gap| MissingStep { code: gap.code(), detail: gap.advice().to_owned() };
    let steps: Vec<_> = blocked.missing.iter().map(step).collect();
    gates::closed::<WriteIncident>(&steps, &blocked.authority)
}

/// How long after its closing an incident may be reopened.
pub const REOPEN_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Whether a closed incident may open again: within thirty days, the last instant among them (S11).
///
/// # Errors
/// 409: it is not closed, or it is too late.
pub fn may_reopen(closed_at: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    let refuse =
        |code, detail: &str| Err(Problem::conflict(code, detail).refusing(WriteIncident::NAME));
    match closed_at {
        None => refuse("incident_open", "the incident is open"),
        Some(at) if now.duration_since(at) > REOPEN_WITHIN => {
            let detail = "thirty days have passed since it was closed: report a new incident";
            refuse("reopen_window_over", detail)
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use policy::statutes::Statutes;
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-03-02T22:00:00Z";

    fn open(body: Value) -> Result<(Value, Opening), Vec<String>> {
        let statutes = Statutes::built_in().expect("packs");
        let law = statutes.as_of("us-oh", date(2026, 3, 2)).expect("Ohio");
        let body = kernel::http::parse_json(body.to_string().as_bytes())
            .map_err(|p| p.errors.iter().map(|e| e.loc.join(".")).collect::<Vec<_>>())?;
        match parse(body, NOW.parse().expect("a time"), &law) {
            Ok(new) => {
                let shown = format!("{:?}", new.columns);
                assert_eq!(shown, "[personal]");
                Ok((Value::Null, new.opening))
            }
            Err(problem) => Err(problem.errors.iter().map(|e| e.loc.join(".")).collect()),
        }
    }

    #[test]
    fn s05_a_mandated_report_says_on_what_it_is_based() {
        for basis in [json!(null), json!(""), json!(" \n")] {
            let found = open(json!({"incident_type": "mandated_report", "report_basis": basis}));
            assert_eq!(found.err(), Some(vec!["body.report_basis".to_owned()]), "{basis}");
        }
        let based = json!({"incident_type": "mandated_report", "report_basis": "a bruise"});
        assert!(open(based).is_ok());
    }

    #[test]
    fn s06_a_crisis_is_escalated_whatever_was_sent() {
        let sent = json!({"incident_type": "crisis", "status": "open", "escalated": false});
        assert!(open(sent).expect("taken").1.escalated);
    }

    #[test]
    fn k027_no_field_closes_skips_or_clears() {
        for (field, value) in [
            ("status", json!("closed")),
            ("rtp_stage", json!(6)),
            ("rtp_cleared", json!(true)),
            ("closed_at", json!(NOW)),
            ("cleared_by", json!("Dr A")),
        ] {
            let mut body = json!({"incident_type": "other"});
            body[field] = value;
            assert_eq!(open(body).err(), Some(vec![format!("body.{field}")]));
        }
    }

    #[test]
    fn an_unknown_type_is_refused_and_not_taken_without_a_gate() {
        let found = open(json!({"incident_type": "concussion_injury"}));
        assert_eq!(found.err(), Some(vec!["body.incident_type".to_owned()]));
    }

    #[test]
    fn a_concussion_is_somebodys_and_opens_return_to_play() {
        let nobody = open(json!({"incident_type": "injury_concussion"}));
        assert_eq!(nobody.err(), Some(vec!["body.participant_id".to_owned()]));
        let somebody = json!({"incident_type": "injury_concussion",
            "participant_id": "00000000-0000-7000-8000-000000000001"});
        assert!(open(somebody).expect("taken").1.return_to_play);
    }

    #[test]
    fn s11_thirty_days_to_the_instant() {
        let closed: Timestamp = NOW.parse().expect("a time");
        let later = |seconds: i64| {
            let after = jiff::SignedDuration::from_secs(30 * 86_400 + seconds);
            may_reopen(Some(closed), closed + after).is_ok()
        };
        assert!(later(-1) && later(0) && !later(1));
        assert!(may_reopen(None, closed).is_err());
    }
}
