use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};

use super::{
    Caller, Setup, answer, http,
    target::{Target, response},
    through, with,
};

#[tokio::test]
async fn the_demonstration_runs_and_what_a_condition_leaves_out_is_skipped() {
    with(Setup::default(), async |caller| {
        let agent = caller.agent(&answer()).await;
        let calm = caller.invoke(agent, json!({"question": "Why?", "urgent": false})).await;
        assert_eq!(calm.body["output"], json!({"reply": "You asked: Why?"}));
        let states = |trace: &Value| -> Vec<(String, String)> {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let nodes = trace["nodes"].as_array().unwrap();
            nodes.iter().map(|node| (text(&node["id"]), text(&node["status"]))).collect()
        };
        let trace = states(&caller.trace(&calm).await);
        for (id, status) in [("reply", "succeeded"), ("escalate", "skipped"), ("call", "skipped")] {
            assert!(trace.contains(&(id.into(), status.into())), "{trace:?}");
        }
        let urgent = caller.invoke(agent, json!({"question": "Why?", "urgent": true})).await;
        let call = "Somebody calls you within the hour. You asked: Why?. Urgent: true.";
        assert_eq!(urgent.body["output"], json!({"reply": "You asked: Why?", "call": call}));
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_node_does_its_work() {
    let page =
        Target::saying(200, "application/json; charset=utf-8", r#"{"lines":["a","b"]}"#).await;
    let completion = json!({"choices": [{"message": {"role": "assistant", "content": "I know."}}]});
    let model = Target::saying(200, "application/json", &completion.to_string()).await;
    let document = json!({
        "nodes": [
            {"id": "in", "type": "input", "data": {"fields": [
                {"name": "q", "type": "text"}, {"name": "filter", "type": "json"}]}},
            {"id": "page", "type": "http", "data": {"method": "POST",
                "url": format!("{}/search?q={{{{q}}}}", page.url),
                "headers": {"Accept-Language": "es"}, "body": {"path": "filter.by"}}},
            {"id": "lines", "type": "map", "data": {"over": "page.lines",
                "each": {"text": "{{item}} of {{q}}"}}},
            {"id": "model", "type": "model", "data": {"model": "small", "system": "From: {{lines}}",
                "prompt": "{{q}}", "temperature": 0.5, "max_tokens": 50}},
            {"id": "known", "type": "condition", "data":
                {"path": "a", "op": "contains", "value": "know"}},
            {"id": "lines-out", "type": "output", "data": {"name": "lines"}},
            {"id": "known-out", "type": "output", "data": {"name": "known"}},
            {"id": "unknown-out", "type": "output", "data": {"name": "unknown"}}
        ],
        "edges": [
            {"id": "1", "source": "in", "sourceHandle": "q", "target": "page", "targetHandle": "q"},
            {"id": "2", "source": "in", "sourceHandle": "filter", "target": "page",
             "targetHandle": "filter"},
            {"id": "3", "source": "page", "target": "lines", "targetHandle": "page"},
            {"id": "4", "source": "in", "sourceHandle": "q", "target": "lines", "targetHandle": "q"},
            {"id": "5", "source": "lines", "target": "model", "targetHandle": "lines"},
            {"id": "6", "source": "in", "sourceHandle": "q", "target": "model", "targetHandle": "q"},
            {"id": "7", "source": "model", "target": "known"},
            {"id": "8", "source": "lines", "target": "lines-out"},
            {"id": "9", "source": "known", "sourceHandle": "true", "target": "known-out"},
            {"id": "10", "source": "known", "sourceHandle": "false", "target": "unknown-out"}
        ]
    });
    let setup = Setup { model: Some(format!("{}/v1/", model.url)), ..Setup::default() };
    with(setup, async |caller| {
        let agent = caller.agent(&document).await;
        let input = json!({"q": "a secret&more", "filter": {"by": ["name", 1]}});
        let run = caller.invoke(agent, input).await;
        let expected = json!({"lines": ["a of a secret&more", "b of a secret&more"],
                              "known": "I know."});
        assert_eq!((run.status, &run.body["output"]), (200, &expected), "{}", run.body);
        let [called] = page.requests().try_into().unwrap();
        assert_eq!(called.line(), "POST /search?q=a%20secret%26more HTTP/1.1");
        assert_eq!(called.json(), json!(["name", 1]));
        assert!(called.head.contains("accept-language: es"), "{}", called.head);
        let [asked] = model.requests().try_into().unwrap();
        assert_eq!(asked.line(), "POST /v1/chat/completions HTTP/1.1");
        assert!(asked.head.contains("authorization: Bearer the key of the model"));
        assert_eq!(
            asked.json(),
            json!({
                "model": "small", "temperature": 0.5, "max_tokens": 50,
                "messages": [
                    {"role": "system",
                     "content": r#"From: ["a of a secret&more","b of a secret&more"]"#},
                    {"role": "user", "content": "a secret&more"}
                ]
            })
        );
        let trace = caller.trace(&run).await;
        assert!(!trace.to_string().contains("secret"), "{trace}");
        assert_eq!(trace["version_hash"], run.body["version_hash"]);
        for node in trace["nodes"].as_array().unwrap() {
            let skipped = node["id"] == "unknown-out";
            assert_eq!(node["status"], if skipped { "skipped" } else { "succeeded" }, "{node}");
            assert_eq!(node["output_bytes"].is_u64(), !skipped, "{node}");
            assert!(node["started"].as_u64() <= node["ended"].as_u64(), "{node}");
        }
    })
    .await;
}

#[tokio::test]
async fn nodes_that_do_not_wait_for_each_other_run_at_once() {
    // Each call is answered when the other is there.
    let both = Arc::new(Barrier::new(2));
    let target = Target::answering(move |_| {
        let both = both.clone();
        Box::pin(async move {
            both.wait().await;
            response(200, "text/plain", "here")
        })
    })
    .await;
    let call = |id: &str| {
        json!({"id": id, "type": "http", "data": {
        "method": "GET", "url": format!("{}/{{{{input.q}}}}", target.url)}})
    };
    let document = json!({
        "nodes": [
            {"id": "in", "type": "input", "data": {"fields": [{"name": "q", "type": "text"}]}},
            call("a"), call("b"),
            {"id": "join", "type": "template", "data": {"text": "{{a}} and {{b}}"}},
            {"id": "out", "type": "output", "data": {"name": "out"}}
        ],
        "edges": [
            {"id": "1", "source": "in", "target": "a"}, {"id": "2", "source": "in", "target": "b"},
            {"id": "3", "source": "a", "target": "join", "targetHandle": "a"},
            {"id": "4", "source": "b", "target": "join", "targetHandle": "b"},
            {"id": "5", "source": "join", "target": "out"}
        ]
    });
    with(Setup::default(), async |caller| {
        let agent = caller.agent(&document).await;
        let run = caller.invoke(agent, json!({"q": "x"})).await;
        assert_eq!(run.body["output"], json!({"out": "here and here"}));
    })
    .await;
}

#[tokio::test]
async fn when_all_places_are_taken_one_is_told_to_come_back() {
    let (here, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived, leave) = (here.clone(), go.clone());
    let target = Target::answering(move |_| {
        let (here, go) = (here.clone(), go.clone());
        Box::pin(async move {
            here.notify_one();
            go.notified().await;
            response(200, "text/plain", "late")
        })
    })
    .await;
    let mut setup = Setup::default();
    setup.limits.runs = 1;
    with(setup, async |caller| {
        let agent = caller.agent(&http(&target.url)).await;
        let other = caller.clone();
        let first = tokio::spawn(async move { other.invoke(agent, json!({"q": "x"})).await });
        arrived.notified().await;
        let busy = caller.invoke(agent, json!({"q": "x"})).await;
        assert_eq!((busy.problem(), busy.header("retry-after")), ((503, "busy"), "1"));
        leave.notify_one();
        assert_eq!(first.await.unwrap().body["output"], json!({"out": "late"}));
        leave.notify_one();
        assert_eq!(caller.invoke(agent, json!({"q": "x"})).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn values_that_do_not_go_through_are_named_with_their_node() {
    let mut setup = Setup::default();
    setup.limits.value = 100;
    setup.limits.values = 150;
    with(setup, async |caller| {
        let fails = async |caller: &Caller, document: Value, input: Value| {
            let agent = caller.agent(&document).await;
            let run = caller.invoke(agent, input).await;
            let code = run.body["code"].as_str().unwrap_or_default().to_owned();
            let trace = caller.trace(&run).await;
            assert_eq!(
                (&trace["status"], trace["code"].as_str()),
                (&json!("failed"), Some(&*code))
            );
            assert_eq!(run.body["version_hash"], run.header("x-agent-version"));
            (run.status, code, run.body["node"].clone())
        };
        let text = |text: &str| through("template", json!({"text": text}));
        let q = |q: &str| json!({"q": q});
        let missing = fails(&caller, text("{{input.other}}"), q("x")).await;
        assert_eq!(missing, (422, "value_missing".into(), json!("node")));
        let large = fails(&caller, text("{{input.q}}{{input.q}}"), q(&"x".repeat(60))).await;
        assert_eq!(large, (422, "value_too_large".into(), json!("node")));
        let map = through("map", json!({"over": "input.q", "each": {"path": "item"}}));
        let list = fails(&caller, map, q("x")).await;
        assert_eq!(list, (422, "not_a_list".into(), json!("node")));
        let up = fails(&caller, http("https://example.org"), q("..")).await;
        assert_eq!(up, (422, "value_unfit".into(), json!("node")));
        let whole = fails(&caller, text("{{input.q}}"), q(&"x".repeat(80))).await;
        assert_eq!(whole, (422, "run_too_large".into(), Value::Null));
    })
    .await;
}

#[tokio::test]
async fn as_many_traces_are_kept_as_there_is_room_for() {
    let mut setup = Setup::default();
    setup.limits.traces = 2;
    with(setup, async |caller| {
        let agent = caller.agent(&answer()).await;
        let mut runs = vec![];
        for _ in 0..3 {
            runs.push(caller.invoke(agent, json!({"question": "?", "urgent": false})).await);
        }
        let path = |i: usize| format!("/v1/runs/{}", runs[i].body["run_id"].as_str().unwrap());
        assert_eq!(caller.get(&path(0)).await.problem(), (404, "not_found"));
        let hash = |trace: Value| trace["nodes"][0]["output_hash"].clone();
        // The same value has the same hash.
        let (one, two) = (caller.get(&path(1)).await.body, caller.get(&path(2)).await.body);
        assert!(one["nodes"][0]["output_hash"].is_string());
        assert_eq!(hash(one), hash(two));
    })
    .await;
}

#[tokio::test]
async fn who_goes_away_ends_their_run() {
    let (here, over) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived, ended) = (here.clone(), over.clone());
    let target = Target::answering(move |_| {
        let (here, over) = (here.clone(), over.clone());
        Box::pin(async move {
            here.notify_one();
            over.notified().await;
            response(200, "text/plain", "to nobody")
        })
    })
    .await;
    let mut setup = Setup::default();
    setup.limits.runs = 1;
    with(setup, async |caller| {
        let agent = caller.agent(&http(&target.url)).await;
        let other = caller.clone();
        let first = tokio::spawn(async move { other.invoke(agent, json!({"q": "x"})).await });
        arrived.notified().await;
        first.abort();
        let _gone = first.await;
        // Its place is free as soon as the gateway has heard of it.
        let calm = caller.agent(&answer()).await;
        let free = async {
            while caller.invoke(calm, json!({"question": "?", "urgent": false})).await.status == 503
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), free).await.expect("a place");
        ended.notify_one();
    })
    .await;
}
