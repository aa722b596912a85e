//! What the settings may be. Pure.

use jiff::civil::Date;
use kernel::{
    http::{Fields, Problem, Purpose},
    place::{check_jurisdiction, parse_protocol, parse_zone, statutory_floor},
};
use policy::{deidentification::Threshold, statutes::Statutes};
use serde_json::Value;

use super::http::SettingsBody;
use crate::permissions::WriteSettings;

/// Checks a change. What would lower a floor is not the organisation's to decide (S14).
///
/// # Errors
/// 403 for a floor; 422 with every field at fault.
pub fn parse(body: SettingsBody, statutes: &Statutes, today: Date) -> Result<Value, Problem> {
    check_jurisdiction::<WriteSettings>(&body.jurisdiction, statutes, today)?;
    if let Some(Some(least)) = body.cell_threshold.as_given()
        && u32::try_from(*least).ok().and_then(|least| Threshold::new(least).ok()).is_none()
    {
        let detail = "counts of fewer than 5 people are never shown: choose 5 or more";
        return Err(statutory_floor::<WriteSettings>(detail));
    }
    let mut fields = Fields::new(Purpose::Change);
    fields.required("jurisdiction", "jurisdiction", body.jurisdiction, Ok);
    fields.required("time_zone", "time_zone", body.time_zone, parse_zone);
    fields.required("rtp_protocol", "rtp_protocol", body.rtp_protocol, parse_protocol);
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
