//! `Idempotency-Key`: a retry gets the first answer, and nothing happens twice.

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Options, Persona, Reply, patient, run, run_with};

async fn post(persona: &Persona, key: &str, path: &str, body: &Value) -> Reply {
    let request = persona.request(reqwest::Method::POST, path).header("Idempotency-Key", key);
    persona.send(request.json(body)).await
}

#[test]
fn c01_a_hundred_at_once_under_one_key_on_two_replicas_make_one_record() {
    run_with(Options { pool: 8, ..Options::default() }, async |app| {
        let north = app.tenant("north").await;
        let second = app.add_replica(&Options { pool: 8, ..Options::default() }).await;
        let other = north.integration.at(app.url(second));
        let body = patient("1");
        let sent = (0..100).map(|n| {
            post(if n % 2 == 0 { &north.integration } else { &other }, "k", "/v1/patients", &body)
        });
        let replies = join_all(sent).await;
        for reply in replies.iter().filter(|reply| reply.status != 201) {
            assert_eq!(reply.problem(), "409 idempotency_in_flight");
            assert!(reply.header("retry-after").is_some());
        }
        let first = replies
            .iter()
            .filter(|r| r.status == 201 && r.header("idempotent-replayed").is_none())
            .count();
        assert_eq!(first, 1);
        let again = post(&other, "k", "/v1/patients", &body).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
        let original = replies.iter().find(|r| r.status == 201).unwrap();
        assert_eq!(again.text, original.text);
        assert_eq!(
            (again.header("location"), again.header("etag")),
            (original.header("location"), original.header("etag"))
        );
        assert_eq!(app.ask("select count(*) from clinic.patient").await, ["1"]);
    });
}

#[test]
fn c02_another_body_under_a_used_key_is_422_and_changes_nothing() {
    run(async |app| {
        let north = app.tenant("north").await;
        post(&north.integration, "k", "/v1/patients", &patient("1")).await;
        let reply = post(&north.integration, "k", "/v1/patients", &patient("2")).await;
        assert_eq!(reply.problem(), "422 idempotency_key_reused");
        assert_eq!(app.ask("select count(*) from clinic.patient").await, ["1"]);
    });
}

#[test]
fn c03_a_key_is_its_tenants_its_callers_and_its_routes_own() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let first = post(&north.integration, "k", "/v1/patients", &patient("1")).await;
        let others = [
            post(&south.integration, "k", "/v1/patients", &patient("1")).await,
            post(&north.admin, "k", "/v1/patients", &patient("2")).await,
            post(
                &north.integration,
                "k",
                "/v1/appointments",
                &testkit::appointment("9", "2027-01-01T00:00:00Z", "2027-01-01T01:00:00Z"),
            )
            .await,
        ];
        for other in others {
            assert_eq!(
                (other.status, other.header("idempotent-replayed")),
                (201, None),
                "{}",
                other.text
            );
            assert_ne!(other.id(), first.id());
        }
    });
}

#[test]
fn c04_a_refused_first_attempt_does_not_wedge_the_key() {
    run(async |app| {
        let north = app.tenant("north").await;
        let mut wrong = patient("1");
        wrong["docTypeId"] = json!("XX");
        assert_eq!(post(&north.integration, "k", "/v1/patients", &wrong).await.status, 422);
        assert_eq!(post(&north.integration, "k", "/v1/patients", &patient("1")).await.status, 201);
        assert_eq!(
            post(&north.integration, "j", "/v1/patients", &patient("1")).await.problem(),
            "409 document_taken"
        );
        let corrected = post(&north.integration, "j", "/v1/patients", &patient("2")).await;
        assert_eq!((corrected.status, corrected.header("idempotent-replayed")), (201, None));
    });
}

#[test]
fn an_expired_answer_is_forgotten_and_authorization_comes_first() {
    run(async |app| {
        let north = app.tenant("north").await;
        post(&north.integration, "k", "/v1/patients", &patient("1")).await;
        let refused = post(&north.reader, "k", "/v1/patients", &patient("1")).await;
        assert_eq!(refused.problem(), "403 forbidden");
        app.ask("update kernel.idempotency set expires_at = now() - interval '1 second'").await;
        let anew = post(&north.integration, "k", "/v1/patients", &patient("2")).await;
        assert_eq!((anew.status, anew.header("idempotent-replayed")), (201, None));
        for bad in ["", " ", "ñ", &"x".repeat(256)] {
            let reply = post(&north.integration, bad, "/v1/patients", &patient("9")).await;
            assert_eq!(reply.fields(), ["header.Idempotency-Key"], "{bad:?}");
        }
    });
}

#[test]
fn a_change_is_replayed_too_and_not_made_again() {
    run(async |app| {
        let north = app.tenant("north").await;
        let id = north.integration.new_patient("1").await;
        let change = async || {
            let request =
                north.integration.request(reqwest::Method::PATCH, &format!("/v1/patients/{id}"));
            north
                .integration
                .send(request.header("Idempotency-Key", "k").json(&json!({"firstName": "Eva"})))
                .await
        };
        let (first, second) = (change().await, change().await);
        assert_eq!(
            (first.text.clone(), first.header("etag")),
            (second.text.clone(), second.header("etag"))
        );
        assert_eq!(app.ask("select version from clinic.patient").await, ["2"]);
    });
}
