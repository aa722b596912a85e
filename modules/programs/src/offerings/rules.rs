//! What a programme, a cohort and a location must be. Pure.

use kernel::http::{Fault, Fields, Problem, Purpose, day, defaulted, id, one_of, text, whole};
use serde_json::{Value, json};

use super::http::{CohortBody, LocationBody, ProgramBody};

/// Where a programme takes place, as the law of concussions distinguishes.
const SETTINGS: &[&str] = &["youth_sports", "school"];

/// # Errors
/// 422 with every field at fault.
pub fn parse_program(body: ProgramBody) -> Result<Value, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("name", "name", body.name, text(200));
    fields.optional("description", "description", body.description, text(4000));
    defaulted(&mut fields, "setting", body.setting, one_of(SETTINGS));
    defaulted(&mut fields, "consent_purposes", body.consent_purposes, purposes);
    fields.optional("starts_on", "starts_on", body.starts_on, day);
    fields.optional("ends_on", "ends_on", body.ends_on, day);
    fields.finish()
}

/// # Errors
/// 422 with every field at fault.
pub fn parse_cohort(body: CohortBody) -> Result<Value, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("program_id", "program_id", body.program_id, id);
    fields.required("name", "name", body.name, text(200));
    fields.optional("capacity", "capacity", body.capacity, whole(1, 100_000));
    fields.optional("starts_on", "starts_on", body.starts_on, day);
    fields.optional("ends_on", "ends_on", body.ends_on, day);
    fields.finish()
}

/// # Errors
/// 422 with every field at fault.
pub fn parse_location(body: LocationBody) -> Result<Value, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("name", "name", body.name, text(200));
    fields.optional("address", "address", body.address, text(500));
    fields.optional("county", "county", body.county, text(100));
    fields.finish()
}

/// The purposes of consent that a programme asks for: 1 to 8 codes.
fn purposes(given: Vec<String>) -> Result<Value, Fault> {
    if !(1..=8).contains(&given.len()) {
        return Err(("length", "give 1 to 8 purposes".into()));
    }
    if given.iter().all(|purpose| is_code(purpose)) {
        Ok(json!(given))
    } else {
        let msg = "a purpose begins with a small letter and has up to 64 of a-z, 0-9 and _";
        Err(("pattern", msg.into()))
    }
}

fn is_code(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors<B: serde::de::DeserializeOwned>(
        parse: fn(B) -> Result<Value, Problem>,
        body: Value,
    ) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body).err();
        let errors = problem.map(|problem| problem.errors).unwrap_or_default();
        errors.into_iter().map(|e| format!("{} {}", e.loc[1], e.kind)).collect()
    }

    #[test]
    fn a_programme_needs_a_name_alone() {
        assert!(errors(parse_program, json!({"name": "Boxing"})).is_empty());
        assert_eq!(errors(parse_program, json!({})), ["name missing"]);
    }

    #[test]
    fn a_programme_asks_for_1_to_8_purposes_that_are_codes() {
        let with = |purposes: Value| json!({"name": "B", "consent_purposes": purposes});
        assert!(errors(parse_program, with(json!(["participation", "photo_2"]))).is_empty());
        for bad in [
            json!([]),
            json!(vec!["a"; 9]),
            json!(["Photo"]),
            json!(["2x"]),
            json!(["a b"]),
            json!([""]),
        ] {
            assert_eq!(errors(parse_program, with(bad)).len(), 1);
        }
        assert_eq!(errors(parse_program, with(Value::Null)), ["consent_purposes missing"]);
    }

    #[test]
    fn every_fault_of_a_cohort_is_named_at_once() {
        let body =
            json!({"program_id": "7", "capacity": 0, "starts_on": "soon", "ends_on": "2027-02-30"});
        let wanted =
            ["program_id uuid", "name missing", "capacity range", "starts_on date", "ends_on date"];
        assert_eq!(errors(parse_cohort, body), wanted);
    }

    #[test]
    fn a_location_has_a_name() {
        assert!(errors(parse_location, json!({"name": "Gym", "county": null})).is_empty());
        assert_eq!(errors(parse_location, json!({"name": " "})), ["name length"]);
    }
}
