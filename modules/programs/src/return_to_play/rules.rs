//! What a step of the return to play must be; whether it may be taken is decided in
//! `policy::return_to_play`. Pure.

use jiff::Timestamp;
use kernel::{
    authz::Permission,
    gates::{self, MissingStep},
    http::{FieldError, Fields, Patch, Problem, Purpose, text},
    privacy::Reveal,
};
use policy::{
    return_to_play::{
        Action, Clearance, Licence, Missing, PhysicianLink, Profession, Progress, Protocol,
        Refusal, Symptoms,
    },
    statutes::{PhysicianRelation, Setting},
};

use super::http::{ClinicianBody, PhysicianBody, StepBody};
use crate::{incidents::sql::CaseRow, permissions::ClearReturn};

const RELATIONS: [(&str, PhysicianRelation); 4] = [
    ("consultation", PhysicianRelation::Consultation),
    ("referral", PhysicianRelation::Referral),
    ("collaboration", PhysicianRelation::Collaboration),
    ("supervision", PhysicianRelation::Supervision),
];

/// Which section of the law of concussions speaks to it.
pub fn setting(code: &str) -> Setting {
    if code == "school" { Setting::School } else { Setting::YouthSports }
}

/// What a case has recorded of its return to play.
pub fn progress(case: &CaseRow, reveal: &Reveal) -> Option<Progress> {
    let rtp = &case.rtp.as_ref()?.peek(reveal).0;
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
pub fn no_person() -> Problem {
    let detail = "a clearance is recorded by a person who has signed in, not with an API key";
    Problem::new(403, "person_required", detail).refusing(ClearReturn::NAME)
}
