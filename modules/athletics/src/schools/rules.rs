//! What a school's settings may be. Pure.

use jiff::civil::Date;
use kernel::{
    authz::Permission,
    http::{Fault, Fields, Problem, Purpose, text},
    place,
};
use policy::statutes::Statutes;
use serde_json::Value;

use super::http::{Config, SchoolBody};

/// Checks a change. What would lower a floor is not the school's to decide (S14).
///
/// # Errors
/// 403 for a floor; 422 with every field at fault.
pub fn parse<P: Permission>(
    body: SchoolBody,
    statutes: &Statutes,
    today: Date,
) -> Result<Value, Problem> {
    place::check_jurisdiction::<P>(&body.jurisdiction, statutes, today)?;
    let mut fields = Fields::new(Purpose::Change);
    fields.optional("external_id", "external_id", body.external_id, text(100));
    fields.optional("domain", "domain", body.domain, text(253));
    fields.required("config", "config", body.config, config);
    fields.required("jurisdiction", "jurisdiction", body.jurisdiction, Ok);
    fields.required("time_zone", "time_zone", body.time_zone, place::parse_zone);
    fields.required("rtp_protocol", "rtp_protocol", body.rtp_protocol, place::parse_protocol);
    fields.finish()
}

fn config(given: Config) -> Result<Value, Fault> {
    let fault = |msg: &str| Err(("value_error", msg.to_owned()));
    let words = given.sport_names.iter().flat_map(|(code, name)| [code, name]);
    if words.chain(&given.logo_url).any(|word| word.chars().any(char::is_control)) {
        return fault("control characters cannot be stored");
    }
    let color = |color: &String| {
        let digits = color.strip_prefix('#').unwrap_or_default();
        digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if !given.primary_color.as_ref().is_none_or(color) {
        return fault("primary_color: expected #rrggbb");
    }
    let fits = |url: &String| url.starts_with("https://") && url.len() <= 500;
    if !given.logo_url.as_ref().is_none_or(fits) {
        return fault("logo_url: expected an https URL of at most 500 characters");
    }
    let short = |text: &String| (1..=60).contains(&text.chars().count());
    let names = &given.sport_names;
    if names.len() > 100 || !names.iter().all(|(code, name)| short(code) && short(name)) {
        return fault("sport_names: give at most 100, each of 1 to 60 characters");
    }
    serde_json::to_value(given).map_err(|_| ("value_error", "expected a configuration".into()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;
    use crate::permissions::WriteSchool;

    fn outcome(body: Value) -> Result<Value, String> {
        let statutes = Statutes::built_in().expect("packs");
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let parsed = parse::<WriteSchool>(body, &statutes, date(2026, 11, 2));
        parsed.map_err(|problem| problem.to_string())
    }

    #[test]
    fn s14_a_school_stays_under_a_law() {
        for place in [json!("nowhere"), json!(null)] {
            let refused = outcome(json!({"jurisdiction": place}));
            assert_eq!(refused, Err("403 statutory_floor".into()));
        }
        assert!(outcome(json!({"jurisdiction": "us-oh"})).is_ok());
    }

    #[test]
    fn branding_is_a_color_a_secure_logo_and_names() {
        let whole = json!({"config": {"primary_color": "#7a1F2b", "logo_url": "https://a.example/l.svg",
                                      "sport_names": {"fb": "Football"}}});
        assert_eq!(outcome(whole.clone()), Ok(whole));
        for bad in [
            json!({"primary_color": "red"}),
            json!({"primary_color": "#12345g"}),
            json!({"logo_url": "http://a.example/l.svg"}),
            json!({"logo_url": "javascript:alert(1)"}),
            json!({"sport_names": {"": "Football"}}),
        ] {
            assert_eq!(outcome(json!({"config": bad})), Err("422 invalid".into()), "{bad}");
        }
    }
}
