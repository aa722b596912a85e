//! What may be said of an organization. Pure.

use kernel::http::{Fields, Problem, Purpose, text};
use serde_json::Value;

use super::http::OrganizationBody;

/// Checks a body; its columns.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: OrganizationBody) -> Result<Value, Problem> {
    let mut fields = Fields::new(Purpose::Change);
    fields.optional("display_name", "name", body.name, text(120));
    fields.optional("description", "description", body.description, text(2000));
    fields.finish()
}
