//! What one decision of the attribute policies costs, without a server:
//! `cargo run --release -p bench --bin policies`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use policy::{
    Attribute, AttributeKind, Circumstances, Effect, PolicySet, Question, ResourceKind, Rule,
    Subject, Vocabulary, When,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const ROUNDS: u32 = 20;

const fn text(name: &'static str) -> Attribute {
    Attribute { name, kind: AttributeKind::Text, required: true }
}

const AGENT: ResourceKind = ResourceKind {
    name: "agent",
    plural: "agents",
    actions: &["read", "deploy"],
    attributes: &[
        text("workspace_id"),
        text("owner_id"),
        text("status"),
        text("name"),
        Attribute { name: "cost", kind: AttributeKind::Number, required: false },
        Attribute { name: "labels", kind: AttributeKind::TextSet, required: false },
    ],
};

/// How the policies of an organization are made.
struct Shape {
    title: &'static str,
    conditions: fn(u32) -> Value,
}

const SHAPES: &[Shape] = &[
    Shape {
        title: "one for each workspace",
        conditions: |n| {
            json!([
                {"field": "resource.workspace_id", "operator": "eq", "value": format!("w{n}")},
                {"field": "context.hour", "operator": "gte", "value": 8},
            ])
        },
    },
    Shape {
        title: "ten workspaces share them",
        conditions: |n| {
            json!([
                {"field": "resource.workspace_id", "operator": "eq", "value": format!("w{}", n % 10)},
                {"field": "context.hour", "operator": "gte", "value": 8},
            ])
        },
    },
    Shape {
        title: "Cedar is asked of each",
        conditions: |n| json!([{"field": "resource.name", "operator": "ne", "value": format!("name {n}")}]),
    },
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("policies: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let vocabulary = Vocabulary::new([AGENT])?;
    println!("{:<30} {:>9} {:>16} {:>16}", "", "policies", "us a decision", "us to compile");
    for shape in SHAPES {
        for count in [10, 100, 1_000] {
            let (decision, compile) = measure(&vocabulary, shape, count)?;
            println!(
                "{:<30} {count:>9} {:>16.2} {:>16.2}",
                shape.title,
                decision.as_secs_f64() * 1e6,
                compile.as_secs_f64() * 1e6
            );
        }
    }
    Ok(())
}

/// The least time of several rounds for one decision, and for one policy made ready.
fn measure(
    vocabulary: &Vocabulary,
    shape: &Shape,
    count: u32,
) -> Result<(Duration, Duration), String> {
    let rules: Vec<_> = (0..count).map(|n| rule(n, (shape.conditions)(n))).collect();
    let started = Instant::now();
    let compiled: Result<Vec<_>, _> = rules.iter().map(|rule| vocabulary.compile(rule)).collect();
    let set = PolicySet::of(compiled.map_err(|faults| format!("{faults:?}"))?);
    let compile = started.elapsed() / count;
    let attributes = resource();
    let question = question(&attributes);
    let decisions = 200_000 / (count + 100);
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..decisions {
            std::hint::black_box(vocabulary.decide(&set, std::hint::black_box(&question)));
        }
        least = least.min(started.elapsed() / decisions);
    }
    Ok((least, compile))
}

fn rule(n: u32, conditions: Value) -> Rule {
    Rule {
        id: Uuid::from_u128(n.into()),
        name: format!("policy {n}"),
        effect: if n % 10 == 9 { Effect::Deny } else { Effect::Allow },
        resource: "agent".into(),
        actions: vec!["*".into()],
        when: When::Conditions(conditions.as_array().cloned().unwrap_or_default()),
    }
}

fn resource() -> Map<String, Value> {
    let resource = json!({
        "workspace_id": "w3",
        "owner_id": "018f0000-0000-7000-8000-000000000001",
        "status": "active",
        "name": "Helper",
        "cost": 12,
        "labels": ["a", "b"],
    });
    resource.as_object().cloned().unwrap_or_default()
}

fn question(attributes: &Map<String, Value>) -> Question<'_> {
    Question {
        subject: Subject { id: "018f0000-0000-7000-8000-000000000001", role: "member" },
        action: "deploy",
        resource: "agent",
        resource_id: "018f0000-0000-7000-8000-000000000002",
        attributes,
        circumstances: Circumstances {
            hour: 9,
            weekday: 1,
            address: "10.0.0.1",
            authenticated_by: "sso",
        },
    }
}
