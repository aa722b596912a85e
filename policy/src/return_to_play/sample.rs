//! What the tests of the engine share. Its place is Ohio.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

use super::{Clearance, Licence, Profession, Progress, Protocol, Refusal};
use crate::statutes::{InForce, Statutes};

static STATUTES: LazyLock<Statutes> = LazyLock::new(|| Statutes::built_in().expect("packs"));

pub(super) fn at(time: &str) -> Zoned {
    let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").expect("a zone");
    time.parse::<DateTime>().expect("a time").to_zoned(zone).expect("in range")
}

pub(super) fn law<T>(ask: impl FnOnce(&InForce<'_>) -> T) -> T {
    ask(&STATUTES.as_of("us-oh", at("2026-03-02T00:00").date()).expect("Ohio"))
}

/// Removed and opened on 2 March at 18:00.
pub(super) fn opened() -> Progress {
    let removed = at("2026-03-02T18:00");
    Progress::open(Protocol::Berlin2016, removed.timestamp(), removed.date())
}

/// In the stage since as many days after the opening as it took to come there.
pub(super) fn ready(stage: u8) -> Progress {
    let opened = opened();
    let stayed = SignedDuration::from_hours(24 * i64::from(stage - 1));
    Progress { stage, entered_at: opened.entered_at + stayed, ..opened }
}

pub(super) fn physician(given: &str) -> Clearance {
    Clearance {
        clinician: "Dr A".into(),
        licence: Some(Licence { profession: Profession::Physician, number: "35.1".into() }),
        physician: None,
        in_writing: true,
        at: at(given).timestamp(),
    }
}

pub(super) fn codes(answer: Result<Progress, Refusal>) -> Vec<&'static str> {
    let refusal = answer.expect_err("a refusal");
    refusal.missing.iter().map(super::Missing::code).collect()
}
