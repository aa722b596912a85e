//! What a patient said to the treatment of their data, as a Consent. Pure.

use fhir::{
    elements::{CodeableConcept, Coding, Extension, Reference},
    resources::{Consent, Provision},
};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::fhir::rules::{Mapping, meta};

/// The consent of a patient, whose id it has. One that was refused is `rejected` and denies.
pub fn export(
    (id, version, updated): (Uuid, i32, Timestamp),
    given: &Value,
    mapping: &Mapping,
) -> Consent {
    let authorized = given.get("authorized") == Some(&Value::Bool(true));
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    let scope =
        Coding::new("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy");
    // LOINC: patient consent.
    let category = Coding::new("http://loinc.org", "59284-0");
    let said = [("text-version", text("text_version")), ("channel", text("channel"))];
    let (status, kind) = if authorized { ("active", "permit") } else { ("rejected", "deny") };
    Consent {
        id: Some(id.to_string()),
        meta: Some(meta(version, updated)),
        extension: said
            .into_iter()
            .filter_map(|(name, value)| Some(Extension::string(mapping.url(name), value?)))
            .collect(),
        status: Some(status.to_owned()),
        scope: Some(CodeableConcept::of(scope)),
        category: vec![CodeableConcept::of(category)],
        patient: Some(Reference::to("Patient", id)),
        date_time: text("at"),
        policy_rule: Some(CodeableConcept::text("Ley 1581 de 2012, art. 9")),
        provision: Some(Provision { kind: Some(kind.to_owned()), period: None }),
        ..Consent::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_refused_denies() {
        let consent = |authorized: bool| {
            let given = json!({"authorized": authorized, "at": "2026-01-01T00:00:00Z", "channel": "whatsapp"});
            let of = (Uuid::nil(), 1, Timestamp::UNIX_EPOCH);
            serde_json::to_value(export(of, &given, &Mapping::default())).expect("JSON")
        };
        assert_eq!(consent(true)["status"], "active");
        assert_eq!(consent(false)["status"], "rejected");
        assert_eq!(consent(false)["provision"]["type"], "deny");
        assert_eq!(consent(true)["extension"][0]["url"], "urn:reeve:fhir:channel");
    }
}
