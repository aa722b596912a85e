//! What a disclosure on record must be. Pure.

use jiff::Timestamp;
use kernel::{
    http::{Fields, Patch, Problem, Purpose, one_of, text},
    privacy::Pii,
};
use serde_json::Value;

use super::http::DisclosureBody;

/// Of 34 CFR 99.31; an inspection enters itself.
const BASES: &[&str] =
    &["consent", "health_or_safety_emergency", "other_school", "judicial_order", "audit", "other"];

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault, the threat of an emergency among them.
pub fn parse(body: DisclosureBody, now: Timestamp) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let emergency = body.basis.clone().value().as_deref() == Some("health_or_safety_emergency");
    fields.required("recipient", "recipient", body.recipient, text(200));
    fields.required("interest", "interest", body.interest, text(500));
    fields.required("basis", "basis", body.basis, one_of(BASES));
    fields.required("what", "what", body.what, text(2000));
    match emergency {
        true => fields.required("threat", "threat", body.threat, text(2000)),
        false => fields.optional("threat", "threat", body.threat, text(2000)),
    }
    let at = body.disclosed_at.unwrap_or(now);
    fields.required("disclosed_at", "disclosed_at", Patch::Value(at), |at| {
        match (Timestamp::UNIX_EPOCH..=now).contains(&at) {
            true => Ok(at.to_string()),
            false => Err(("range", "give a time from 1970 to now".into())),
        }
    });
    fields.finish().map(Pii::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_emergency_names_its_threat() {
        let faults = |body: Value| {
            let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("it fits");
            let problem = parse(body, "2026-11-02T22:00:00Z".parse().expect("a time")).err();
            problem
                .map(|p| p.errors)
                .unwrap_or_default()
                .iter()
                .map(|e| e.loc.join("."))
                .collect::<Vec<_>>()
        };
        let mut body = json!({"recipient": "EMS", "interest": "treatment", "what": "all",
                              "basis": "health_or_safety_emergency"});
        assert_eq!(faults(body.clone()), ["body.threat"]);
        body["threat"] = json!("unconscious");
        assert!(faults(body.clone()).is_empty());
        body["basis"] = json!("inspection");
        assert_eq!(faults(body.clone()), ["body.basis"]);
        body["basis"] = json!("consent");
        body["disclosed_at"] = json!("2026-11-02T22:00:01Z");
        assert_eq!(faults(body), ["body.disclosed_at"]);
    }
}
