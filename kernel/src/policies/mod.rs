//! Attribute policies: an organization narrows, by what is known of a resource, what its roles may
//! do (Z-010). The matrix comes first and is the ceiling; then one policy must allow and none deny
//! (Z-013, Z-014). A realm without them knows the matrix alone (C-20).

mod engine;
mod http;
mod operator;
pub(crate) mod sql;

pub use engine::{Admitted, AttributesRow, Case, Verdict};
pub(crate) use engine::{Policies, admit, admit_job, admit_to};
pub(crate) use operator::insert_defaults;
pub use operator::{PolicyFault, Questions};

use serde_json::json;

use crate::{
    http::{Docs, Routes},
    permissions,
};

permissions! {
    ReadPolicies = "policy:read", Reads;
    WritePolicies = "policy:write", Writes;
    /// Ask what the policies would say.
    EvaluatePolicies = "policy:evaluate", Reads;
}

const TAG: &str = "policies";
const LIST: Docs = Docs::new(TAG, "List the organization's policies", "By name.");
const CREATE: Docs = Docs::new(
    TAG,
    "Write a policy",
    "`conditions` in JSON (`field`, `operator`, `value`; groups `all` and `any`) or `cedar`, one whole \
     policy. Checked against the vocabulary before it is stored. Felt everywhere within a second.",
)
.status(201)
.example(|| {
    json!({"name": "No deployments at night", "effect": "deny", "resource": "agent", "actions": ["deploy"],
           "conditions": [{"field": "context.hour", "operator": "gte", "value": 22}]})
});
const FIND: Docs = Docs::new(TAG, "Read a policy", "");
const CHANGE: Docs = Docs::new(TAG, "Change a policy", "What is absent stays as it is.")
    .example(|| json!({"description": "Nobody is awake to look after them."}));
const REMOVE: Docs = Docs::new(TAG, "Remove a policy", "").status(204);
const EVALUATE: Docs = Docs::new(
    TAG,
    "Ask which rule decides",
    "Nothing is done and nothing is stored. First the role's permission, then the policies; the answer \
     names those that decided.",
)
.example(|| {
    json!({"action": "deploy", "resource": "agent", "role": "developer",
           "attributes": {"name": "triage", "status": "draft", "workspace_id": "w1"}})
});

pub(crate) fn routes(routes: &mut Routes) {
    routes.get(ReadPolicies, "/api/v1/policies", http::list, LIST);
    routes.post(WritePolicies, "/api/v1/policies", http::create, CREATE);
    routes.post(EvaluatePolicies, "/api/v1/policies/evaluate", http::evaluate, EVALUATE);
    routes.get(ReadPolicies, "/api/v1/policies/{id}", http::find, FIND);
    routes.patch(WritePolicies, "/api/v1/policies/{id}", http::change, CHANGE);
    routes.delete(WritePolicies, "/api/v1/policies/{id}", http::remove, REMOVE);
}
