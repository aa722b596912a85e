//! Requests on return to play.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Shown, TenantTx},
    http::{Body, Named, Problem},
    place::{Place, law},
    privacy::Pii,
    return_to_play::{self, StepBody},
};
use policy::{
    return_to_play::{Action, Progress, Symptoms, decide},
    statutes::{Setting, Statutes},
};
use serde_json::json;
use uuid::Uuid;

use super::sql::STEPS;
use crate::{
    cases::{self, Case},
    events::{require_person, rules::may_reopen, sql as events},
    permissions::{ClearAthlete, WriteCase},
    schools::place,
};

pub async fn step(
    act: Authorized<WriteCase>,
    (Named(case), Body(body)): (Named, Body<StepBody>),
) -> Result<Committed<Shown<Case>>, Problem> {
    let (now, event, sight, statutes) = (act.now(), act.new_id(), act.sight(), act.statutes());
    return_to_play::check_words(body.clinician.as_ref())?;
    let asked = return_to_play::parse_step(&body, now)?;
    if matches!(asked, Action::Clear { .. }) {
        require_person(&act.also::<ClearAthlete>()?)?;
    }
    let note = return_to_play::note(&body)?;
    let place = place(&act).await?;
    act.transact(|tx| {
        Box::pin(async move {
            let lock = events::lock_case(case.id, case.external_id);
            let case = tx.run(lock).await?.into_iter().next().ok_or_else(Problem::not_found)?;
            let next = decided(tx, case.id, &asked, &place, &statutes, now).await?;
            let standing = tx.run(events::find_standing(case.id)).await?.into_iter().next();
            let resolved_at = standing.and_then(|standing| standing.resolved_at);
            if matches!(asked, Action::Regress { .. }) && resolved_at.is_some() {
                // Symptoms are back: what they close no longer holds.
                may_reopen(resolved_at, now)?;
                let reason = Pii::new("symptoms are back".to_owned());
                tx.run(events::reopen_case(event, case.id, now, reason, true)).await?;
            }
            let (id, clinician) = (case.id, body.clinician.as_ref());
            let take = return_to_play::take::<WriteCase>;
            take(tx, &STEPS, id, &asked, &next, clinician, note, now).await?;
            Ok(Answer::ok(cases::found(tx, id, sight).await?))
        })
    })
    .await
}

/// What the engine says of a step.
async fn decided(
    tx: &mut TenantTx<'_>,
    case: Uuid,
    asked: &Action,
    place: &Place,
    statutes: &Statutes,
    now: Timestamp,
) -> Result<Progress, Problem> {
    let facts = events::find_facts(case, Pii::new(json!({})));
    let decided = tx.judge(facts, |rows, reveal| {
        let facts = rows.first().ok_or_else(Problem::not_found)?;
        let missing = || Problem::conflict("no_return_to_play", "this case has no return to play");
        let fact = facts.rtp.as_ref().map(|rtp| &rtp.peek(reveal).0);
        let progress = fact.and_then(return_to_play::progress).ok_or_else(missing)?;
        let law = law(statutes, &facts.jurisdiction, progress.removed_on)?;
        decide(&progress, asked, &place.local(now), &law, Setting::School)
            .map_err(|refusal| return_to_play::refuse_step::<WriteCase>(&refusal))
    });
    decided.await?
}

/// Back by one stage, because the case was reopened or there was another blow: its clearance is void.
///
/// # Errors
/// What [`Problem`] says of the database's failure.
pub async fn go_back(
    tx: &mut TenantTx<'_>,
    case: Uuid,
    place: &Place,
    statutes: &Statutes,
    now: Timestamp,
) -> Result<(), Problem> {
    let asked = Action::Regress { symptoms: Symptoms::Unsaid };
    let next = decided(tx, case, &asked, place, statutes, now).await?;
    return_to_play::take::<WriteCase>(tx, &STEPS, case, &asked, &next, None, None, now).await
}
