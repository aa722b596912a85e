//! The verdict of the gate.

use jiff::Zoned;

use super::budget::overspent;
use super::{Basis, Consent, Finding, Grantor, Participant};
use crate::statutes::{Authority, InForce, age_on};

/// A finding for a purpose, and under which law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// None only when no purpose was asked for.
    pub purpose: Option<String>,
    pub finding: Finding,
    pub authority: Authority,
}

/// Whether the gate is open, and why: open, what each purpose rests on; closed, all that is against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub open: bool,
    pub reasons: Vec<Reason>,
}

/// Whether an event at a moment is consented to for every purpose (K-046, K-056). `at` carries the
/// place's time zone, in whose calendar ages and days are read; `law` is the law of that day. Without a
/// purpose the gate is closed.
pub fn verdict(
    participant: &Participant,
    consents: &[Consent],
    purposes: &[&str],
    at: &Zoned,
    law: &InForce<'_>,
) -> Verdict {
    let mut reasons = Vec::new();
    let mut open = !purposes.is_empty();
    if purposes.is_empty() {
        let authority = law.authority(None);
        reasons.push(Reason { purpose: None, finding: Finding::PurposeMissing, authority });
    }
    for purpose in purposes {
        let given: Vec<_> = consents
            .iter()
            .filter(|consent| consent.purpose == **purpose)
            .map(|consent| (consent.basis, faults(consent, participant, at, law)))
            .collect();
        let reason = |finding, basis: Option<Basis>| Reason {
            purpose: Some((*purpose).into()),
            finding,
            authority: law.authority(basis.and_then(Basis::citation)),
        };
        let covering = given.iter().find(|(_, faults)| faults.is_empty());
        if let Some((basis, _)) = covering {
            reasons.push(reason(Finding::Covered, Some(*basis)));
            continue;
        }
        open = false;
        if given.is_empty() {
            reasons.push(reason(Finding::ConsentMissing, None));
        }
        for (basis, faults) in given {
            for finding in faults {
                let found = reason(finding, Some(basis));
                if !reasons.contains(&found) {
                    reasons.push(found);
                }
            }
        }
    }
    Verdict { open, reasons }
}

/// All that keeps a consent from covering an event at a moment.
pub(super) fn faults(
    consent: &Consent,
    participant: &Participant,
    at: &Zoned,
    law: &InForce<'_>,
) -> Vec<Finding> {
    let now = at.timestamp();
    let found = [
        (consent.participant != participant.id, Finding::OtherPerson),
        (now < consent.granted_at, Finding::NotYetGranted),
        (consent.expires_at.is_some_and(|end| end <= now), Finding::Expired),
        (consent.revoked_at.is_some_and(|end| end <= now), Finding::Revoked),
        (!entitled(consent), Finding::GrantorNotEntitled),
    ];
    let mut faults: Vec<_> =
        found.into_iter().filter_map(|(lacks, finding)| lacks.then_some(finding)).collect();
    faults.extend(faults_of_age(consent, participant, at, law));
    if consent.basis == Basis::MinorMentalHealth {
        match law.minor_consent() {
            None => faults.push(Finding::BasisNotInForce),
            Some((_, law)) => {
                if !law.purposes.contains(&consent.purpose) {
                    faults.push(Finding::PurposeNotPermitted);
                }
                faults.extend(overspent(consent, at, law));
            }
        }
    }
    faults
}

fn entitled(consent: &Consent) -> bool {
    match consent.basis {
        Basis::Guardian => matches!(consent.grantor, Grantor::Parent | Grantor::Guardian),
        Basis::Own | Basis::MinorMentalHealth => consent.grantor == Grantor::Participant,
    }
}

/// The age counts at the event, and where the participant consents, also when they did.
fn faults_of_age(
    consent: &Consent,
    participant: &Participant,
    at: &Zoned,
    law: &InForce<'_>,
) -> Option<Finding> {
    if consent.grantor == Grantor::Guardian {
        return None;
    }
    let born_on = participant.born_on;
    let age = born_on.and_then(|birth| age_on(birth, at.date()));
    let given_on = consent.granted_at.to_zoned(at.time_zone().clone()).date();
    let then = born_on.and_then(|birth| age_on(birth, given_on));
    let (Some(age), Some(then)) = (age, then) else { return Some(Finding::AgeUnknown) };
    let majority = law.age_of_majority();
    let (minimum, of_age) = match consent.basis {
        Basis::Guardian => (0, Some(majority)),
        Basis::Own => (majority, None),
        // Without the law the basis is void at any age, which is another finding.
        Basis::MinorMentalHealth => {
            (law.minor_consent().map_or(0, |(_, law)| law.minimum_age), Some(majority))
        }
    };
    if age.min(then) < minimum {
        return Some(Finding::TooYoung { minimum });
    }
    of_age.is_some_and(|of_age| age >= of_age).then_some(Finding::OfAge)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::sample::{at, law, minors_own, parents, participant, repealed_on};
    use super::*;

    fn judge(participant: &Participant, consents: &[Consent], time: &str) -> Verdict {
        let at = at(time);
        law(at.date(), |law| verdict(participant, consents, &["training"], &at, law))
    }

    fn codes(verdict: &Verdict) -> Vec<&'static str> {
        verdict.reasons.iter().map(|reason| reason.finding.code()).collect()
    }

    const NOW: &str = "2026-03-10T10:00";

    #[test]
    fn no_consent_closes_and_a_parents_opens_with_its_reason() {
        let closed = judge(&participant(), &[], NOW);
        assert!(!closed.open);
        assert_eq!(codes(&closed), ["consent_missing"]);
        assert_eq!(closed.reasons[0].authority.pack, "us-oh/2026-11");
        let open = judge(&participant(), &[parents("training")], NOW);
        assert!(open.open);
        assert_eq!(codes(&open), ["covered"]);
    }

    #[test]
    fn every_purpose_must_be_covered_and_none_is_not_all() {
        let (at, consents) = (at(NOW), [parents("training")]);
        let judge = |purposes: &[&str]| {
            law(at.date(), |law| verdict(&participant(), &consents, purposes, &at, law))
        };
        let both = judge(&["training", "photographs"]);
        assert!(!both.open);
        assert_eq!(codes(&both), ["covered", "consent_missing"]);
        assert!(!judge(&[]).open);
    }

    #[test]
    fn a_consent_holds_from_its_moment_until_just_before_its_end() {
        let end = Some(at("2026-03-12T00:00").timestamp());
        let expiring = [Consent { expires_at: end, ..parents("training") }];
        let revoked = [Consent { revoked_at: end, ..parents("training") }];
        for (time, of_expiring, of_revoked) in [
            ("2026-03-02T08:59:59", "not_yet_granted", "not_yet_granted"),
            ("2026-03-02T09:00", "covered", "covered"),
            ("2026-03-11T23:59:59", "covered", "covered"),
            ("2026-03-12T00:00", "expired", "revoked"),
        ] {
            assert_eq!(codes(&judge(&participant(), &expiring, time)), [of_expiring], "{time}");
            assert_eq!(codes(&judge(&participant(), &revoked, time)), [of_revoked], "{time}");
        }
    }

    #[test]
    fn another_persons_consent_and_a_strangers_word_do_not_count() {
        let other = Consent { participant: uuid::Uuid::from_u128(2), ..parents("training") };
        assert_eq!(codes(&judge(&participant(), &[other], NOW)), ["other_person"]);
        for (basis, grantor) in [
            (Basis::Guardian, Grantor::Other),
            (Basis::Guardian, Grantor::Participant),
            (Basis::MinorMentalHealth, Grantor::Parent),
        ] {
            let consent = Consent { basis, grantor, ..parents("training") };
            let verdict = judge(&participant(), &[consent], NOW);
            assert!(codes(&verdict).contains(&"grantor_not_entitled"), "{basis:?} {grantor:?}");
        }
    }

    #[test]
    fn a_parents_consent_ends_when_the_participant_comes_of_age_and_their_own_begins() {
        let participant = Participant { born_on: Some(date(2008, 3, 10)), ..participant() };
        let consents = [parents("training")];
        assert!(judge(&participant, &consents, "2026-03-09T23:59").open);
        assert_eq!(codes(&judge(&participant, &consents, "2026-03-10T00:00")), ["of_age"]);
        let guardian = Consent { grantor: Grantor::Guardian, ..parents("training") };
        assert!(judge(&participant, &[guardian], NOW).open);
        let own =
            Consent { basis: Basis::Own, grantor: Grantor::Participant, ..parents("training") };
        let early = codes(&judge(&participant, std::slice::from_ref(&own), NOW)).join(" ");
        assert_eq!(early, "too_young", "given before the birthday");
        let own = Consent { granted_at: at("2026-03-10T08:00").timestamp(), ..own };
        assert!(judge(&participant, &[own], NOW).open);
    }

    #[test]
    fn without_a_birth_date_only_an_appointed_guardian_can_be_believed() {
        let unknown = Participant { born_on: None, ..participant() };
        assert_eq!(codes(&judge(&unknown, &[parents("training")], NOW)), ["age_unknown"]);
        let guardian = Consent { grantor: Grantor::Guardian, ..parents("training") };
        assert!(judge(&unknown, &[guardian], NOW).open);
    }

    #[test]
    fn a_minors_own_consent_is_for_mental_health_alone() {
        let training = Consent { purpose: "training".into(), ..minors_own() };
        assert_eq!(codes(&judge(&participant(), &[training], NOW)), ["purpose_not_permitted"]);
    }

    #[test]
    fn the_gate_reads_the_budget_and_cites_its_law() {
        let spent = Consent { sessions: vec![date(2026, 3, 3); 6], ..minors_own() };
        let at = at(NOW);
        let judged = law(at.date(), |law| {
            verdict(&participant(), std::slice::from_ref(&spent), &["mental_health"], &at, law)
        });
        assert_eq!(codes(&judged), ["sessions_spent"]);
        assert_eq!(judged.reasons[0].authority.citation.as_deref(), Some("ORC 5122.04"));
    }

    #[test]
    fn a_repeal_closes_the_gate_from_its_day_on() {
        let statutes = repealed_on(date(2026, 4, 1));
        let judge = |time| {
            let at = at(time);
            let law = statutes.as_of("us-oh", at.date()).expect("Ohio");
            verdict(&participant(), &[minors_own()], &["mental_health"], &at, &law)
        };
        assert!(judge("2026-03-31T23:59").open);
        assert_eq!(codes(&judge("2026-04-01T00:00")), ["basis_not_in_force"]);
    }
}
