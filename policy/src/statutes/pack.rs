//! A pack of dated rules, as its file has them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The law of one jurisdiction, with its history.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct StatutePack {
    /// Country and state, such as `us-oh`.
    pub jurisdiction: String,
    /// The jurisdiction and the state of the text, such as `us-oh/2026-11`.
    pub version: String,
    /// In years: from then on a person consents alone.
    pub age_of_majority: u16,
    /// All rules, those that no longer or do not yet hold among them.
    #[serde(rename = "rule", default)]
    pub rules: Vec<DatedRule>,
}

/// One section of law in one wording.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct DatedRule {
    /// The section, such as `ORC 2151.421`.
    pub citation: String,
    /// The first day in force; without it, any day before the end.
    pub effective_from: Option<Date>,
    /// The first day no longer in force.
    pub effective_until: Option<Date>,
    /// What of the rule is a reading, or not certain.
    pub note: String,
    /// What the rule asks.
    pub law: Law,
}

/// What a rule asks, with its numbers.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Removal and return after a head injury (ORC 3707.511, ORC 3313.539).
    Concussion(ConcussionLaw),
    /// The duty to report abuse and neglect (ORC 2151.421).
    MandatedReport(MandatedReportLaw),
    /// A minor's own consent to outpatient mental-health services (ORC 5122.04).
    MinorConsent(MinorConsentLaw),
    /// A family's rights in education records (FERPA, 34 CFR Part 99).
    EducationRecords(EducationRecordsLaw),
}

/// Where a young person trains: each has its own section of law.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// A club or programme (ORC 3707.511).
    YouthSports,
    /// A school's team (ORC 3313.539).
    School,
}

/// How a clearing professional who is no physician works with one (ORC 3707.511).
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PhysicianRelation {
    Consultation,
    Referral,
    Collaboration,
    Supervision,
}

/// The parameters of ORC 3707.511 and ORC 3313.539.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ConcussionLaw {
    /// To whom it speaks.
    pub setting: Setting,
    /// No return on the calendar day of the removal.
    pub bars_same_day_return: bool,
    /// Only a physician or another licensed health care professional clears.
    pub clearance_by_licensed: bool,
    /// A clearance is in writing.
    pub clearance_in_writing: bool,
    /// How one who is no physician must work with one to clear; empty if there need be none.
    pub with_physician: Vec<PhysicianRelation>,
}

/// Who takes a report of abuse or neglect (ORC 2151.421).
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RecipientKind {
    /// A public children services agency.
    Pcsa,
    /// A municipal or county peace officer.
    PeaceOfficer,
}

/// The parameters of ORC 2151.421.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MandatedReportLaw {
    /// A child is below this age in years.
    pub child_under: u16,
    /// So is one with a developmental disability or physical impairment below this age.
    pub child_under_if_disabled: u16,
    /// Who may take the report.
    pub recipients: Vec<RecipientKind>,
}

/// When the days of ORC 5122.04 begin.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClockStart {
    /// On the day of the first session.
    FirstSession,
    /// On the day of the consent.
    Consent,
}

/// The parameters of ORC 5122.04.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MinorConsentLaw {
    /// In years, at the consent and at each session.
    pub minimum_age: u16,
    /// How many sessions there may be.
    pub sessions: u16,
    /// In calendar days: how long there may be sessions.
    pub days: u16,
    /// When the days begin.
    pub clock_starts: ClockStart,
    /// Whether the day on which they begin is the first of them, or the one before the first.
    pub first_day_counts: bool,
    /// What such a consent can be for.
    pub purposes: Vec<String>,
}

/// The parameters of 34 CFR 99.5 and 99.10.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct EducationRecordsLaw {
    /// In years: from then on the rights are the student's own.
    pub rights_pass_at: u16,
    /// In calendar days: within how many a record is shown to who asks.
    pub inspection_days: u16,
}

impl StatutePack {
    /// Reads one pack.
    ///
    /// # Errors
    /// A sentence that names the fault.
    pub fn parse(file: &str) -> Result<Self, String> {
        let pack: Self = toml::from_str(file).map_err(|e| format!("statute pack: {e}"))?;
        pack.check()?;
        Ok(pack)
    }

    /// That the version names the jurisdiction and sorts by its date, that periods begin before they
    /// end, and that no two rules speak of one thing on one day.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { jurisdiction, version, rules, .. } = self;
        let Some((_, state)) = version.split_once('/').filter(|(place, _)| place == jurisdiction)
        else {
            return Err(format!("statute pack: `{version}` is no version of `{jurisdiction}`"));
        };
        if !is_month_or_day(state) {
            return Err(format!(
                "statute pack: `{version}` must end in a month or day such as `2026-01`: the newest is the greatest"
            ));
        }
        for (index, rule) in rules.iter().enumerate() {
            let fault = |what| format!("statute pack {version}: {}: {what}", rule.citation);
            if rule.effective_until.is_some_and(|end| rule.effective_from >= Some(end)) {
                return Err(fault("the rule ends before it begins"));
            }
            if rules.iter().skip(index + 1).any(|other| rule.collides(other)) {
                return Err(fault("another rule speaks of the same on the same day"));
            }
        }
        Ok(())
    }
}

/// Whether versions that end so sort by their date: `2026-01` or `2026-01-15`.
fn is_month_or_day(state: &str) -> bool {
    match state.len() {
        7 => format!("{state}-01").parse::<Date>().is_ok(),
        10 => state.parse::<Date>().is_ok(),
        _ => false,
    }
}

impl Law {
    /// Its name in a pack's file and in the database.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Concussion(_) => "concussion",
            Self::MandatedReport(_) => "mandated_report",
            Self::MinorConsent(_) => "minor_consent",
            Self::EducationRecords(_) => "education_records",
        }
    }

    /// Its fields, under their names in a pack's file.
    pub fn parameters(&self) -> Value {
        let fields = match self {
            Self::Concussion(law) => serde_json::to_value(law),
            Self::MandatedReport(law) => serde_json::to_value(law),
            Self::MinorConsent(law) => serde_json::to_value(law),
            Self::EducationRecords(law) => serde_json::to_value(law),
        };
        // Words, numbers and lists of words: JSON has them all.
        fields.unwrap_or_default()
    }
}

impl DatedRule {
    /// Whether the rule is in force on a day.
    pub fn holds_on(&self, date: Date) -> bool {
        self.effective_from.is_none_or(|from| from <= date)
            && self.effective_until.is_none_or(|until| date < until)
    }

    fn collides(&self, other: &Self) -> bool {
        let begins_before_end = |a: &Self, b: &Self| match (a.effective_from, b.effective_until) {
            (Some(from), Some(until)) => from < until,
            _ => true,
        };
        let same = match (&self.law, &other.law) {
            (Law::Concussion(a), Law::Concussion(b)) => a.setting == b.setting,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        same && begins_before_end(self, other) && begins_before_end(other, self)
    }
}
