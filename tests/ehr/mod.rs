//! Connections to another system of record, which is a FHIR server that others wrote, in a process of its own.

mod circuit;
mod pull;
mod push;
mod target;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{Options, Persona, TestApp, TestTenant, run_with};

use target::Ehr;

/// How soon something is done that need not wait.
const SOON: Duration = Duration::from_secs(30);

/// A server that may call loopback, a tenant, and the other system.
fn run(test: impl AsyncFnOnce(&mut TestApp, &TestTenant, &Ehr)) {
    let settings = HashMap::from([("OUTBOUND_ALLOW".to_owned(), "127.0.0.1".to_owned())]);
    run_with(Options { settings, ..Options::default() }, async |app| {
        app.without_limits().await;
        let north = app.tenant("north").await;
        let ehr = Ehr::start().await;
        test(app, &north, &ehr).await;
    });
}

/// A connection that looks for changes seldom: tests say when. Its path.
async fn connect(persona: &Persona, ehr: &Ehr, direction: &str) -> String {
    let body = json!({"name": format!("{direction} at {}", ehr.base), "base_url": ehr.base, "auth": "bearer",
                      "secret": "token-CANARY", "direction": direction, "poll_seconds": 86400});
    let reply = persona.post("/v1/ehr-connections", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert!(!reply.text.contains("CANARY"), "{}", reply.text);
    format!("/v1/ehr-connections/{}", reply.id())
}

/// Asks until the answer fits.
async fn until(persona: &Persona, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let found = persona.get(path).await.json();
        if fits(&found) {
            return found;
        }
        assert!(begun.elapsed() < SOON, "{path}: {found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until everything that was to be told has been, or has come to the dead letters.
async fn told(persona: &Persona, path: &str) {
    until(persona, &format!("{path}/status"), |status| status["waiting"] == 0).await;
}

/// Reads once, now, and waits until that is done.
async fn read(app: &TestApp, persona: &Persona, path: &str) {
    let reply = persona.post(&format!("{path}/sync"), &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let own = "select coalesce(string_agg(j.state || coalesce(j.error_code, '') || coalesce(j.error_detail, ''), ' '), 'done')
                 from kernel.job j where j.kind = 'clinic.pull_records'
                  and (j.error_code is not null or j.state = 'running' or j.state = 'queued' and j.run_after < now() + interval '10 seconds')";
    let begun = Instant::now();
    while app.ask(own).await != ["done"] {
        assert!(begun.elapsed() < SOON, "{:?}", app.ask(own).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The dead letters of a connection: direction, kind and code of each.
async fn letters(persona: &Persona, path: &str) -> Vec<(String, String)> {
    let reply = persona.get(&format!("{path}/dead-letters")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let all = reply.json();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    all.as_array()
        .unwrap_or(all["items"].as_array().unwrap_or(&vec![]))
        .iter()
        .map(|one| (text(one, "direction"), text(one, "code")))
        .collect()
}
