//! Many random steps, each looked at without the engine's own rules.

use jiff::{SignedDuration, Zoned};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::sample::{at, law, physician};
use super::{
    Action, Clearance, Closing, IncidentKind, Licence, Profession, Progress, Protocol, Symptoms,
    decide, may_close,
};
use crate::statutes::{InForce, Setting};

/// What one step may be: minutes of waiting, an action, and whether a new case begins.
#[derive(Clone, Debug)]
struct Step {
    wait: i64,
    kind: u8,
    symptoms: Symptoms,
    to: Option<u8>,
    clinician: &'static str,
    licensed: bool,
    written: bool,
    given: i64,
    renewed: Option<Protocol>,
}

fn any_step() -> impl Strategy<Value = Step> {
    let waits: &[i64] = &[0, 1, 60, 719, 1_439, 1_440, 1_441, 2_000];
    let said: &[Symptoms] =
        &[Symptoms::Unsaid, Symptoms::Absent, Symptoms::Absent, Symptoms::Present];
    let renewed = prop::option::weighted(0.02, select(&Protocol::ALL[..]));
    let to = prop::option::weighted(0.2, 0u8..9);
    let clinician = select(&["Dr A", "Dr A", "", " "][..]);
    let licensed = prop::bool::weighted(0.8);
    let written = prop::bool::weighted(0.8);
    (
        select(waits),
        0u8..10,
        select(said),
        to,
        clinician,
        licensed,
        written,
        -2_000i64..100,
        renewed,
    )
        .prop_map(
            |(wait, kind, symptoms, to, clinician, licensed, written, given, renewed)| Step {
                wait,
                kind,
                symptoms,
                to,
                clinician,
                licensed,
                written,
                given,
                renewed,
            },
        )
}

fn action(step: &Step, now: &Zoned) -> Action {
    let Step { symptoms, to, .. } = *step;
    match step.kind {
        0..6 => Action::Advance { symptoms, to },
        6 => Action::Regress { symptoms },
        _ => {
            let licence = Licence { profession: Profession::Physician, number: "35.1".into() };
            let clearance = Clearance {
                clinician: step.clinician.into(),
                licence: step.licensed.then_some(licence),
                in_writing: step.written,
                at: now.timestamp() + SignedDuration::from_mins(step.given),
                ..physician("2026-01-01T00:00")
            };
            Action::Clear { symptoms, clearance: Some(clearance) }
        }
    }
}

fn open(protocol: Protocol, now: &Zoned) -> Progress {
    Progress::open(protocol, now.timestamp(), now.date())
}

/// What may never be, whatever was asked.
fn assert_legal(
    law: &InForce<'_>,
    before: &Progress,
    after: &Progress,
    asked: &Action,
    now: &Zoned,
) {
    assert!((1..=after.protocol.last()).contains(&after.stage));
    assert!(after.stage <= before.stage + 1 && before.stage <= after.stage + 1, "a stage skipped");
    assert_eq!((after.protocol, after.removed_on), (before.protocol, before.removed_on));
    if after.stage > before.stage {
        let stayed = now.timestamp().duration_since(before.entered_at);
        assert!(stayed >= SignedDuration::from_hours(24), "two stages within 24 hours");
        assert!(now.date() > after.removed_on, "a return on the day of the removal");
        let contact = if after.protocol == Protocol::Amsterdam2022 { 4 } else { 5 };
        assert!(after.stage < contact || after.cleared.is_some(), "contact without clearance");
    }
    if let Some(clearance) = &after.cleared {
        assert!(!clearance.clinician.trim().is_empty() && clearance.licence.is_some());
        assert!(clearance.in_writing && clearance.at <= now.timestamp());
        let given_on = clearance.at.to_zoned(now.time_zone().clone()).date();
        assert!(given_on > after.removed_on);
        assert!(!matches!(asked, Action::Regress { .. }), "cleared with symptoms");
    }
    let closing =
        Closing { kind: IncidentKind::InjuryConcussion, progress: Some(after), recipient: None };
    let closes = may_close(&closing, now.timestamp(), law, Setting::School).is_ok();
    assert_eq!(closes, after.cleared.is_some(), "closed without clearance");
}

#[test]
fn a_hundred_thousand_random_steps_reach_no_illegal_state() {
    let mut runner = TestRunner::deterministic();
    let steps = any_step();
    let mut now = at("2026-01-01T00:00");
    let mut progress = open(Protocol::Berlin2016, &now);
    let (mut taken, mut cleared, mut finished) = (0, 0, 0);
    law(|law| {
        for _ in 0..100_000 {
            let step = steps.new_tree(&mut runner).expect("a step").current();
            now += SignedDuration::from_mins(step.wait);
            if let Some(protocol) = step.renewed {
                progress = open(protocol, &now);
            }
            let asked = action(&step, &now);
            let Ok(after) = decide(&progress, &asked, &now, law, Setting::YouthSports) else {
                continue;
            };
            assert_legal(law, &progress, &after, &asked, &now);
            taken += 1;
            cleared += u32::from(progress.cleared.is_none() && after.cleared.is_some());
            finished += u32::from(progress.stage < 6 && after.stage == 6);
            progress = after;
        }
    });
    assert!(taken > 10_000 && cleared > 100 && finished > 50, "{taken} {cleared} {finished}");
}
