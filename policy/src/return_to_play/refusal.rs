//! Why a step was not taken.

use jiff::Timestamp;

use super::protocol::Protocol;
use crate::statutes::Authority;

/// A step that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Not yet 24 hours in this stage.
    TooSoon {
        earliest: Timestamp,
    },
    /// There are symptoms, or there were and nobody said that they are gone.
    SymptomsPresent,
    /// More than one stage at once, or none.
    StageSkipped {
        next: u8,
    },
    /// There is no further stage.
    LastStage,
    /// The next stage is for those who are cleared.
    NotCleared,
    /// The protocol clears from this stage on.
    ClearanceTooEarly {
        from: u8,
    },
    AlreadyCleared,
    /// There is no clearance, or it names nobody.
    ClinicianMissing,
    ClinicianNotLicensed,
    /// A clinician who is no physician works with one, and says with whom.
    PhysicianMissing,
    NotInWriting,
    ClearanceInFuture,
    /// Given before the removal, or before symptoms came back.
    ClearanceOutdated,
    /// On the calendar day of the removal.
    SameDay,
}

/// Why not: all that is missing, and under which law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub missing: Vec<Missing>,
    pub protocol: Protocol,
    pub authority: Authority,
}

impl Missing {
    /// The name that answers and the ledger have; it does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooSoon { .. } => "too_soon",
            Self::SymptomsPresent => "symptoms_present",
            Self::StageSkipped { .. } => "stage_skipped",
            Self::LastStage => "last_stage",
            Self::NotCleared => "not_cleared",
            Self::ClearanceTooEarly { .. } => "clearance_too_early",
            Self::AlreadyCleared => "already_cleared",
            Self::ClinicianMissing => "clinician_missing",
            Self::ClinicianNotLicensed => "clinician_not_licensed",
            Self::PhysicianMissing => "physician_missing",
            Self::NotInWriting => "not_in_writing",
            Self::ClearanceInFuture => "clearance_in_future",
            Self::ClearanceOutdated => "clearance_outdated",
            Self::SameDay => "same_day",
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::TooSoon { earliest } => format!("wait until {earliest}: a stage takes 24 hours"),
            Self::SymptomsPresent => "wait until there are no symptoms, and say so".into(),
            Self::StageSkipped { next } => format!("go on to stage {next}: stages come in order"),
            Self::LastStage => "this is the last stage".into(),
            Self::NotCleared => "the next stage needs a clearance: `clear` first".into(),
            Self::ClearanceTooEarly { from } => format!("clear from stage {from} on"),
            Self::AlreadyCleared => "there is a clearance already".into(),
            Self::ClinicianMissing => "name the clinician who clears".into(),
            Self::ClinicianNotLicensed => {
                "give the clinician's profession and licence number".into()
            }
            Self::PhysicianMissing => {
                "name the physician with whom the clinician works, and how".into()
            }
            Self::NotInWriting => "the clearance must be in writing".into(),
            Self::ClearanceInFuture => "the clearance's time has not come".into(),
            Self::ClearanceOutdated => {
                "get a clearance from after the removal and the last symptoms".into()
            }
            Self::SameDay => "there is no return on the day of the removal".into(),
        }
    }
}
