//! What an enrollment must be. Pure.

use kernel::{
    http::{Fields, Problem, Purpose, day, defaulted, id, one_of, text},
    privacy::Pii,
};
use serde_json::Value;

use super::http::{EndBody, EnrollmentBody};

/// What an enrollment may be, and how it may have ended.
pub const STATUSES: &[&str] = &["active", "completed", "withdrawn"];
const ENDS: &[&str] = &["completed", "withdrawn"];

/// # Errors
/// 422 with every field at fault.
pub fn parse(body: EnrollmentBody) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("participant_id", "participant_id", body.participant_id, id);
    fields.required("cohort_id", "cohort_id", body.cohort_id, id);
    defaulted(&mut fields, "started_on", body.started_on, day);
    fields.finish().map(Pii::new)
}

/// # Errors
/// 422 with every field at fault.
pub fn parse_end(body: EndBody) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("status", "status", body.status, one_of(ENDS));
    defaulted(&mut fields, "ended_on", body.ended_on, day);
    fields.optional("end_reason", "reason", body.reason, text(1000));
    fields.finish().map(Pii::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors<B: serde::de::DeserializeOwned>(
        parse: fn(B) -> Result<Pii<Value>, Problem>,
        body: Value,
    ) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let errors = parse(body).err().map(|problem| problem.errors).unwrap_or_default();
        errors.into_iter().map(|e| format!("{} {}", e.loc[1], e.kind)).collect()
    }

    #[test]
    fn an_enrollment_names_a_participant_and_a_cohort() {
        let id = "00000000-0000-7000-8000-000000000001";
        assert!(errors(parse, json!({"participant_id": id, "cohort_id": id})).is_empty());
        assert_eq!(errors(parse, json!({})), ["participant_id missing", "cohort_id missing"]);
        let wanted = ["participant_id uuid", "cohort_id uuid", "started_on date"];
        let body = json!({"participant_id": "1", "cohort_id": "2", "started_on": "soon"});
        assert_eq!(errors(parse, body), wanted);
    }

    #[test]
    fn an_end_says_which_and_is_not_a_beginning() {
        assert!(errors(parse_end, json!({"status": "withdrawn", "reason": null})).is_empty());
        assert_eq!(errors(parse_end, json!({})), ["status missing"]);
        assert_eq!(errors(parse_end, json!({"status": "active"})), ["status enum"]);
        let body = json!({"status": "completed", "ended_on": null, "reason": ""});
        assert_eq!(errors(parse_end, body), ["ended_on missing", "reason length"]);
    }
}
