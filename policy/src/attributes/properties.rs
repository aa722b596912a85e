//! What must hold of any policies: a simple reading of the conditions agrees, and no denial allows.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::sample::{cedar, question, rule, vocabulary};
use super::{
    Circumstances, Decision, Effect, PolicySet, Question, Reason, Rule, Subject, Vocabulary,
};

const TEXTS: [&str; 4] = ["", "a", "ab", "b*\"\\"];

fn any_text() -> impl Strategy<Value = Value> {
    select(&TEXTS[..]).prop_map(Value::from)
}

fn any_number() -> impl Strategy<Value = Value> {
    select(&[-1i64, 0, 1, 2, i64::MIN, i64::MAX][..]).prop_map(Value::from)
}

fn list(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec(value, 1..4).prop_map(Value::from)
}

fn test_of(
    fields: &'static [&'static str],
    operators: &'static [&'static str],
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Value> {
    (select(fields), select(operators), value).prop_map(
        |(field, operator, value)| json!({"field": field, "operator": operator, "value": value}),
    )
}

const TEXT_FIELDS: &[&str] = &[
    "resource.workspace_id",
    "resource.region",
    "resource.id",
    "user.role",
    "user.id",
    "context.address",
];
const NUMBER_FIELDS: &[&str] = &["resource.cost", "resource.level", "context.hour"];
const ALL_FIELDS: &[&str] =
    &["resource.region", "resource.level", "resource.labels", "resource.draft", "user.id"];

fn any_condition() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        test_of(TEXT_FIELDS, &["eq", "ne", "contains", "starts_with"], any_text()),
        test_of(TEXT_FIELDS, &["in", "not_in"], list(any_text())),
        test_of(NUMBER_FIELDS, &["eq", "ne", "gt", "gte", "lt", "lte"], any_number()),
        test_of(NUMBER_FIELDS, &["in", "not_in"], list(any_number())),
        test_of(&["resource.draft"], &["eq", "ne"], any::<bool>().prop_map(Value::from)),
        test_of(&["resource.labels"], &["contains"], any_text()),
        test_of(ALL_FIELDS, &["exists"], any::<bool>().prop_map(Value::from)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        (any::<bool>(), prop::collection::vec(inner, 1..4))
            .prop_map(|(all, list)| if all { json!({"all": list}) } else { json!({"any": list}) })
    })
}

fn any_effect() -> impl Strategy<Value = Effect> {
    select(&[Effect::Allow, Effect::Deny][..])
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let actions = select(vec![&["*"][..], &["read"], &["deploy"], &["read", "deploy"]]);
    // Most begin with a plain test, as most policies do.
    let plain = test_of(&["user.role", "user.id"], &["eq"], any_text());
    let plain = proptest::option::weighted(0.95, plain);
    let conditions = (plain, prop::collection::vec(any_condition(), 0..3))
        .prop_map(|(plain, more)| plain.into_iter().chain(more).collect::<Value>());
    let text = select(&["resource.cost * 2 > 2", "principal.role == \"a\"", "true"][..]);
    let text = proptest::option::weighted(0.05, text);
    (any_effect(), actions, conditions, text, any::<u128>()).prop_map(
        |(effect, actions, conditions, text, id)| {
            let word = if effect == Effect::Allow { "permit" } else { "forbid" };
            let listed = rule(effect, actions, conditions);
            let whole = |text| format!("{word}(principal, action, resource) when {{ {text} }};");
            let rule = text.map_or(listed, |text| cedar(effect, &whole(text)));
            Rule { id: Uuid::from_u128(id), ..rule }
        },
    )
}

fn any_agent() -> impl Strategy<Value = Map<String, Value>> {
    let maybe =
        |value: BoxedStrategy<Value>| prop_oneof![2 => value, 1 => Just(Value::Null)].boxed();
    let labels = prop::collection::vec(any_text(), 0..3).prop_map(Value::from).boxed();
    let draft = any::<bool>().prop_map(Value::from).boxed();
    let texts = (any_text(), maybe(any_text().boxed()), maybe(labels));
    let others = (any_number(), maybe(any_number().boxed()), maybe(draft));
    (texts, others).prop_map(|((workspace, region, labels), (cost, level, draft))| {
        let agent = json!({
            "workspace_id": workspace, "region": region, "labels": labels,
            "cost": cost, "level": level, "draft": draft,
        });
        agent.as_object().cloned().expect("an object")
    })
}

#[derive(Clone, Debug)]
struct Asked {
    texts: [&'static str; 4],
    hour: u8,
    action: &'static str,
    agent: Map<String, Value>,
}

impl Asked {
    fn question(&self) -> Question<'_> {
        let [id, role, resource_id, address] = self.texts;
        let plain = question(self.action, &self.agent);
        let circumstances = Circumstances { hour: self.hour, address, ..plain.circumstances };
        Question { subject: Subject { id, role }, resource_id, circumstances, ..plain }
    }

    /// What a field is, by the plainest reading; null if absent.
    fn field(&self, path: &str) -> Value {
        let [id, role, resource_id, address] = self.texts;
        match path {
            "user.id" => id.into(),
            "user.role" => role.into(),
            "resource.id" => resource_id.into(),
            "context.address" => address.into(),
            "context.hour" => self.hour.into(),
            _ => self.agent[path.strip_prefix("resource.").expect("of the resource")].clone(),
        }
    }
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let texts = [select(&TEXTS[..]), select(&TEXTS[..]), select(&TEXTS[..]), select(&TEXTS[..])];
    (texts, 0u8..3, select(&["read", "deploy"][..]), any_agent())
        .prop_map(|(texts, hour, action, agent)| Asked { texts, hour, action, agent })
}

/// The conditions, read as a person would.
fn holds(condition: &Value, asked: &Asked, effect: Effect) -> bool {
    let mut inner = ["all", "any"].iter().filter_map(|name| Some((*name, condition.get(name)?)));
    if let Some((name, list)) = inner.next() {
        let mut list = list.as_array().expect("a list").iter();
        return match name {
            "all" => list.all(|one| holds(one, asked, effect)),
            _ => list.any(|one| holds(one, asked, effect)),
        };
    }
    let operator = condition["operator"].as_str().expect("a text");
    let found = asked.field(condition["field"].as_str().expect("a text"));
    let value = &condition["value"];
    if operator == "exists" {
        return value.as_bool() == Some(!found.is_null());
    }
    if found.is_null() {
        return effect == Effect::Deny && ["ne", "not_in"].contains(&operator);
    }
    let order = || found.as_i64().cmp(&value.as_i64());
    let among = || value.as_array().expect("a list").contains(&found);
    let text = || (found.as_str().expect("a text"), value.as_str().expect("a text"));
    match operator {
        "eq" => found == *value,
        "ne" => found != *value,
        "gt" => order().is_gt(),
        "gte" => order().is_ge(),
        "lt" => order().is_lt(),
        "lte" => order().is_le(),
        "in" => among(),
        "not_in" => !among(),
        "starts_with" => text().0.starts_with(text().1),
        "contains" => match &found {
            Value::Array(members) => members.contains(value),
            _ => text().0.contains(text().1),
        },
        _ => unreachable!("an operator of the sample"),
    }
}

fn answers(vocabulary: &Vocabulary, rules: &[Rule], asked: &[Asked]) -> Vec<Decision> {
    let compiled = rules.iter().map(|rule| vocabulary.compile(rule).expect("compiles"));
    let set = PolicySet::of(compiled.collect());
    asked.iter().map(|asked| vocabulary.decide(&set, &asked.question())).collect()
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn conditions_mean_what_a_simple_reading_says() {
    let vocabulary = vocabulary();
    let conditions = prop::collection::vec(any_condition(), 0..4);
    let asked = prop::collection::vec(any_asked(), 20);
    proptest!(config(100), |(effect in any_effect(), conditions in conditions, asked in asked)| {
        let open = rule(Effect::Allow, &["*"], json!([]));
        let tried = rule(effect, &["*"], conditions.clone().into());
        let rules = if effect == Effect::Allow { vec![tried] } else { vec![open, tried] };
        for (asked, answer) in asked.iter().zip(answers(&vocabulary, &rules, &asked)) {
            let expected = conditions.iter().all(|condition| holds(condition, asked, effect));
            prop_assert_eq!(answer.allowed, expected == (effect == Effect::Allow), "{:?}", asked);
        }
    });
}

/// Each question as it is, and asked by each role to do each thing.
fn everybody(asked: Vec<Asked>) -> Vec<Asked> {
    let roles = TEXTS.iter().flat_map(|role| [(*role, "read"), (*role, "deploy")]);
    let ask = |one: &Asked, (role, action)| {
        let [id, _, resource_id, address] = one.texts;
        Asked { texts: [id, role, resource_id, address], action, ..one.clone() }
    };
    roles.flat_map(|who| asked.iter().map(move |one| ask(one, who))).collect()
}

/// 100 sets, asked 512 questions with and without a denial more: 102,400 decisions.
#[test]
fn z13_adding_a_forbid_never_permits() {
    let vocabulary = vocabulary();
    let open = rule(Effect::Allow, &["*"], json!([]));
    let rules = (any::<bool>(), prop::collection::vec(any_rule(), 0..3)).prop_map(
        move |(opened, rules)| {
            opened.then(|| open.clone()).into_iter().chain(rules).collect::<Vec<_>>()
        },
    );
    let asked = prop::collection::vec(any_asked(), 64).prop_map(everybody);
    let denial = any_rule().prop_filter("a denial", |rule| rule.effect == Effect::Deny);
    let changed = Cell::new(0);
    proptest!(config(100), |(rules in rules, denial in denial, asked in asked)| {
        let before = answers(&vocabulary, &rules, &asked);
        let more: Vec<_> = rules.into_iter().chain([denial]).collect();
        let after = answers(&vocabulary, &more, &asked);
        for (before, after) in before.iter().zip(&after) {
            prop_assert!(before.allowed || !after.allowed, "{before:?} became {after:?}");
            prop_assert_eq!(after.allowed, after.reason == Reason::Allowed);
            changed.set(changed.get() + u32::from(before.allowed && !after.allowed));
        }
    });
    assert!(changed.get() > 300, "the denials denied too little to show anything: {changed:?}");
}
