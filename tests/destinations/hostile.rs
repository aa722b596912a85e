//! Those who name addresses of ours, and those who look for secrets.

use std::{io, net::IpAddr, sync::Arc};

use outbound::{Resolver, Resolving};
use serde_json::json;
use testkit::run as run_strictly;

use super::{DESTINATIONS, called, header, newest, receiver, run, webhook};
use crate::{
    gateway::target::Target,
    kernel::{everything, execute},
};

#[test]
fn j04_an_address_of_ours_is_refused_when_it_is_named() {
    run_strictly(async |app| {
        let north = app.tenant("north").await;
        for url in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://192.0.0.170/",
            "https://[::1]/",
            "https://[fc00::1]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://example.org./",
            "https://user@example.org/",
            "https://example.org@127.0.0.1/",
            "http://example.org/",
            "ftp://example.org/",
            "https://example.org:22/",
            "https://example.org/#x",
            "not an address",
            "",
        ] {
            let asked = json!({"url": url, "events": ["*"]});
            let refused = north.admin.post(DESTINATIONS, &asked).await;
            assert_eq!(refused.problem(), "422 invalid", "{url}");
            assert_eq!(refused.json()["detail"][0]["loc"], json!(["body", "url"]), "{url}");
        }
        let (destination, _) = webhook(&north.admin, "https://example.org/a?b=c", &["*"]).await;
        let moved = json!({"url": "https://127.0.0.1/"});
        let refused = north.admin.patch(&format!("{DESTINATIONS}/{destination}"), &moved).await;
        assert_eq!(refused.problem(), "422 invalid");
    });
}

/// A name that leads to us.
struct Ours;

impl Resolver for Ours {
    fn resolve(&self, _: &str) -> Resolving {
        Box::pin(async { io::Result::Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

#[test]
fn j04_j06_a_name_that_leads_to_us_when_it_is_called_gets_no_packet() {
    run_strictly(async |app| {
        app.core(0).resolve_by(Arc::new(Ours)).unwrap();
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let port = target.url.rsplit(':').next().unwrap();
        let url = format!("https://hooks.example.org:{port}/");
        let (destination, _) = webhook(&north.admin, &url, &["patient.*"]).await;
        north.integration.new_patient("1").await;
        let tried = newest(&north.admin, &destination, |of| of["attempts"] == 1).await;
        assert_eq!(tried["last_error"], "blocked_address", "{tried}");
        assert_eq!(tried["log"][0]["status"], json!(null), "{tried}");
        // Nor an address that was written in past the check.
        let moved = format!(
            "set session_replication_role = replica;
             update kernel.event_destination set url = 'https://127.0.0.1:{port}/';
             update kernel.delivery set due_at = now()"
        );
        execute(app, &moved).await;
        let tried = newest(&north.admin, &destination, |of| of["attempts"] == 2).await;
        assert_eq!(tried["last_error"], "blocked_address", "{tried}");
        assert_eq!(target.connections(), 0);
    });
}

#[test]
fn j05_a_redirect_is_a_failed_attempt() {
    run(async |app| {
        let north = app.tenant("north").await;
        let inner = receiver(200).await;
        for status in [301, 302, 307, 308] {
            let answer = format!(
                "HTTP/1.1 {status} X\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n",
                inner.url
            );
            let target = Target::raw(answer).await;
            let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
            north.integration.new_patient(&status.to_string()).await;
            let tried = newest(&north.admin, &destination, |of| of["attempts"] == 1).await;
            assert_eq!(
                (&tried["last_error"], &tried["status"]),
                (&json!("redirected"), &json!("pending"))
            );
            north.admin.delete(&format!("{DESTINATIONS}/{destination}")).await;
        }
        assert_eq!(inner.connections(), 0);
    });
}

#[test]
fn nothing_of_an_answer_is_kept_and_a_long_one_is_not_read() {
    run(async |app| {
        let north = app.tenant("north").await;
        let word = crate::kernel::canary("ANSWER");
        let target = Target::saying(500, "text/plain", &word).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        north.integration.new_patient("1").await;
        let tried = newest(&north.admin, &destination, |of| of["attempts"] == 1).await;
        assert!(!tried.to_string().contains(&word));
        let kept = "select string_agg(a::text, ' ') from kernel.delivery_attempt a";
        assert!(!app.ask(kept).await[0].contains(&word));
        let long = Target::saying(200, "text/plain", &"x".repeat(70_000)).await;
        let (destination, _) = webhook(&north.admin, &long.url, &["patient.*"]).await;
        north.integration.new_patient("2").await;
        let tried = newest(&north.admin, &destination, |of| of["attempts"] == 1).await;
        assert_eq!(tried["last_error"], "too_large");
    });
}

#[test]
fn j10_a_secret_is_shown_when_it_is_made_and_nowhere_after() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, secret) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        assert!(secret.starts_with("whsec_") && secret.len() == 50, "a key of 32 bytes");
        let path = format!("{DESTINATIONS}/{destination}");
        let rotated = north.admin.post(&format!("{path}/rotate-secret"), &json!({})).await;
        let second = rotated.json()["secret"].as_str().unwrap().to_owned();
        assert_ne!(secret, second);
        north.admin.post(&format!("{path}/test"), &json!({})).await;
        let sent = called(&target, 1).await.remove(0);
        assert_eq!(header(&sent, "webhook-signature").split(' ').count(), 2);
        let delivered = newest(&north.admin, &destination, |of| of["status"] == "delivered").await;
        let mut said = format!("{}{}{delivered}", sent.head, sent.body);
        let changed = north.admin.patch(&path, &json!({"description": "x"})).await;
        said += &everything(&changed);
        for path in [path.as_str(), DESTINATIONS, "/v1/audit"] {
            said += &everything(&north.admin.get(path).await);
        }
        said += &testkit::logged();
        let tables = "select string_agg(t, ' ') from (select d::text as t from kernel.event_destination d
                       union all select e::text from audit.entry e union all select v::text from kernel.delivery v
                       union all select i::text from kernel.idempotency i) all_of_it";
        said += &app.ask(tables).await[0];
        for secret in [secret, second] {
            let key = secret.trim_start_matches("whsec_");
            assert!(!said.contains(key), "a secret was shown");
        }
        // None is kept for a replay.
        let asked = json!({"url": target.url, "events": ["*"]});
        let once = north.admin.request(reqwest::Method::POST, DESTINATIONS).json(&asked);
        let once = north.admin.send(once.header("Idempotency-Key", "k")).await;
        assert_eq!(once.status, 201, "{}", once.text);
        let shown = once.json()["secret"].as_str().unwrap().to_owned();
        let again = north.admin.request(reqwest::Method::POST, DESTINATIONS).json(&asked);
        let again = north.admin.send(again.header("Idempotency-Key", "k")).await;
        assert!(!again.text.contains(&shown), "{}", again.text);
    });
}

#[test]
fn a_suspended_organisation_is_told_nothing_until_it_works_again() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        let suspended = |is: bool| {
            format!(
                "set session_replication_role = replica; update kernel.tenant set is_active = {}",
                !is
            )
        };
        north
            .admin
            .patch(&format!("{DESTINATIONS}/{destination}"), &json!({"status": "paused"}))
            .await;
        north.integration.new_patient("1").await;
        execute(app, &suspended(true)).await;
        execute(app, "set session_replication_role = replica; update kernel.event_destination set state = 'active'").await;
        let claimed =
            "select count(*)::text from kernel.claim_deliveries(gen_random_uuid(), 30, 64, false)";
        assert_eq!(app.ask(claimed).await, ["0"]);
        execute(app, &suspended(false)).await;
        called(&target, 1).await;
    });
}

#[test]
fn a_destination_is_of_one_kind_and_a_queue_is_whole() {
    run(async |app| {
        let north = app.tenant("north").await;
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/events";
        let queue = json!({"kind": "sqs", "url": url, "events": ["*"], "region": "eu-west-1",
                           "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "a-secret"});
        let made = north.admin.post(DESTINATIONS, &queue).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert!(!made.text.contains("a-secret") && made.json()["secret"].is_null());
        let path = format!("{DESTINATIONS}/{}", made.id());
        let rotate = north.admin.post(&format!("{path}/rotate-secret"), &json!({})).await;
        assert_eq!(rotate.problem(), "409 not_a_webhook");
        for field in ["region", "access_key_id", "secret_access_key"] {
            let mut part = queue.clone();
            part.as_object_mut().unwrap().remove(field);
            let refused = north.admin.post(DESTINATIONS, &part).await;
            assert_eq!(
                refused.json()["detail"][0]["loc"],
                json!(["body", field]),
                "{}",
                refused.text
            );
            let mut of_webhook = json!({"url": url, "events": ["*"]});
            of_webhook[field] = queue[field].clone();
            let refused = north.admin.post(DESTINATIONS, &of_webhook).await;
            assert_eq!(
                refused.json()["detail"][0]["loc"],
                json!(["body", field]),
                "{}",
                refused.text
            );
        }
        for (field, bad) in [
            ("region", json!("eu west")),
            ("access_key_id", json!("short")),
            ("secret_access_key", json!("with blanks")),
            ("kind", json!("pigeon")),
            ("status", json!("disabled")),
            ("events", json!([])),
            ("events", json!(["nothing.such"])),
            ("description", json!("")),
            ("url", json!(format!("{url}?x"))),
        ] {
            let mut wrong = queue.clone();
            wrong[field] = bad;
            let refused = north.admin.post(DESTINATIONS, &wrong).await;
            assert_eq!(
                refused.json()["detail"][0]["loc"],
                json!(["body", field]),
                "{}",
                refused.text
            );
        }
        let kind = north.admin.patch(&path, &json!({"kind": "webhook"})).await;
        assert_eq!(kind.json()["detail"][0]["loc"], json!(["body", "kind"]), "{}", kind.text);
        let stale =
            north.admin.request(reqwest::Method::PATCH, &path).json(&json!({"status": "paused"}));
        let stale = north.admin.send(stale.header("If-Match", "\"9\"")).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
    });
}
