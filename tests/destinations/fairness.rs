//! Whose receivers are dead delays nobody else.

use std::{future::pending, time::Duration};

use serde_json::json;

use super::{called, newest, receiver, run, webhook};
use crate::{
    gateway::target::Target,
    kernel::{count, execute, until},
};

/// Somebody who takes every call and never answers.
async fn silent() -> Target {
    Target::answering(|_| Box::pin(pending())).await
}

#[test]
fn a_dead_receiver_delays_neither_another_organisation_nor_its_own_for_long() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let (dead, alive) = (silent().await, receiver(200).await);
        webhook(&north.admin, &dead.url, &["patient.*"]).await;
        for number in 0..12 {
            north.integration.new_patient(&number.to_string()).await;
        }
        until(Duration::from_secs(5), "all places of a destination", async || {
            dead.connections() == 4
        })
        .await;
        // Its own organisation has other places.
        let (own, _) = webhook(&north.admin, &alive.url, &["appointment.*"]).await;
        north.admin.new_appointment("9", "2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z").await;
        newest(&north.admin, &own, |of| of["status"] == "delivered").await;
        webhook(&north.admin, &dead.url, &["patient.*"]).await;
        webhook(&north.admin, &dead.url, &["patient.*"]).await;
        for number in 12..24 {
            north.integration.new_patient(&number.to_string()).await;
        }
        until(Duration::from_secs(5), "all places of an organisation", async || {
            dead.connections() == 8
        })
        .await;
        webhook(&south.admin, &alive.url, &["patient.*"]).await;
        south.integration.new_patient("1").await;
        let took =
            until(Duration::from_secs(3), "south is told", async || alive.requests().len() == 2)
                .await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(dead.connections(), 8, "an organisation has 8 places, a destination 4");
    });
}

/// One that was not heard lately has a place of its own, and one only.
#[test]
fn what_fails_is_tried_one_at_a_time_and_apart() {
    run(async |app| {
        let north = app.tenant("north").await;
        let dead = silent().await;
        let (destination, _) = webhook(&north.admin, &dead.url, &["patient.*"]).await;
        let failing = format!(
            "update kernel.destination_health set failing_since = now() where destination_id = '{destination}'"
        );
        execute(app, &failing).await;
        for number in 0..8 {
            north.integration.new_patient(&number.to_string()).await;
        }
        called(&dead, 1).await;
        let claim = |failing: bool| {
            format!(
                "select count(*) from kernel.claim_deliveries(gen_random_uuid(), 30, 64, {failing})"
            )
        };
        assert_eq!(count(app, &claim(true)).await, 0);
        assert_eq!(count(app, &claim(false)).await, 0);
        assert_eq!(dead.connections(), 1);
        let off = json!({"status": "paused"});
        north.admin.patch(&format!("{}/{destination}", super::DESTINATIONS), &off).await;
    });
}

/// J14's cousin: 100,000 events of one organisation are before nobody's one.
#[test]
fn a_heap_of_one_organisations_events_is_before_nobody_elses() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let (slow, alive) = (silent().await, receiver(200).await);
        let (heap, _) = webhook(&north.admin, &slow.url, &["patient.*"]).await;
        let many = format!(
            "insert into kernel.delivery (tenant_id, destination_id, event_id, event_type, record_id)
             select '{}', '{heap}', gen_random_uuid(), 'patient.created', gen_random_uuid() from generate_series(1, 100000)",
            north.id
        );
        execute(app, &many).await;
        webhook(&south.admin, &alive.url, &["patient.*"]).await;
        south.integration.new_patient("1").await;
        let took =
            until(Duration::from_secs(5), "south is told", async || alive.requests().len() == 1)
                .await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    });
}
