//! Queues of customers: what is lost, doubled or out of order when senders are killed.

use std::{collections::HashMap, process::Stdio, time::Duration};

use serde_json::{Value, json};
use sqs::testing::Queues;
use testkit::{Options, Persona, TestApp, run_with};
use tokio::process::Child;

use super::{DESTINATIONS, deliveries, newest, options, receiver, run, webhook};
use crate::{
    kernel::{count, execute, until},
    process::reeve,
};

async fn queue(by: &Persona, queues: &Queues, queue: &sqs::Queue, events: &[&str]) -> String {
    let body = json!({"kind": "sqs", "url": queue.url, "events": events, "region": queue.region,
                      "access_key_id": queue.access_key_id, "secret_access_key": queues.writer().secret});
    let reply = by.post(DESTINATIONS, &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.id()
}

#[test]
fn an_event_comes_to_a_queue_as_it_comes_to_a_webhook() {
    run(async |app| {
        let (north, queues) = (app.tenant("north").await, Queues::start().await);
        let destination = queue(&north.admin, &queues, &queues.plain(), &["appointment.*"]).await;
        let id =
            north.admin.new_appointment("9", "2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z").await;
        let delivered = newest(&north.admin, &destination, |of| of["status"] == "delivered").await;
        let received = queues.receive(&queues.plain()).await;
        assert_eq!(received.len(), 1, "{received:?}");
        let body: Value = serde_json::from_str(&received[0].body).unwrap();
        assert_eq!(
            (&body["type"], &body["data"]["id"]),
            (&json!("appointment.created"), &json!(id))
        );
        assert_eq!(body["data"]["organization_id"], north.id.to_string());
        let attributes = [("id", &delivered["event_id"]), ("type", &body["type"])];
        let attributes =
            attributes.map(|(name, value)| (name.to_owned(), value.as_str().unwrap().to_owned()));
        assert_eq!(received[0].attributes, attributes.into());
        // Credentials that may not are an attempt that failed.
        let path = format!("{DESTINATIONS}/{destination}");
        let stranger = queues.stranger();
        let keys = json!({"access_key_id": stranger.id, "secret_access_key": stranger.secret});
        assert_eq!(north.admin.patch(&path, &keys).await.status, 200);
        north.admin.post(&format!("{path}/test"), &json!({})).await;
        let refused = newest(&north.admin, &destination, |of| {
            of["attempts"] == 1 && of["type"] == "destination.test"
        })
        .await;
        assert_eq!(
            (&refused["last_error"], &refused["status"]),
            (&json!("access_denied"), &json!("pending"))
        );
    });
}

fn sender(app: &TestApp) -> Child {
    let mut command = reeve(&["worker"]);
    command.env("DATABASE_URL", app.database.url("reeve_app")).env("SECRET_KEY", testkit::SECRET);
    command.env("OUTBOUND_ALLOW", "127.0.0.1").env("LOG_LEVEL", "error").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// How often a sender is killed.
fn kills() -> usize {
    std::env::var("REEVE_KILLS").map_or(5, |kills| kills.parse().unwrap())
}

/// Changes 20 records all the while, and kills sender after sender.
async fn change_and_kill(app: &TestApp, by: &Persona) -> usize {
    let mut records = vec![];
    for hour in 0..20 {
        let (start, end) =
            (format!("2030-01-01T{hour:02}:00:00Z"), format!("2030-01-01T{hour:02}:30:00Z"));
        records.push(by.new_appointment("9", &start, &end).await);
    }
    let mut changes = 0;
    for kill in 0..kills() {
        let mut child = sender(app);
        let told = "select count(*) from kernel.delivery_attempt";
        let before = count(app, told).await;
        for id in &records {
            let change = json!({"comment": format!("{changes}")});
            let changed = by.patch(&format!("/v1/appointments/{id}"), &change).await;
            assert_eq!(changed.status, 200, "{}", changed.text);
            changes += 1;
        }
        // Somewhere among its attempts, another place each time.
        let least = before + 1 + (kill as u64 * 7) % 11;
        until(Duration::from_secs(60), "attempts", async || count(app, told).await >= least).await;
        child.kill().await.unwrap();
        execute(app, "update kernel.delivery set due_at = now() where lease is not null").await;
    }
    let mut last = sender(app);
    let waits = "select count(*) from kernel.delivery where state = 'pending'";
    let due = "update kernel.delivery set due_at = now() where state = 'pending' and lease is null and attempts > 0";
    // However much there is: as long as something of it is told.
    let mut left = count(app, waits).await;
    while left > 0 {
        until(Duration::from_secs(60), "some of it is told", async || {
            execute(app, due).await;
            count(app, waits).await < left
        })
        .await;
        left = count(app, waits).await;
    }
    last.kill().await.unwrap();
    records.len() + changes
}

/// No sender in the test's own process.
fn by_process() -> Options {
    let mut options = options();
    options.settings.insert("JOBS_AT_ONCE".into(), "0".into());
    options
}

#[test]
fn x_killed_senders_lose_no_webhook() {
    run_with(by_process(), async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        webhook(&north.admin, &target.url, &["appointment.*"]).await;
        let changes = change_and_kill(app, &north.admin).await;
        let ids = "select 'evt_' || replace(event_id::text, '-', '') from kernel.delivery where state = 'delivered'";
        let told = app.ask(ids).await;
        assert_eq!(told.len(), changes);
        let heard: Vec<_> =
            target.requests().iter().map(|of| super::header(of, "webhook-id")).collect();
        let lost: Vec<_> = told.iter().filter(|id| !heard.contains(id)).collect();
        assert_eq!(lost, Vec::<&String>::new());
    });
}

#[test]
fn x_killed_senders_lose_nothing_of_a_fifo_queue_and_keep_each_records_order() {
    run_with(by_process(), async |app| {
        let (north, queues) = (app.tenant("north").await, Queues::start().await);
        let destination = queue(&north.admin, &queues, &queues.fifo(), &["appointment.*"]).await;
        let changes = change_and_kill(app, &north.admin).await;
        let order = "select 'evt_' || replace(event_id::text, '-', '') from kernel.delivery order by record_id, sequence";
        let written = app.ask(order).await;
        assert_eq!(written.len(), changes);
        let mut by_record: HashMap<String, Vec<String>> = HashMap::new();
        for message in queues.receive(&queues.fifo()).await {
            let record = message.group.unwrap();
            let id = message.attributes["id"].clone();
            by_record.entry(record).or_default().push(id);
        }
        let mut records: Vec<_> = by_record.into_iter().collect();
        records.sort();
        let read: Vec<_> = records.into_iter().flat_map(|(_, ids)| ids).collect();
        // The queue knows an event again within five minutes.
        assert_eq!(read, written);
        assert!(deliveries(&north.admin, &destination).await.len() >= 100.min(changes));
    });
}
