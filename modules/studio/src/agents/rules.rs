//! What an agent must be, and what may become of it. Pure.

use kernel::http::{Fields, Problem, Purpose, one_of, or, text};
use serde_json::Value;

use super::http::AgentBody;

pub const STATUSES: &[&str] = &["draft", "active", "archived"];

/// Checks a body; its columns.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: AgentBody, purpose: Purpose) -> Result<Value, Problem> {
    let mut fields = Fields::new(purpose);
    fields.required("name", "name", body.name, text(120));
    fields.optional("description", "description", body.description, text(2000));
    fields.optional("workspace_id", "workspace_id", body.workspace_id, |id| Ok(id.to_string()));
    match purpose {
        Purpose::Create => {
            fields.required("status", "status", or(body.status, "draft"), one_of(&["draft"]))
        }
        Purpose::Change => fields.required("status", "status", body.status, one_of(STATUSES)),
    }
    fields.finish()
}

/// 409: an agent goes when nothing of it runs.
///
/// # Errors
/// As said.
pub fn require_stopped(running: i64) -> Result<(), Problem> {
    match running {
        0 => Ok(()),
        _ => {
            let detail = "a deployment of this agent is active or under way: stop it first";
            Err(Problem::conflict("agent_deployed", detail))
        }
    }
}

/// 409: an archived agent is left as it is.
///
/// # Errors
/// As said.
pub fn require_in_use(status: &str) -> Result<(), Problem> {
    match status {
        "archived" => {
            let detail = "this agent is archived: set its status to active first";
            Err(Problem::conflict("agent_archived", detail))
        }
        _ => Ok(()),
    }
}
