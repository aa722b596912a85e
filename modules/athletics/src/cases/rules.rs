//! What of a case can change. Pure.

use kernel::{
    http::{Fields, Patch, Problem, Purpose, one_of, text},
    privacy::Pii,
};
use serde_json::Value;

use super::http::CaseBody;

/// For the day.
pub const ATTENTION: &[&str] = &["urgent", "warning", "stable"];

/// Checks a change.
///
/// # Errors
/// 422 with every field at fault; `severity` is one whatever it says.
pub fn parse(body: CaseBody) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Change);
    if body.severity != Patch::Absent {
        let msg =
            "the severity is as it was found: change attention_level, or record an evaluation";
        fields.fault("severity", ("immutable", msg.to_owned()));
    }
    fields.optional("external_id", "external_id", body.external_id, text(100));
    fields.required("title", "title", body.title, text(160));
    let level = body.attention_level;
    fields.required("attention_level", "attention_level", level, one_of(ATTENTION));
    fields.optional("primary_at_id", "primary_at_id", body.primary_at_id, |id| Ok(id.to_string()));
    fields.finish().map(Pii::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: Value) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body).err().map(|p| p.errors).unwrap_or_default();
        problem.into_iter().map(|e| format!("{} {}", e.loc.join("."), e.kind)).collect()
    }

    #[test]
    fn r026_attention_changes_and_severity_never() {
        assert!(errors(json!({"attention_level": "stable"})).is_empty());
        for value in [json!("mild"), json!(null)] {
            assert_eq!(errors(json!({"severity": value})), ["body.severity immutable"]);
        }
        assert_eq!(errors(json!({"attention_level": "calm"})), ["body.attention_level enum"]);
        assert_eq!(errors(json!({"attention_level": null})), ["body.attention_level missing"]);
    }
}
