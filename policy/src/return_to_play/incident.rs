//! The gates of an incident: what it takes to open one, and to close it.

use jiff::Timestamp;

use super::clearance::blank;
use super::engine::Progress;
use crate::statutes::{Authority, InForce, RecipientKind, Setting};

/// What kind of incident, as far as there are gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentKind {
    /// Opens return to play; closes once that is cleared (K-020, K-021).
    InjuryConcussion,
    /// Says on what it is based; closes once somebody has taken the report (K-022, K-023).
    MandatedReport,
    /// Escalated from the start (K-024, K-025); no gate.
    Crisis,
    /// Any other: no gate.
    Other,
}

impl IncidentKind {
    /// The kind of this name; what Reeve does not know has no gate.
    pub fn of_code(code: &str) -> Self {
        match code {
            "injury_concussion" => Self::InjuryConcussion,
            "mandated_report" => Self::MandatedReport,
            "crisis" => Self::Crisis,
            _ => Self::Other,
        }
    }
}

/// What a new incident brings with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Return to play opens at stage 1, in the same transaction.
    pub return_to_play: bool,
    /// The incident is escalated from the start.
    pub escalated: bool,
}

/// Who took a report (ORC 2151.421).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub kind: RecipientKind,
    /// The agency's or the force's name.
    pub agency: String,
    /// When it was told.
    pub reported_at: Option<Timestamp>,
}

/// An incident that somebody wants to close.
#[derive(Clone, Copy, Debug)]
pub struct Closing<'a> {
    pub kind: IncidentKind,
    /// The return to play that it opened.
    pub progress: Option<&'a Progress>,
    /// Who took the report.
    pub recipient: Option<&'a Recipient>,
}

/// What an incident lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    ReportBasisMissing,
    /// There is no return to play, though there must be.
    ReturnToPlayMissing,
    ReturnToPlayNotCleared,
    RecipientMissing,
    /// The law names others as recipients.
    RecipientNotPermitted,
    /// The time of the report is absent or has not come.
    ReportTimeMissing,
}

/// Why an incident stays open, or is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub missing: Vec<Gap>,
    pub authority: Authority,
}

impl Gap {
    /// The name that answers and the ledger have; it does not change.
    pub fn code(self) -> &'static str {
        match self {
            Self::ReportBasisMissing => "report_basis_missing",
            Self::ReturnToPlayMissing => "rtp_missing",
            Self::ReturnToPlayNotCleared => "rtp_not_cleared",
            Self::RecipientMissing => "recipient_missing",
            Self::RecipientNotPermitted => "recipient_not_permitted",
            Self::ReportTimeMissing => "report_time_missing",
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::ReportBasisMissing => "say on what the report is based",
            Self::ReturnToPlayMissing => "open return to play for this incident",
            Self::ReturnToPlayNotCleared => "have a named clinician clear the return to play",
            Self::RecipientMissing => "record which agency took the report",
            Self::RecipientNotPermitted => "report to an agency that the law names",
            Self::ReportTimeMissing => "record when the report was made",
        }
    }
}

/// What a new incident brings. A report needs its basis and nothing else: what is not known of the child
/// must not hold it up.
///
/// # Errors
/// A report without a basis (K-022).
pub fn may_open(
    kind: IncidentKind,
    report_basis: Option<&str>,
    law: &InForce<'_>,
) -> Result<Opening, Blocked> {
    let baseless = kind == IncidentKind::MandatedReport && report_basis.is_none_or(blank);
    if baseless {
        let authority = law.authority(law.mandated_report().map(|(citation, _)| citation));
        return Err(Blocked { missing: vec![Gap::ReportBasisMissing], authority });
    }
    Ok(Opening {
        return_to_play: kind == IncidentKind::InjuryConcussion,
        escalated: kind == IncidentKind::Crisis,
    })
}

/// Whether an incident may close. The gates are Reeve's own and stand without any law; the law in force
/// adds to them and is named.
///
/// # Errors
/// Everything that is missing (K-021, K-023).
pub fn may_close(
    closing: &Closing<'_>,
    now: Timestamp,
    law: &InForce<'_>,
    setting: Setting,
) -> Result<(), Blocked> {
    let (missing, citation) = match closing.kind {
        IncidentKind::InjuryConcussion => {
            let gap = match closing.progress {
                None => Some(Gap::ReturnToPlayMissing),
                Some(progress) if progress.cleared.is_none() => Some(Gap::ReturnToPlayNotCleared),
                Some(_) => None,
            };
            (gap.into_iter().collect(), law.concussion(setting).map(|(citation, _)| citation))
        }
        IncidentKind::MandatedReport => {
            let section = law.mandated_report();
            let permitted = |kind| section.is_none_or(|(_, law)| law.recipients.contains(&kind));
            let missing = match closing.recipient {
                None => vec![Gap::RecipientMissing],
                Some(recipient) => recipient.missing(now, permitted(recipient.kind)),
            };
            (missing, section.map(|(citation, _)| citation))
        }
        IncidentKind::Crisis | IncidentKind::Other => (vec![], None),
    };
    if missing.is_empty() {
        return Ok(());
    }
    Err(Blocked { missing, authority: law.authority(citation) })
}

impl Recipient {
    fn missing(&self, now: Timestamp, permitted: bool) -> Vec<Gap> {
        let found = [
            (blank(&self.agency), Gap::RecipientMissing),
            (!permitted, Gap::RecipientNotPermitted),
            (self.reported_at.is_none_or(|at| at > now), Gap::ReportTimeMissing),
        ];
        found.into_iter().filter_map(|(lacks, gap)| lacks.then_some(gap)).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::sample::{at, law, opened, physician};
    use super::*;
    use crate::statutes::Statutes;

    fn close(kind: IncidentKind, progress: Option<&Progress>, to: Option<&Recipient>) -> Vec<Gap> {
        let closing = Closing { kind, progress, recipient: to };
        let now = at("2026-03-09T12:00").timestamp();
        let answer = law(|law| may_close(&closing, now, law, Setting::YouthSports));
        answer.err().map(|blocked| blocked.missing).unwrap_or_default()
    }

    fn agency() -> Recipient {
        let reported_at = Some(at("2026-03-09T12:00").timestamp());
        Recipient { kind: RecipientKind::Pcsa, agency: "County".into(), reported_at }
    }

    #[test]
    fn a_concussion_closes_only_when_the_return_is_cleared() {
        let kind = IncidentKind::InjuryConcussion;
        assert_eq!(close(kind, None, Some(&agency())), [Gap::ReturnToPlayMissing]);
        let mut progress = Progress { stage: 6, ..opened() };
        assert_eq!(close(kind, Some(&progress), None), [Gap::ReturnToPlayNotCleared]);
        progress.cleared = Some(physician("2026-03-08T12:00"));
        assert_eq!(close(kind, Some(&progress), None), []);
    }

    #[test]
    fn a_report_closes_only_with_an_agency_and_a_time_that_has_come() {
        let kind = IncidentKind::MandatedReport;
        assert_eq!(close(kind, None, None), [Gap::RecipientMissing]);
        let blank = Recipient { agency: " ".into(), reported_at: None, ..agency() };
        let both = [Gap::RecipientMissing, Gap::ReportTimeMissing];
        assert_eq!(close(kind, None, Some(&blank)), both);
        let later = Some(at("2026-03-09T12:01").timestamp());
        let early = Recipient { reported_at: later, ..agency() };
        assert_eq!(close(kind, None, Some(&early)), [Gap::ReportTimeMissing]);
        assert_eq!(close(kind, None, Some(&agency())), []);
    }

    #[test]
    fn a_crisis_and_any_other_incident_close_freely() {
        assert_eq!(close(IncidentKind::Crisis, None, None), []);
        assert_eq!(close(IncidentKind::of_code("lost_property"), None, None), []);
    }

    #[test]
    fn what_opens_brings_its_effects_and_a_report_its_basis() {
        law(|law| {
            let open = |code, basis| may_open(IncidentKind::of_code(code), basis, law);
            let effects = |return_to_play, escalated| Ok(Opening { return_to_play, escalated });
            assert_eq!(open("injury_concussion", None), effects(true, false));
            assert_eq!(open("crisis", None), effects(false, true));
            assert_eq!(open("other", None), effects(false, false));
            assert_eq!(open("mandated_report", Some("a bruise")), effects(false, false));
            for basis in [None, Some(""), Some(" \n")] {
                let blocked = open("mandated_report", basis).expect_err("blocked");
                assert_eq!(blocked.missing, [Gap::ReportBasisMissing]);
                assert_eq!(blocked.authority.citation.as_deref(), Some("ORC 2151.421"));
            }
        });
    }

    #[test]
    fn the_gates_stand_where_no_law_is_in_force_and_cite_none() {
        let pack = "jurisdiction = \"xx\"\nversion = \"xx/2026-01\"\nage_of_majority = 18";
        let statutes = Statutes::parse([pack]).expect("a pack");
        let law = statutes.as_of("xx", date(2026, 3, 2)).expect("a pack");
        let now = at("2026-03-09T12:00").timestamp();
        for kind in [IncidentKind::InjuryConcussion, IncidentKind::MandatedReport] {
            let closing = Closing { kind, progress: None, recipient: None };
            let blocked = may_close(&closing, now, &law, Setting::School).expect_err("blocked");
            assert_eq!(blocked.authority, Authority { citation: None, pack: "xx/2026-01".into() });
        }
    }
}
