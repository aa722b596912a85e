//! The steps back to play.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::clearance::Clearance;
use super::protocol::Protocol;
use super::refusal::{Missing, Refusal};
use crate::statutes::{InForce, Setting};

/// Where somebody stands. Made by [`Progress::open`] and [`decide`]; read back from storage by its
/// fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub protocol: Protocol,
    /// The step of the protocol, from 1.
    pub stage: u8,
    /// Since when in this stage.
    pub entered_at: Timestamp,
    /// Whether there were symptoms when last somebody said.
    pub symptomatic: bool,
    /// When symptoms last set it back: a clearance from before is void.
    pub regressed_at: Option<Timestamp>,
    /// The calendar day of the removal from play, in the place's time zone.
    pub removed_on: Date,
    /// The clearance, once there is one (K-021).
    pub cleared: Option<Clearance>,
}

/// What somebody says of symptoms with an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symptoms {
    /// Nothing: what was said last holds.
    Unsaid,
    Absent,
    Present,
}

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// On by one stage. `to` is the stage that the asker expects to come to, if they say.
    Advance { symptoms: Symptoms, to: Option<u8> },
    /// Back by one stage. Never refused: to be careful needs no permission.
    Regress { symptoms: Symptoms },
    /// Clear for return.
    Clear { symptoms: Symptoms, clearance: Option<Clearance> },
}

impl Progress {
    /// A new case: at stage 1 from now on (K-020).
    pub fn open(protocol: Protocol, now: Timestamp, removed_on: Date) -> Self {
        Self {
            protocol,
            stage: 1,
            entered_at: now,
            symptomatic: false,
            regressed_at: None,
            removed_on,
            cleared: None,
        }
    }

    /// When the next stage may begin at the soonest: 24 elapsed hours after this one, whatever the clocks
    /// on the wall did.
    pub fn earliest_next(&self) -> Timestamp {
        let stay = SignedDuration::from_hours(Protocol::HOURS_PER_STAGE);
        self.entered_at.checked_add(stay).unwrap_or(Timestamp::MAX)
    }

    fn symptomatic_after(&self, said: Symptoms) -> bool {
        match said {
            Symptoms::Unsaid => self.symptomatic,
            Symptoms::Absent => false,
            Symptoms::Present => true,
        }
    }
}

/// Takes a step, or says all that is missing for it. `now` carries the time zone of the place, in whose
/// calendar "the day of the removal" is read; `law` is the law of the day of the removal.
///
/// # Errors
/// Everything that is missing.
pub fn decide(
    progress: &Progress,
    action: &Action,
    now: &Zoned,
    law: &InForce<'_>,
    setting: Setting,
) -> Result<Progress, Refusal> {
    let section = law.concussion(setting);
    let same_day_barred = section.is_some_and(|(_, law)| law.bars_same_day_return);
    let missing = match action {
        Action::Advance { symptoms, to } => {
            let today = same_day_barred && now.date() <= progress.removed_on;
            missing_to_advance(progress, *symptoms, *to, now.timestamp(), today)
        }
        Action::Regress { .. } => vec![],
        Action::Clear { symptoms, clearance } => {
            let mut missing = missing_to_clear(progress, *symptoms);
            match clearance {
                Some(clearance) => {
                    missing.extend(clearance.missing(progress, now, section.map(|(_, law)| law)));
                }
                None => missing.push(Missing::ClinicianMissing),
            }
            missing
        }
    };
    if missing.is_empty() {
        return Ok(step(progress, action, now.timestamp()));
    }
    let authority = law.authority(section.map(|(citation, _)| citation));
    Err(Refusal { missing, protocol: progress.protocol, authority })
}

fn missing_to_advance(
    progress: &Progress,
    symptoms: Symptoms,
    to: Option<u8>,
    now: Timestamp,
    same_day: bool,
) -> Vec<Missing> {
    let Progress { protocol, stage, .. } = *progress;
    let next = stage.saturating_add(1);
    let earliest = progress.earliest_next();
    let found = [
        (stage >= protocol.last(), Missing::LastStage),
        (to.is_some_and(|to| to != next), Missing::StageSkipped { next }),
        (now < earliest, Missing::TooSoon { earliest }),
        (progress.symptomatic_after(symptoms), Missing::SymptomsPresent),
        (
            (protocol.clearance_before()..=protocol.last()).contains(&next)
                && progress.cleared.is_none(),
            Missing::NotCleared,
        ),
        (same_day, Missing::SameDay),
    ];
    found.into_iter().filter_map(|(lacks, missing)| lacks.then_some(missing)).collect()
}

fn missing_to_clear(progress: &Progress, symptoms: Symptoms) -> Vec<Missing> {
    let from = progress.protocol.clearance_from();
    let found = [
        (progress.cleared.is_some(), Missing::AlreadyCleared),
        (progress.stage < from, Missing::ClearanceTooEarly { from }),
        (progress.symptomatic_after(symptoms), Missing::SymptomsPresent),
    ];
    found.into_iter().filter_map(|(lacks, missing)| lacks.then_some(missing)).collect()
}

/// The step itself. Going back voids a clearance, so that nobody with symptoms counts as cleared.
fn step(progress: &Progress, action: &Action, now: Timestamp) -> Progress {
    let Progress { stage, .. } = *progress;
    let old = progress.clone();
    match action {
        Action::Advance { .. } => {
            Progress { stage: stage + 1, entered_at: now, symptomatic: false, ..old }
        }
        Action::Regress { symptoms } => Progress {
            stage: stage.saturating_sub(1).max(1),
            entered_at: now.max(progress.entered_at),
            symptomatic: progress.symptomatic_after(*symptoms),
            // Never earlier than before, whichever server's clock says so.
            regressed_at: progress.regressed_at.max(Some(now)),
            cleared: None,
            ..old
        },
        Action::Clear { clearance, .. } => {
            Progress { symptomatic: false, cleared: clearance.clone(), ..old }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, codes, law, opened, physician, ready};
    use super::*;
    use crate::statutes::Statutes;

    fn go(progress: &Progress, action: &Action, now: &str) -> Result<Progress, Refusal> {
        law(|law| decide(progress, action, &at(now), law, Setting::YouthSports))
    }

    fn advance(progress: &Progress, now: &str) -> Result<Progress, Refusal> {
        go(progress, &Action::Advance { symptoms: Symptoms::Unsaid, to: None }, now)
    }

    fn regress(progress: &Progress, symptoms: Symptoms, now: &str) -> Progress {
        go(progress, &Action::Regress { symptoms }, now).expect("never refused")
    }

    #[test]
    fn a_case_opens_at_stage_one_in_every_protocol() {
        for protocol in Protocol::ALL {
            let now = at("2026-03-02T18:00");
            let progress = Progress::open(protocol, now.timestamp(), now.date());
            assert_eq!((progress.stage, progress.cleared), (1, None));
        }
    }

    #[test]
    fn a_stage_takes_twenty_four_hours_to_the_nanosecond() {
        let progress = opened();
        let exactly = advance(&progress, "2026-03-03T18:00").expect("24 hours");
        assert_eq!((exactly.stage, exactly.entered_at), (2, progress.earliest_next()));
        let refusal = advance(&progress, "2026-03-03T17:59:59.999999999").expect_err("too soon");
        assert_eq!(refusal.missing, [Missing::TooSoon { earliest: progress.earliest_next() }]);
        assert_eq!(refusal.authority.citation.as_deref(), Some("ORC 3707.511"));
        assert_eq!(refusal.authority.pack, "us-oh/2026-11");
    }

    #[test]
    fn the_hours_are_elapsed_ones_when_the_clocks_go_forward() {
        // 8 March 2026, 02:00 becomes 03:00: the same time on the wall is 23 hours later.
        let entered_at = at("2026-03-07T18:00").timestamp();
        let progress = Progress { entered_at, ..ready(2) };
        assert_eq!(codes(advance(&progress, "2026-03-08T18:59:59")), ["too_soon"]);
        assert!(advance(&progress, "2026-03-08T19:00").is_ok());
    }

    #[test]
    fn a_day_of_twenty_five_hours_is_still_the_day_of_the_removal() {
        // 1 November 2026 has 25 hours, so 24 hours after its midnight it is not over.
        let removed = at("2026-11-01T00:10");
        let progress = Progress::open(Protocol::Zurich2012, removed.timestamp(), removed.date());
        assert_eq!(codes(advance(&progress, "2026-11-01T23:20")), ["same_day"]);
        assert!(advance(&progress, "2026-11-02T00:00").is_ok());
    }

    #[test]
    fn a_leap_day_is_a_day_of_its_own() {
        let removed = at("2028-02-28T12:00");
        let progress = Progress::open(Protocol::Berlin2016, removed.timestamp(), removed.date());
        assert!(advance(&progress, "2028-02-29T12:00").is_ok());
    }

    #[test]
    fn no_stage_is_skipped() {
        let jump = |to| Action::Advance { symptoms: Symptoms::Absent, to: Some(to) };
        let now = "2026-03-20T12:00";
        for to in [0, 1, 3, 5, 6, 255] {
            let refusal = go(&opened(), &jump(to), now).expect_err("a jump");
            assert_eq!(refusal.missing, [Missing::StageSkipped { next: 2 }]);
        }
        assert_eq!(go(&opened(), &jump(2), now).expect("the next").stage, 2);
    }

    #[test]
    fn contact_waits_for_a_clearance_and_the_last_stage_is_the_last() {
        assert_eq!(codes(advance(&ready(4), "2026-03-20T12:00")), ["not_cleared"]);
        let amsterdam = Progress { protocol: Protocol::Amsterdam2022, ..ready(3) };
        assert_eq!(codes(advance(&amsterdam, "2026-03-20T12:00")), ["not_cleared"]);
        let cleared = Some(physician("2026-03-08T12:00"));
        assert!(advance(&Progress { cleared, ..ready(4) }, "2026-03-20T12:00").is_ok());
        assert_eq!(codes(advance(&ready(6), "2026-03-20T12:00")), ["last_stage"]);
    }

    #[test]
    fn a_clearance_waits_for_the_stage_before_contact_and_for_the_symptoms_to_go() {
        let clearance = Some(physician("2026-03-08T12:00"));
        let clear = |symptoms| Action::Clear { symptoms, clearance: clearance.clone() };
        let now = "2026-03-09T12:00";
        let early = go(&ready(3), &clear(Symptoms::Unsaid), now).expect_err("early");
        assert_eq!(early.missing, [Missing::ClearanceTooEarly { from: 4 }]);
        assert_eq!(codes(go(&ready(4), &clear(Symptoms::Present), now)), ["symptoms_present"]);
        let cleared = go(&ready(4), &clear(Symptoms::Unsaid), now).expect("cleared");
        assert_eq!(codes(go(&cleared, &clear(Symptoms::Unsaid), now)), ["already_cleared"]);
        let nobody = Action::Clear { symptoms: Symptoms::Unsaid, clearance: None };
        assert_eq!(codes(go(&ready(4), &nobody, now)), ["clinician_missing"]);
    }

    #[test]
    fn symptoms_set_back_one_stage_and_the_time_begins_again() {
        let back = regress(&ready(3), Symptoms::Present, "2026-03-09T12:00");
        assert_eq!((back.stage, back.entered_at), (2, at("2026-03-09T12:00").timestamp()));
        let soon = codes(advance(&back, "2026-03-10T11:59"));
        assert_eq!(soon, ["too_soon", "symptoms_present"]);
        assert_eq!(codes(advance(&back, "2026-03-10T12:00")), ["symptoms_present"]);
        let gone = Action::Advance { symptoms: Symptoms::Absent, to: None };
        assert_eq!(go(&back, &gone, "2026-03-10T12:00").expect("on again").stage, 3);
    }

    #[test]
    fn the_first_stage_has_none_before_it_and_begins_again() {
        let back = regress(&opened(), Symptoms::Unsaid, "2026-03-03T17:00");
        assert_eq!((back.stage, back.entered_at), (1, at("2026-03-03T17:00").timestamp()));
        assert_eq!(codes(advance(&back, "2026-03-03T18:00")), ["too_soon"]);
    }

    #[test]
    fn going_back_voids_a_clearance_and_the_same_one_does_not_count_again() {
        let clearance = Some(physician("2026-03-08T12:00"));
        let cleared = Progress { cleared: clearance.clone(), ..ready(6) };
        let back = regress(&cleared, Symptoms::Unsaid, "2026-03-09T12:00");
        assert_eq!((back.stage, &back.cleared), (5, &None));
        let again = Action::Clear { symptoms: Symptoms::Absent, clearance };
        assert_eq!(codes(go(&back, &again, "2026-03-10T12:00")), ["clearance_outdated"]);
    }

    #[test]
    fn without_a_law_the_protocol_and_the_named_clinician_still_hold() {
        let pack = "jurisdiction = \"xx\"\nversion = \"xx/2026-01\"\nage_of_majority = 18";
        let statutes = Statutes::parse([pack]).expect("a pack");
        let law = statutes.as_of("xx", opened().removed_on).expect("a pack");
        let now = at("2026-03-09T12:00");
        let named = Clearance { licence: None, in_writing: false, ..physician("2026-03-08T12:00") };
        let clear = |clinician: &str| Action::Clear {
            symptoms: Symptoms::Absent,
            clearance: Some(Clearance { clinician: clinician.into(), ..named.clone() }),
        };
        assert!(decide(&ready(4), &clear("Dr A"), &now, &law, Setting::School).is_ok());
        let unnamed = decide(&ready(4), &clear(""), &now, &law, Setting::School);
        assert_eq!(unnamed.clone().expect_err("refused").authority.citation, None);
        assert_eq!(codes(unnamed), ["clinician_missing"]);
    }
}
