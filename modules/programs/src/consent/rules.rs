//! What a consent must be, and what the gate says. Pure.

use jiff::{Timestamp, Zoned, civil::Date};
use kernel::{
    authz::Permission,
    consent::grantor_of_code,
    gates::MissingStep,
    http::{Fault, Fields, Patch, Problem, Purpose, text},
    privacy::Pii,
};
use policy::{
    consent::{Basis, Budget, Consent, Finding, Grantor, Participant, Verdict, verdict},
    statutes::InForce,
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::http::{ConsentBody, DisclosureBody};

/// What participants are usually consented to.
pub const PARTICIPATION: &str = "participation";
const BASES: [Basis; 3] = [Basis::Guardian, Basis::Own, Basis::MinorMentalHealth];
const GRANTORS: [Grantor; 4] =
    [Grantor::Participant, Grantor::Parent, Grantor::Guardian, Grantor::Other];

/// A consent as the gate's statement brings it.
#[derive(Clone, Debug, Deserialize)]
pub struct ConsentFact {
    pub id: Uuid,
    basis: String,
    purpose: String,
    grantor: String,
    granted_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    sessions: Vec<Date>,
    /// Training sessions that are spent under it already.
    held_for: Vec<Uuid>,
}

impl ConsentFact {
    /// The consent as the rules see it.
    pub fn evidence(&self, participant: Uuid) -> Option<Consent> {
        Some(Consent {
            participant,
            basis: Basis::of_code(&self.basis)?,
            purpose: self.purpose.clone(),
            grantor: grantor_of_code(&self.grantor)?,
            granted_at: self.granted_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            sessions: self.sessions.clone(),
        })
    }
}

/// A consent's columns, and what of them the gate judges by.
pub struct NewConsent {
    pub columns: Pii<Value>,
    pub evidence: Consent,
}

/// Checks a body. The grantor fits the basis; the text is known by its hash.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: ConsentBody, now: Timestamp) -> Result<NewConsent, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let purpose = body.purpose.unwrap_or_else(|| PARTICIPATION.into());
    let basis = one_of(&body.basis, "guardian", &BASES, |b| b.code());
    let usual = if basis == Some(Basis::Guardian) { "parent" } else { "self" };
    let grantor = one_of(&body.grantor, usual, &GRANTORS, |g| kernel::consent::grantor_code(*g));
    let entitled = matches!(
        (basis, grantor),
        (None, _)
            | (Some(Basis::Guardian), Some(Grantor::Parent | Grantor::Guardian))
            | (Some(Basis::Own | Basis::MinorMentalHealth), Some(Grantor::Participant))
    );
    if !entitled {
        let names = "`parent` or `guardian` for the basis `guardian`, else `self`";
        fields.fault("grantor", ("value_error", format!("expected {names}")));
    }
    fields.required("purpose", "purpose", Patch::Value(purpose.clone()), code);
    let basis_code = Patch::Value(body.basis.unwrap_or_else(|| "guardian".into()));
    fields.required("basis", "basis", basis_code, |given| match Basis::of_code(&given) {
        Some(basis) => Ok(basis.code()),
        None => {
            Err(("value_error", format!("expected one of {}", BASES.map(Basis::code).join(", "))))
        }
    });
    let grantor_code = Patch::Value(body.grantor.unwrap_or_else(|| usual.into()));
    fields.required("grantor", "grantor", grantor_code, text(20));
    fields.required("grantor_name", "grantor_name", body.grantor_name, text(160));
    fields.optional("relation", "relation", body.relation, text(80));
    fields.required("text_version", "text_version", body.text_version, text(80));
    match hash(body.text, body.text_hash) {
        Ok(hash) => fields.required("text_hash", "text", hash, Ok),
        Err(fault) => fields.fault("text_hash", fault),
    }
    let language = body.language.unwrap_or_else(|| "en".into());
    fields.required("language", "language", Patch::Value(language), language_tag);
    let channel = Patch::Value(body.channel.unwrap_or_else(|| "electronic".into()));
    fields.required("channel", "channel", channel, |given| match &*given {
        "paper" | "electronic" | "verbal" => Ok(given),
        _ => Err(("value_error", "expected paper, electronic or verbal".into())),
    });
    fields.optional("document_reference", "document_reference", body.document_reference, text(200));
    let granted_at = body.granted_at.unwrap_or(now);
    fields.required("granted_at", "granted_at", Patch::Value(granted_at), |at| past(at, now));
    let expires_at = body.expires_at.map_or(Patch::Absent, Patch::Value);
    fields.optional("expires_at", "expires_at", expires_at, |at| Ok(at.to_string()));
    let columns = Pii::new(fields.finish()?);
    let evidence = Consent {
        participant: body.participant_id,
        basis: basis.unwrap_or(Basis::Guardian),
        purpose,
        grantor: grantor.unwrap_or(Grantor::Other),
        granted_at,
        expires_at: body.expires_at,
        revoked_at: None,
        sessions: vec![],
    };
    Ok(NewConsent { columns, evidence })
}

fn one_of<T: Copy>(
    given: &Option<String>,
    usual: &str,
    all: &[T],
    code: impl Fn(&T) -> &'static str,
) -> Option<T> {
    let wanted = given.as_deref().unwrap_or(usual);
    all.iter().find(|one| code(one) == wanted).copied()
}

/// SHA-256 of the text, or the hash as it was given; both only where they agree.
fn hash(text: Option<String>, given: Option<String>) -> Result<Patch<String>, Fault> {
    let of_text = text.filter(|text| !text.trim().is_empty()).map(|text| -> String {
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    });
    let hex = |hash: &String| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if given.as_ref().is_some_and(|given| !hex(given)) {
        return Err(("value_error", "expected SHA-256 in 64 hex digits".into()));
    }
    let given = given.map(|hash| hash.to_ascii_lowercase());
    match (of_text, given) {
        (Some(text), Some(given)) if text != given => {
            Err(("value_error", "this is the hash of another text: send one of the two".into()))
        }
        (text, given) => Ok(text.or(given).map_or(Patch::Absent, Patch::Value)),
    }
}

/// The name of a purpose.
fn code(given: String) -> Result<String, Fault> {
    let fits = given.starts_with(|c: char| c.is_ascii_lowercase())
        && given.len() <= 64
        && given.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    fits.then_some(given)
        .ok_or_else(|| ("value_error", "expected a name such as `participation`".into()))
}

/// A language tag (BCP 47), as far as consents need one.
fn language_tag(given: String) -> Result<String, Fault> {
    let mut parts = given.split('-');
    let primary = parts
        .next()
        .is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()));
    let rest =
        parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    let fault = || ("value_error", "expected a language such as `en` or `es-US`".to_owned());
    (primary && rest).then_some(given).ok_or_else(fault)
}

/// A moment that has come.
pub fn past(at: Timestamp, now: Timestamp) -> Result<String, Fault> {
    match at <= now {
        true => Ok(at.to_string()),
        false => Err(("future", "this time has not come yet".into())),
    }
}

/// A disclosure to a guardian, checked (ORC 5122.04 (A)).
///
/// # Errors
/// 422 with every field at fault.
pub fn parse_disclosure(body: &DisclosureBody, now: Timestamp) -> Result<(), Problem> {
    let mut fields = Fields::new(Purpose::Create);
    if !["minor_agreement", "compelling_need"].contains(&&*body.ground) {
        let msg = "expected minor_agreement or compelling_need".to_owned();
        fields.fault("ground", ("value_error", msg));
    }
    if body.ground == "compelling_need" && body.reason.as_ref().is_none_or(|r| r.trim().is_empty())
    {
        fields.fault("reason", ("missing", "say what the compelling need is".into()));
    }
    if let Err(fault) = past(body.minor_informed_at, now) {
        fields.fault("minor_informed_at", fault);
    }
    fields.finish().map(drop)
}

/// Whether the consent could be given at all when it was: the age and the law of its basis then.
///
/// # Errors
/// What is against it, with the law.
pub fn may_grant(
    consent: &Consent,
    participant: &Participant,
    then: &Zoned,
    law: &InForce<'_>,
) -> Result<(), Verdict> {
    let found = verdict(participant, std::slice::from_ref(consent), &[&consent.purpose], then, law);
    // An end that has come by now is no fault of the grant.
    let against = |finding: Finding| !matches!(finding, Finding::Expired | Finding::Covered);
    let open = !found.reasons.iter().any(|reason| against(reason.finding));
    if open { Ok(()) } else { Err(found) }
}

/// The refusal of a verdict.
pub fn refusal<P: Permission>(found: &Verdict, law: &InForce<'_>) -> Problem {
    let missing: Vec<_> = found.reasons.iter().map(|r| step(r.finding)).collect();
    let authority = found.reasons.first().map(|reason| reason.authority.clone());
    kernel::gates::closed::<P>(&missing, &authority.unwrap_or_else(|| law.authority(None)))
}

/// A finding as a missing step.
pub fn step(finding: Finding) -> MissingStep {
    MissingStep { code: finding.code(), detail: finding.advice() }
}

/// Whether a session may be captured, and which minor's own consents it would rest on.
pub struct Capture {
    pub verdict: Verdict,
    /// To be spent with the session: the purposes that nothing else covers.
    pub spends: Vec<Uuid>,
}

/// Judges a session at a moment. A minor's own consent covers it only where no other does, since each
/// such session is spent of its budget; what is spent for it already covers it still.
pub fn capture(
    participant: &Participant,
    facts: &[ConsentFact],
    purposes: &[&str],
    session: Option<Uuid>,
    at: &Zoned,
    law: &InForce<'_>,
) -> Capture {
    let spent = |purpose: &str| {
        let of = |fact: &&ConsentFact| fact.purpose == purpose;
        let held = |fact: &ConsentFact| session.is_some_and(|id| fact.held_for.contains(&id));
        facts.iter().filter(of).any(held)
    };
    let due: Vec<&str> = purposes.iter().copied().filter(|purpose| !spent(purpose)).collect();
    if due.is_empty() && !purposes.is_empty() {
        return Capture { verdict: Verdict { open: true, reasons: vec![] }, spends: vec![] };
    }
    let purposes = &due;
    let consents: Vec<_> =
        facts.iter().filter_map(|f| Some((f.id, f.evidence(participant.id)?))).collect();
    let of = |own: bool, purpose: &str| -> Vec<Consent> {
        let fits =
            |c: &Consent| (own || c.basis != Basis::MinorMentalHealth) && c.purpose == purpose;
        consents.iter().map(|(_, c)| c).filter(|c| fits(c)).cloned().collect()
    };
    let mut spends = vec![];
    for purpose in purposes {
        if verdict(participant, &of(false, purpose), &[purpose], at, law).open {
            continue;
        }
        let own = consents.iter().find(|(_, consent)| {
            consent.purpose == **purpose
                && Budget::of(consent, participant)
                    .is_some_and(|budget| budget.spend(at, law).is_ok())
        });
        spends.extend(own.map(|(id, _)| *id));
    }
    let all: Vec<_> = consents.into_iter().map(|(_, consent)| consent).collect();
    Capture { verdict: verdict(participant, &all, purposes, at, law), spends }
}
