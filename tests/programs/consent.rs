//! Consent: who gave it, what it covers, what is left of it; and every way round it that was thought of.

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

#[test]
fn s08_of_a_hundred_at_once_on_two_replicas_one_spends_the_last_session() {
    let (options, _) = at(BEGIN);
    let second = options.clone();
    run_with(options, async |app| {
        let other = app.add_replica(&second).await;
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        for left in (1..6).rev() {
            let reply = spend(&north, &consent).await;
            assert_eq!(reply.json()["sessions_remaining"], left, "{}", reply.text);
        }
        let here = north.role("clinician").clone();
        let there = here.at(app.url(other));
        let (path, body) = (spend_of(&consent), json!({}));
        let all = (0..100).map(|n| if n % 2 == 0 { &here } else { &there }.post(&path, &body));
        let replies = join_all(all).await;
        let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 99));
        assert_eq!(won[0].json()["sessions_remaining"], 0);
        assert_eq!(won[0].json()["exhausted"], true);
        for reply in lost {
            assert_eq!(reply.status, 409, "{}", reply.text);
        }
        assert_eq!(held(app).await, "6");
        assert_eq!(missing(&spend(&north, &consent).await), ["sessions_spent"]);
    });
}

#[test]
fn s09_no_session_is_later_than_the_revocation_that_raced_it() {
    run(async |app| {
        let other = app.add_replica(&testkit::Options::default()).await;
        let north = Programme::new(app, "north").await;
        let here = north.role("clinician").clone();
        let there = here.at(app.url(other));
        let minor = north.participant(FIFTEEN).await;
        for round in 0..12 {
            let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
            let (path, body) = (spend_of(&consent), json!({}));
            let revoke = format!("/consent/{consent}/revoke");
            let spends = (0..4).map(|n| if n % 2 == 0 { &here } else { &there }.post(&path, &body));
            let (replies, revoked) = if round % 2 == 0 {
                futures::future::join(join_all(spends), there.patch(&revoke, &body)).await
            } else {
                let both =
                    futures::future::join(here.patch(&revoke, &body), join_all(spends)).await;
                (both.1, both.0)
            };
            assert_eq!(revoked.status, 200, "{}", revoked.text);
            for reply in &replies {
                assert!([200, 409].contains(&reply.status), "{}", reply.text);
            }
            let after = here.post(&path, &body).await;
            // The race may have spent the budget as well.
            assert_eq!((after.status, missing(&after)[0].as_str()), (409, "revoked"));
        }
        let later = "select s.held_at || ' after ' || c.revoked_at from programs.consent_session s
                       join kernel.consent c on c.id = s.consent_id where s.held_at > c.revoked_at";
        assert_eq!(app.ask(later).await, Vec::<String>::new());
    });
}

#[test]
fn a_session_that_waited_behind_a_revocation_is_refused() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let holds = app.database.session("reeve_admin").await;
        let lock = format!("begin; select 1 from kernel.consent where id = '{consent}' for update");
        holds.batch_execute(&lock).await.unwrap();
        let waiting = async |count: &str| {
            let sql = "select count(*) from pg_stat_activity where datname = current_database()
                        and usename = 'reeve_app' and wait_event_type = 'Lock'";
            until("it waits", async || app.ask(sql).await == [count]).await;
        };
        let clinician = north.role("clinician");
        let (revoke, path) = (format!("/consent/{consent}/revoke"), spend_of(&consent));
        let (empty, none) = (json!({}), json!({}));
        let revoking = clinician.patch(&revoke, &empty);
        let spending = async {
            waiting("1").await;
            let (reply, ()) = futures::future::join(clinician.post(&path, &none), async {
                waiting("2").await;
                holds.batch_execute("commit").await.unwrap();
            })
            .await;
            reply
        };
        let (revoked, spent) = futures::future::join(revoking, spending).await;
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        assert_eq!((spent.status, held(app).await.as_str()), (409, "0"), "{}", spent.text);
    });
}

#[test]
fn s10_attendance_without_consent_is_refused_by_name_and_leaves_no_session() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (clinician, born) = (north.role("clinician"), "2012-05-10");
        let good = north.consented(born).await;
        let mut bad = vec![("missing", north.participant(born).await)];
        for (what, field, value) in [
            ("expired", "expires_at", json!("2026-03-02T16:00:00Z")),
            ("expired at the very start", "expires_at", json!("2026-03-02T17:00:00Z")),
            ("given later", "granted_at", json!("2026-03-02T16:59:59Z")),
            ("other purpose", "purpose", json!("mental_health")),
            ("revoked", "relation", json!("aunt")),
        ] {
            let id = north.participant(born).await;
            let mut body = consent(&id);
            body[field] = value;
            let given = created(clinician, "/consent", &body).await;
            if what == "revoked" {
                let reply = clinician.patch(&format!("/consent/{given}/revoke"), &json!({})).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
            bad.push((what, id));
        }
        // Another person: the twin has a consent, this one has none.
        north.consented(born).await;
        bad.push(("other person", north.participant(born).await));
        // A parent does not speak for who is of age.
        bad.push(("of age", north.consented("2008-03-02").await));
        hand.set(time("2026-03-02T17:00:00Z"));
        for (what, id) in &bad {
            let starts = if *what == "given later" { "2026-03-02T16:59:58Z" } else { BEGIN };
            for status in ["present", "late"] {
                let there = [(good.as_str(), "present"), (id.as_str(), status)];
                let reply = meet(&north, &north.program, starts, &there).await;
                assert_eq!(
                    reply.problem(),
                    "409 consent_required",
                    "{what} {status}: {}",
                    reply.text
                );
                assert!(reply.text.contains(id.as_str()), "{what}: names nobody: {}", reply.text);
                assert!(
                    !reply.text.contains(good.as_str()),
                    "{what}: names another: {}",
                    reply.text
                );
            }
        }
        for table in ["training_session", "attendance", "consent_session"] {
            let count = format!("select count(*) from programs.{table}");
            assert_eq!(app.ask(&count).await, ["0"], "{table}");
        }
        // Nor afterwards, by way of who was said to be absent.
        let absent: Vec<_> = bad.iter().map(|(_, id)| (id.as_str(), "absent")).collect();
        let reply = meet(&north, &north.program, BEGIN, &absent).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let attend = format!("/sessions/{}/attendance", reply.id());
        for (what, id) in bad.iter().filter(|(what, _)| *what != "given later") {
            let body = json!({"attendance": [{"participant_id": id, "status": "present"}]});
            let reply = north.role("instructor").patch(&attend, &body).await;
            assert_eq!(reply.problem(), "409 consent_required", "{what}: {}", reply.text);
        }
        let statuses = "select distinct status from programs.attendance";
        assert_eq!(app.ask(statuses).await, ["absent"]);
    });
}

#[test]
fn a_session_is_held_to_the_purposes_of_its_cohorts_programme() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let body = json!({"program_id": program, "name": "Talks"});
        let talks = created(north.role("admin"), "/cohorts", &body).await;
        let minor = north.consented(FIFTEEN).await;
        // Said to be of another programme, which asks for less.
        let body = json!({"program_id": north.program, "cohort_id": talks, "starts_at": BEGIN,
                          "attendance": [{"participant_id": minor, "status": "present"}]});
        let reply = north.role("instructor").post("/sessions", &body).await;
        assert!([409, 422].contains(&reply.status), "a way round the gate: {}", reply.text);
        assert_eq!(app.ask("select count(*) from programs.training_session").await, ["0"]);
    });
}

#[test]
fn no_programme_asks_for_no_consent_at_all() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        for purposes in [
            json!([]),
            json!([""]),
            json!([" "]),
            json!(["Participation!"]),
            json!("participation"),
        ] {
            let body = json!({"name": "Open house", "consent_purposes": purposes});
            let reply = north.role("program_manager").post("/programs", &body).await;
            assert_eq!(reply.status, 422, "{purposes}: {}", reply.text);
        }
        let body = json!({"name": "Usual", "consent_purposes": null});
        let reply = north.role("admin").post("/programs", &body).await;
        if reply.status == 201 {
            assert_eq!(reply.json()["consent_purposes"], json!(["participation"]));
        }
    });
}

#[test]
fn a_session_sent_again_under_its_idempotency_key_is_spent_once() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let clinician = north.role("clinician");
        let mut texts = vec![];
        for _ in 0..3 {
            let request =
                clinician.request(reqwest::Method::POST, &spend_of(&consent)).json(&json!({}));
            let reply = clinician.send(request.header("Idempotency-Key", "one-afternoon")).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            texts.push(reply.text);
        }
        texts.dedup();
        assert_eq!((texts.len(), held(app).await.as_str()), (1, "1"), "{texts:?}");
    });
}

#[test]
fn nobody_attends_tomorrow_and_nobody_twice() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.consented("2012-05-10").await;
        let reply = meet(&north, &north.program, "2026-03-03T17:00:00Z", &[(&id, "present")]).await;
        assert!((400..500).contains(&reply.status), "tomorrow: {}", reply.text);
        let twice = [(id.as_str(), "absent"), (id.as_str(), "present")];
        let reply = meet(&north, &north.program, BEGIN, &twice).await;
        assert!((400..500).contains(&reply.status), "twice: {}", reply.text);
        assert_eq!(app.ask("select count(*) from programs.training_session").await, ["0"]);
    });
}

#[test]
fn attendance_by_plain_sql_without_consent_is_refused_by_the_database() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.participant("2012-05-10").await;
        let reply = meet(&north, &north.program, BEGIN, &[(&id, "absent")]).await;
        let held = reply.id();
        let server = as_server(app, north.tenant.id).await;
        let other = north.participant("2012-05-10").await;
        for sql in [
            "update programs.attendance set status = 'present'".to_owned(),
            format!("update programs.attendance set participant_id = '{other}'"),
            format!(
                "insert into programs.attendance (tenant_id, id, session_id, participant_id, status)
                 values (kernel.tenant(), gen_random_uuid(), '{held}', '{other}', 'late')"
            ),
        ] {
            assert_eq!(sqlstate(&server, &sql).await, "RV609", "{sql}");
        }
    });
}

#[test]
fn k087_the_seventh_session_and_the_thirty_first_day_are_refused_whichever_comes_first() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        // Six in one afternoon.
        let six = north.own_consent(&minor, "2026-03-01T15:00:00Z").await;
        for left in (0..6).rev() {
            let budget = spend_at(&north, &hand, &six, BEGIN).await;
            assert_eq!(budget["sessions_remaining"], left);
        }
        assert_eq!(refused_at(&north, &hand, &six, BEGIN).await, ["sessions_spent"]);
        // Two in thirty days: they count from the first session and not from the consent.
        let other = north.participant(FIFTEEN).await;
        hand.set(time("2026-03-02T17:00:00Z"));
        let days = north.own_consent(&other, "2026-02-02T15:00:00Z").await;
        let first = spend_at(&north, &hand, &days, "2026-03-09T17:00:00Z").await;
        assert_eq!(first["window_ends_on"], "2026-04-08");
        let last = spend_at(&north, &hand, &days, "2026-04-08T17:00:00Z").await;
        assert_eq!((&last["sessions_remaining"], &last["days_remaining"]), (&json!(4), &json!(0)));
        assert_eq!(refused_at(&north, &hand, &days, "2026-04-09T17:00:00Z").await, ["days_over"]);
        let reply = spend(&north, &days).await;
        assert_eq!(reply.json()["statute"], "ORC 5122.04");
        assert_eq!(reply.json()["pack"], "us-oh/2026-01");
        // Both at once: both are said.
        assert_eq!(
            refused_at(&north, &hand, &six, "2026-04-09T17:00:00Z").await,
            ["sessions_spent", "days_over"]
        );
        // Revoked: neither sessions nor days help.
        let third = north.participant(FIFTEEN).await;
        let revoked = north.own_consent(&third, "2026-04-08T15:00:00Z").await;
        spend_at(&north, &hand, &revoked, "2026-04-09T17:00:00Z").await;
        let reply =
            north.role("clinician").patch(&format!("/consent/{revoked}/revoke"), &json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(refused_at(&north, &hand, &revoked, "2026-04-09T17:00:01Z").await, ["revoked"]);
        assert_eq!(held(app).await, "9");
    });
}

#[test]
fn an_earlier_session_recorded_late_does_not_stretch_the_thirty_days() {
    let (options, hand) = at("2026-03-20T17:00:00Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-01-02T15:00:00Z").await;
        spend_at(&north, &hand, &consent, "2026-03-20T17:00:00Z").await;
        let (clinician, path) = (north.role("clinician"), spend_of(&consent));
        for (held_at, expected) in [
            // With this as the first, the one on record is past the thirty days.
            ("2026-02-10T17:00:00Z", 409),
            ("2026-01-02T14:59:59Z", 409),
            ("2026-03-20T17:00:01Z", 422),
            ("2026-02-18T17:00:00Z", 200),
        ] {
            let reply = clinician.post(&path, &json!({"held_at": held_at})).await;
            assert_eq!(reply.status, expected, "{held_at}: {}", reply.text);
        }
        assert_eq!(held(app).await, "2");
    });
}

#[test]
fn a_second_consent_of_the_same_minor_does_not_refill_the_budget() {
    // ORC 5122.04 (B): after six sessions or thirty days the services end, or the parent is asked.
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        for _ in 0..6 {
            spend_at(&north, &hand, &consent, BEGIN).await;
        }
        let body = json!({
            "participant_id": minor, "purpose": "mental_health", "basis": "orc_5122_04", "grantor": "self",
            "grantor_name": "The participant", "text": "And again.", "text_version": "1",
        });
        let again = north.role("clinician").post("/consent", &body).await;
        if again.status == 201 {
            let seventh = spend(&north, &again.id()).await;
            assert_eq!(seventh.status, 409, "a seventh session under a new form: {}", seventh.text);
        }
        assert_eq!(held(app).await, "6");
    });
}

#[test]
fn k088_a_minors_own_consent_begins_on_the_fourteenth_birthday_and_ends_on_the_eighteenth() {
    // Daylight saving begins in Ohio on 8 March 2026, at 2:00: that day begins at 05:00 UTC.
    let (options, hand) = at("2026-03-08T04:59:59Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let clinician = north.role("clinician");
        let minor = north.participant("2012-03-08").await;
        let body = |participant: &str| {
            json!({
                "participant_id": participant, "purpose": "mental_health", "basis": "orc_5122_04",
                "grantor": "self", "grantor_name": "Ava", "text": "I ask.", "text_version": "1",
            })
        };
        // 13 years and 364 days.
        let reply = clinician.post("/consent", &body(&minor)).await;
        assert!([409, 422].contains(&reply.status), "{}", reply.text);
        assert!(
            reply.text.contains("too_young") && reply.text.contains("ORC 5122.04"),
            "{}",
            reply.text
        );
        assert_eq!(app.ask("select count(*) from kernel.consent").await, ["0"]);
        hand.set(time("2026-03-08T05:00:00Z"));
        // Nor is one given yesterday, entered today.
        let mut backdated = body(&minor);
        backdated["granted_at"] = json!("2026-03-08T04:59:59Z");
        let reply = clinician.post("/consent", &backdated).await;
        assert!([409, 422].contains(&reply.status), "{}", reply.text);
        let consent = created(clinician, "/consent", &body(&minor)).await;
        assert_eq!(spend(&north, &consent).await.status, 200);
        // The age counts again at each session: the birth date turns out to be a day later.
        let path = format!("/participants/{minor}");
        let reply = north.role("admin").patch(&path, &json!({"date_of_birth": "2012-03-09"})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(
            refused_at(&north, &hand, &consent, "2026-03-08T05:00:00Z").await,
            ["too_young"]
        );
        // Given too early it stays void on the day after.
        assert_eq!(
            refused_at(&north, &hand, &consent, "2026-03-09T16:00:00Z").await,
            ["too_young"]
        );

        // Eighteen on 12 March: in summer time the day begins at 04:00 UTC.
        let elder = north.participant("2008-03-12").await;
        let consent = created(clinician, "/consent", &body(&elder)).await;
        spend_at(&north, &hand, &consent, "2026-03-12T03:59:59Z").await;
        assert_eq!(refused_at(&north, &hand, &consent, "2026-03-12T04:00:00Z").await, ["of_age"]);
        let reply = clinician.post("/consent", &body(&elder)).await;
        assert!([409, 422].contains(&reply.status), "of age: {}", reply.text);

        // Under the basis only what its law is about.
        let mut other = body(&north.participant(FIFTEEN).await);
        other["purpose"] = json!("participation");
        let reply = clinician.post("/consent", &other).await;
        assert!([409, 422].contains(&reply.status), "purpose: {}", reply.text);
        for grantor in ["parent", "guardian"] {
            let mut other = body(&north.participant(FIFTEEN).await);
            other["grantor"] = json!(grantor);
            let reply = clinician.post("/consent", &other).await;
            assert!([409, 422].contains(&reply.status), "{grantor}: {}", reply.text);
        }
    });
}

#[test]
fn a_minor_consents_to_nothing_as_if_of_age() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        for purpose in ["participation", "mental_health"] {
            let minor = north.participant("2008-03-03").await;
            let body = json!({
                "participant_id": minor, "purpose": purpose, "basis": "own", "grantor": "self",
                "grantor_name": "Ava", "text": "I ask.", "text_version": "1",
            });
            let reply = north.role("clinician").post("/consent", &body).await;
            assert!([409, 422].contains(&reply.status), "{purpose}: {}", reply.text);
        }
        assert_eq!(app.ask("select count(*) from kernel.consent").await, ["0"]);
    });
}

#[test]
fn a_leap_day_birth_is_fourteen_on_the_first_of_march_at_midnight_in_ohio() {
    let (options, hand) = at("2026-03-01T04:59:59Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant("2012-02-29").await;
        let body = json!({
            "participant_id": minor, "purpose": "mental_health", "basis": "orc_5122_04", "grantor": "self",
            "grantor_name": "Ava", "text": "I ask.", "text_version": "1",
        });
        let reply = north.role("clinician").post("/consent", &body).await;
        assert!(reply.status != 201 && reply.text.contains("too_young"), "{}", reply.text);
        hand.set(time("2026-03-01T05:00:00Z"));
        let consent = created(north.role("clinician"), "/consent", &body).await;
        let reply = spend(&north, &consent).await;
        assert_eq!(reply.status, 200, "the rule and the trigger agree: {}", reply.text);
    });
}

#[test]
fn the_thirty_days_end_at_midnight_in_ohio_on_both_sides_of_a_change_of_the_clock() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        // (first session, the last instant, the first that is too late)
        for (first, last, late) in [
            // Winter to summer time: 1 April ends at 04:00 UTC.
            ("2026-03-02T17:00:00Z", "2026-04-02T03:59:59Z", "2026-04-02T04:00:00Z"),
            // Summer to winter time: 4 November ends at 05:00 UTC.
            ("2026-10-05T17:00:00Z", "2026-11-05T04:59:59Z", "2026-11-05T05:00:00Z"),
            // A first session late in the evening of 2 June is on that day, not on UTC's.
            ("2026-06-03T03:59:59Z", "2026-07-03T03:59:59Z", "2026-07-03T04:00:00Z"),
        ] {
            hand.set(time(first));
            let minor = north.participant(FIFTEEN).await;
            let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
            spend_at(&north, &hand, &consent, first).await;
            spend_at(&north, &hand, &consent, last).await;
            assert_eq!(refused_at(&north, &hand, &consent, late).await, ["days_over"], "{late}");
        }
    });
}

#[test]
fn consent_is_evidence_that_only_a_revocation_changes_and_only_once() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let clinician = north.role("clinician");
        let id = north.participant("2012-05-10").await;
        let words = "  Ich willige ein, daß mein Kind teilnimmt.\r\n— Zoë 🥋 ";
        let mut body = consent(&id);
        body["text"] = json!(words);
        body["language"] = json!("de-CH");
        let reply = clinician.post("/consent", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let given = reply.json();
        assert_eq!(given["text_hash"], sha256(words));
        for (field, value) in [
            ("language", "de-CH"),
            ("text_version", "2026-01"),
            ("grantor", "parent"),
            ("grantor_name", "Dana Reyes"),
            ("relation", "mother"),
            ("channel", "paper"),
            ("basis", "guardian"),
            ("status", "active"),
            ("granted_at", "2026-01-05T15:00:00Z"),
        ] {
            assert_eq!(given[field], value, "{field}");
        }
        assert_eq!(given["participant_id"], id.as_str());
        // Its hash, sent instead of the text, is the same evidence; another's is none.
        for (text, hash, expected) in [
            (json!(null), json!(sha256(words)), 201),
            (json!(null), json!("ab"), 422),
            (json!(null), json!(null), 422),
            (json!(""), json!(null), 422),
        ] {
            let mut body = consent(&id);
            body["text"] = text.clone();
            body["text_hash"] = hash.clone();
            let reply = clinician.post("/consent", &body).await;
            assert_eq!(reply.status, expected, "{text} {hash}: {}", reply.text);
        }
        // Without who, which version or from when, it is no evidence.
        for (field, value) in [
            ("grantor_name", json!(" ")),
            ("text_version", json!("")),
            ("language", json!("english, please")),
            ("granted_at", json!("2026-03-02T17:00:01Z")),
            ("expires_at", json!("2026-01-05T15:00:00Z")),
        ] {
            let mut body = consent(&id);
            body[field] = value;
            let reply = clinician.post("/consent", &body).await;
            assert_eq!(reply.status, 422, "{field}: {}", reply.text);
        }
        // No route rewrites it, nor does the server's own login.
        let consent = given["id"].as_str().unwrap();
        for method in ["PUT", "PATCH", "DELETE"] {
            let request =
                clinician.request(method.parse().unwrap(), &format!("/consent/{consent}"));
            let reply = clinician.send(request.json(&json!({"purpose": "mental_health"}))).await;
            assert!([404, 405].contains(&reply.status), "{method}: {}", reply.status);
        }
        let row = format!("select c::text from kernel.consent c where id = '{consent}'");
        let before = app.ask(&row).await;
        let server = as_server(app, north.tenant.id).await;
        for change in [
            "purpose = 'mental_health'",
            "basis = 'own'",
            "grantor = 'guardian'",
            "grantor_name = 'Another'",
            "relation = null",
            "text_version = '2'",
            "text_hash = repeat('0', 64)",
            "language = 'en'",
            "channel = 'verbal'",
            "document_reference = 'another'",
            "address = '10.0.0.1'",
            "granted_at = granted_at - interval '1 year'",
            "expires_at = now() + interval '1 year'",
            "subject_id = gen_random_uuid()",
            "created_at = now()",
            "revoked_at = now(), purpose = 'mental_health'",
        ] {
            let sql = format!("update kernel.consent set {change} where id = '{consent}'");
            let state = sqlstate(&server, &sql).await;
            assert!(["RV601", "42501"].contains(&state.as_str()), "{change}: {state}");
        }
        for sql in ["delete from kernel.consent", "truncate kernel.consent"] {
            assert_eq!(sqlstate(&server, sql).await, "42501", "{sql}");
        }
        assert_eq!(app.ask(&row).await, before);
        // When it ends is not the caller's to say.
        for body in [
            json!({"revoked_at": "2026-01-06T00:00:00Z"}),
            json!({"status": "active"}),
            json!({"reason": " "}),
        ] {
            let reply = clinician.patch(&format!("/consent/{consent}/revoke"), &body).await;
            assert_eq!(reply.status, 422, "{body}: {}", reply.text);
        }
        assert_eq!(app.ask(&row).await, before);
        // The revocation; and a second one, later and for another reason.
        let revoke = format!("/consent/{consent}/revoke");
        let first = clinician.patch(&revoke, &json!({"reason": "They move away."})).await;
        assert_eq!((first.status, &first.json()["status"]), (200, &json!("revoked")));
        assert_eq!(first.json()["revoked_at"], BEGIN);
        let revoked = app.ask(&row).await;
        hand.advance(hours(24));
        let second = clinician.patch(&revoke, &json!({"reason": "They never came."})).await;
        assert_eq!((second.status, second.json()), (200, first.json()));
        assert_eq!(app.ask(&row).await, revoked);
        for change in ["revoked_at = null", "revoked_at = now()", "revoked_reason = 'another'"] {
            let sql = format!("update kernel.consent set {change} where id = '{consent}'");
            assert_eq!(sqlstate(&server, &sql).await, "RV601", "{change}");
        }
        let insert = format!(
            "insert into kernel.consent select (jsonb_populate_record(c, jsonb_build_object(
                'id', gen_random_uuid()))).* from kernel.consent c where id = '{consent}'"
        );
        let state = sqlstate(&server, &insert).await;
        assert!(["RV601", "42501"].contains(&state.as_str()), "born revoked: {state}");
    });
}

#[test]
fn a_text_and_the_hash_of_another_are_no_evidence() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let mut body = consent(&north.participant("2012-05-10").await);
        body["text_hash"] = json!(sha256("other words"));
        let reply = north.role("clinician").post("/consent", &body).await;
        assert_eq!(reply.status, 422, "which of the two was agreed to? {}", reply.text);
    });
}

#[test]
fn a_guardian_sees_a_minors_own_consent_only_once_it_was_disclosed_as_the_law_allows() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let clinician = north.role("clinician");
        let minor = north.consented(FIFTEEN).await;
        let own = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        spend_at(&north, &hand, &own, BEGIN).await;
        let seen = async || {
            let mut texts = vec![];
            for query in [
                format!("audience=guardian&participant_id={minor}"),
                "audience=guardian".to_owned(),
                "audience=guardian&limit=1".to_owned(),
            ] {
                let reply = clinician.get(&format!("/consent?{query}")).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
                texts.push(format!("{:?} {}", reply.headers, reply.text));
            }
            texts.concat()
        };
        let hidden = seen().await;
        assert!(hidden.contains("participation"), "the parent's own is there: {hidden}");
        for word in [own.as_str(), "orc_5122_04", "mental_health"] {
            assert!(!hidden.contains(word), "{word}: {hidden}");
        }
        let staff = clinician.get(&format!("/consent?participant_id={minor}")).await;
        assert!(staff.text.contains(&own), "{}", staff.text);
        for audience in ["parent", "Guardian", "", "guardian%20"] {
            let reply = clinician.get(&format!("/consent?audience={audience}")).await;
            let leaks = reply.status == 200 && reply.text.contains(&own) && !audience.is_empty();
            assert!(!leaks, "`{audience}`: {}", reply.text);
        }
        let path = format!("/consent/{own}/guardian-disclosures");
        let informed = "2026-03-02T16:00:00Z";
        for (what, body) in [
            ("no reason", json!({"ground": "compelling_need", "minor_informed_at": informed})),
            (
                "blank",
                json!({"ground": "compelling_need", "reason": " \n", "minor_informed_at": informed}),
            ),
            (
                "null",
                json!({"ground": "compelling_need", "reason": null, "minor_informed_at": informed}),
            ),
            ("not told", json!({"ground": "compelling_need", "reason": "Harm."})),
            (
                "told tomorrow",
                json!({"ground": "minor_agreement", "minor_informed_at": "2026-03-03T16:00:00Z"}),
            ),
            ("another ground", json!({"ground": "they_asked", "minor_informed_at": informed})),
        ] {
            let reply = clinician.post(&path, &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{what}: {}", reply.text);
        }
        assert!(!seen().await.contains(&own), "a refused disclosure discloses nothing");
        for role in ["instructor", "program_manager", "analyst"] {
            let body = json!({"ground": "minor_agreement", "minor_informed_at": informed});
            assert_eq!(
                north.role(role).post(&path, &body).await.problem(),
                "403 forbidden",
                "{role}"
            );
        }
        let body = json!({"ground": "compelling_need", "reason": "A plan to harm himself.",
                          "minor_informed_at": informed});
        let reply = clinician.post(&path, &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert!(seen().await.contains(&own));
        // One disclosure is of one consent.
        let second = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        assert!(!seen().await.contains(&second));
    });
}

#[test]
fn the_verdict_of_the_gate_says_why_with_the_section_of_law_and_the_pack() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let closed = gate(&north, &minor, "participation").await;
        assert_eq!((&closed["verdict"], &closed["open"]), (&json!("closed"), &json!(false)));
        assert_eq!(codes(&closed), ["consent_missing"]);
        assert_eq!(closed["reasons"][0]["pack"], "us-oh/2026-01");
        assert_eq!(closed["evaluated_at"], BEGIN);
        let own = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let open = gate(&north, &minor, "mental_health").await;
        assert_eq!((&open["verdict"], codes(&open)), (&json!("open"), vec!["covered"]));
        assert_eq!(open["reasons"][0]["statute"], "ORC 5122.04");
        assert_eq!(open["budgets"][0]["sessions_remaining"], 6);
        assert_eq!(codes(&gate(&north, &minor, "participation").await), ["consent_missing"]);
        for _ in 0..6 {
            spend_at(&north, &hand, &own, BEGIN).await;
        }
        let spent = gate(&north, &minor, "mental_health").await;
        assert_eq!((&spent["open"], codes(&spent)), (&json!(false), vec!["sessions_spent"]));
        assert_eq!(spent["reasons"][0]["statute"], "ORC 5122.04");
        hand.set(time("2026-04-02T04:00:00Z"));
        let over = gate(&north, &minor, "mental_health").await;
        assert_eq!(codes(&over), ["sessions_spent", "days_over"]);
        north.role("clinician").patch(&format!("/consent/{own}/revoke"), &json!({})).await;
        assert!(codes(&gate(&north, &minor, "mental_health").await).contains(&"revoked"));
        // Whose birthday it was: the parent's consent no longer speaks.
        let elder = north.consented("2008-04-02").await;
        assert_eq!(codes(&gate(&north, &elder, "participation").await), ["of_age"]);
        // A purpose that nobody consents to is closed and is no error.
        for purpose in ["nothing", "", "mental_health%00", "x%27%3B--"] {
            let path = format!("/consent/participant/{minor}/status?purpose={purpose}");
            let reply = north.role("instructor").get(&path).await;
            let open = reply.status == 200 && reply.json()["open"] == true;
            assert!(!open && reply.status < 500, "`{purpose}`: {} {}", reply.status, reply.text);
        }
    });
}

#[test]
fn attendance_of_counselling_spends_the_budget_once_a_session_and_ends_with_it() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        let other = north.participant(FIFTEEN).await;
        north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let left = async || {
            gate(&north, &minor, "mental_health").await["budgets"][0]["sessions_remaining"].clone()
        };
        // Who is not there spends nothing.
        for status in ["absent", "excused"] {
            let reply = meet(&north, &program, BEGIN, &[(&minor, status)]).await;
            assert_eq!((reply.status, left().await), (201, json!(6)), "{}", reply.text);
        }
        // One refused for another's sake spends nothing either.
        let both = [(minor.as_str(), "present"), (other.as_str(), "present")];
        let reply = meet(&north, &program, BEGIN, &both).await;
        assert_eq!((reply.problem().as_str(), left().await), ("409 consent_required", json!(6)));
        for (n, status) in
            ["present", "late", "present", "present", "present", "late"].iter().enumerate()
        {
            let reply = meet(&north, &program, BEGIN, &[(&minor, status)]).await;
            assert_eq!(reply.status, 201, "{n}: {}", reply.text);
            assert_eq!(held(app).await, (n + 1).to_string());
        }
        hand.advance(hours(1));
        let before = app.ask("select count(*) from programs.training_session").await;
        let reply = meet(&north, &program, "2026-03-02T18:00:00Z", &[(&minor, "present")]).await;
        assert_eq!(reply.problem(), "409 consent_required", "{}", reply.text);
        assert!(
            reply.text.contains(&minor) && reply.text.contains("sessions_spent"),
            "{}",
            reply.text
        );
        assert_eq!(app.ask("select count(*) from programs.training_session").await, before);
        // With the guardian's consent it goes on, and spends no budget.
        let mut body = consent(&minor);
        body["purpose"] = json!("mental_health");
        created(north.role("clinician"), "/consent", &body).await;
        let reply = meet(&north, &program, "2026-03-02T18:00:00Z", &[(&minor, "present")]).await;
        assert_eq!((reply.status, held(app).await.as_str()), (201, "6"), "{}", reply.text);
    });
}

#[test]
fn attendance_under_a_minors_own_consent_can_be_corrected_and_is_spent_once() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let reply = meet(&north, &program, BEGIN, &[(&minor, "present")]).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let path = format!("/sessions/{}/attendance", reply.id());
        for again in ["late", "present", "absent"] {
            let body = json!({"attendance": [{"participant_id": minor, "status": again}]});
            let reply = north.role("instructor").patch(&path, &body).await;
            assert_eq!(reply.status, 200, "{again}: {}", reply.text);
            assert_eq!(reply.json()["attendance"][0]["status"], again);
            assert_eq!(held(app).await, "1", "{again}");
        }
    });
}

#[test]
fn a_guardians_consent_saves_the_minors_own_budget() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let mut body = consent(&minor);
        body["purpose"] = json!("mental_health");
        created(north.role("clinician"), "/consent", &body).await;
        let reply = meet(&north, &program, BEGIN, &[(&minor, "present")]).await;
        assert_eq!((reply.status, held(app).await.as_str()), (201, "0"), "{}", reply.text);
    });
}

#[test]
fn the_last_session_of_a_budget_is_one_however_it_is_spent_at_once() {
    let (options, _) = at(BEGIN);
    let second = options.clone();
    run_with(options, async |app| {
        let other = app.add_replica(&second).await;
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        for _ in 0..5 {
            assert_eq!(spend(&north, &consent).await.status, 200);
        }
        let (body, path, empty) =
            (session(&program, BEGIN, &[(&minor, "present")]), spend_of(&consent), json!({}));
        let admin = [north.role("admin").clone(), north.role("admin").at(app.url(other))];
        let sessions = join_all((0..10).map(|n| admin[n % 2].post("/sessions", &body)));
        let spends = join_all((0..10).map(|n| admin[n % 2].post(&path, &empty)));
        let (sessions, spends) = futures::future::join(sessions, spends).await;
        let replies: Vec<_> = sessions.iter().chain(&spends).collect();
        let won = replies.iter().filter(|reply| reply.status < 300).count();
        let lost = replies.iter().filter(|reply| reply.status == 409).count();
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!((won, lost), (1, 19), "{statuses:?}");
        assert_eq!(held(app).await, "6");
        let present = app.ask("select count(*) from programs.attendance").await;
        let won = sessions.iter().filter(|reply| reply.status == 201).count();
        assert_eq!(present, [won.to_string()]);
    });
}

#[test]
fn a_budget_by_plain_sql_is_refused_by_the_trigger() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let young = north.participant("2012-05-10").await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        spend_at(&north, &hand, &consent, BEGIN).await;
        let parents = created(north.role("clinician"), "/consent", &super::consent(&young)).await;
        let server = as_server(app, north.tenant.id).await;
        let insert = |consent: &str, held_at: &str, held_on: &str| {
            format!(
                "insert into programs.consent_session (tenant_id, id, consent_id, held_at, held_on)
                 values (kernel.tenant(), gen_random_uuid(), '{consent}', '{held_at}', '{held_on}')"
            )
        };
        for (what, sql) in [
            ("the 31st day", insert(&consent, "2026-04-02T16:00:00Z", "2026-04-02")),
            (
                "a day that is not the time's",
                insert(&consent, "2026-04-02T16:00:00Z", "2026-04-01"),
            ),
            ("before the consent", insert(&consent, "2026-03-02T14:59:59Z", "2026-03-02")),
            ("a parent's", insert(&parents, "2026-03-02T16:00:00Z", "2026-03-02")),
        ] {
            assert_eq!(sqlstate(&server, &sql).await, "RV608", "{what}");
        }
        let today = insert(&consent, "2026-03-02T18:00:00Z", "2026-03-02");
        for _ in 0..5 {
            assert_eq!(sqlstate(&server, &today).await, "ok 1");
        }
        assert_eq!(sqlstate(&server, &today).await, "RV608", "the seventh");
        for sql in [
            "update programs.consent_session set held_on = held_on - 1, held_at = held_at - interval '1 day'",
            "update programs.consent_session set consent_id = gen_random_uuid()",
        ] {
            assert_eq!(sqlstate(&server, sql).await, "RV607", "{sql}");
        }
        for sql in ["delete from programs.consent_session", "truncate programs.consent_session"] {
            assert_eq!(sqlstate(&server, sql).await, "42501", "{sql}");
        }
        // A consent of under 14 cannot be had by SQL and then spent.
        let sneaked = Uuid::now_v7();
        let own = format!(
            "insert into kernel.consent (tenant_id, id, subject_kind, subject_id, purpose, basis, grantor, grantor_name,
                    text_version, text_hash, language, channel, granted_at)
             values (kernel.tenant(), '{sneaked}', 'programs.participant', '{young}', 'mental_health', 'orc_5122_04',
                     'self', 'x', '1', repeat('0', 64), 'en', 'paper', '2026-03-02T15:00:00Z')"
        );
        sqlstate(&server, &own).await;
        let spent = insert(&sneaked.to_string(), "2026-03-02T16:00:00Z", "2026-03-02");
        assert_ne!(sqlstate(&server, &spent).await, "ok 1", "13 years old");
        // Revoked.
        let third = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        north.role("clinician").patch(&format!("/consent/{third}/revoke"), &json!({})).await;
        let after = insert(&third, "2026-03-02T17:00:00Z", "2026-03-02");
        assert_eq!(sqlstate(&server, &after).await, "RV608", "at the moment of the revocation");
    });
}

#[test]
fn a_consent_of_another_tenant_is_as_absent_as_none() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let nothing = Uuid::now_v7().to_string();
        let (clinician, empty) = (south.role("clinician"), json!({}));
        let told =
            json!({"ground": "minor_agreement", "minor_informed_at": "2026-03-02T16:00:00Z"});
        for (what, body) in [("record-session", &empty), ("guardian-disclosures", &told)] {
            let foreign = clinician.post(&format!("/consent/{consent}/{what}"), body).await;
            let absent = clinician.post(&format!("/consent/{nothing}/{what}"), body).await;
            assert_eq!(foreign.status, 404, "{what}: {}", foreign.text);
            assert_eq!(foreign.essence(), absent.essence(), "{what}");
        }
        let foreign = clinician.patch(&format!("/consent/{consent}/revoke"), &empty).await;
        let absent = clinician.patch(&format!("/consent/{nothing}/revoke"), &empty).await;
        assert_eq!((foreign.status, foreign.essence()), (404, absent.essence()));
        let foreign = clinician.get(&format!("/consent/participant/{minor}/status")).await;
        let absent = clinician.get(&format!("/consent/participant/{nothing}/status")).await;
        assert_eq!((foreign.status, foreign.essence()), (404, absent.essence()));
        for id in [&minor, &nothing] {
            let reply = clinician.get(&format!("/consent?participant_id={id}")).await;
            assert_eq!((reply.status, reply.json()), (200, json!([])));
        }
        // Nor can it be written for another tenant's participant, or that one attend here.
        let (mut foreign, mut absent) = (super::consent(&minor), super::consent(&nothing));
        foreign["text"] = json!("x");
        absent["text"] = json!("x");
        let (foreign, absent) =
            (clinician.post("/consent", &foreign).await, clinician.post("/consent", &absent).await);
        assert!((400..500).contains(&foreign.status), "{}", foreign.text);
        assert_eq!(foreign.essence(), absent.essence());
        for status in ["present", "absent"] {
            let foreign = meet(&south, &south.program, BEGIN, &[(&minor, status)]).await;
            let absent = meet(&south, &south.program, BEGIN, &[(&nothing, status)]).await;
            assert!((400..500).contains(&foreign.status), "{status}: {}", foreign.text);
            assert_eq!(foreign.status, absent.status, "{status}");
            assert_eq!(
                foreign.text.replace(&minor, "x").len(),
                absent.text.replace(&nothing, "x").len(),
                "{status}: {} {}",
                foreign.text,
                absent.text
            );
        }
        assert_eq!(held(app).await, "0");
        let here = north.role("clinician").post(&spend_of(&consent), &empty).await;
        assert_eq!(here.status, 200, "{}", here.text);
    });
}
