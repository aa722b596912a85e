//! What an instructor must be. Pure.

use kernel::{
    http::{Fields, Problem, Purpose, day, email, id, text},
    privacy::Pii,
};
use serde_json::Value;

use super::http::InstructorBody;

/// # Errors
/// 422 with every field at fault.
pub fn parse(body: InstructorBody, purpose: Purpose) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(purpose);
    fields.required("full_name", "full_name", body.full_name, text(200));
    fields.optional("email", "email", body.email, |given: String| email(&given));
    fields.optional("account_id", "account_id", body.account_id, id);
    let trained = body.concussion_trained_on;
    fields.optional("concussion_trained_on", "concussion_trained_on", trained, day);
    let permitted = body.activity_permit_until;
    fields.optional("activity_permit_until", "activity_permit_until", permitted, day);
    fields.finish().map(Pii::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: Value, purpose: Purpose) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let errors = parse(body, purpose).err().map(|problem| problem.errors).unwrap_or_default();
        errors.into_iter().map(|e| format!("{} {}", e.loc[1], e.kind)).collect()
    }

    #[test]
    fn an_instructor_has_a_name() {
        assert!(errors(json!({"full_name": "Jordan Wells"}), Purpose::Create).is_empty());
        assert_eq!(errors(json!({}), Purpose::Create), ["full_name missing"]);
        assert_eq!(errors(json!({"full_name": null}), Purpose::Change), ["full_name missing"]);
    }

    #[test]
    fn a_change_may_clear_what_need_not_be_known() {
        let cleared = json!({"email": null, "account_id": null, "concussion_trained_on": null});
        assert!(errors(cleared, Purpose::Change).is_empty());
    }

    #[test]
    fn no_fault_repeats_a_value() {
        let body = json!({"full_name": "CANARY\u{1}", "email": "CANARY", "account_id": "CANARY",
                          "concussion_trained_on": "CANARY", "activity_permit_until": "CANARY"});
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body, Purpose::Create).expect_err("faults");
        assert_eq!(problem.errors.len(), 5);
        assert!(!format!("{problem:?}").contains("CANARY"));
    }
}
