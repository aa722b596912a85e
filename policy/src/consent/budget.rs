//! The sessions and days that a minor may consent to alone (ORC 5122.04).

use jiff::civil::Date;
use jiff::{Span, Zoned};

use super::gate::faults;
use super::{Basis, Consent, Finding, Participant};
use crate::statutes::{Authority, ClockStart, InForce, MinorConsentLaw};

/// The budget of one consent on [`Basis::MinorMentalHealth`].
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    consent: &'a Consent,
    participant: &'a Participant,
}

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Further sessions.
    pub sessions: u16,
    /// Further days after this one.
    pub days: i32,
    /// The last day of a session, itself among them.
    pub last_day: Date,
}

/// Why there may be no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub missing: Vec<Finding>,
    pub authority: Authority,
}

impl<'a> Budget<'a> {
    /// The consent's budget; `None` where its basis has none.
    pub fn of(consent: &'a Consent, participant: &'a Participant) -> Option<Self> {
        (consent.basis == Basis::MinorMentalHealth).then_some(Self { consent, participant })
    }

    /// What is left at a moment, before any session on it.
    ///
    /// # Errors
    /// Everything for which there may be no session.
    pub fn remaining(&self, at: &Zoned, law: &InForce<'_>) -> Result<Remaining, Refusal> {
        let missing = faults(self.consent, self.participant, at, law);
        let section = law.minor_consent();
        let citation = section.map(|(citation, _)| citation).or(self.consent.basis.citation());
        match section.and_then(|(_, law)| Some((law, last_day(self.consent, at, law)?))) {
            Some((law, last_day)) if missing.is_empty() => {
                let held = u16::try_from(self.consent.sessions.len()).unwrap_or(u16::MAX);
                let days = at.date().duration_until(last_day).as_hours() / 24;
                Ok(Remaining {
                    sessions: law.sessions.saturating_sub(held),
                    days: i32::try_from(days).unwrap_or(0),
                    last_day,
                })
            }
            _ => Err(Refusal { missing, authority: law.authority(citation) }),
        }
    }

    /// Holds a session at a moment: the age, the consent, the sessions and the days are those of then.
    /// `at` carries the place's time zone, `law` is the law of that day. Who asks records the day among
    /// the consent's sessions, in the same transaction.
    ///
    /// # Errors
    /// Everything for which there may be no session.
    pub fn spend(&self, at: &Zoned, law: &InForce<'_>) -> Result<Remaining, Refusal> {
        let before = self.remaining(at, law)?;
        Ok(Remaining { sessions: before.sessions.saturating_sub(1), ..before })
    }
}

/// The last day on which a session may be, if there is one at this moment. As the pack has it, "thirty
/// days" are those after the day of the first session: day 30 is in, day 31 is out. A session that is
/// recorded late may itself be the first.
fn last_day(consent: &Consent, at: &Zoned, law: &MinorConsentLaw) -> Option<Date> {
    let first = match law.clock_starts {
        ClockStart::FirstSession => {
            consent.sessions.iter().copied().fold(at.date(), |first, day| first.min(day))
        }
        ClockStart::Consent => consent.granted_at.to_zoned(at.time_zone().clone()).date(),
    };
    let days = i32::from(law.days) - i32::from(law.first_day_counts);
    first.checked_add(Span::new().days(days)).ok()
}

/// What the budget has against a session at a moment.
pub(super) fn overspent(consent: &Consent, at: &Zoned, law: &MinorConsentLaw) -> Vec<Finding> {
    let mut found = Vec::new();
    if consent.sessions.len() >= usize::from(law.sessions) {
        found.push(Finding::SessionsSpent { allowed: law.sessions });
    }
    let latest = consent.sessions.iter().copied().fold(at.date(), |latest, day| latest.max(day));
    if let Some(last_day) = last_day(consent, at, law)
        && last_day < latest
    {
        found.push(Finding::DaysOver { last_day });
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::sample::{at, law, minors_own, pack, participant, repealed_on};
    use super::*;
    use crate::statutes::{Law, Statutes};

    fn spend(consent: &Consent, time: &str) -> Result<Remaining, Refusal> {
        let at = at(time);
        let participant = participant();
        let budget = Budget::of(consent, &participant).expect("a budget");
        law(at.date(), |law| budget.spend(&at, law))
    }

    fn codes(answer: Result<Remaining, Refusal>) -> Vec<&'static str> {
        let refusal = answer.expect_err("a refusal");
        assert_eq!(refusal.authority.citation.as_deref(), Some("ORC 5122.04"));
        refusal.missing.iter().map(|finding| finding.code()).collect()
    }

    fn held(days: &[Date]) -> Consent {
        Consent { sessions: days.to_vec(), ..minors_own() }
    }

    #[test]
    fn six_sessions_are_held_and_the_seventh_is_refused() {
        let mut consent = minors_own();
        for left in (0..6).rev() {
            let remaining = spend(&consent, "2026-03-10T10:00").expect("a session");
            assert_eq!(remaining.sessions, left);
            consent.sessions.push(date(2026, 3, 10));
        }
        assert_eq!(codes(spend(&consent, "2026-03-10T10:00")), ["sessions_spent"]);
    }

    #[test]
    fn the_thirtieth_day_after_the_first_session_is_in_and_the_next_is_out() {
        let consent = held(&[date(2026, 3, 10)]);
        let last = spend(&consent, "2026-04-09T23:59:59").expect("day 30");
        let expected = Remaining { sessions: 4, days: 0, last_day: date(2026, 4, 9) };
        assert_eq!(last, expected);
        assert_eq!(codes(spend(&consent, "2026-04-10T00:00")), ["days_over"]);
    }

    #[test]
    fn the_days_begin_with_the_first_session_and_not_with_the_consent() {
        let remaining = spend(&minors_own(), "2026-05-30T10:00").expect("the first");
        assert_eq!((remaining.days, remaining.last_day), (30, date(2026, 6, 29)));
    }

    #[test]
    fn a_pack_may_count_from_the_consent_or_the_first_day_as_one_of_them() {
        let mut pack = pack();
        for rule in &mut pack.rules {
            if let Law::MinorConsent(law) = &mut rule.law {
                law.first_day_counts = true;
                law.clock_starts = ClockStart::Consent;
            }
        }
        let statutes = Statutes::of([pack]).expect("sound");
        let (consent, participant) = (minors_own(), participant());
        let budget = Budget::of(&consent, &participant).expect("a budget");
        let spend = |time| {
            let at = at(time);
            budget.spend(&at, &statutes.as_of("us-oh", at.date()).expect("Ohio"))
        };
        // Granted on 2 March.
        assert_eq!(spend("2026-03-31T10:00").expect("the 30th day").days, 0);
        assert_eq!(codes(spend("2026-04-01T10:00")), ["days_over"]);
    }

    #[test]
    fn both_ends_of_the_budget_are_named() {
        let consent = held(&[date(2026, 3, 10); 6]);
        assert_eq!(codes(spend(&consent, "2026-05-10T10:00")), ["sessions_spent", "days_over"]);
    }

    #[test]
    fn a_session_recorded_late_counts_from_its_own_day() {
        let consent = held(&[date(2026, 4, 9)]);
        assert!(spend(&consent, "2026-03-10T10:00").is_ok());
        assert_eq!(codes(spend(&consent, "2026-03-09T10:00")), ["days_over"]);
    }

    #[test]
    fn a_revoked_consent_has_no_session_from_that_moment_on() {
        let revoked = Some(at("2026-03-10T10:00").timestamp());
        let consent = Consent { revoked_at: revoked, ..minors_own() };
        assert!(spend(&consent, "2026-03-10T09:59:59").is_ok());
        assert_eq!(codes(spend(&consent, "2026-03-10T10:00")), ["revoked"]);
        let spent = Consent { sessions: vec![date(2026, 3, 3); 6], ..consent };
        let all = ["revoked", "sessions_spent", "days_over"];
        assert_eq!(codes(spend(&spent, "2026-05-10T10:00")), all);
    }

    #[test]
    fn the_age_is_that_of_each_session() {
        let (consent, birth) = (minors_own(), participant().born_on);
        let spend = |born_on, time: &str| {
            let (at, participant) = (at(time), Participant { born_on, ..participant() });
            let budget = Budget::of(&consent, &participant).expect("a budget");
            law(at.date(), |law| budget.spend(&at, law))
        };
        assert!(spend(birth, "2026-03-10T10:00").is_ok());
        let turning_18 = Some(date(2008, 3, 10));
        assert!(spend(turning_18, "2026-03-09T23:59").is_ok());
        assert_eq!(codes(spend(turning_18, "2026-03-10T00:00")), ["of_age"]);
        let not_yet_14 = Some(date(2012, 3, 11));
        assert_eq!(codes(spend(not_yet_14, "2026-03-10T10:00")), ["too_young"]);
        // Fourteen by now, but not when the consent was given.
        assert_eq!(codes(spend(not_yet_14, "2026-03-11T10:00")), ["too_young"]);
        assert_eq!(codes(spend(None, "2026-03-10T10:00")), ["age_unknown"]);
    }

    #[test]
    fn a_repeal_gives_two_answers_on_two_days() {
        let statutes = repealed_on(date(2026, 4, 1));
        let (consent, participant) = (minors_own(), participant());
        let budget = Budget::of(&consent, &participant).expect("a budget");
        let spend = |time| {
            let at = at(time);
            budget.spend(&at, &statutes.as_of("us-oh", at.date()).expect("Ohio"))
        };
        assert!(spend("2026-03-31T23:59").is_ok());
        assert_eq!(codes(spend("2026-04-01T00:00")), ["basis_not_in_force"]);
    }

    #[test]
    fn only_the_minors_own_consent_has_a_budget() {
        let consent = Consent { basis: Basis::Guardian, ..minors_own() };
        assert!(Budget::of(&consent, &participant()).is_none());
    }
}
