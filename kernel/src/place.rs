//! Where an organisation is, in law and in time: whose statutes hold, in whose calendar days are read,
//! by which protocol return to play opens. Each module keeps it in its own settings. Pure.

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use policy::{
    return_to_play::Protocol,
    statutes::{InForce, Statutes},
};

use crate::{
    authz::Permission,
    http::{Constraint, Fault, Patch, Problem},
};

/// An organisation's place.
pub struct Place {
    /// Whose statutes hold, such as `us-oh`.
    pub jurisdiction: String,
    /// In whose calendar days and ages are read.
    pub zone: TimeZone,
    /// For return to play that opens from now on.
    pub protocol: Protocol,
}

impl Place {
    /// The place as settings keep it: jurisdiction, IANA name, code of the protocol.
    ///
    /// # Errors
    /// 500 for a time zone that this server does not know.
    pub fn stored(jurisdiction: String, zone: &str, protocol: &str) -> Result<Self, Problem> {
        Ok(Self {
            jurisdiction,
            zone: TimeZone::get(zone).map_err(Problem::internal)?,
            protocol: Protocol::of_code(protocol).unwrap_or(Protocol::Amsterdam2022),
        })
    }

    /// The moment in the place's calendar.
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// The law of the day of an event.
    ///
    /// # Errors
    /// 409 where there is no pack: no gate opens for want of a law.
    pub fn law<'a>(&self, statutes: &'a Statutes, day: Date) -> Result<InForce<'a>, Problem> {
        law(statutes, &self.jurisdiction, day)
    }
}

/// The law of a jurisdiction on the day of an event.
///
/// # Errors
/// 409 where there is no pack.
pub fn law<'a>(
    statutes: &'a Statutes,
    jurisdiction: &str,
    day: Date,
) -> Result<InForce<'a>, Problem> {
    statutes.as_of(jurisdiction, day).ok_or_else(|| {
        let detail = format!(
            "there is no statute pack of `{jurisdiction}`: ask the operator of this service to load one"
        );
        Problem::conflict("no_statute_pack", detail)
    })
}

/// 403 for what would lower a floor, which is not the organisation's to decide (S14).
pub fn statutory_floor<P: Permission>(detail: &str) -> Problem {
    Problem::new(403, "statutory_floor", detail).refusing(P::NAME)
}

/// That a jurisdiction, if one is given, has a pack: one without would have no statutory gates (S14).
///
/// # Errors
/// 403 as [`statutory_floor`], for null too.
pub fn check_jurisdiction<P: Permission>(
    given: &Patch<String>,
    statutes: &Statutes,
    today: Date,
) -> Result<(), Problem> {
    match given.as_given() {
        Some(place) if place.is_none_or(|place| statutes.as_of(place, today).is_none()) => {
            let detail = "statutory gates stay: choose a jurisdiction that has a statute pack";
            Err(statutory_floor::<P>(detail))
        }
        _ => Ok(()),
    }
}

/// What the settings' guard says where a rule did not answer before it.
pub(crate) fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "RV602",
            problem: || {
                let detail = "statutory gates stay: choose a jurisdiction that has a statute pack";
                Problem::new(403, "statutory_floor", detail)
            },
        },
        Constraint {
            name: "RV614",
            problem: || {
                let msg = "expected a name such as America/New_York";
                Problem::field(&["body", "time_zone"], "time_zone", msg)
            },
        },
    ]
}

/// A time zone's IANA name, as the time zone database writes it.
///
/// # Errors
/// What a time zone is.
pub fn parse_zone(name: String) -> Result<String, Fault> {
    match TimeZone::get(&name) {
        Ok(zone) => Ok(zone.iana_name().unwrap_or(&name).to_owned()),
        Err(_) => Err(("time_zone", "expected a name such as America/New_York".into())),
    }
}

/// The code of a protocol.
///
/// # Errors
/// Which there are.
pub fn parse_protocol(code: String) -> Result<&'static str, Fault> {
    let known = Protocol::ALL.map(Protocol::code);
    let fault = || ("value_error", format!("expected one of {}", known.join(", ")));
    Protocol::of_code(&code).map(Protocol::code).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    crate::permissions! {
        Settle = "place:write", Writes;
    }

    #[test]
    fn s14_a_jurisdiction_without_a_pack_is_refused_and_on_record() {
        let statutes = Statutes::built_in().expect("packs");
        let check = |given| check_jurisdiction::<Settle>(&given, &statutes, date(2026, 3, 2));
        assert!(check(Patch::Absent).is_ok());
        assert!(check(Patch::Value("us-oh".into())).is_ok());
        for given in [Patch::Null, Patch::Value("nowhere".into())] {
            let problem = check(given).expect_err("a floor");
            assert_eq!(problem.to_string(), "403 statutory_floor");
            assert_eq!(problem.refused.map(|refused| refused.permission), Some("place:write"));
        }
    }

    #[test]
    fn days_are_the_places_own_and_so_is_the_law() {
        let place = Place::stored("us-oh".into(), "America/New_York", "berlin_2016");
        let place = place.expect("a zone");
        let evening = "2026-03-03T03:00:00Z".parse().expect("a time");
        assert_eq!(place.local(evening).date(), date(2026, 3, 2));
        let statutes = Statutes::built_in().expect("packs");
        assert!(place.law(&statutes, date(2026, 3, 2)).is_ok());
        let nowhere = law(&statutes, "nowhere", date(2026, 3, 2)).map(drop);
        assert_eq!(nowhere.map_err(|p| p.to_string()), Err("409 no_statute_pack".into()));
    }

    #[test]
    fn a_zone_and_a_protocol_are_known_ones() {
        assert_eq!(parse_zone("america/chicago".into()), Ok("America/Chicago".into()));
        assert_eq!(parse_zone("Ohio".into()).map_err(|(kind, _)| kind), Err("time_zone"));
        assert_eq!(parse_protocol("zurich_2012".into()), Ok("zurich_2012"));
        assert_eq!(parse_protocol("paris".into()).map_err(|(kind, _)| kind), Err("value_error"));
    }
}
