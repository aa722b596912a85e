//! What a category must be. Pure.

use kernel::http::{Fault, Fields, Problem, Purpose, defaulted, whole};
use serde_json::Value;

use super::http::CategoryBody;
use crate::text::plain;

/// A year, in hours.
const LONGEST: i64 = 8760;

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: CategoryBody, purpose: Purpose) -> Result<Value, Problem> {
    let mut fields = Fields::new(purpose);
    fields.required("code", "code", body.code, code);
    fields.required("name", "name", body.name, plain(80));
    fields.optional("description", "description", body.description, plain(500));
    fields.optional("department", "department", body.department, plain(80));
    fields.required("response_hours", "response_hours", body.response_hours, whole(1, LONGEST));
    let hours = body.resolution_hours;
    fields.required("resolution_hours", "resolution_hours", hours, whole(1, LONGEST));
    defaulted(&mut fields, "is_active", body.is_active, Ok);
    fields.finish()
}

fn code(given: String) -> Result<String, Fault> {
    let fits = (1..=40).contains(&given.len())
        && given.starts_with(|c: char| c.is_ascii_lowercase())
        && given.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits { Ok(given) } else { Err(("code", "give lower-case letters, digits and `_`".into())) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: Value, purpose: Purpose) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body, purpose).err();
        problem.map(|p| p.errors).unwrap_or_default().into_iter().map(|e| e.loc.join(".")).collect()
    }

    #[test]
    fn a_category_has_a_code_a_name_and_two_times() {
        let wanted = ["body.code", "body.name", "body.response_hours", "body.resolution_hours"];
        assert_eq!(errors(json!({}), Purpose::Create), wanted);
        let bad = json!({"code": "Water", "response_hours": 0, "resolution_hours": 8761});
        let wanted = ["body.code", "body.response_hours", "body.resolution_hours"];
        assert_eq!(errors(bad, Purpose::Change), wanted);
    }
}
