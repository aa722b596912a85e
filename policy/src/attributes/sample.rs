//! What the tests of policies share.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Attribute, AttributeKind, Circumstances, Decision, Effect, PolicySet, Question, ResourceKind,
    Rule, RuleFault, Subject, Vocabulary, When,
};

pub const AGENT: ResourceKind = ResourceKind {
    name: "agent",
    plural: "agents",
    actions: &["read", "deploy"],
    attributes: &[
        Attribute { name: "workspace_id", kind: AttributeKind::Text, required: true },
        Attribute { name: "cost", kind: AttributeKind::Number, required: true },
        Attribute { name: "region", kind: AttributeKind::Text, required: false },
        Attribute { name: "level", kind: AttributeKind::Number, required: false },
        Attribute { name: "draft", kind: AttributeKind::Boolean, required: false },
        Attribute { name: "labels", kind: AttributeKind::TextSet, required: false },
    ],
};

pub const WORKFLOW: ResourceKind = ResourceKind {
    name: "workflow",
    plural: "workflows",
    actions: &["read", "run"],
    attributes: &[Attribute { name: "owner_id", kind: AttributeKind::Text, required: true }],
};

pub fn vocabulary() -> Vocabulary {
    Vocabulary::new([AGENT, WORKFLOW]).expect("the sample is sound")
}

/// A policy on agents with these conditions.
pub fn rule(effect: Effect, actions: &[&str], conditions: Value) -> Rule {
    let Value::Array(list) = conditions else { panic!("a list of conditions") };
    let actions = actions.iter().map(ToString::to_string).collect();
    let (id, resource) = (Uuid::from_u128(7), "agent".into());
    Rule { id, name: "sample".into(), effect, resource, actions, when: When::Conditions(list) }
}

/// An allowing policy on every action of agents, as Cedar text.
pub fn cedar(effect: Effect, text: &str) -> Rule {
    Rule { when: When::Cedar(text.into()), ..rule(effect, &["*"], json!([])) }
}

pub fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("an object") };
    map
}

pub fn plain_agent() -> Map<String, Value> {
    object(json!({"workspace_id": "w1", "cost": 5}))
}

/// A member's question at ten on a Monday.
pub fn question<'a>(action: &'a str, attributes: &'a Map<String, Value>) -> Question<'a> {
    Question {
        subject: Subject { id: "u1", role: "member" },
        action,
        resource: "agent",
        resource_id: "a1",
        attributes,
        circumstances: Circumstances {
            hour: 10,
            weekday: 1,
            address: "10.0.0.1",
            authenticated_by: "sso",
        },
    }
}

/// The answer that these policies give to a question about this agent.
pub fn decide(rules: &[Rule], action: &str, attributes: Value) -> Decision {
    let vocabulary = vocabulary();
    let compiled = rules.iter().map(|rule| vocabulary.compile(rule).expect("compiles"));
    let set = PolicySet::of(compiled.collect());
    vocabulary.decide(&set, &question(action, &object(attributes)))
}

/// Whether one allowing policy with these conditions allows the deployment of an agent.
pub fn allows(conditions: Value, attributes: Value) -> bool {
    decide(&[rule(Effect::Allow, &["deploy"], conditions)], "deploy", attributes).allowed
}

pub fn faults(rule: &Rule) -> Vec<RuleFault> {
    vocabulary().compile(rule).expect_err("refused")
}

/// The only fault of a policy, as a path and a sentence.
pub fn fault(rule: &Rule) -> (String, String) {
    let faults = faults(rule);
    assert_eq!(faults.len(), 1, "{faults:?}");
    (faults[0].path.join("."), faults[0].message.clone())
}
