use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Caller, Folder, OTHER, Setup, answer, answer_with_text, http, through, with};

#[tokio::test]
async fn registering_twice_is_registering_once_and_the_newest_wins() {
    with(Setup::default(), async |caller| {
        let (agent, first, second) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        let one = caller.register(first, agent, 1, &answer_with_text("one")).await;
        assert_eq!(one.status, 201);
        assert_eq!(
            one.body,
            json!({
                "id": first, "agent_id": agent, "status": "active",
                "version_hash": one.body["version_hash"],
                "invoke_url": format!("http://gateway.example/v1/agents/{agent}/invoke"),
            })
        );
        let again = caller.register(first, agent, 1, &answer_with_text("one")).await;
        assert_eq!((again.status, &again.body), (200, &one.body));
        let other = caller.register(first, agent, 1, &answer_with_text("other")).await;
        assert_eq!(other.problem(), (409, "sequence_taken"));
        let two = caller.register(second, agent, 5, &answer_with_text("two")).await;
        assert_eq!(two.status, 201);
        // A retry that was on its way for long.
        let late = caller.register(first, agent, 1, &answer_with_text("one")).await;
        assert_eq!(late.problem(), (409, "superseded"));
        let late = caller.register(Uuid::new_v4(), agent, 4, &answer_with_text("four")).await;
        assert_eq!(late.problem(), (409, "superseded"));
        let foreign = caller.register(first, Uuid::new_v4(), 9, &answer()).await;
        assert_eq!(foreign.problem(), (409, "id_taken"));
        let statuses = [(first, "superseded"), (second, "active")];
        for (id, status) in statuses {
            let shown = caller.get(&format!("/v1/registrations/{id}")).await;
            assert_eq!((shown.status, &shown.body["status"]), (200, &json!(status)));
        }
        let run = caller.invoke(agent, json!({"question": "?", "urgent": false})).await;
        assert_eq!(run.body["output"], json!({"reply": "two ?"}));
        assert_eq!(run.body["version_hash"], two.body["version_hash"]);
        assert_eq!(run.header("x-agent-version"), two.body["version_hash"].as_str().unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_is_stopped_answers_nobody_and_stays_so() {
    with(Setup::default(), async |caller| {
        let (agent, id, next) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        assert_eq!(caller.register(id, agent, 1, &answer()).await.status, 201);
        assert_eq!(caller.get("/health").await.body["agents"], 1);
        let path = format!("/v1/registrations/{id}");
        for path in [&path, &path, &format!("/v1/registrations/{}", Uuid::new_v4())] {
            let stopped = Caller::send(caller.request(Method::DELETE, path)).await;
            assert_eq!(stopped.status, 204);
        }
        assert_eq!(caller.get("/health").await.body["agents"], 0);
        assert_eq!(caller.get(&path).await.body["status"], "stopped");
        assert_eq!(caller.invoke(agent, json!({})).await.problem(), (404, "not_found"));
        let again = caller.register(id, agent, 1, &answer()).await;
        assert_eq!(again.problem(), (409, "stopped"));
        assert_eq!(caller.register(next, agent, 2, &answer()).await.status, 201);
        // What was stopped before says nothing of what came after.
        assert_eq!(Caller::send(caller.request(Method::DELETE, &path)).await.status, 204);
        let run = caller.invoke(agent, json!({"question": "?", "urgent": true})).await;
        assert_eq!(run.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_restart_keeps_what_was_registered_and_what_was_stopped() {
    let folder = Folder::new();
    let running = Setup::default().start(&folder).await;
    let (agent, stopped) = (Uuid::new_v4(), Uuid::new_v4());
    let first = running.caller.register(Uuid::new_v4(), agent, 7, &answer()).await;
    running.caller.register(stopped, Uuid::new_v4(), 1, &answer()).await;
    let path = format!("/v1/registrations/{stopped}");
    Caller::send(running.caller.request(Method::DELETE, &path)).await;
    running.stop().await;
    // As a crash leaves it behind.
    std::fs::write(folder.0.join(format!("{agent}.tmp")), "{").unwrap();
    let running = Setup::default().start(&folder).await;
    let late = running.caller.register(Uuid::new_v4(), agent, 6, &answer()).await;
    assert_eq!(late.problem(), (409, "superseded"));
    let run = running.caller.invoke(agent, json!({"question": "?", "urgent": false})).await;
    assert_eq!(run.body["version_hash"], first.body["version_hash"]);
    assert_eq!(running.caller.get(&path).await.body["status"], "stopped");
    running.stop().await;
    let file = folder.0.join(format!("{agent}.json"));
    let altered = std::fs::read_to_string(&file).unwrap().replace("You asked", "They asked");
    std::fs::write(&file, altered).unwrap();
    let settings = Setup::default().settings(&folder);
    let refused = gateway::Gateway::open(settings, kernel::Clock::default()).err().unwrap();
    assert!(refused.to_string().contains("is not a registration"), "{refused}");
}

#[tokio::test]
async fn what_is_no_workflow_is_refused_with_all_that_is_wrong() {
    with(Setup::default(), async |caller| {
        let mut document = answer();
        document["nodes"][1]["data"]["text"] = "{{".into();
        document["edges"][5]["target"] = "gone".into();
        let refused = caller.register(Uuid::new_v4(), Uuid::new_v4(), 1, &document).await;
        assert_eq!(refused.problem(), (422, "invalid"));
        let errors = refused.body["errors"].as_array().unwrap();
        let paths: Vec<&str> = errors.iter().map(|fault| fault["path"].as_str().unwrap()).collect();
        for path in ["/workflow/nodes/1/data/text", "/workflow/edges/5/target"] {
            assert!(paths.contains(&path), "{paths:?}");
        }
        // J04: said when it is registered, not when it is called.
        for url in ["http://8.8.8.8", "https://169.254.169.254", "https://2130706434"] {
            let refused = caller.register(Uuid::new_v4(), Uuid::new_v4(), 1, &http(url)).await;
            assert_eq!(refused.problem(), (422, "invalid"), "{url}");
            assert_eq!(refused.body["errors"][0]["path"], "/workflow/nodes/1/data/url");
        }
        let body = json!({"agent_id": Uuid::new_v4(), "sequence": 1, "workflow": answer(),
                          "version_hash": format!("sha256:{}", "0".repeat(64))});
        let path = format!("/v1/registrations/{}", Uuid::new_v4());
        let refused = Caller::send(caller.request(Method::PUT, &path).json(&body)).await;
        assert_eq!(refused.problem(), (409, "hash_mismatch"));
        let asks = through("model", json!({"model": "m", "prompt": "{{input.q}}"}));
        let refused = caller.register(Uuid::new_v4(), Uuid::new_v4(), 1, &asks).await;
        assert_eq!(refused.problem(), (409, "no_model"));
        assert_eq!(caller.get("/health").await.body["agents"], 0);
    })
    .await;
}

#[tokio::test]
async fn without_the_secret_nothing_but_health_is_answered() {
    let setup = Setup { invoke_secret: Some(OTHER), ..Setup::default() };
    with(setup, async |caller| {
        let agent = caller.agent(&answer()).await;
        let input = json!({"question": "?", "urgent": false});
        let own = caller.with(OTHER);
        assert_eq!(own.invoke(agent, input.clone()).await.status, 200);
        // Each secret opens its own half.
        assert_eq!(caller.invoke(agent, input).await.problem(), (401, "unauthenticated"));
        let refused = own.register(Uuid::new_v4(), Uuid::new_v4(), 1, &answer()).await;
        assert_eq!(refused.problem(), (401, "unauthenticated"));
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert_eq!(refused.body["request_id"], refused.header("x-request-id"));
        let paths = [
            (Method::GET, format!("/v1/registrations/{agent}")),
            (Method::DELETE, format!("/v1/registrations/{agent}")),
            (Method::PUT, "/v1/registrations/x".to_owned()),
            (Method::POST, format!("/v1/agents/{agent}/invoke")),
            (Method::GET, format!("/v1/runs/{agent}")),
        ];
        for (method, path) in paths {
            for secret in ["", "x", "Basic", super::SECRET.split_at(40).0] {
                let request = caller.http.request(method.clone(), format!("{}{path}", caller.url));
                let request = match secret {
                    "" => request,
                    "Basic" => request.basic_auth("gateway", Some(super::SECRET)),
                    secret => request.bearer_auth(secret),
                };
                assert_eq!(Caller::send(request).await.status, 401, "{method} {path} {secret}");
            }
        }
        let health = caller.http.get(format!("{}/health", caller.url));
        let health = Caller::send(health).await;
        assert_eq!((health.status, &health.body["model"]), (200, &json!(false)));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_request_is_told_what_it_should_be() {
    with(Setup::default(), async |caller| {
        let agent = caller.agent(&answer()).await;
        let invoke = || caller.request(Method::POST, &format!("/v1/agents/{agent}/invoke"));
        let put = || caller.request(Method::PUT, &format!("/v1/registrations/{agent}"));
        let json = |request: reqwest::RequestBuilder, body: &str| {
            request.header("content-type", "application/json").body(body.to_owned())
        };
        let large = format!(r#"{{"input":"{}"}}"#, "x".repeat(1 << 20));
        let cases = [
            (invoke().body("{}"), 415, "unsupported_media_type"),
            (json(invoke(), &large), 413, "body_too_large"),
            (json(invoke(), "{"), 422, "invalid"),
            (json(invoke(), r#"{"input":{},"more":1}"#), 422, "invalid"),
            (json(invoke(), r#"{"input":{}} {}"#), 422, "invalid"),
            (json(put(), r#"{"sequence":-1}"#), 422, "invalid"),
            (
                caller.request(Method::GET, &format!("/v1/agents/{agent}/invoke")),
                405,
                "method_not_allowed",
            ),
            (caller.request(Method::GET, "/v2"), 404, "not_found"),
            (caller.request(Method::GET, "/v1/runs/1"), 404, "not_found"),
        ];
        for (request, status, code) in cases {
            let reply = Caller::send(request).await;
            assert_eq!(reply.problem(), (status, code), "{}", reply.body);
        }
        let reply = Caller::send(json(put(), r#"{"sequence":"seven"}"#)).await;
        let expected = json!([{"path": "/sequence", "code": "shape", "message": "expected u64"}]);
        assert_eq!(reply.body["errors"], expected);
        let reply = caller.invoke(agent, json!({"question": 7, "urgent": true, "mood": ""})).await;
        let errors = reply.body["errors"].as_array().unwrap();
        let found: Vec<(&Value, &Value)> =
            errors.iter().map(|e| (&e["path"], &e["code"])).collect();
        let (question, mood) = (json!("/input/question"), json!("/input/mood"));
        let expected = [(&question, &json!("type")), (&mood, &json!("unknown_member"))];
        assert_eq!(found, expected);
        assert!(reply.header("x-agent-version").starts_with("sha256:"));
    })
    .await;
}
