//! What a workspace must be. Pure.

use kernel::http::{Fields, Problem, Purpose, text};
use serde_json::Value;

use super::http::WorkspaceBody;

/// Checks a body; its columns.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: WorkspaceBody, purpose: Purpose) -> Result<Value, Problem> {
    let mut fields = Fields::new(purpose);
    fields.required("name", "name", body.name, text(120));
    fields.optional("description", "description", body.description, text(2000));
    fields.finish()
}

/// 409: a workspace goes when nothing is in it.
///
/// # Errors
/// As said.
pub fn require_empty(agents: i64) -> Result<(), Problem> {
    match agents {
        0 => Ok(()),
        _ => {
            let detail = "there are agents in this workspace: move or delete them first";
            Err(Problem::conflict("workspace_not_empty", detail))
        }
    }
}
