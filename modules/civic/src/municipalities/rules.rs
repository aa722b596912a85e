//! What a municipality must be. Pure.

use kernel::http::{Fault, Fields, Patch, Problem, Purpose, email, one_of, text, whole};
use serde_json::Value;

use super::http::MunicipalityBody;

const PROVINCES: &[&str] = &[
    "Eastern Cape",
    "Free State",
    "Gauteng",
    "KwaZulu-Natal",
    "Limpopo",
    "Mpumalanga",
    "Northern Cape",
    "North West",
    "Western Cape",
];

/// A municipality, checked: what is the organisation's own, and the rest.
pub struct Municipality {
    pub name: Option<String>,
    pub code: Option<String>,
    pub is_active: Option<bool>,
    pub columns: Value,
}

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: MunicipalityBody, purpose: Purpose) -> Result<Municipality, Problem> {
    let mut fields = Fields::new(purpose);
    let (name, given_code, is_active) =
        (body.name.clone(), body.code.clone(), body.is_active.clone());
    fields.required("name", "name", body.name, text(80));
    match purpose {
        Purpose::Create => fields.required("code", "code", body.code, code),
        Purpose::Change => fields.optional("code", "code", body.code, fixed),
    }
    fields.required("province", "province", body.province, one_of(PROVINCES));
    fields.optional("population", "population", body.population, whole(0, 100_000_000));
    fields.optional("contact_email", "contact_email", body.contact_email, |given| email(&given));
    fields.required("is_active", "is_active", default(body.is_active, purpose), Ok);
    let columns = fields.finish()?;
    Ok(Municipality {
        name: name.value().map(|name| name.trim().to_owned()),
        code: given_code.value(),
        is_active: is_active.value(),
        columns,
    })
}

/// A new municipality is active unless it is said.
fn default(given: Patch<bool>, purpose: Purpose) -> Patch<bool> {
    match (given, purpose) {
        (Patch::Absent, Purpose::Create) => Patch::Value(true),
        (given, _) => given,
    }
}

fn code(given: String) -> Result<String, Fault> {
    let fits = (1..=40).contains(&given.len())
        && given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(given) } else { Err(("code", "give letters, digits, `_` and `-`".into())) }
}

fn fixed(_: String) -> Result<String, Fault> {
    Err(("fixed", "a code stays: people register by it".into()))
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
    fn a_municipality_has_a_name_a_code_and_one_of_nine_provinces() {
        assert_eq!(errors(json!({}), Purpose::Create), ["body.name", "body.code", "body.province"]);
        for province in PROVINCES {
            let body = json!({"name": "M", "code": "m", "province": province});
            assert!(errors(body, Purpose::Create).is_empty(), "{province}");
        }
        let bad = json!({"province": "Natal", "population": -1, "contact_email": "x", "code": "n"});
        let wanted = ["body.code", "body.province", "body.population", "body.contact_email"];
        assert_eq!(errors(bad, Purpose::Change), wanted);
    }
}
