//! What a clearance must say.

use jiff::{Timestamp, Zoned};

use super::engine::Progress;
use super::refusal::Missing;
use crate::statutes::{ConcussionLaw, PhysicianRelation};

/// A clinician's word that somebody may return (K-021; ORC 3707.511).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearance {
    /// The clinician's name.
    pub clinician: String,
    /// Under which licence the clinician clears.
    pub licence: Option<Licence>,
    /// The physician with whom one who is none works.
    pub physician: Option<PhysicianLink>,
    /// Whether there is a document.
    pub in_writing: bool,
    /// When the clinician gave it, not when it was recorded.
    pub at: Timestamp,
}

/// A professional licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
    pub profession: Profession,
    pub number: String,
}

/// Who clears (ORC 3707.511 (A)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profession {
    /// Authorized to practise medicine and surgery, or osteopathic medicine and surgery.
    Physician,
    /// Another licensed health care professional, as their board names them.
    Other(String),
}

/// How a professional works with a physician.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhysicianLink {
    pub relation: PhysicianRelation,
    /// The physician's name.
    pub name: String,
}

impl Clearance {
    /// What the clearance lacks. That there is a clinician with a name is Reeve's own rule (K-021) and
    /// holds without any law.
    pub(super) fn missing(
        &self,
        progress: &Progress,
        now: &Zoned,
        law: Option<&ConcussionLaw>,
    ) -> Vec<Missing> {
        let given_on = self.at.to_zoned(now.time_zone().clone()).date();
        let asks = |wanted: fn(&ConcussionLaw) -> bool| law.is_some_and(wanted);
        let outdated = progress.regressed_at.is_some_and(|regressed| self.at <= regressed);
        let found = [
            (blank(&self.clinician), Missing::ClinicianMissing),
            (
                asks(|law| law.clearance_by_licensed) && !self.licensed(),
                Missing::ClinicianNotLicensed,
            ),
            (law.is_some_and(|law| !self.linked(law)), Missing::PhysicianMissing),
            (asks(|law| law.clearance_in_writing) && !self.in_writing, Missing::NotInWriting),
            (self.at > now.timestamp(), Missing::ClearanceInFuture),
            (given_on < progress.removed_on || outdated, Missing::ClearanceOutdated),
            (
                asks(|law| law.bars_same_day_return) && given_on == progress.removed_on,
                Missing::SameDay,
            ),
        ];
        found.into_iter().filter_map(|(lacks, missing)| lacks.then_some(missing)).collect()
    }

    fn licensed(&self) -> bool {
        self.licence.as_ref().is_some_and(|licence| {
            let named = match &licence.profession {
                Profession::Physician => true,
                Profession::Other(name) => !blank(name),
            };
            named && !blank(&licence.number)
        })
    }

    /// Whether the clinician is a physician, or works with one as the law asks. Without a licence there
    /// is that to say first.
    fn linked(&self, law: &ConcussionLaw) -> bool {
        match self.licence.as_ref().map(|licence| &licence.profession) {
            None | Some(Profession::Physician) => true,
            Some(Profession::Other(_)) if law.with_physician.is_empty() => true,
            Some(Profession::Other(_)) => self.physician.as_ref().is_some_and(|link| {
                law.with_physician.contains(&link.relation) && !blank(&link.name)
            }),
        }
    }
}

pub(super) fn blank(text: &str) -> bool {
    text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, codes, law, physician, ready};
    use super::super::{Action, Refusal, Symptoms, decide};
    use super::*;
    use crate::statutes::Setting;

    fn clear(clearance: Clearance) -> Result<Progress, Refusal> {
        let action = Action::Clear { symptoms: Symptoms::Absent, clearance: Some(clearance) };
        law(|law| decide(&ready(4), &action, &at("2026-03-09T12:00"), law, Setting::YouthSports))
    }

    #[test]
    fn a_physician_clears_in_writing() {
        let clearance = physician("2026-03-08T12:00");
        assert_eq!(clear(clearance.clone()).expect("cleared").cleared, Some(clearance));
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let clearance = Clearance {
            clinician: " \t".into(),
            licence: None,
            in_writing: false,
            ..physician("2026-03-02T12:00")
        };
        let expected =
            ["clinician_missing", "clinician_not_licensed", "not_in_writing", "same_day"];
        assert_eq!(codes(clear(clearance)), expected);
    }

    #[test]
    fn a_blank_licence_is_none() {
        for licence in [
            Licence { profession: Profession::Physician, number: " ".into() },
            Licence { profession: Profession::Other(String::new()), number: "7".into() },
        ] {
            let link = PhysicianLink { relation: PhysicianRelation::Referral, name: "Dr B".into() };
            let clearance = Clearance {
                licence: Some(licence),
                physician: Some(link),
                ..physician("2026-03-08T12:00")
            };
            assert_eq!(codes(clear(clearance)), ["clinician_not_licensed"]);
        }
    }

    #[test]
    fn another_professional_clears_only_with_a_named_physician() {
        let profession = Profession::Other("psychologist".into());
        let alone = Clearance {
            licence: Some(Licence { profession, number: "P-1".into() }),
            ..physician("2026-03-08T12:00")
        };
        assert_eq!(codes(clear(alone.clone())), ["physician_missing"]);
        let link = |name: &str| PhysicianLink {
            relation: PhysicianRelation::Consultation,
            name: name.into(),
        };
        let unnamed = Clearance { physician: Some(link("")), ..alone.clone() };
        assert_eq!(codes(clear(unnamed)), ["physician_missing"]);
        assert!(clear(Clearance { physician: Some(link("Dr B")), ..alone }).is_ok());
    }

    #[test]
    fn a_clearance_is_given_after_the_removal_and_not_in_the_future() {
        assert_eq!(codes(clear(physician("2026-03-01T12:00"))), ["clearance_outdated"]);
        assert_eq!(codes(clear(physician("2026-03-09T12:01"))), ["clearance_in_future"]);
        assert!(clear(physician("2026-03-09T12:00")).is_ok());
    }

    #[test]
    fn the_day_of_the_clearance_is_the_day_of_the_place() {
        // 2 March, 23:30 in Ohio is 3 March in UTC, and still the day of the removal.
        assert_eq!(codes(clear(physician("2026-03-02T23:30"))), ["same_day"]);
        assert!(clear(physician("2026-03-03T00:00")).is_ok());
    }
}
