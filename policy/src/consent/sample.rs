//! What the tests of consent share: a participant of fifteen in Ohio, and a consent of 2 March 2026.

use std::sync::LazyLock;

use jiff::Zoned;
use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{Basis, Consent, Grantor, Participant};
use crate::statutes::{InForce, StatutePack, Statutes};

static STATUTES: LazyLock<Statutes> = LazyLock::new(|| Statutes::built_in().expect("packs"));

pub(super) fn at(time: &str) -> Zoned {
    let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").expect("a zone");
    time.parse::<DateTime>().expect("a time").to_zoned(zone).expect("in range")
}

pub(super) fn law<T>(on: Date, ask: impl FnOnce(&InForce<'_>) -> T) -> T {
    ask(&STATUTES.as_of("us-oh", on).expect("Ohio"))
}

pub(super) fn pack() -> StatutePack {
    StatutePack::parse(include_str!("../statutes/us-oh.toml")).expect("a pack")
}

pub(super) fn repealed_on(day: Date) -> Statutes {
    let mut pack = pack();
    for rule in pack.rules.iter_mut().filter(|rule| rule.citation == "ORC 5122.04") {
        rule.effective_until = Some(day);
    }
    Statutes::of([pack]).expect("sound")
}

pub(super) fn participant() -> Participant {
    Participant { id: Uuid::from_u128(1), born_on: Some(date(2010, 9, 1)) }
}

pub(super) fn minors_own() -> Consent {
    Consent {
        participant: participant().id,
        basis: Basis::MinorMentalHealth,
        purpose: "mental_health".into(),
        grantor: Grantor::Participant,
        granted_at: at("2026-03-02T09:00").timestamp(),
        expires_at: None,
        revoked_at: None,
        sessions: vec![],
    }
}

pub(super) fn parents(purpose: &str) -> Consent {
    Consent {
        basis: Basis::Guardian,
        purpose: purpose.into(),
        grantor: Grantor::Parent,
        ..minors_own()
    }
}
