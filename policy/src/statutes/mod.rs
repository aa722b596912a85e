//! Law as dated data: which rules hold in a jurisdiction on the day of an event, and what they ask.
//!
//! A [`StatutePack`] is a file that a lawyer can read. Law changes by a new rule with its dates, never
//! by an `if`, and a decision names the pack that it was taken under ([`Authority`]).

mod age;
mod pack;

pub use age::age_on;
pub use pack::{
    ClockStart, ConcussionLaw, DatedRule, EducationRecordsLaw, Law, MandatedReportLaw,
    MinorConsentLaw, PhysicianRelation, RecipientKind, Setting, StatutePack,
};

use std::collections::BTreeMap;

use jiff::civil::Date;

const OHIO: &str = include_str!("us-oh.toml");

/// The texts of the packs that Reeve comes with, for a database to begin with.
pub const BUILT_IN: &[&str] = &[OHIO];

/// What a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The section of law, such as `ORC 5122.04`; none where only Reeve's own rule asks.
    pub citation: Option<String>,
    /// The version of the pack that was read, such as `us-oh/2026-11`.
    pub pack: String,
}

/// The packs of all jurisdictions, one each: a pack holds its own history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statutes {
    packs: BTreeMap<String, StatutePack>,
}

impl Statutes {
    /// The packs that Reeve comes with.
    ///
    /// # Errors
    /// As [`Statutes::parse`]; a test holds that there are none.
    pub fn built_in() -> Result<Self, String> {
        Self::parse(BUILT_IN.iter().copied())
    }

    /// Reads packs.
    ///
    /// # Errors
    /// A sentence that names the fault: not TOML, an unknown rule, two packs of one jurisdiction, a
    /// period that ends before it begins, two rules for one thing on the same day.
    pub fn parse<'a>(files: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let packs = files.into_iter().map(StatutePack::parse);
        Self::of(packs.collect::<Result<Vec<_>, _>>()?)
    }

    /// Joins packs.
    ///
    /// # Errors
    /// As [`Statutes::parse`].
    pub fn of(packs: impl IntoIterator<Item = StatutePack>) -> Result<Self, String> {
        let mut joined = BTreeMap::new();
        for pack in packs {
            pack.check()?;
            let fault = format!("statute packs: `{}` has two", pack.jurisdiction);
            if joined.insert(pack.jurisdiction.clone(), pack).is_some() {
                return Err(fault);
            }
        }
        Ok(Self { packs: joined })
    }

    /// The packs, by jurisdiction.
    pub fn packs(&self) -> impl Iterator<Item = &StatutePack> {
        self.packs.values()
    }

    /// The law of a jurisdiction on the day of an event, in its place's calendar. `None` where there is
    /// no pack, which is not the same as a pack without rules: a mistyped name must not open a gate.
    pub fn as_of(&self, jurisdiction: &str, date: Date) -> Option<InForce<'_>> {
        let pack = self.packs.get(jurisdiction)?;
        let rules = pack.rules.iter().filter(|rule| rule.holds_on(date)).collect();
        Some(InForce { pack, date, rules })
    }
}

/// The rules of one pack that hold on one day.
#[derive(Clone, Debug)]
pub struct InForce<'a> {
    pack: &'a StatutePack,
    date: Date,
    rules: Vec<&'a DatedRule>,
}

impl<'a> InForce<'a> {
    /// The day of the event.
    pub fn date(&self) -> Date {
        self.date
    }

    /// The version of the pack, for answers and records.
    pub fn version(&self) -> &'a str {
        &self.pack.version
    }

    /// The rules in force, in the pack's order.
    pub fn rules(&self) -> &[&'a DatedRule] {
        &self.rules
    }

    /// The age in years from which a parent's consent is no longer asked.
    pub fn age_of_majority(&self) -> u16 {
        self.pack.age_of_majority
    }

    /// The law of removal and return after a head injury (ORC 3707.511, ORC 3313.539).
    pub fn concussion(&self, setting: Setting) -> Option<(&'a str, &'a ConcussionLaw)> {
        self.find(|law| match law {
            Law::Concussion(law) if law.setting == setting => Some(law),
            _ => None,
        })
    }

    /// The duty to report abuse and neglect (ORC 2151.421).
    pub fn mandated_report(&self) -> Option<(&'a str, &'a MandatedReportLaw)> {
        self.find(|law| match law {
            Law::MandatedReport(law) => Some(law),
            _ => None,
        })
    }

    /// A family's rights in education records (FERPA).
    pub fn education_records(&self) -> Option<(&'a str, &'a EducationRecordsLaw)> {
        self.find(|law| match law {
            Law::EducationRecords(law) => Some(law),
            _ => None,
        })
    }

    /// A minor's own consent to outpatient mental-health services (ORC 5122.04).
    pub fn minor_consent(&self) -> Option<(&'a str, &'a MinorConsentLaw)> {
        self.find(|law| match law {
            Law::MinorConsent(law) => Some(law),
            _ => None,
        })
    }

    /// This pack, with a section of it or none.
    pub fn authority(&self, citation: Option<&str>) -> Authority {
        Authority { citation: citation.map(Into::into), pack: self.pack.version.clone() }
    }

    fn find<L>(&self, pick: impl Fn(&'a Law) -> Option<&'a L>) -> Option<(&'a str, &'a L)> {
        let mut found =
            self.rules.iter().filter_map(|rule| Some((&*rule.citation, pick(&rule.law)?)));
        found.next()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn ohio() -> StatutePack {
        StatutePack::parse(OHIO).expect("the pack parses")
    }

    #[test]
    fn the_built_in_packs_parse_and_every_rule_has_a_citation_and_a_note() {
        assert!(Statutes::built_in().is_ok());
        for rule in ohio().rules {
            let cited = ["ORC ", "34 CFR "].iter().any(|code| rule.citation.starts_with(code));
            assert!(cited, "{}", rule.citation);
            assert!(!rule.note.is_empty(), "{}", rule.citation);
        }
    }

    #[test]
    fn the_answer_names_the_pack_and_the_section() {
        let statutes = Statutes::built_in().expect("packs");
        let law = statutes.as_of("us-oh", date(2026, 3, 1)).expect("Ohio");
        assert_eq!(law.version(), "us-oh/2026-11");
        let (youth, _) = law.concussion(Setting::YouthSports).expect("in force");
        let (school, _) = law.concussion(Setting::School).expect("in force");
        assert_eq!((youth, school), ("ORC 3707.511", "ORC 3313.539"));
        assert_eq!(law.mandated_report().expect("in force").0, "ORC 2151.421");
        let (minor, numbers) = law.minor_consent().expect("in force");
        assert_eq!(minor, "ORC 5122.04");
        assert_eq!((numbers.minimum_age, numbers.sessions, numbers.days), (14, 6, 30));
    }

    #[test]
    fn a_place_without_a_pack_has_no_law_to_answer_by() {
        let statutes = Statutes::built_in().expect("packs");
        assert!(statutes.as_of("us-xx", date(2026, 3, 1)).is_none());
    }

    #[test]
    fn a_rule_holds_from_its_first_day_until_the_day_before_its_end() {
        let mut pack = ohio();
        let repeal = date(2027, 1, 1);
        for rule in pack.rules.iter_mut().filter(|rule| rule.citation == "ORC 5122.04") {
            rule.effective_until = Some(repeal);
        }
        let statutes = Statutes::of([pack]).expect("sound");
        let held = |on| statutes.as_of("us-oh", on).expect("Ohio").minor_consent().is_some();
        assert!(!held(date(1989, 6, 30)));
        assert!(held(date(1989, 7, 1)));
        assert!(held(date(2026, 12, 31)));
        assert!(!held(repeal));
    }

    #[test]
    fn an_amended_rule_takes_over_on_its_day() {
        let mut pack = ohio();
        let change = date(2027, 1, 1);
        let mut amended = Vec::new();
        for rule in pack.rules.iter_mut().filter(|rule| rule.citation == "ORC 5122.04") {
            let mut new = rule.clone();
            rule.effective_until = Some(change);
            new.effective_from = Some(change);
            if let Law::MinorConsent(law) = &mut new.law {
                law.sessions = 4;
            }
            amended.push(new);
        }
        pack.rules.extend(amended);
        let statutes = Statutes::of([pack]).expect("sound");
        let sessions = |on| {
            let law = statutes.as_of("us-oh", on).expect("Ohio");
            law.minor_consent().expect("in force").1.sessions
        };
        assert_eq!(sessions(date(2026, 12, 31)), 6);
        assert_eq!(sessions(change), 4);
    }

    #[test]
    fn two_rules_for_one_thing_on_one_day_are_refused() {
        let mut pack = ohio();
        let twice = pack.rules.clone();
        pack.rules.extend(twice);
        let fault = Statutes::of([pack]).expect_err("refused");
        assert!(fault.contains("ORC 3707.511"), "{fault}");
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let mut pack = ohio();
        for rule in &mut pack.rules {
            rule.effective_from = Some(date(2020, 1, 1));
            rule.effective_until = Some(date(2020, 1, 1));
        }
        assert!(Statutes::of([pack]).is_err());
    }

    #[test]
    fn a_jurisdiction_has_one_pack_and_names_itself_in_the_version() {
        assert!(Statutes::of([ohio(), ohio()]).is_err());
        let other = StatutePack { version: "za/2026-01".into(), ..ohio() };
        assert!(Statutes::of([other]).is_err());
    }

    #[test]
    fn a_version_ends_in_a_date_so_that_the_newest_sorts_last() {
        let named = |version: &str| StatutePack::parse(&OHIO.replace("us-oh/2026-11", version));
        for good in ["us-oh/2026-10", "us-oh/2026-10-31"] {
            assert!(named(good).is_ok(), "{good}");
        }
        for bad in ["us-oh/2026-1", "us-oh/2026-13", "us-oh/latest", "us-oh/", "us-oh/20260101"] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_law_asks_has_in_the_database_the_names_of_its_file() {
        let file: toml::Value = toml::from_str(OHIO).expect("TOML");
        let written = file["rule"].as_array().expect("rules");
        for (rule, written) in ohio().rules.iter().zip(written) {
            let fields = serde_json::to_value(&written["law"][rule.law.kind()]).expect("JSON");
            assert_eq!(rule.law.parameters(), fields, "{}", rule.citation);
        }
    }

    #[test]
    fn a_parameter_that_reeve_does_not_know_is_refused() {
        assert!(Statutes::parse([&*OHIO.replace("days = 30", "days = 30\nweeks = 4")]).is_err());
        assert!(Statutes::parse([&*OHIO.replace("\"referral\"", "\"rumour\"")]).is_err());
    }
}
