//! What a step of the return to play must be; whether it may be taken is decided in
//! `policy::return_to_play`. Pure.

use jiff::Timestamp;
use policy::{
    return_to_play::{
        Action, Clearance, Licence, Missing, PhysicianLink, Profession, Progress, Protocol,
        Refusal, Symptoms,
    },
    statutes::PhysicianRelation,
};
use serde_json::{Value, json};

use super::http::{ClinicianBody, PhysicianBody, RtpFact, Said, StepBody};
use crate::{
    authz::Permission,
    gates::{self, MissingStep},
    http::{FieldError, Fields, Patch, Problem, Purpose, text},
};

const RELATIONS: [(&str, PhysicianRelation); 4] = [
    ("consultation", PhysicianRelation::Consultation),
    ("referral", PhysicianRelation::Referral),
    ("collaboration", PhysicianRelation::Collaboration),
    ("supervision", PhysicianRelation::Supervision),
];

/// How far a return to play has come; none for a protocol or a stage that is none.
pub fn progress(rtp: &RtpFact) -> Option<Progress> {
    let profession = rtp.clinician_profession.as_deref().map(profession);
    let number = rtp.licence_number.clone();
    Some(Progress {
        protocol: Protocol::of_code(&rtp.protocol)?,
        stage: u8::try_from(rtp.stage).ok()?,
        entered_at: rtp.entered_at,
        symptomatic: rtp.symptomatic,
        regressed_at: rtp.regressed_at,
        removed_on: rtp.removed_on,
        cleared: rtp.cleared_at.map(|at| Clearance {
            clinician: rtp.clinician_name.clone().unwrap_or_default(),
            licence: profession
                .zip(number)
                .map(|(profession, number)| Licence { profession, number }),
            physician: rtp.physician_relation.as_deref().and_then(relation).map(|relation| {
                PhysicianLink { relation, name: rtp.physician_name.clone().unwrap_or_default() }
            }),
            in_writing: rtp.clearance_document.is_some(),
            at,
        }),
    })
}

fn profession(name: &str) -> Profession {
    match name.trim() {
        name if name.eq_ignore_ascii_case("physician") => Profession::Physician,
        other => Profession::Other(other.to_owned()),
    }
}

fn relation(code: &str) -> Option<PhysicianRelation> {
    RELATIONS.iter().find(|(name, _)| *name == code).map(|(_, relation)| *relation)
}

/// That what is said of a clinician can be stored. What is blank is for the gate to name.
///
/// # Errors
/// 422 with every field at fault.
pub fn check_words(clinician: Option<&ClinicianBody>) -> Result<(), Problem> {
    let Some(clinician) = clinician else { return Ok(()) };
    let physician = clinician.physician.as_ref();
    let said = [
        ("clinician.name", Some(&clinician.name)),
        ("clinician.profession", clinician.profession.as_ref()),
        ("clinician.licence_number", clinician.licence_number.as_ref()),
        ("clinician.licence_state", clinician.licence_state.as_ref()),
        ("clinician.document_reference", clinician.document_reference.as_ref()),
        ("clinician.physician.name", physician.map(|physician| &physician.name)),
    ];
    let mut fields = Fields::new(Purpose::Change);
    for (field, given) in said {
        let given = given.filter(|given| !given.trim().is_empty()).cloned();
        fields.optional(field, field, given.map_or(Patch::Absent, Patch::Value), text(200));
    }
    fields.finish().map(drop)
}

/// A step as it was asked for.
///
/// # Errors
/// 422 for an action or a relation that is none.
pub fn parse_step(body: &StepBody, now: Timestamp) -> Result<Action, Problem> {
    let symptoms = match &body.symptoms {
        None => Symptoms::Unsaid,
        Some(said) if said.present() => Symptoms::Present,
        Some(_) => Symptoms::Absent,
    };
    let to = body.to_stage.map(|stage| u8::try_from(stage).unwrap_or(u8::MAX));
    match &*body.action {
        "advance" => Ok(Action::Advance { symptoms, to }),
        "regress" => Ok(Action::Regress { symptoms }),
        "clear" => {
            let clearance = body.clinician.as_ref().map(|clinician| clearance(clinician, now));
            Ok(Action::Clear { symptoms, clearance: clearance.transpose()? })
        }
        _ => {
            let msg = "expected advance, regress or clear";
            Err(Problem::field(&["body", "action"], "value_error", msg))
        }
    }
}

fn clearance(clinician: &ClinicianBody, now: Timestamp) -> Result<Clearance, Problem> {
    let link = |physician: &PhysicianBody| match relation(&physician.relation) {
        Some(relation) => Ok(PhysicianLink { relation, name: physician.name.clone() }),
        None => {
            let known = RELATIONS.map(|(name, _)| name).join(", ");
            let loc = &["body", "clinician", "physician", "relation"];
            Err(Problem::field(loc, "value_error", format!("expected one of {known}")))
        }
    };
    let named = clinician.profession.as_deref().filter(|name| !name.trim().is_empty());
    let (named, number) = (named.map(profession), clinician.licence_number.clone());
    Ok(Clearance {
        clinician: clinician.name.clone(),
        licence: named.zip(number).map(|(profession, number)| Licence { profession, number }),
        physician: clinician.physician.as_ref().map(link).transpose()?,
        in_writing: clinician.document_reference.as_ref().is_some_and(|d| !d.trim().is_empty()),
        at: clinician.cleared_at.unwrap_or(now),
    })
}

/// What was said with a step: which symptoms, then the note; at most 2000 characters.
///
/// # Errors
/// 422 for the body's `note`.
pub fn note(body: &StepBody) -> Result<Option<String>, Problem> {
    let symptoms = body.symptoms.as_ref().and_then(Said::words);
    let said = symptoms.into_iter().chain(body.note.clone()).collect::<Vec<_>>().join("; ");
    if said.trim().is_empty() {
        return Ok(None);
    }
    let fault = |(kind, msg)| Problem::field(&["body", "note"], kind, msg);
    text(2000)(said).map(Some).map_err(fault)
}

/// A clearance's columns, as the clinician was named and the step was decided.
pub(super) fn clearance_columns(clinician: Option<&ClinicianBody>, next: &Progress) -> Value {
    let physician = clinician.and_then(|c| c.physician.as_ref());
    json!({
        "cleared_at": next.cleared.as_ref().map(|cleared| cleared.at.to_string()),
        "clinician_name": clinician.map(|c| c.name.trim()),
        "clinician_profession": clinician.and_then(|c| c.profession.as_deref()).map(str::trim),
        "licence_number": clinician.and_then(|c| c.licence_number.as_deref()).map(str::trim),
        "licence_state": clinician.and_then(|c| c.licence_state.as_deref()),
        "physician_relation": physician.map(|p| &p.relation),
        "physician_name": physician.map(|p| p.name.trim()),
        "clearance_document": clinician.and_then(|c| c.document_reference.as_deref()),
    })
}

/// The refusal of a step. What a clearance's request itself lacks is 422 at its fields (S03); what only
/// time or health can bring is 409. Both list everything, with the law.
pub fn refuse_step<P: Permission>(refusal: &Refusal) -> Problem {
    let steps: Vec<_> = refusal
        .missing
        .iter()
        .map(|missing| MissingStep { code: missing.code(), detail: missing.advice() })
        .collect();
    let fields: Vec<_> = refusal.missing.iter().filter_map(field).collect();
    let problem = match fields.len() == refusal.missing.len() {
        true => Problem::invalid(fields).refusing(P::NAME).of_gate(&steps, &refusal.authority),
        false => gates::closed::<P>(&steps, &refusal.authority),
    };
    problem.with("protocol", refusal.protocol.code())
}

/// Which field of the request would have to say it.
fn field(missing: &Missing) -> Option<FieldError> {
    let name = match missing {
        Missing::ClinicianMissing => "name",
        Missing::ClinicianNotLicensed => "licence_number",
        Missing::PhysicianMissing => "physician",
        Missing::NotInWriting => "document_reference",
        _ => return None,
    };
    let loc = ["body", "clinician", name].map(str::to_owned).to_vec();
    Some(FieldError { loc, msg: missing.advice(), kind: "missing" })
}

/// 403: a clearance is recorded by a clinician who has signed in, not by a program with a key.
pub fn no_person<P: Permission>() -> Problem {
    let detail = "a clearance is recorded by a person who has signed in, not with an API key";
    Problem::new(403, "person_required", detail).refusing(P::NAME)
}

#[cfg(test)]
mod tests {
    use policy::statutes::Authority;

    use super::*;

    crate::permissions! {
        TakeStep = "rtp:step", Writes;
    }

    const NOW: &str = "2026-03-09T16:00:00Z";

    fn body(body: Value) -> StepBody {
        crate::http::parse_json(body.to_string().as_bytes()).expect("the shape fits")
    }

    fn refused(missing: Vec<Missing>) -> Problem {
        let authority = Authority { citation: Some("ORC 3707.511".into()), pack: "us-oh/1".into() };
        let refusal = Refusal { missing, protocol: Protocol::Berlin2016, authority };
        refuse_step::<TakeStep>(&refusal)
    }

    #[test]
    fn what_is_said_of_symptoms_is_read_and_noted() {
        for (said, present, noted) in [
            (json!(true), true, None),
            (json!(false), false, None),
            (json!("Headache"), true, Some("Headache; After practice")),
            (json!(["Headache", "Nausea"]), true, Some("Headache, Nausea; After practice")),
        ] {
            let words = noted.map(|_| "After practice");
            let sent = body(json!({"action": "regress", "symptoms": said, "note": words}));
            let asked = parse_step(&sent, NOW.parse().expect("a time")).expect("a step");
            let symptoms = if present { Symptoms::Present } else { Symptoms::Absent };
            assert_eq!(asked, Action::Regress { symptoms });
            assert_eq!(note(&sent).expect("it fits").as_deref(), noted, "{said}");
        }
        let long = body(json!({"action": "regress", "note": "x".repeat(2001)}));
        assert_eq!(note(&long).map_err(|p| p.to_string()), Err("422 invalid".into()));
    }

    #[test]
    fn s03_what_the_request_lacks_is_at_its_fields_and_the_rest_is_a_conflict() {
        let lacking = refused(vec![Missing::ClinicianMissing, Missing::NotInWriting]);
        let fields: Vec<_> = lacking.errors.iter().map(|error| error.loc.join(".")).collect();
        assert_eq!(
            fields,
            ["body.clinician.name", "body.clinician.document_reference"],
            "{lacking}"
        );
        let early = refused(vec![Missing::ClinicianMissing, Missing::SymptomsPresent]);
        assert_eq!((early.to_string(), early.errors.len()), ("409 gate_blocked".into(), 0));
        for problem in [lacking, early] {
            assert_eq!(problem.refused.map(|refused| refused.permission), Some("rtp:step"));
        }
    }

    #[test]
    fn what_is_stored_of_a_clearance_is_what_was_sent_and_decided() {
        let sent = body(json!({"action": "clear", "clinician": {
            "name": " Dr. Lee ", "profession": "psychologist", "license_number": " P.7 ",
            "physician": {"relation": "referral", "name": "Dr. Okafor"}, "document_reference": "D-1",
        }}));
        let now = NOW.parse().expect("a time");
        let Ok(Action::Clear { clearance, .. }) = parse_step(&sent, now) else {
            panic!("a clearance");
        };
        let opened =
            Progress::open(Protocol::Berlin2016, now, now.to_zoned(jiff::tz::TimeZone::UTC).date());
        let next = Progress { cleared: clearance, ..opened };
        let mut row = clearance_columns(sent.clinician.as_ref(), &next);
        for (column, value) in [
            ("protocol", json!("berlin_2016")),
            ("stage", json!(4)),
            ("entered_at", json!(NOW)),
            ("symptomatic", json!(false)),
            ("removed_on", json!("2026-03-09")),
            ("steps", json!([])),
        ] {
            row[column] = value;
        }
        let stored: RtpFact = serde_json::from_value(row).expect("a row");
        let read = progress(&stored).expect("a progress").cleared.expect("a clearance");
        let name = "Dr. Lee".to_owned();
        let number = "P.7".to_owned();
        let licence = Licence { profession: Profession::Other("psychologist".into()), number };
        assert_eq!(
            read,
            Clearance { clinician: name, licence: Some(licence), ..next.cleared.expect("sent") }
        );
    }

    #[test]
    fn no_action_and_no_relation_is_made_up() {
        let clinician =
            json!({"name": "Dr. Lee", "physician": {"relation": "friend", "name": "Dr. A"}});
        for sent in [json!({"action": "skip"}), json!({"action": "clear", "clinician": clinician})]
        {
            let parsed = parse_step(&body(sent), NOW.parse().expect("a time"));
            assert_eq!(parsed.map_err(|p| p.to_string()), Err("422 invalid".into()));
        }
    }
}
