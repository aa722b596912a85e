//! What a step brings, what a return to play looks like, and the taking of a step.

use jiff::{SignedDuration, Timestamp, civil::Date};
use policy::return_to_play::{Action, Progress, Protocol};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, Statements},
};
use crate::{
    authz::{Permission, TenantTx},
    http::Problem,
    privacy::Pii,
};

/// A step that somebody wants to take.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepBody {
    /// `advance`, `regress` or `clear`.
    pub action: String,
    /// The stage that an advance is meant to come to: the next one.
    pub to_stage: Option<i64>,
    /// Whether there are any; a text or a list says which.
    #[schema(value_type = Option<bool>)]
    pub symptoms: Option<Said>,
    pub note: Option<String>,
    /// Who clears, for `clear`.
    pub clinician: Option<ClinicianBody>,
}

/// What is said of symptoms.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Said {
    Whether(bool),
    Which(String),
    All(Vec<String>),
}

impl Said {
    /// Whether there are any.
    pub fn present(&self) -> bool {
        match self {
            Self::Whether(present) => *present,
            Self::Which(text) => !text.trim().is_empty(),
            Self::All(names) => names.iter().any(|name| !name.trim().is_empty()),
        }
    }

    /// Which they are, if that was said.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Whether(_) => None,
            Self::Which(text) => Some(text.clone()),
            Self::All(names) => Some(names.join(", ")),
        }
    }
}

/// The clinician who clears, in writing (ORC 3707.511).
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClinicianBody {
    #[serde(default)]
    pub name: String,
    /// `physician`, or what their board calls them.
    pub profession: Option<String>,
    #[serde(alias = "license_number")]
    pub licence_number: Option<String>,
    #[serde(alias = "license_state")]
    pub licence_state: Option<String>,
    /// With whom one who is no physician works.
    pub physician: Option<PhysicianBody>,
    /// Where the written clearance is: a number, a hash, a place.
    pub document_reference: Option<String>,
    /// When the clinician gave it; now unless said.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cleared_at: Option<Timestamp>,
}

/// A physician, and how the clinician works with them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhysicianBody {
    /// `consultation`, `referral`, `collaboration` or `supervision`.
    pub relation: String,
    pub name: String,
}

/// A return to play as it is stored.
#[derive(Deserialize)]
pub struct RtpFact {
    pub protocol: String,
    pub stage: i32,
    pub entered_at: Timestamp,
    pub symptomatic: bool,
    pub regressed_at: Option<Timestamp>,
    pub removed_on: Date,
    pub cleared_at: Option<Timestamp>,
    pub clinician_name: Option<String>,
    pub clinician_profession: Option<String>,
    pub licence_number: Option<String>,
    pub licence_state: Option<String>,
    pub physician_relation: Option<String>,
    pub physician_name: Option<String>,
    pub clearance_document: Option<String>,
    pub steps: Vec<Step>,
}

/// A step that was taken.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Step {
    action: String,
    from_stage: Option<i32>,
    to_stage: i32,
    #[schema(value_type = String, format = DateTime)]
    taken_at: Timestamp,
    note: Option<String>,
}

/// A return to play.
#[derive(Serialize, ToSchema)]
pub struct ReturnToPlay {
    protocol: String,
    stage: i32,
    stage_name: Option<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    entered_at: Timestamp,
    /// When the next stage may begin at the soonest.
    #[schema(value_type = Option<String>, format = DateTime)]
    earliest_next: Option<Timestamp>,
    symptomatic: bool,
    removed_on: String,
    cleared: bool,
    clearance: Option<ClearanceView>,
    steps: Vec<Step>,
}

/// The clearance on record.
#[derive(Serialize, ToSchema)]
pub struct ClearanceView {
    clinician: Option<String>,
    profession: Option<String>,
    licence_number: Option<String>,
    licence_state: Option<String>,
    physician: Option<String>,
    physician_relation: Option<String>,
    document_reference: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    cleared_at: Timestamp,
}

impl ReturnToPlay {
    /// As it is shown.
    pub fn of(fact: RtpFact) -> Self {
        let protocol = Protocol::of_code(&fact.protocol);
        let number = u8::try_from(fact.stage).ok();
        let stage = protocol.zip(number).and_then(|(protocol, number)| protocol.stage(number));
        let stay = SignedDuration::from_hours(Protocol::HOURS_PER_STAGE);
        let last = protocol.is_some_and(|protocol| Some(protocol.last()) == number);
        let clearance = fact.cleared_at.map(|cleared_at| ClearanceView {
            clinician: fact.clinician_name,
            profession: fact.clinician_profession,
            licence_number: fact.licence_number,
            licence_state: fact.licence_state,
            physician: fact.physician_name,
            physician_relation: fact.physician_relation,
            document_reference: fact.clearance_document,
            cleared_at,
        });
        Self {
            protocol: fact.protocol,
            stage: fact.stage,
            stage_name: stage.map(|stage| stage.name),
            entered_at: fact.entered_at,
            earliest_next: fact.entered_at.checked_add(stay).ok().filter(|_| !last),
            symptomatic: fact.symptomatic,
            removed_on: fact.removed_on.to_string(),
            cleared: clearance.is_some(),
            clearance,
            steps: fact.steps,
        }
    }
}

/// Takes a step that `policy` let pass, in the module's table: `id` is of what the return to play hangs
/// on, `next` what the step comes to, `clinician` who clears, `note` what was said with it.
///
/// # Errors
/// 409 where only the database sees that it is no step, on record as the refusal of `P`; and what
/// [`Problem`] says of the database's failure.
pub async fn take<P: Permission>(
    tx: &mut TenantTx<'_>,
    steps: &Statements,
    id: Uuid,
    asked: &Action,
    next: &Progress,
    clinician: Option<&ClinicianBody>,
    note: Option<String>,
    now: Timestamp,
) -> Result<(), Problem> {
    if let Some(note) = note {
        tx.run(sql::note_step(Pii::new(note))).await?;
    }
    let stage = i32::from(next.stage);
    let statement = match asked {
        Action::Advance { .. } => (steps.advance)(id, stage, next.entered_at),
        Action::Regress { .. } => {
            (steps.regress)(id, stage, next.entered_at, next.symptomatic, now)
        }
        Action::Clear { .. } => {
            let columns = rules::clearance_columns(clinician, next);
            (steps.clear)(id, Pii::new(columns), now)
        }
    };
    let refused = |problem: Problem| match problem.code {
        "gate_blocked" => problem.refusing(P::NAME),
        _ => problem,
    };
    tx.run(statement).await.map(drop).map_err(refused)
}
