//! Consent: whether what happens to a participant at a moment is consented to, and why not.
//!
//! [`verdict`] is the gate before a session is captured (K-046, K-056). [`Budget`] is what a minor may
//! consent to alone: so many sessions in so many days (ORC 5122.04, K-047).

mod budget;
mod gate;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod sample;

pub use budget::{Budget, Refusal, Remaining};
pub use gate::{Reason, Verdict, verdict};

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

/// Who may be spoken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participant {
    pub id: Uuid,
    /// Without it, nothing that depends on an age is consented to.
    pub born_on: Option<Date>,
}

/// On what a consent rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A parent or guardian consents for the participant.
    Guardian,
    /// The participant consents, being of age.
    Own,
    /// The participant consents, being a minor of 14 or more, to outpatient mental-health services
    /// (ORC 5122.04).
    MinorMentalHealth,
}

/// Who gave a consent, as seen from the participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grantor {
    Participant,
    /// Until the participant comes of age.
    Parent,
    /// Appointed, and so at any age.
    Guardian,
    /// Anybody else, who can consent to nothing.
    Other,
}

/// A consent as it was recorded (C-21).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub participant: Uuid,
    pub basis: Basis,
    /// To what, in the words of the module that asks.
    pub purpose: String,
    pub grantor: Grantor,
    /// From this moment on.
    pub granted_at: Timestamp,
    /// Until just before this moment.
    pub expires_at: Option<Timestamp>,
    /// Until just before this moment.
    pub revoked_at: Option<Timestamp>,
    /// The days, in the place's calendar, of the sessions recorded under it.
    pub sessions: Vec<Date>,
}

/// What the gate finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There is a consent.
    Covered,
    /// Nobody asked for a purpose.
    PurposeMissing,
    /// There is no consent for this purpose.
    ConsentMissing,
    /// The consent is another person's.
    OtherPerson,
    NotYetGranted,
    Expired,
    Revoked,
    /// Who gave it may not give it on this basis.
    GrantorNotEntitled,
    /// The participant's birth date is not known, or comes after the event.
    AgeUnknown,
    /// Below the age of the basis, now or when it was given.
    TooYoung {
        minimum: u16,
    },
    /// The participant has come of age.
    OfAge,
    /// The law behind the basis does not hold on this day.
    BasisNotInForce,
    /// The basis is for other purposes.
    PurposeNotPermitted,
    /// All sessions were held.
    SessionsSpent {
        allowed: u16,
    },
    /// The days are over.
    DaysOver {
        last_day: Date,
    },
}

impl Basis {
    /// The name that records and answers have.
    pub fn code(self) -> &'static str {
        match self {
            Self::Guardian => "guardian",
            Self::Own => "own",
            Self::MinorMentalHealth => "orc_5122_04",
        }
    }

    /// The basis of this code.
    pub fn of_code(code: &str) -> Option<Self> {
        let all = [Self::Guardian, Self::Own, Self::MinorMentalHealth];
        all.into_iter().find(|basis| basis.code() == code)
    }

    /// The section of law that the basis is.
    pub fn citation(self) -> Option<&'static str> {
        match self {
            Self::Guardian | Self::Own => None,
            Self::MinorMentalHealth => Some("ORC 5122.04"),
        }
    }
}

impl Finding {
    /// The name that answers and the ledger have; it does not change.
    pub fn code(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::PurposeMissing => "purpose_missing",
            Self::ConsentMissing => "consent_missing",
            Self::OtherPerson => "other_person",
            Self::NotYetGranted => "not_yet_granted",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::GrantorNotEntitled => "grantor_not_entitled",
            Self::AgeUnknown => "age_unknown",
            Self::TooYoung { .. } => "too_young",
            Self::OfAge => "of_age",
            Self::BasisNotInForce => "basis_not_in_force",
            Self::PurposeNotPermitted => "purpose_not_permitted",
            Self::SessionsSpent { .. } => "sessions_spent",
            Self::DaysOver { .. } => "days_over",
        }
    }

    /// What to do about it; what is over can only end, or go on with the guardian (ORC 5122.04 (B)).
    pub fn advice(self) -> String {
        match self {
            Self::Covered => "there is a consent".into(),
            Self::PurposeMissing => "say for which purpose".into(),
            Self::ConsentMissing => "record a consent for this purpose".into(),
            Self::OtherPerson => "use a consent of this participant".into(),
            Self::NotYetGranted => "the consent was given later than this".into(),
            Self::Expired => "the consent has expired: record a new one".into(),
            Self::Revoked => "the consent was revoked".into(),
            Self::GrantorNotEntitled => "the consent must come from whom its basis names".into(),
            Self::AgeUnknown => "record the participant's birth date".into(),
            Self::TooYoung { minimum } => format!("the participant must be {minimum} or older"),
            Self::OfAge => "the participant is of age and consents alone: record that".into(),
            Self::BasisNotInForce => "the law behind this basis does not hold on this day".into(),
            Self::PurposeNotPermitted => "this basis is for other purposes".into(),
            Self::SessionsSpent { allowed } => format!(
                "all {allowed} sessions were held: end the services, or ask the guardian with the \
                 minor's agreement"
            ),
            Self::DaysOver { last_day } => format!(
                "the last day was {last_day}: end the services, or ask the guardian with the minor's \
                 agreement"
            ),
        }
    }
}
