//! What a client of any kind sees: errors, documentation, health, traces, browsers.

use serde_json::json;
use testkit::{Options, patient, run, run_with};

#[test]
fn a_fault_has_the_shape_that_fastapi_clients_read_and_rfc_9457_on_request() {
    run(async |app| {
        let north = app.tenant("north").await;
        let reply = north.integration.post("/v1/patients", &json!({"nombre": "x"})).await;
        assert_eq!(reply.status, 422);
        assert_eq!(reply.json()["detail"][0]["loc"], json!(["body", "nombre"]));
        assert_eq!(reply.json()["detail"][0]["type"], "extra_forbidden");
        assert_eq!(reply.json()["request_id"].as_str(), reply.header("x-request-id"));

        let request = north.integration.request(reqwest::Method::POST, "/v1/patients");
        let request =
            request.header("Accept", "application/problem+json").json(&json!({"nombre": "x"}));
        let reply = north.integration.send(request).await;
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert!(reply.json()["detail"].is_string());
        assert_eq!(reply.json()["errors"][0]["loc"], json!(["body", "nombre"]));
    });
}

#[test]
fn a_trace_is_continued_and_named_in_the_answer_and_the_log() {
    run(async |app| {
        let north = app.tenant("north").await;
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let request = north.reader.request(reqwest::Method::GET, "/v1/patients/x");
        let reply = north
            .reader
            .send(request.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")))
            .await;
        assert_eq!(reply.json()["trace_id"], trace);
        assert!(reply.header("traceparent").unwrap().starts_with(&format!("00-{trace}-")));
        let line = testkit::logged().lines().find(|l| l.contains(trace)).map(str::to_owned);
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(line["path"], "GET /v1/patients/{id}");
        assert_eq!(line["tenant_id"], north.id.to_string());
        assert_eq!(line["status"], 422);
        assert!(line["latency"].is_number() && line["request_id"].is_string());
    });
}

#[test]
fn health_readiness_and_documentation_need_no_key() {
    run(async |app| {
        let anyone = app.anonymous();
        assert_eq!(anyone.get("/health").await.json()["status"], "ok");
        assert_eq!(anyone.get("/ready").await.status, 200);
        assert_eq!(anyone.get("/openapi.json").await.json()["openapi"], "3.1.0");
        assert_eq!(anyone.get("/docs").await.status, 308);
        let docs = anyone.get("/docs/index.html").await;
        assert_eq!(docs.status, 200);
        let policy = docs.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self';"), "{policy}");
        for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
            assert_eq!(anyone.get(&format!("/docs/{file}")).await.status, 200, "{file}");
            assert!(docs.text.contains(file), "{file}");
        }
        assert!(!docs.text.contains("://"), "nothing is fetched from elsewhere");
    });
}

#[test]
fn paths_and_methods_that_are_not_there_say_so_and_metrics_are_not_public() {
    run(async |app| {
        let north = app.tenant("north").await;
        for path in [
            "/metrics",
            "/v1",
            "/v1/patients/",
            "//v1/patients",
            "/V1/patients",
            "/v1/patients;x",
            "/admin",
        ] {
            assert_eq!(north.admin.get(path).await.problem(), "404 no_such_path", "{path}");
        }
        let reply =
            north.admin.send(north.admin.request(reqwest::Method::PUT, "/v1/patients")).await;
        assert_eq!(reply.problem(), "405 method_not_allowed");
        assert!(reply.header("allow").is_some());
    });
}

#[test]
fn a_browser_may_call_from_a_listed_origin_only() {
    let settings =
        [("ALLOWED_ORIGINS".to_owned(), r#"["https://good.example"]"#.to_owned())].into();
    run_with(Options { settings, ..Options::default() }, async |app| {
        for (origin, allowed) in [("https://good.example", true), ("https://evil.example", false)] {
            let anyone = app.anonymous();
            let request =
                anyone.request(reqwest::Method::OPTIONS, "/v1/patients").header("Origin", origin);
            let request = request.header("Access-Control-Request-Method", "POST");
            let reply =
                anyone.send(request.header("Access-Control-Request-Headers", "x-api-key")).await;
            assert_eq!(reply.header("access-control-allow-origin"), allowed.then_some(origin));
            // Without an allowed origin beside it, it allows nothing (Fetch standard, CORS check).
            assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        }
    });
}

#[test]
fn the_address_in_the_ledger_is_a_trusted_proxys_word_or_the_peers() {
    let settings = [("TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned())].into();
    run_with(Options { settings, ..Options::default() }, async |app| {
        let north = app.tenant("north").await;
        let request =
            north.admin.request(reqwest::Method::POST, "/v1/patients").json(&patient("1"));
        let reply =
            north.admin.send(request.header("X-Forwarded-For", "203.0.113.9, 198.51.100.7")).await;
        let id = reply.header("x-request-id").unwrap();
        let address = app
            .ask(&format!("select host(address) from audit.entry where request_id = '{id}'"))
            .await;
        assert_eq!(address, ["198.51.100.7"]);
    });
    run(async |app| {
        let north = app.tenant("north").await;
        let request =
            north.admin.request(reqwest::Method::POST, "/v1/patients").json(&patient("1"));
        let reply = north.admin.send(request.header("X-Forwarded-For", "203.0.113.9")).await;
        let id = reply.header("x-request-id").unwrap();
        let address = app
            .ask(&format!("select host(address) from audit.entry where request_id = '{id}'"))
            .await;
        assert_eq!(address, ["127.0.0.1"]);
    });
}
