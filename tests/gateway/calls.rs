use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    Caller, Setup, http,
    target::{Target, response},
    through, with,
};

/// What an invocation of this workflow fails with: status, code, node, the target's status.
async fn failure(caller: &Caller, document: &Value) -> (u16, String, Value, Value) {
    let agent = caller.agent(document).await;
    let run = caller.invoke(agent, json!({"q": "x"})).await;
    assert!(run.header("x-agent-version").starts_with("sha256:"));
    let code = run.body["code"].as_str().unwrap_or_default().to_owned();
    (run.status, code, run.body["node"].clone(), run.body["answered"].clone())
}

fn failed(status: u16, code: &str, answered: Value) -> (u16, String, Value, Value) {
    (status, code.to_owned(), json!("node"), answered)
}

#[tokio::test]
async fn j04_a_private_address_is_called_by_no_agent() {
    let target = Target::saying(200, "text/plain", "ours").await;
    let port = target.url.rsplit(':').next().unwrap().to_owned();
    // Registered where it was allowed, and run where it is not any more.
    let folder = super::Folder::new();
    let running = Setup::default().start(&folder).await;
    let agent = running.caller.agent(&http(&format!("http://127.0.0.1:{port}"))).await;
    assert_eq!(running.caller.invoke(agent, json!({"q": "x"})).await.status, 200);
    assert_eq!(target.connections(), 1);
    running.stop().await;
    let strict = Setup { allowed: &["10.9.9.9"], ..Setup::default() };
    let running = strict.start(&folder).await;
    let run = running.caller.invoke(agent, json!({"q": "x"})).await;
    assert_eq!((run.problem(), &run.body["node"]), ((502, "blocked_address"), &json!("node")));
    let trace = running.caller.trace(&run).await;
    let node = trace["nodes"].as_array().unwrap().iter().find(|node| node["id"] == "node").unwrap();
    assert_eq!((&node["status"], &node["code"]), (&json!("failed"), &json!("blocked_address")));
    assert_eq!(target.connections(), 1);
    running.stop().await;
}

#[tokio::test]
async fn j05_a_redirect_is_not_followed() {
    let inner = Target::saying(200, "text/plain", "inner").await;
    with(Setup::default(), async |caller| {
        for status in [301, 302, 303, 307, 308] {
            let url = inner.url.clone();
            let target = Target::raw(format!(
                "HTTP/1.1 {status} X\r\nlocation: {url}/\r\ncontent-length: 0\r\n\r\n"
            ))
            .await;
            let found = failure(&caller, &http(&target.url)).await;
            assert_eq!(found, failed(502, "redirected", Value::Null));
        }
        assert_eq!(inner.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_a_call_comes_back_with_has_a_name() {
    let mut setup = Setup::default();
    setup.limits.value = 1000;
    with(setup, async |caller| {
        let long = "x".repeat(1001);
        let cases = [
            (response(500, "text/plain", "oh"), failed(502, "http_status", json!(500))),
            (response(404, "text/plain", "no"), failed(502, "http_status", json!(404))),
            (response(200, "text/plain", &long), failed(502, "too_large", Value::Null)),
            (response(200, "application/json", "{"), failed(502, "not_json", Value::Null)),
            (String::new(), failed(502, "refused", Value::Null)),
        ];
        for (answer, expected) in cases {
            let target = Target::raw(answer).await;
            assert_eq!(failure(&caller, &http(&target.url)).await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn what_takes_too_long_is_ended() {
    // Nobody is ever told.
    let silent = Arc::new(Notify::new());
    let waits = silent.clone();
    let target = Target::answering(move |_| {
        let silent = waits.clone();
        Box::pin(async move {
            silent.notified().await;
            String::new()
        })
    })
    .await;
    let mut setup = Setup::default();
    setup.limits.node = Duration::from_millis(100);
    with(setup, async |caller| {
        let found = failure(&caller, &http(&target.url)).await;
        assert_eq!(found, failed(504, "timeout", Value::Null));
    })
    .await;
    let mut setup = Setup::default();
    setup.limits.run = Duration::from_millis(100);
    with(setup, async |caller| {
        let agent = caller.agent(&http(&target.url)).await;
        let run = caller.invoke(agent, json!({"q": "x"})).await;
        assert_eq!((run.problem(), &run.body["node"]), ((504, "run_timeout"), &Value::Null));
        let trace = caller.trace(&run).await;
        assert!(trace.to_string().contains("abandoned"), "{trace}");
    })
    .await;
}

#[tokio::test]
async fn a_model_that_fails_is_a_node_that_fails() {
    let asks = through("model", json!({"model": "m", "prompt": "{{input.q}}"}));
    let cases = [
        (response(429, "application/json", "{}"), failed(502, "model_status", json!(429))),
        (response(200, "application/json", "{}"), failed(502, "model_answer", Value::Null)),
        (
            response(200, "application/json", r#"{"choices":[]}"#),
            failed(502, "model_answer", Value::Null),
        ),
        (
            response(200, "application/json", r#"{"choices":[{"message":{"content":null}}]}"#),
            failed(502, "model_answer", Value::Null),
        ),
    ];
    for (answer, expected) in cases {
        let model = Target::raw(answer).await;
        let setup = Setup { model: Some(model.url.clone()), ..Setup::default() };
        with(setup, async |caller| {
            assert_eq!(caller.get("/health").await.body["model"], true);
            assert_eq!(failure(&caller, &asks).await, expected);
        })
        .await;
    }
}
