//! What a guardian must be. Pure.

use jiff::civil::Date;
use kernel::{
    http::{Fields, Patch, Problem, Purpose, defaulted, email, one_of, phone, text},
    privacy::Pii,
};
use serde_json::Value;

use super::http::GuardianBody;

const RELATIONS: &[&str] = &["parent", "guardian", "self", "other"];
const BASES: &[&str] = &["student_consent", "tax_dependent"];

/// Checks a body; the day on which a basis is recorded is the school's `today`.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: GuardianBody, purpose: Purpose, today: Date) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(purpose);
    fields.optional("account_id", "account_id", body.account_id, |id| Ok(id.to_string()));
    fields.required("full_name", "full_name", body.full_name, text(160));
    fields.required("relation", "relation", body.relation, one_of(RELATIONS));
    fields.optional("email", "email", body.email, |given| email(&given));
    fields.optional("phone", "phone", body.phone, |given| phone(&given));
    defaulted(&mut fields, "is_primary", body.is_primary, Ok);
    let kept_on = match body.kept_basis.as_given() {
        None => Patch::Absent,
        Some(None) => Patch::Null,
        Some(Some(_)) => Patch::Value(today.to_string()),
    };
    fields.optional("kept_basis", "kept_basis", body.kept_basis, one_of(BASES));
    fields.optional("kept_on", "kept_basis", kept_on, Ok);
    fields.finish().map(Pii::new)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn errors(body: Value, purpose: Purpose) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body, purpose, date(2026, 11, 2)).err();
        problem.map(|p| p.errors).unwrap_or_default().into_iter().map(|e| e.loc.join(".")).collect()
    }

    #[test]
    fn a_guardian_has_a_name_and_a_relation() {
        assert!(
            errors(json!({"full_name": "Dana", "relation": "parent"}), Purpose::Create).is_empty()
        );
        assert_eq!(errors(json!({}), Purpose::Create), ["body.full_name", "body.relation"]);
        let uncle = json!({"relation": "uncle", "kept_basis": "habit", "phone": "12"});
        let wanted = ["body.relation", "body.phone", "body.kept_basis"];
        assert_eq!(errors(uncle, Purpose::Change), wanted);
    }
}
