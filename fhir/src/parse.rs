//! A resource out of what somebody sent, or what is wrong with it and where. Values are never repeated.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::resources::Resource;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Of the value set `issue-type` (R4): `structure`, `value`, `required`, `not-supported`, `business-rule`, …
    pub code: &'static str,
    /// Where, as FHIRPath: `Patient.name[0].family`.
    pub expression: String,
    /// What is wrong, for people.
    pub diagnostics: String,
}

impl Issue {
    pub fn new(
        code: &'static str,
        expression: impl Into<String>,
        diagnostics: impl Into<String>,
    ) -> Self {
        Self { code, expression: expression.into(), diagnostics: diagnostics.into() }
    }
}

/// Reads a resource of the type `R`.
///
/// # Errors
/// It is no JSON, of another type, has a member of a type that it cannot have, or a modifier: `modifierExtension` and
/// `implicitRules` may change what the rest means, and none is known (R4, section 2.1.0.1).
pub fn parse<R: Resource + DeserializeOwned>(body: &[u8]) -> Result<R, Issue> {
    let whole: Value = serde_json::from_slice(body).map_err(|error| {
        let place = format!("this is not JSON, at line {} column {}", error.line(), error.column());
        Issue::new("structure", R::TYPE, place)
    })?;
    if !whole.is_object() {
        return Err(Issue::new("structure", R::TYPE, "send a JSON object"));
    }
    refuse(&whole, R::TYPE)?;
    let mut parser = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let place = place(R::TYPE, error.path());
        shape(place, &error.inner().to_string())
    })
}

/// The first member that may turn the meaning of the rest, or text that cannot be stored.
fn refuse(value: &Value, at: &str) -> Result<(), Issue> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err(Issue::new("value", at, "the character U+0000 cannot be stored"))
        }
        Value::Array(all) => all
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| refuse(value, &format!("{at}[{index}]"))),
        Value::Object(all) => all.iter().try_for_each(|(name, value)| {
            if matches!(name.as_str(), "modifierExtension" | "implicitRules") {
                let msg =
                    "this may change what the rest means, and is not known here: leave it out";
                return Err(Issue::new("not-supported", format!("{at}.{name}"), msg));
            }
            refuse(value, &format!("{at}.{}", plain(name)))
        }),
        _ => Ok(()),
    }
}

/// A member's name, no longer than a name is and without what could not stand in a path.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}

fn place(root: &str, path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(root.to_owned(), |at, segment| match segment {
        Segment::Seq { index } => format!("{at}[{index}]"),
        Segment::Map { key } | Segment::Enum { variant: key } => format!("{at}.{}", plain(key)),
        Segment::Unknown => at,
    })
}

/// serde's own messages repeat the value; only what was expected may be said.
fn shape(at: String, text: &str) -> Issue {
    let text = text.split(" at line ").next().unwrap_or(text);
    let named = |at: &str| match text.split('`').nth(1) {
        Some(name) if !at.ends_with(name) => format!("{at}.{}", plain(name)),
        _ => at.to_owned(),
    };
    if text.starts_with("missing field") {
        return Issue::new("required", named(&at), "this member is required");
    }
    if text.starts_with("duplicate field") {
        return Issue::new("structure", named(&at), "this member is given twice");
    }
    match text.split_once("expected ") {
        Some((_, expected)) => Issue::new("structure", at, format!("expected {expected}")),
        None => Issue::new("structure", at, "this is not of the type that it must have"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Patient;

    fn fault(body: &str) -> (String, &'static str) {
        let issue = parse::<Patient>(body.as_bytes()).err().expect("a fault");
        assert!(!issue.diagnostics.contains("CANARY"), "{}", issue.diagnostics);
        (issue.expression, issue.code)
    }

    #[test]
    fn members_that_are_not_known_are_let_by() {
        let body = r#"{"resourceType": "Patient", "photo": [{"url": "x"}], "name": [{"family": "Rojas", "period": {}}]}"#;
        let patient: Patient = parse(body.as_bytes()).expect("a patient");
        assert!(patient.name[0].family.as_deref() == Some("Rojas"));
    }

    #[test]
    fn modifiers_are_refused_wherever_they_stand() {
        let body = r#"{"resourceType": "Patient", "contact": [{}, {"modifierExtension": [{"url": "CANARY"}]}]}"#;
        assert_eq!(fault(body), ("Patient.contact[1].modifierExtension".into(), "not-supported"));
        let body = r#"{"resourceType": "Patient", "implicitRules": "CANARY"}"#;
        assert_eq!(fault(body).0, "Patient.implicitRules");
    }

    #[test]
    fn the_place_of_a_fault_is_a_path() {
        assert_eq!(fault("{\"resourceType\": ").0, "Patient");
        assert_eq!(fault("[]").0, "Patient");
        assert_eq!(fault("{}"), ("Patient.resourceType".into(), "required"));
        assert_eq!(fault(r#"{"resourceType": "CANARY"}"#).0, "Patient.resourceType");
        let body = r#"{"resourceType": "Patient", "name": [{"given": ["Ana", {"CANARY": 1}]}]}"#;
        assert_eq!(fault(body), ("Patient.name[0].given[1]".into(), "structure"));
        let body = r#"{"resourceType": "Patient", "active": true, "active": false}"#;
        assert_eq!(fault(body), ("Patient.active".into(), "structure"));
        let body = r#"{"resourceType": "Patient", "birthDate": "CANARY\u0000"}"#;
        assert_eq!(fault(body), ("Patient.birthDate".into(), "value"));
    }
}
