//! What a milestone must be. Pure.

use jiff::civil::Date;
use kernel::{
    http::{Fault, Fields, Patch, Problem, Purpose, date, one_of, text, whole},
    privacy::Pii,
};
use serde_json::Value;

use super::http::{ChangeBody, MilestoneBody};

const PHASES: &[&str] = &["acute", "recovery", "strengthening", "sport_specific", "return"];

/// Checks a new one.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: MilestoneBody) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("title", "title", body.title, text(160));
    fields.required("phase", "phase", body.phase, one_of(PHASES));
    fields.optional("position", "position", body.position, whole(0, 999));
    fields.optional("target_on", "target_on", body.target_on, day);
    fields.finish().map(Pii::new)
}

/// Checks a change: what was reached was not tomorrow.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse_change(body: &ChangeBody, today: Date) -> Result<Value, Problem> {
    let mut fields = Fields::new(Purpose::Change);
    if body.target_on == Patch::Absent && body.reached_on == Patch::Absent {
        fields.fault("target_on", ("missing", "give target_on or reached_on".into()));
    }
    fields.optional("target_on", "target_on", body.target_on.clone(), day);
    fields.required("reached_on", "reached_on", body.reached_on.clone(), |given| {
        match date(&given)? {
            on if on <= today => Ok(on.to_string()),
            _ => Err(("date", "this day has not come".into())),
        }
    });
    fields.finish()
}

fn day(given: String) -> Result<String, Fault> {
    date(&given).map(|day| day.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(body: Value) -> Result<Value, String> {
        let body: ChangeBody =
            kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        parse_change(&body, jiff::civil::date(2026, 11, 2)).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_milestone_is_reached_today_or_before_and_not_unreached() {
        assert!(change(json!({"reached_on": "2026-11-02"})).is_ok());
        for bad in [json!({"reached_on": "2026-11-03"}), json!({"reached_on": null}), json!({})] {
            assert_eq!(change(bad.clone()), Err("422 invalid".into()), "{bad}");
        }
        assert_eq!(change(json!({"target_on": null})), Ok(json!({"target_on": null})));
    }
}
