//! Requests on return to play.

use jiff::{SignedDuration, Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, TenantTx},
    db::Actor,
    http::{Body, Item, Problem},
    privacy::Pii,
};
use policy::return_to_play::{Action, Progress, Protocol, decide};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, Stepped},
};
use crate::{
    incidents::{self, Incident},
    permissions::{ClearReturn, EscalateIncident},
    settings::{place, rules::law},
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

    fn words(&self) -> Option<String> {
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

pub async fn step(
    act: Authorized<EscalateIncident>,
    (Item(id), Body(body)): (Item<Uuid>, Body<StepBody>),
) -> Result<Committed<Incident>, Problem> {
    let now = act.now();
    rules::check_words(body.clinician.as_ref())?;
    let asked = rules::parse_step(&body, now)?;
    if matches!(asked, Action::Clear { .. }) {
        let clinician = act.also::<ClearReturn>()?;
        if !matches!(clinician.caller().actor, Actor::User(_) | Actor::Operator(_)) {
            return Err(rules::no_person());
        }
    }
    let words = body.symptoms.as_ref().and_then(Said::words).into_iter().chain(body.note.clone());
    let note = words.collect::<Vec<_>>().join("; ");
    let note = crate::words_or_none("note", 2000, note)?;
    let (place, statutes, seen) = (place(&act).await?, act.statutes(), incidents::Seen::by(&act));
    act.transact(|tx| {
        Box::pin(async move {
            let decided = tx.judge(incidents::sql::lock_case(id), |rows, reveal| {
                let case = rows.first().ok_or_else(Problem::not_found)?;
                let detail = "this incident has no return to play";
                let missing = || Problem::conflict("no_return_to_play", detail);
                let progress = rules::progress(case, reveal).ok_or_else(missing)?;
                let setting = rules::setting(&case.setting);
                let law = law(&statutes, &case.jurisdiction, progress.removed_on)?;
                let next = decide(&progress, &asked, &place.local(now), &law, setting);
                let next = next.map_err(|refusal| rules::refuse_step::<EscalateIncident>(&refusal));
                Ok((next?, case.closed_at))
            });
            let (next, closed_at) = decided.await??;
            if let Some(note) = note {
                tx.run(sql::note_step(Pii::new(note))).await?;
            }
            if matches!(asked, Action::Regress { .. }) && closed_at.is_some() {
                // Symptoms are back: what they close no longer holds.
                incidents::open_again(tx, id, closed_at, now).await?;
            }
            take(tx, id, &asked, &next, &body, now).await?;
            Ok(Answer::ok(incidents::found(tx, id, &seen).await?))
        })
    })
    .await
}

async fn take(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    asked: &Action,
    next: &Progress,
    body: &StepBody,
    now: Timestamp,
) -> Result<Vec<Stepped>, Problem> {
    let stage = i32::from(next.stage);
    match asked {
        Action::Advance { .. } => tx.run(sql::advance(id, stage, next.entered_at)).await,
        Action::Regress { .. } => {
            let statement = sql::regress(id, stage, next.entered_at, next.symptomatic, now);
            tx.run(statement).await
        }
        Action::Clear { .. } => {
            let clinician = body.clinician.as_ref();
            let physician = clinician.and_then(|c| c.physician.as_ref());
            let columns = json!({
                "cleared_at": next.cleared.as_ref().map(|cleared| cleared.at.to_string()),
                "clinician_name": clinician.map(|c| c.name.trim()),
                "clinician_profession": clinician.and_then(|c| c.profession.as_deref()).map(str::trim),
                "licence_number": clinician.and_then(|c| c.licence_number.as_deref()).map(str::trim),
                "licence_state": clinician.and_then(|c| c.licence_state.as_deref()),
                "physician_relation": physician.map(|p| &p.relation),
                "physician_name": physician.map(|p| p.name.trim()),
                "clearance_document": clinician.and_then(|c| c.document_reference.as_deref()),
            });
            tx.run(sql::clear(id, Pii::new(columns), now)).await
        }
    }
}
