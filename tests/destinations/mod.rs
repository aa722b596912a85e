//! Events that leave the house: told to other systems as Standard Webhooks says, or by a queue, until they were heard.

mod fairness;
mod hostile;
mod n8n;
mod queues;
mod receivers;
mod schedule;
mod subscriptions;

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use testkit::{Options, Persona, TestApp, run_with};

use crate::{
    gateway::target::{Request, Target},
    kernel::{execute, until},
};

/// How soon what is due is told.
const SOON: Duration = Duration::from_secs(10);
const DESTINATIONS: &str = "/api/v1/event-destinations";

/// A server that may call loopback.
fn options() -> Options {
    let settings = HashMap::from([("OUTBOUND_ALLOW".to_owned(), "127.0.0.1".to_owned())]);
    Options { settings, ..Options::default() }
}

fn run(test: impl AsyncFnOnce(&mut TestApp)) {
    run_with(options(), test);
}

/// Somebody who answers everything with this status.
async fn receiver(status: u16) -> Target {
    Target::saying(status, "text/plain", "").await
}

/// A webhook to this address for these types: its id and its secret.
async fn webhook(by: &Persona, url: &str, events: &[&str]) -> (String, String) {
    let reply = by.post(DESTINATIONS, &json!({"url": url, "events": events})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    (reply.id(), reply.json()["secret"].as_str().unwrap().to_owned())
}

/// Waits until somebody was called so many times; the requests.
async fn called(target: &Target, times: usize) -> Vec<Request> {
    until(SOON, "a call", async || target.requests().len() >= times).await;
    target.requests()
}

fn header(request: &Request, name: &str) -> String {
    let value = request.head.lines().find_map(|line| {
        let (of, value) = line.split_once(':')?;
        of.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_else(|| panic!("{name}: {}", request.head))
}

/// What a destination was told, the newest first.
async fn deliveries(by: &Persona, destination: &str) -> Vec<Value> {
    let reply = by.get(&format!("{DESTINATIONS}/{destination}/deliveries?limit=200")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json().as_array().unwrap().clone()
}

/// Waits until the newest delivery is as it must be; that delivery with its attempts.
async fn newest(by: &Persona, destination: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    let begun = std::time::Instant::now();
    while !fits(&found) {
        assert!(begun.elapsed() < SOON, "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let Some(first) = deliveries(by, destination).await.into_iter().next() else { continue };
        let path = format!("/api/v1/event-deliveries/{}", first["id"].as_str().unwrap());
        found = by.get(&path).await.json();
    }
    found
}

/// The next attempts of all that waits are due.
async fn is_due(app: &TestApp) {
    execute(
        app,
        "update kernel.delivery set due_at = now() where state = 'pending' and lease is null",
    )
    .await;
}
