//! What may be published, and how versions compare. Pure.

use kernel::http::{FieldError, Problem};
use serde_json::Value;
use workflow::{Fault, Workflow};

/// The workflow that a document is.
///
/// # Errors
/// 422 with everything that is wrong with it, each with its place.
pub fn parse(document: &Value) -> Result<Workflow, Problem> {
    workflow::validate(document)
        .map_err(|faults| Problem::invalid(faults.iter().map(fault).collect()))
}

/// A JSON Pointer's segments, below the body's member.
fn fault(fault: &Fault) -> FieldError {
    let below =
        fault.path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    let loc = ["body".to_owned(), "workflow".to_owned()].into_iter().chain(below).collect();
    FieldError { loc, msg: fault.message.clone(), kind: fault.code }
}

/// What was published, read again.
///
/// # Errors
/// A fault of ours: it was checked when it was published.
pub fn published(document: &Value) -> Result<Workflow, Problem> {
    workflow::validate(document).map_err(|_| Problem::internal("a published workflow is valid"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_is_named_with_its_place_in_the_body() {
        let faults = parse(&json!({"nodes": [{"id": "a", "type": "teapot"}], "edges": []}));
        let faults = faults.expect_err("no such node").errors;
        assert!(faults.iter().all(|f| f.loc.starts_with(&["body".into(), "workflow".into()])));
        let place = ["body", "workflow", "nodes", "0", "type"];
        assert!(faults.iter().any(|fault| fault.loc == place), "{faults:?}");
    }
}
