//! When it is told again, when no more, and what is seen of that.

use serde_json::json;

use super::{DESTINATIONS, called, header, is_due, newest, receiver, run, webhook};
use crate::{
    gateway::target::Target,
    kernel::{count, execute},
};

#[test]
fn j08_every_attempt_is_the_same_event_at_later_and_later_times_and_then_it_has_failed() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(500).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        north.integration.new_patient("1").await;
        let waits = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400];
        for (n, wait) in waits.iter().enumerate() {
            newest(&north.admin, &destination, |of| of["attempts"] == n + 1).await;
            let waits = format!(
                "select count(*) from kernel.delivery where due_at - now() between interval '1 second' * {}
                    and interval '1 second' * {}",
                f64::from(*wait) - 15.0,
                f64::from(*wait) * 1.1 + 1.0
            );
            assert_eq!(count(app, &waits).await, 1, "after attempt {}", n + 1);
            is_due(app).await;
        }
        let failed = newest(&north.admin, &destination, |of| of["status"] == "failed").await;
        assert_eq!((&failed["attempts"], &failed["last_status"]), (&json!(10), &json!(500)));
        let log = failed["log"].as_array().unwrap();
        assert!(log.len() == 10 && log.iter().all(|of| of["status"] == 500), "{failed}");
        let requests = target.requests();
        assert_eq!(requests.len(), 10);
        let id = header(&requests[0], "webhook-id");
        assert!(requests.iter().all(|of| header(of, "webhook-id") == id));
        assert!(requests.iter().all(|of| of.body == requests[0].body), "the same bytes");
        // Once more, by hand.
        let replay = format!("/api/v1/event-deliveries/{}/replay", failed["id"].as_str().unwrap());
        assert_eq!(north.admin.post(&replay, &json!({})).await.json()["status"], "pending");
        assert_eq!(header(&called(&target, 11).await[10], "webhook-id"), id);
    });
}

#[test]
fn j08_five_days_of_failures_disable_a_destination_and_that_is_noticed() {
    run(async |app| {
        let north = app.tenant("north").await;
        let (dead, alive) = (receiver(500).await, receiver(200).await);
        let (destination, _) = webhook(&north.admin, &dead.url, &["patient.*"]).await;
        webhook(&north.admin, &alive.url, &["destination.disabled"]).await;
        let path = format!("{DESTINATIONS}/{destination}");
        north.integration.new_patient("1").await;
        newest(&north.admin, &destination, |of| of["attempts"] == 1).await;
        let failing = north.admin.get(&path).await.json();
        assert!(failing["status"] == "active" && failing["failing_since"].is_string(), "{failing}");
        let since = "update kernel.destination_health set failing_since = now() - interval '5 days 1 minute'
                      where failing_since is not null";
        execute(app, since).await;
        is_due(app).await;
        newest(&north.admin, &destination, |of| of["attempts"] == 2).await;
        let disabled = north.admin.get(&path).await.json();
        assert_eq!(
            (&disabled["status"], &disabled["disabled_reason"]),
            (&json!("disabled"), &json!("failing"))
        );
        let told = called(&alive, 1).await.remove(0).json();
        assert_eq!(
            (&told["type"], &told["data"]["id"]),
            (&json!("destination.disabled"), &json!(destination))
        );
        let entry = "select permission || ' ' || (after ->> 'state') from audit.entry
                      where resource = 'kernel.event_destination' and operation = 'UPDATE'";
        assert_eq!(app.ask(entry).await, ["delivery:send disabled"]);
        // Nothing is written for it any more; let in again, it begins anew.
        north.integration.new_patient("2").await;
        let waits =
            format!("select count(*) from kernel.delivery where destination_id = '{destination}'");
        assert_eq!(count(app, &waits).await, 1);
        let again = north.admin.patch(&path, &json!({"status": "active"})).await.json();
        assert!(again["status"] == "active" && again["failing_since"].is_null(), "{again}");
        assert!(again["disabled_reason"].is_null());
        is_due(app).await;
        newest(&north.admin, &destination, |of| of["attempts"] == 3).await;
        assert_eq!(north.admin.get(&path).await.json()["status"], "active");
    });
}

#[test]
fn j09_a_receiver_that_is_gone_is_called_no_more() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(410).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        north.integration.new_patient("1").await;
        let ended = newest(&north.admin, &destination, |of| of["status"] == "failed").await;
        assert_eq!(ended["attempts"], 1);
        let disabled = north.admin.get(&format!("{DESTINATIONS}/{destination}")).await.json();
        assert_eq!(disabled["disabled_reason"], "gone", "{disabled}");
        assert_eq!(target.requests().len(), 1);
    });
}

#[test]
fn j09_a_busy_receiver_is_given_the_time_it_asks_for() {
    run(async |app| {
        let north = app.tenant("north").await;
        for (status, asked, least) in [(429, "120", 120), (503, "172800", 86_400)] {
            let target = Target::raw(format!(
                "HTTP/1.1 {status} X\r\nretry-after: {asked}\r\ncontent-length: 0\r\n\r\n"
            ))
            .await;
            let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
            north.integration.new_patient(&status.to_string()).await;
            newest(&north.admin, &destination, |of| of["attempts"] == 1).await;
            let waits = format!(
                "select count(*) from kernel.delivery where destination_id = '{destination}'
                    and due_at between now() + interval '1 second' * {} and now() + interval '1 second' * {}",
                least - 15,
                least + 1
            );
            assert_eq!(count(app, &waits).await, 1, "{status}");
            let off = json!({"status": "paused"});
            north.admin.patch(&format!("{DESTINATIONS}/{destination}"), &off).await;
        }
    });
}

#[test]
fn what_failed_since_then_is_sent_again() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        for number in ["1", "2", "3"] {
            north.integration.new_patient(number).await;
        }
        called(&target, 3).await;
        newest(&north.admin, &destination, |of| of["status"] == "delivered").await;
        let failed = "update kernel.delivery set state = 'failed', ended_at = now(), lease = null,
                             occurred_at = now() - interval '1 hour' * (select count(*) from kernel.delivery o
                                                                         where o.sequence < delivery.sequence)";
        execute(app, failed).await;
        let since = app.ask("select to_char(now() at time zone 'UTC' - interval '90 minutes', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')").await;
        let path = format!("{DESTINATIONS}/{destination}/replay");
        let replayed = north.admin.post(&path, &json!({"since": since[0]})).await;
        assert_eq!(replayed.json(), json!({"replayed": 2, "more": false}), "{}", replayed.text);
        called(&target, 5).await;
        let order = "select kind || ' ' || deliveries from kernel.delivery_order";
        assert_eq!(app.ask(order).await, ["replay_failed 2"]);
        for bad in [json!({}), json!({"since": "soon"}), json!({"since": null})] {
            assert_eq!(north.admin.post(&path, &bad).await.problem(), "422 invalid", "{bad}");
        }
    });
}

#[test]
fn what_was_told_is_forgotten_after_thirty_days() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        north.integration.new_patient("1").await;
        newest(&north.admin, &destination, |of| of["status"] == "delivered").await;
        let kept = "select count(*) from kernel.delivery full join kernel.delivery_attempt using (tenant_id)";
        execute(app, "select kernel.sweep()").await;
        assert_eq!(count(app, kept).await, 1);
        execute(app, "update kernel.delivery set occurred_at = now() - interval '31 days'").await;
        execute(app, "update kernel.delivery_attempt set at = now() - interval '31 days'").await;
        execute(app, "select kernel.sweep()").await;
        assert_eq!(count(app, kept).await, 0);
    });
}
