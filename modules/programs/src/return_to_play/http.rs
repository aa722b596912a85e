//! Requests on return to play.

use kernel::{
    authz::{Answer, Authorized, Committed},
    db::Actor,
    http::{Body, Item, Problem},
    place::law,
    return_to_play::{self, StepBody},
};
use policy::return_to_play::{Action, decide};
use uuid::Uuid;

use super::sql::STEPS;
use crate::{
    incidents::{
        self, Incident,
        rules::{progress, setting},
    },
    permissions::{ClearReturn, EscalateIncident},
    settings::place,
};

pub async fn step(
    act: Authorized<EscalateIncident>,
    (Item(id), Body(body)): (Item<Uuid>, Body<StepBody>),
) -> Result<Committed<Incident>, Problem> {
    let now = act.now();
    return_to_play::check_words(body.clinician.as_ref())?;
    let asked = return_to_play::parse_step(&body, now)?;
    if matches!(asked, Action::Clear { .. }) {
        let clinician = act.also::<ClearReturn>()?;
        if !matches!(clinician.caller().actor, Actor::User(_) | Actor::Operator(_)) {
            return Err(return_to_play::no_person::<ClearReturn>());
        }
    }
    let note = return_to_play::note(&body)?;
    let (place, statutes, seen) = (place(&act).await?, act.statutes(), incidents::Seen::by(&act));
    act.transact(|tx| {
        Box::pin(async move {
            let decided = tx.judge(incidents::sql::lock_case(id), |rows, reveal| {
                let case = rows.first().ok_or_else(Problem::not_found)?;
                let detail = "this incident has no return to play";
                let missing = || Problem::conflict("no_return_to_play", detail);
                let progress = progress(case, reveal).ok_or_else(missing)?;
                let law = law(&statutes, &case.jurisdiction, progress.removed_on)?;
                let now = place.local(now);
                let next = decide(&progress, &asked, &now, &law, setting(&case.setting));
                let next = next.map_err(|no| return_to_play::refuse_step::<EscalateIncident>(&no));
                Ok((next?, case.closed_at))
            });
            let (next, closed_at) = decided.await??;
            if matches!(asked, Action::Regress { .. }) && closed_at.is_some() {
                // Symptoms are back: what they close no longer holds.
                incidents::open_again(tx, id, closed_at, now).await?;
            }
            return_to_play::take::<EscalateIncident>(
                tx,
                &STEPS,
                id,
                &asked,
                &next,
                body.clinician.as_ref(),
                note,
                now,
            )
            .await?;
            Ok(Answer::ok(incidents::found(tx, id, &seen).await?))
        })
    })
    .await
}
