//! What a team must be. Pure.

use kernel::http::{Fields, Patch, Problem, Purpose, text};
use serde_json::Value;
use uuid::Uuid;

use super::http::TeamBody;

/// How many coaches a team may have.
const MOST: usize = 20;

/// Checks a body; the coaches stand apart, and are `None` when they were not sent.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: TeamBody, purpose: Purpose) -> Result<(Value, Option<Vec<Uuid>>), Problem> {
    let mut fields = Fields::new(purpose);
    fields.optional("external_id", "external_id", body.external_id, text(100));
    fields.required("name", "name", body.name, text(80));
    fields.required("sport", "sport", body.sport, text(60));
    fields.optional("season", "season", body.season, text(40));
    fields.required("is_active", "is_active", active(body.is_active, purpose), Ok);
    let coaches = match body.coach_ids {
        Patch::Absent => None,
        Patch::Value(mut ids) if ids.len() <= MOST => {
            ids.sort_unstable();
            ids.dedup();
            Some(ids)
        }
        _ => {
            fields.fault("coach_ids", ("length", format!("give a list of at most {MOST}")));
            None
        }
    };
    Ok((fields.finish()?, coaches))
}

/// A new team is active unless said.
fn active(given: Patch<bool>, purpose: Purpose) -> Patch<bool> {
    match (given, purpose) {
        (Patch::Absent, Purpose::Create) => Patch::Value(true),
        (given, _) => given,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(body: Value, purpose: Purpose) -> Result<(Value, Option<Vec<Uuid>>), String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        parse(body, purpose).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_team_has_a_name_and_a_sport() {
        let (team, coaches) =
            outcome(json!({"name": " Varsity ", "sport": "fb"}), Purpose::Create).expect("a team");
        assert_eq!(team, json!({"name": "Varsity", "sport": "fb", "is_active": true}));
        assert_eq!(coaches, None);
        assert!(outcome(json!({"name": "Varsity"}), Purpose::Create).is_err());
    }

    #[test]
    fn coaches_are_replaced_only_by_a_list() {
        let of = |value| outcome(json!({"coach_ids": value}), Purpose::Change);
        assert_eq!(of(json!([])).expect("none"), (json!({}), Some(vec![])));
        assert!(of(json!(null)).is_err());
        assert!(of(json!(vec![Uuid::nil(); 21])).is_err());
    }
}
