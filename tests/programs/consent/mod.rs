//! Consent: who gave it, what it covers, what is left of it; and every way round it that was thought of.

mod budget;
mod evidence;
mod sessions;

use std::future::Future;

use ::kernel::tokio_postgres::{Client, SimpleQueryMessage};
use aws_lc_rs::digest;
use futures::future::join_all;
use testkit::{Reply, run, run_with};
use uuid::Uuid;

use super::*;

/// A session of the server's own login, in a tenant's context and with no program in between.
pub(super) async fn as_server(app: &TestApp, tenant: Uuid) -> Client {
    let session = app.database.session("reeve_app").await;
    let context = format!(
        "select set_config('app.tenant_id', '{tenant}', false), set_config('app.actor_kind', 'system', false),
                set_config('app.actor_id', gen_random_uuid()::text, false),
                set_config('app.request_id', gen_random_uuid()::text, false)"
    );
    session.batch_execute(&context).await.unwrap();
    session
}

/// How a statement ends: its SQLSTATE, or `ok` and how many rows it touched or showed.
pub(super) async fn sqlstate(session: &Client, sql: &str) -> String {
    match session.simple_query(sql).await {
        Ok(messages) => {
            let count = messages.iter().map(|message| match message {
                SimpleQueryMessage::CommandComplete(count) => *count,
                _ => 0,
            });
            format!("ok {}", count.sum::<u64>())
        }
        Err(error) => error.code().map_or(error.to_string(), |state| state.code().to_owned()),
    }
}

/// Asks until the answer is yes.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let begun = std::time::Instant::now();
    while !ask().await {
        assert!(begun.elapsed().as_secs() < 5, "{what}: not within five seconds");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

pub(super) fn sha256(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fifteen years old when these tests begin.
const FIFTEEN: &str = "2010-05-10";

fn spend_of(consent: &str) -> String {
    format!("/consent/{consent}/record-session")
}

async fn spend(north: &Programme, consent: &str) -> Reply {
    north.role("clinician").post(&spend_of(consent), &json!({})).await
}

/// A session that was spent at this time, which must be allowed.
async fn spend_at(north: &Programme, hand: &Hand, consent: &str, now: &str) -> Value {
    hand.set(time(now));
    let reply = spend(north, consent).await;
    assert_eq!(reply.status, 200, "{now}: {}", reply.text);
    reply.json()
}

/// The codes for which a session at this time is refused; it must be.
async fn refused_at(north: &Programme, hand: &Hand, consent: &str, now: &str) -> Vec<String> {
    hand.set(time(now));
    let reply = spend(north, consent).await;
    assert_eq!(reply.status, 409, "{now}: {}", reply.text);
    missing(&reply)
}

async fn held(app: &TestApp) -> String {
    app.ask("select count(*) from programs.consent_session").await.remove(0)
}

/// A programme whose sessions need consent to mental-health services and no other; its id.
async fn counselling(north: &Programme) -> String {
    let body = json!({"name": "Counselling", "consent_purposes": ["mental_health"]});
    created(north.role("admin"), "/programs", &body).await
}

fn session(program: &str, starts_at: &str, there: &[(&str, &str)]) -> Value {
    let attendance: Vec<_> =
        there.iter().map(|(id, status)| json!({"participant_id": id, "status": status})).collect();
    json!({"program_id": program, "starts_at": starts_at, "attendance": attendance})
}

async fn meet(north: &Programme, program: &str, starts_at: &str, there: &[(&str, &str)]) -> Reply {
    north.role("instructor").post("/sessions", &session(program, starts_at, there)).await
}

async fn gate(north: &Programme, participant: &str, purpose: &str) -> Value {
    let path = format!("/consent/participant/{participant}/status?purpose={purpose}");
    let reply = north.role("instructor").get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn codes(verdict: &Value) -> Vec<&str> {
    let reasons = verdict["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}
