//! A server runs by the clock it is given, wherever that stands.

use std::time::{Duration, Instant};

use ::kernel::Clock;
use testkit::{Options, PASSWORD, Persona, TestApp, run_with};

async fn signed_in(app: &TestApp, tenant: &str, email: &str) -> Persona {
    let nobody = app.anonymous();
    let reply = nobody.sign_in(tenant, email, PASSWORD).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    nobody.with_tokens(&reply)
}

#[test]
fn a_day_of_eight_hours_passes_while_the_server_runs_months_ago() {
    let (clock, hand) = Clock::movable("2026-03-02T15:00:00Z".parse().unwrap());
    run_with(Options { clock, ..Options::default() }, async |app| {
        let kata = app.organisation("programs", "kata").await;
        let morning = kata.role("admin");
        assert_eq!(morning.get("/auth/me").await.status, 200);
        hand.advance(jiff::SignedDuration::from_mins(7 * 60 + 59));
        assert_eq!(morning.get("/auth/me").await.status, 200);
        hand.advance(jiff::SignedDuration::from_mins(61));
        assert_eq!(hand.now(), "2026-03-03T00:00:00Z".parse().unwrap());
        assert_eq!(morning.get("/auth/me").await.problem(), "401 unauthenticated");

        let (tenant, email) = (kata.id.to_string(), kata.email("admin"));
        let night = signed_in(app, &tenant, &email).await;
        assert_eq!(night.get("/auth/me").await.status, 200);
        hand.set("2026-03-02T22:00:00Z".parse().unwrap());
        assert_eq!(night.get("/auth/me").await.problem(), "401 unauthenticated", "not yet begun");
        assert_eq!(morning.get("/auth/me").await.status, 200, "its day is not over again");
    });
}

#[test]
fn a_withdrawal_is_felt_although_the_databases_clock_is_ahead_of_the_servers() {
    let (clock, _hand) = Clock::movable("2026-03-02T15:00:00Z".parse().unwrap());
    run_with(Options { clock, ..Options::default() }, async |app| {
        let kata = app.organisation("programs", "kata").await;
        let admin = kata.role("admin");
        assert_eq!(admin.post("/auth/logout", &serde_json::json!({})).await.status, 204);
        assert_eq!(admin.get("/auth/me").await.problem(), "401 unauthenticated");

        let north = app.tenant("north").await;
        assert_eq!(north.reader.get("/v1/patients").await.status, 200);
        let revoke = format!("/v1/auth/api-keys/{}", north.reader.id);
        assert_eq!(north.admin.delete(&revoke).await.status, 204);
        let begun = Instant::now();
        while north.reader.get("/v1/patients").await.status == 200 {
            assert!(begun.elapsed() < Duration::from_secs(1), "the key works on");
        }
    });
}
