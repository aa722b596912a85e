//! What an athlete's data must be. Pure.

use jiff::civil::Date;
use kernel::{
    http::{Fields, Patch, Problem, Purpose, date, text},
    privacy::Pii,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::AthleteBody;

/// How many sports or teams an athlete may have.
const MOST: usize = 20;

/// Checks a body; the teams stand apart, and are `None` when they were not sent.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(
    body: AthleteBody,
    purpose: Purpose,
    today: Date,
) -> Result<(Pii<Value>, Option<Vec<Uuid>>), Problem> {
    let mut fields = Fields::new(purpose);
    fields.optional("external_id", "external_id", body.external_id, text(100));
    fields.required("first_name", "first_name", body.first_name, text(100));
    fields.required("last_name", "last_name", body.last_name, text(100));
    fields.required("date_of_birth", "date_of_birth", body.date_of_birth, |given| {
        match date(&given)? {
            born if born <= today => Ok(born.to_string()),
            _ => Err(("date", "a date of birth has come".into())),
        }
    });
    fields.optional("grade", "grade", body.grade, text(20));
    let sports = match (body.sports, purpose) {
        (Patch::Absent, Purpose::Create) => Patch::Value(vec![]),
        (given, _) => given,
    };
    fields.required("sports", "sports", sports, |codes| {
        if codes.len() > MOST {
            return Err(("length", format!("give a list of at most {MOST}")));
        }
        codes.into_iter().map(text(60)).collect::<Result<Vec<_>, _>>()
    });
    let teams = match body.team_ids {
        Patch::Absent => None,
        Patch::Value(mut ids) if ids.len() <= MOST => {
            ids.sort_unstable();
            ids.dedup();
            Some(ids)
        }
        _ => {
            fields.fault("team_ids", ("length", format!("give a list of at most {MOST}")));
            None
        }
    };
    Ok((Pii::new(fields.finish()?), teams))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: Value, purpose: Purpose) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body, purpose, jiff::civil::date(2026, 11, 2)).err();
        problem.map(|p| p.errors).unwrap_or_default().into_iter().map(|e| e.loc.join(".")).collect()
    }

    #[test]
    fn an_athlete_has_a_name_and_a_date_of_birth() {
        let wanted = ["body.first_name", "body.last_name", "body.date_of_birth"];
        assert_eq!(errors(json!({}), Purpose::Create), wanted);
        assert!(errors(json!({}), Purpose::Change).is_empty());
    }

    #[test]
    fn a_birth_has_come_and_lists_are_lists() {
        assert!(errors(json!({"date_of_birth": "2026-11-02"}), Purpose::Change).is_empty());
        for bad in [
            json!({"date_of_birth": "2026-11-03"}),
            json!({"sports": null}),
            json!({"sports": [""]}),
            json!({"team_ids": null}),
        ] {
            assert_eq!(errors(bad.clone(), Purpose::Change).len(), 1, "{bad}");
        }
    }
}
