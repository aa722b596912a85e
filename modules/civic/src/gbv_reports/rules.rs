//! What a report of violence must be, and how it goes on. Pure.

use jiff::Timestamp;
use kernel::{
    http::{Fields, Patch, Problem, Purpose, defaulted, one_of},
    privacy::Pii,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::http::{ChangeBody, ReportBody};
use crate::text::{language, plain};

pub const KINDS: &[&str] = &["physical", "sexual", "emotional", "economic", "stalking", "other"];
pub const STATUSES: &[&str] = &["received", "in_review", "referred", "closed"];
const CODE: &str = "reeve_gf_";

/// Checks a report.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: ReportBody) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("kind", "kind", body.kind, one_of(KINDS));
    fields.required("description", "description", body.description, plain(8000));
    fields.optional("place", "place", body.place, plain(300));
    fields.optional("safe_contact", "safe_contact", body.safe_contact, plain(300));
    defaulted(&mut fields, "immediate_danger", body.immediate_danger, Ok);
    defaulted(&mut fields, "language", body.language, language);
    fields.finish().map(Pii::new)
}

/// Checks how a report is taken further.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse_change(body: ChangeBody, now: Timestamp) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Change);
    let referred_at = match &body.saps_case_number {
        Patch::Value(_) => Patch::Value(now.to_string()),
        _ => Patch::Absent,
    };
    fields.required("status", "status", body.status, one_of(STATUSES));
    fields.required("saps_case_number", "saps_case_number", body.saps_case_number, plain(60));
    fields.required("referred_at", "saps_case_number", referred_at, Ok);
    fields.finish().map(Pii::new)
}

/// The code of a report, to be shown once.
pub fn code(random: [u8; 32]) -> String {
    let letters: String = random.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{CODE}{letters}")
}

/// What is kept of a code.
pub fn hash(code: &str) -> Vec<u8> {
    Sha256::digest(code.trim()).to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: Value) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse(body).err();
        problem.map(|p| p.errors).unwrap_or_default().into_iter().map(|e| e.loc.join(".")).collect()
    }

    #[test]
    fn a_report_says_what_kind_and_what_happened_and_nothing_of_who() {
        assert_eq!(errors(json!({})), ["body.kind", "body.description"]);
        let report = json!({"kind": "sexual", "description": "…", "language": "zu", "immediate_danger": true});
        assert!(errors(report).is_empty());
        assert_eq!(
            errors(json!({"kind": "x", "description": "y", "language": "de"})),
            ["body.kind", "body.language"]
        );
    }

    #[test]
    fn a_code_is_long_and_only_its_hash_is_kept() {
        let code = code([0xab; 32]);
        assert_eq!(code.len(), CODE.len() + 32);
        assert_eq!(hash(&code).len(), 32);
        assert_ne!(hash(&code), hash("reeve_gf_"));
    }
}
