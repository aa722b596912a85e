//! Statements on attribute policies.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::Done,
    http::{Constraint, Problem},
    row, statements,
};

row! {
    /// A policy as it is stored.
    pub struct PolicyRow {
        id: Uuid,
        name: String,
        description: Option<String>,
        effect: String,
        resource: String,
        actions: Vec<String>,
        conditions: Option<Value>,
        cedar: Option<String>,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: i32,
    }
}

macro_rules! columns {
    () => {
        "id, name, description, effect, resource, actions, conditions, cedar, created_at, updated_at, version"
    };
}

statements! {
    /// A tenant has few: they are read whole.
    fn list_policies() -> PolicyRow
        = concat!("select ", columns!(), " from kernel.policy
            where tenant_id = kernel.tenant() and deleted_at is null
            order by name limit 1000");

    fn find_policy(id: Uuid) -> PolicyRow
        = concat!("select ", columns!(), " from kernel.policy
            where tenant_id = kernel.tenant() and id = $1 and deleted_at is null");

    fn insert_policy(id: Uuid, name: String, description: Option<String>, effect: &'static str,
                     resource: String, actions: Vec<String>, conditions: Option<Value>, cedar: Option<String>) -> PolicyRow
        = concat!("insert into kernel.policy (tenant_id, id, name, description, effect, resource, actions, conditions, cedar)
           values (kernel.tenant(), $1, $2, $3, $4, $5, $6, $7, $8)
           returning ", columns!());

    fn update_policy(id: Uuid, expected: Option<i32>, name: String, description: Option<String>, effect: &'static str,
                     resource: String, actions: Vec<String>, conditions: Option<Value>, cedar: Option<String>) -> PolicyRow
        = concat!("update kernel.policy
              set name = $3, description = $4, effect = $5, resource = $6, actions = $7, conditions = $8, cedar = $9
            where tenant_id = kernel.tenant() and id = $1 and deleted_at is null
              and kernel.expect_version(version, $2)
           returning ", columns!());

    fn delete_policy(id: Uuid, expected: Option<i32>) -> Done
        = "update kernel.policy set deleted_at = now()
            where tenant_id = kernel.tenant() and id = $1 and deleted_at is null
              and kernel.expect_version(version, $2)
           returning true as done";
}

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "policy_name_taken",
            problem: || Problem::conflict("policy_name_taken", "there is a policy of this name"),
        },
        Constraint {
            name: "policy_name_check",
            problem: || Problem::field(&["body", "name"], "length", "give 1 to 80 characters"),
        },
    ]
}
