//! What a closed gate answers: 409 with everything that is missing, the section of law, and the version
//! of the pack that it was read in (settled question 1; K-028).

use policy::statutes::Authority;
use serde_json::{Value, json};

use crate::{authz::Permission, http::Problem};

/// One step that is missing: its stable name and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingStep {
    pub code: &'static str,
    pub detail: String,
}

impl MissingStep {
    fn member(&self) -> Value {
        json!({"code": self.code, "detail": self.detail})
    }
}

/// The refusal of a gate, which goes on record as the refusal of `P`.
pub fn closed<P: Permission>(missing: &[MissingStep], authority: &Authority) -> Problem {
    let steps: Vec<_> = missing.iter().map(|step| &*step.detail).collect();
    let detail = format!("the gate is closed: {}", steps.join("; "));
    Problem::conflict("gate_blocked", detail).refusing(P::NAME).of_gate(missing, authority)
}

impl Problem {
    /// The same, with what is missing and under which law.
    pub fn of_gate(self, missing: &[MissingStep], authority: &Authority) -> Self {
        let steps: Vec<_> = missing.iter().map(MissingStep::member).collect();
        self.with("missing", steps)
            .with("statute", authority.citation.clone())
            .with("pack", authority.pack.clone())
    }
}
