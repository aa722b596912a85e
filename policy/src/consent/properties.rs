//! What must hold of any consents.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;
use proptest::sample::select;

use super::sample::{at, law, minors_own, participant};
use super::{Basis, Budget, Consent, Grantor, Participant, verdict};
use crate::statutes::age_on;

fn any_consent() -> impl Strategy<Value = Consent> {
    let basis = select(&[Basis::Guardian, Basis::Own, Basis::MinorMentalHealth][..]);
    let grantors = [Grantor::Participant, Grantor::Parent, Grantor::Guardian, Grantor::Other];
    let hours = || prop::option::of(-200i64..200);
    (basis, select(grantors.to_vec()), -200i64..50, hours(), hours(), 0usize..8).prop_map(
        |(basis, grantor, granted, expires, revoked, sessions)| {
            let now = at("2026-03-10T10:00").timestamp();
            let after = |hours| now + SignedDuration::from_hours(hours);
            Consent {
                basis,
                grantor,
                granted_at: after(granted),
                expires_at: expires.map(after),
                revoked_at: revoked.map(after),
                sessions: vec![date(2026, 3, 3); sessions],
                ..minors_own()
            }
        },
    )
}

fn born() -> impl Strategy<Value = Option<Date>> {
    prop::option::weighted(0.9, (0i32..3_000).prop_map(|days| date(2006, 1, 1) + days.days()))
}

fn open(participant: &Participant, consents: &[Consent]) -> bool {
    let at = at("2026-03-10T10:00");
    law(at.date(), |law| verdict(participant, consents, &["mental_health"], &at, law).open)
}

proptest! {
    #[test]
    fn to_revoke_never_opens_and_one_more_consent_never_closes(
        consents in prop::collection::vec(any_consent(), 0..4),
        more in any_consent(),
        born_on in born(),
    ) {
        let participant = Participant { born_on, ..participant() };
        let was = open(&participant, &consents);
        let now = at("2026-03-10T10:00").timestamp();
        let revoke = |consent: Consent| {
            let revoked_at = Some(consent.revoked_at.map_or(now, |before| before.min(now)));
            Consent { revoked_at, ..consent }
        };
        let revoked: Vec<_> = consents.iter().cloned().map(revoke).collect();
        prop_assert!(!open(&participant, &revoked));
        let joined: Vec<_> = consents.into_iter().chain([more]).collect();
        prop_assert!(!was || open(&participant, &joined));
    }

    #[test]
    fn whatever_is_asked_six_sessions_within_thirty_days_by_one_of_fourteen_to_seventeen(
        asked in prop::collection::vec(0i32..90, 1..30),
        born_on in born(),
    ) {
        let participant = Participant { born_on, ..participant() };
        let mut consent = minors_own();
        for day in asked {
            let time = at("2026-03-03T10:00") + day.days();
            let budget = Budget::of(&consent, &participant).expect("a budget");
            if law(time.date(), |law| budget.spend(&time, law)).is_ok() {
                consent.sessions.push(time.date());
            }
        }
        prop_assert!(consent.sessions.len() <= 6);
        let ages = consent.sessions.iter().filter_map(|day| age_on(born_on?, *day));
        prop_assert_eq!(ages.filter(|age| (14..18).contains(age)).count(), consent.sessions.len());
        let first = consent.sessions.iter().min();
        let last = consent.sessions.iter().max();
        if let (Some(first), Some(last)) = (first, last) {
            prop_assert!(first.until(*last).expect("a span").get_days() <= 30);
        }
    }
}
