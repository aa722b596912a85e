//! What holds of every document.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Diff, Kind, RunFault, Scope, canonical, diff, hash, validate};

fn answer() -> Value {
    serde_json::from_str(include_str!("../examples/answer.json")).unwrap()
}

/// The codes of the faults, and where they are.
fn faults(document: &Value) -> Vec<(String, &'static str)> {
    let faults = validate(document).err().unwrap_or_default();
    faults.into_iter().map(|fault| (fault.path, fault.code)).collect()
}

/// The example with one thing changed.
fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = answer();
    change(&mut document);
    document
}

fn fault_of(change: impl FnOnce(&mut Value)) -> Vec<(String, &'static str)> {
    faults(&with(change))
}

#[test]
fn the_examples_are_workflows() {
    for text in [include_str!("../examples/answer.json"), include_str!("../examples/model.json")] {
        let workflow = validate(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(workflow.nodes().first().map(|node| node.kind.name()), Some("input"));
        assert!(workflow.input().is_some());
    }
}

#[test]
fn each_fault_of_a_graph_is_named_where_it_is() {
    let one = |path: &str, code| vec![(path.to_owned(), code)];
    assert_eq!(
        fault_of(|d| d["nodes"][1]["id"] = "call".into())[0],
        ("/nodes/5/id".into(), "duplicate")
    );
    assert_eq!(fault_of(|d| d["edges"][1]["id"] = "e1".into()), one("/edges/1/id", "duplicate"));
    assert!(
        fault_of(|d| d["edges"][1]["target"] = "gone".into())
            .contains(&("/edges/1/target".into(), "unknown_node"))
    );
    assert!(
        fault_of(|d| d["edges"][2]["sourceHandle"] = "gone".into())
            .contains(&("/edges/2/sourceHandle".into(), "unknown_handle"))
    );
    assert!(
        fault_of(|d| d["edges"][3]["targetHandle"] = Value::Null)
            .contains(&("/edges/3/targetHandle".into(), "unknown_handle"))
    );
    assert!(
        fault_of(|d| d["edges"][3]["targetHandle"] = "input".into())
            .contains(&("/edges/4".into(), "fed_twice"))
    );
    assert!(
        fault_of(|d| drop(d["edges"].as_array_mut().unwrap().remove(4)))
            .contains(&("/nodes/3".into(), "not_fed"))
    );
    assert_eq!(
        fault_of(|d| d["edges"][2]["sourceHandle"] = "question".into()),
        one("/edges/2", "type_mismatch")
    );
    assert_eq!(
        fault_of(|d| d["nodes"][1]["data"]["text"] = "{{input.question.x}} {{input}}".into()),
        []
    );
    assert!(
        fault_of(|d| drop(d["edges"].as_array_mut().unwrap().pop()))
            .contains(&("/nodes/3".into(), "leads_nowhere"))
    );
    assert_eq!(
        fault_of(|d| d["nodes"][5]["data"]["name"] = "reply".into()),
        one("/nodes/5/data/name", "duplicate")
    );
    let cycle = json!({"id": "a", "type": "template", "data": {"text": "{{b}}"}});
    let circle = fault_of(|d| {
        d["nodes"][1] = cycle;
        d["nodes"][1]["id"] = "greeting".into();
        d["edges"][0] = json!({"id": "e1", "source": "greeting", "target": "greeting"});
    });
    assert!(circle.contains(&("/edges/0".into(), "cycle")), "{circle:?}");
}

#[test]
fn all_faults_are_told_at_once() {
    let document = json!({
        "nodes": [
            {"id": "a", "type": "oracle", "data": {}},
            {"id": "b", "type": "http", "data": {
                "method": "TRACE", "url": "https://{{input}}/", "retries": 3,
                "headers": {"Authorization": "Bearer x", "x": "\n", "y z": "1"},
                "body": {"text": "a", "path": "b"}}},
            {"id": "c/d", "type": "condition", "data": {"path": "a..b", "op": "like", "value": {}}},
            {"type": "map", "data": {"over": "item", "each": {}}},
            {"id": "e", "type": "model", "data": {"model": "m", "prompt": "{{", "temperature": 3,
                "max_tokens": 1.5}},
            {"id": "f", "type": "input", "data": {"fields": [{"name": "value", "type": "date"},
                {"name": "value", "type": "text"}]}},
            7
        ],
        "edges": [{"id": "e", "source": "a"}],
        "version": 1
    });
    let mut found = faults(&document);
    found.sort();
    let expected = [
        ("/edges/0/target", "missing"),
        ("/nodes/0/type", "choice"),
        ("/nodes/1/data/body", "pick"),
        ("/nodes/1/data/headers/Authorization", "header"),
        ("/nodes/1/data/headers/x", "type"),
        ("/nodes/1/data/headers/y z", "name"),
        ("/nodes/1/data/method", "choice"),
        ("/nodes/1/data/retries", "unknown_member"),
        ("/nodes/1/data/url", "address"),
        ("/nodes/2/data/op", "choice"),
        ("/nodes/2/data/path", "path"),
        ("/nodes/3/data/each", "pick"),
        ("/nodes/3/data/over", "path"),
        ("/nodes/3/id", "missing"),
        ("/nodes/4/data/max_tokens", "range"),
        ("/nodes/4/data/prompt", "template"),
        ("/nodes/4/data/temperature", "range"),
        ("/nodes/5/data/fields/0/type", "choice"),
        ("/nodes/5/data/fields/1/name", "duplicate"),
        ("/nodes/6", "type"),
        ("/version", "unknown_member"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(path, code)| ((*path).to_owned(), *code)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_value_chooses_neither_whom_an_agent_calls_nor_another_folder() {
    let address = |url: &str, value: &str| {
        let document = with(|d| {
            let data = json!({"method": "GET", "url": url});
            d["nodes"][1] = json!({"id": "greeting", "type": "http", "data": data});
            d["edges"][0]["targetHandle"] = Value::Null;
        });
        let workflow = validate(&document).map_err(|faults| faults[0].code)?;
        let node = workflow.nodes().iter().find(|node| node.id == "greeting").unwrap();
        let Kind::Http(http) = &node.kind else { panic!("an http node") };
        let value = Value::from(value);
        http.address(&Scope::from([("a", &value)])).map_err(RunFault::code)
    };
    let at = |value| address("https://api.example.org/v1/{{a}}?q={{a}}", value);
    assert_eq!(
        at("x/../é&=").unwrap(),
        "https://api.example.org/v1/x%2F..%2F%C3%A9%26%3D?q=x%2F..%2F%C3%A9%26%3D"
    );
    assert_eq!(at("%2e%2e").unwrap(), "https://api.example.org/v1/%252e%252e?q=%252e%252e");
    for value in ["..", "."] {
        assert_eq!(at(value), Err("value_unfit"));
    }
    assert_eq!(at(&"/".repeat(1 << 20)), Err("value_too_large"));
    assert_eq!(address("https://h.example/%2E{{a}}", "."), Err("value_unfit"));
    for url in [
        "https://{{a}}/",
        "{{a}}",
        "https://h{{a}}/",
        "https://h.example:{{a}}/",
        "//h/{{a}}",
        "https:/{{a}}",
    ] {
        assert_eq!(address(url, "x"), Err("address"), "{url}");
    }
}

#[test]
fn too_much_is_refused_by_its_limit_alone() {
    let many = |name: &str, n: usize| with(|d| d[name] = vec![json!({}); n].into());
    assert!(faults(&many("nodes", 201)).contains(&("/nodes".into(), "too_many")));
    assert!(faults(&many("edges", 401)).contains(&("/edges".into(), "too_many")));
    let long = with(|d| d["viewport"] = "x".repeat(256 * 1024).into());
    assert_eq!(faults(&long), vec![(String::new(), "too_large")]);
    let chain = |length: usize| {
        let mut nodes = vec![json!({"id": "0", "type": "input", "data": {"fields": []}})];
        let text =
            |i: usize| json!({"id": i.to_string(), "type": "template", "data": {"text": "{{a}}"}});
        nodes.extend((1..=length).map(text));
        nodes.push(json!({"id": "out", "type": "output", "data": {"name": "out"}}));
        let id = |i: usize| if i > length { "out".to_owned() } else { i.to_string() };
        let edge = |i: usize| json!({"id": i.to_string(), "source": id(i), "target": id(i + 1)});
        json!({"nodes": nodes, "edges": (0..=length).map(edge).collect::<Vec<_>>()})
    };
    assert_eq!(faults(&chain(62)), vec![]);
    assert_eq!(faults(&chain(63)), vec![("/nodes".to_owned(), "too_deep")]);
    assert_eq!(faults(&chain(190)), vec![("/nodes".to_owned(), "too_deep")]);
}

#[test]
fn the_canonical_form_is_that_of_rfc_8785() {
    let document = json!({
        "nodes": [
            {"id": "ü\u{1F600}\"\\", "type": "input", "position": {"x": 1.5, "y": 2},
             "data": {"fields": [{"type": "number", "name": "n"}, {"name": "b", "type": "text"}]}},
            {"id": "if", "type": "condition", "data": {"value": 3.0, "path": "n", "op": "gt"}},
            {"id": "out", "type": "output", "data": {"name": "o"}}
        ],
        "edges": [
            {"id": "2", "source": "if", "sourceHandle": "true", "target": "out", "selected": true},
            {"id": "1", "source": "ü\u{1F600}\"\\", "sourceHandle": "n", "target": "if"}
        ]
    });
    let workflow = validate(&document).unwrap();
    let expected = concat!(
        r#"{"edges":[{"id":"1","source":"ü😀\"\\","sourceHandle":"n","target":"if","targetHandle":"n"},"#,
        r#"{"id":"2","source":"if","sourceHandle":"true","target":"out","targetHandle":"value"}],"#,
        r#""nodes":[{"data":{"op":"gt","path":"n","value":3},"id":"if","type":"condition"},"#,
        r#"{"data":{"name":"o"},"id":"out","type":"output"},"#,
        r#"{"data":{"fields":[{"name":"b","type":"text"},{"name":"n","type":"number"}]},"id":"ü😀\"\\","type":"input"}]}"#
    );
    assert_eq!(canonical(&workflow), expected);
    let hash = hash(&workflow);
    assert!(hash.starts_with("sha256:") && hash.len() == 7 + 64, "{hash}");
}

#[test]
fn a_diff_names_what_differs() {
    let (a, b) = (validate(&answer()).unwrap(), {
        let changed = with(|d| {
            d["nodes"][1]["data"]["text"] = "Hello, {{input.question}}".into();
            d["nodes"][1]["position"]["x"] = 999.into();
            d["nodes"].as_array_mut().unwrap().remove(5);
            d["nodes"]
                .as_array_mut()
                .unwrap()
                .push(json!({"id": "phone", "type": "output", "data": {"name": "phone"}}));
            d["edges"][5]["target"] = "phone".into();
        });
        validate(&changed).unwrap()
    });
    let expected = json!({
        "nodes": {"added": ["phone"], "removed": ["call"],
                  "changed": [{"id": "greeting", "fields": ["/data/text"]}]},
        "edges": {"added": [], "removed": [],
                  "changed": [{"id": "e6", "fields": ["/target"]}]}
    });
    assert_eq!(serde_json::to_value(diff(&a, &b)).unwrap(), expected);
}

/// A chain of templates and conditions with drawing about it.
fn documents() -> impl Strategy<Value = Value> {
    let step = (any::<bool>(), "[ -~äß€😀]{0,12}", -1_000_000_i64..1_000_000, -500.0..500.0);
    prop::collection::vec(step, 1..12).prop_map(|steps| {
        let mut nodes = vec![json!({"id": "in", "type": "input", "data": {"fields": [
            {"name": "q", "type": "text"}]}})];
        let mut edges = vec![];
        let mut last = ("in".to_owned(), "q");
        for (i, (is_template, text, number, x)) in steps.into_iter().enumerate() {
            let id = format!("n{i}");
            let text = text.replace("{{", "");
            let number = f64::from(i32::try_from(number).unwrap()) / 1000.0;
            let (kind, data) = match is_template {
                true => ("template", json!({"text": format!("{text} {{{{v}}}}")})),
                false => ("condition", json!({"path": "v", "op": "contains", "value": text})),
            };
            let position = json!({"x": x, "y": number});
            nodes.push(json!({"id": id, "type": kind, "position": position, "data": data}));
            edges.push(json!({"id": format!("e{i}"), "source": last.0, "sourceHandle": last.1,
                              "target": id}));
            last = (id, if is_template { "value" } else { "false" });
        }
        nodes.push(json!({"id": "out", "type": "output", "data": {"name": "out"}}));
        edges.push(json!({"id": "eo", "source": last.0, "sourceHandle": last.1, "target": "out"}));
        json!({"nodes": nodes, "edges": edges})
    })
}

/// Any JSON that looks a little like a document.
fn anything() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "nodes", "edges", "id", "type", "data", "source", "target", "fields", "text", "path", "op",
        "value", "each", "over", "name", "url", "method", "headers", "body", "prompt", "model",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::sample::select(vec![
            "input", "output", "http", "map", "text", "a.b", "{{a}}", "\0", "é"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|members| {
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_and_each_fault_points_into_the_document(document in anything()) {
        for fault in validate(&document).err().unwrap_or_default() {
            // What is missing is not there; what holds it is.
            let parent = fault.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            prop_assert!(document.pointer(parent).is_some(), "{}", fault.path);
        }
    }

    #[test]
    fn the_canonical_form_is_a_document_of_the_same_workflow(document in documents()) {
        let workflow = validate(&document).unwrap();
        let text = canonical(&workflow);
        let again = validate(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(canonical(&again), text);
        prop_assert_eq!(&again, &workflow);
        prop_assert_eq!(diff(&workflow, &again), Diff::default());
    }

    #[test]
    fn drawing_changes_no_hash_and_all_else_does(document in documents(), turn in 0_usize..20) {
        let workflow = validate(&document).unwrap();
        let mut drawn = document.clone();
        let nodes = drawn["nodes"].as_array_mut().unwrap();
        let turn = turn % nodes.len();
        nodes.rotate_left(turn);
        for node in nodes {
            node["position"] = json!({"x": turn, "y": 0});
            node["selected"] = true.into();
        }
        drawn["edges"].as_array_mut().unwrap().reverse();
        let drawn = validate(&drawn).unwrap();
        prop_assert_eq!(hash(&drawn), hash(&workflow));
        prop_assert!(diff(&drawn, &workflow).is_empty());
        let mut changed = document;
        changed["nodes"][0]["data"]["fields"][0]["type"] = "json".into();
        let changed = validate(&changed).unwrap();
        prop_assert_ne!(hash(&changed), hash(&workflow));
        prop_assert!(!diff(&changed, &workflow).is_empty());
    }
}
