//! What the settings may be. Pure.

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use kernel::{
    authz::Permission,
    http::{Fields, Problem, Purpose},
};
use policy::{
    deidentification::Threshold,
    return_to_play::Protocol,
    statutes::{InForce, Statutes},
};
use serde_json::Value;

use super::http::SettingsBody;
use crate::permissions::WriteSettings;

/// Where an organisation is, in law and in time.
pub struct Place {
    pub jurisdiction: String,
    pub zone: TimeZone,
    pub protocol: Protocol,
    pub threshold: Threshold,
}

impl Place {
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

/// Checks a change. What would lower a floor is not the organisation's to decide (S14).
///
/// # Errors
/// 403 for a floor; 422 with every field at fault.
pub fn parse(body: SettingsBody, statutes: &Statutes, today: Date) -> Result<Value, Problem> {
    let floor = |detail: &str| {
        Err(Problem::new(403, "statutory_floor", detail).refusing(WriteSettings::NAME))
    };
    if let Some(place) = body.jurisdiction.as_given()
        && place.is_none_or(|place| statutes.as_of(place, today).is_none())
    {
        return floor("statutory gates stay: choose a jurisdiction that has a statute pack");
    }
    if let Some(Some(least)) = body.cell_threshold.as_given()
        && u32::try_from(*least).ok().and_then(|least| Threshold::new(least).ok()).is_none()
    {
        return floor("counts of fewer than 5 people are never shown: choose 5 or more");
    }
    let mut fields = Fields::new(Purpose::Change);
    fields.required("jurisdiction", "jurisdiction", body.jurisdiction, Ok);
    fields.required("time_zone", "time_zone", body.time_zone, |name| match TimeZone::get(&name) {
        Ok(zone) => Ok(zone.iana_name().unwrap_or(&name).to_owned()),
        Err(_) => Err(("time_zone", "expected a name such as America/New_York".into())),
    });
    fields.required("rtp_protocol", "rtp_protocol", body.rtp_protocol, |code| {
        let known = Protocol::ALL.map(Protocol::code);
        let fault = || ("value_error", format!("expected one of {}", known.join(", ")));
        Protocol::of_code(&code).map(Protocol::code).ok_or_else(fault)
    });
    fields.required("cell_threshold", "cell_threshold", body.cell_threshold, |least| match least {
        least if least <= 1_000_000 => Ok(least),
        _ => Err(("range", "give 5 to 1000000".to_owned())),
    });
    fields.finish()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn outcome(body: Value) -> Result<Value, String> {
        let statutes = Statutes::built_in().expect("packs");
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        parse(body, &statutes, date(2026, 3, 2)).map_err(|problem| problem.to_string())
    }

    #[test]
    fn s14_no_floor_is_lowered_by_the_organisation() {
        for body in [
            json!({"cell_threshold": 4}),
            json!({"cell_threshold": -1}),
            json!({"jurisdiction": "nowhere"}),
            json!({"jurisdiction": null}),
        ] {
            assert_eq!(outcome(body.clone()), Err("403 statutory_floor".into()), "{body}");
        }
    }

    #[test]
    fn what_is_sent_changes_and_nothing_else() {
        assert_eq!(outcome(json!({"cell_threshold": 5})), Ok(json!({"cell_threshold": 5})));
        let zone = json!({"time_zone": "America/Chicago", "rtp_protocol": "zurich_2012"});
        assert_eq!(outcome(zone.clone()), Ok(zone));
        assert_eq!(outcome(json!({"time_zone": "Ohio"})), Err("422 invalid".into()));
        assert_eq!(outcome(json!({"rtp_protocol": "paris"})), Err("422 invalid".into()));
        assert_eq!(outcome(json!({"time_zone": null})), Err("422 invalid".into()));
    }
}
