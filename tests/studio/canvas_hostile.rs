//! The canvas under those who mean no good: W01 to W12.

use std::time::{Duration, Instant};

use ::kernel::Clock;
use futures::{SinkExt, StreamExt, future::join_all, stream};
use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{Canvas, Options, Persona, TestApp, run, run_with};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use uuid::Uuid;

use super::{agent, put, quick};

/// How soon an end must be felt.
const FELT: Duration = Duration::from_secs(2);

async fn refused(persona: &Persona, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let refusal = persona.open(path, headers).await.err().expect("it is refused");
    (refusal.status, refusal.body["code"].as_str().unwrap_or("-").to_owned())
}

#[test]
fn w01_without_a_good_credential_no_socket_is_opened() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let path = format!("/ws/canvas/{}", agent(app, acme.id).await);
        let developer = acme.role("developer");
        let token = developer.token.clone().unwrap();
        let unauthenticated = (401, "unauthenticated".to_owned());
        let forged = format!("reeve.canvas, bearer.{}x", &token[..token.len() - 4]);
        for headers in [
            vec![],
            vec![("sec-websocket-protocol", "reeve.canvas")],
            vec![("sec-websocket-protocol", "reeve.canvas, bearer.")],
            vec![("sec-websocket-protocol", forged.as_str())],
            vec![("authorization", "Bearer nothing")],
            vec![("x-api-key", "reeve_sk_nothing")],
        ] {
            assert_eq!(refused(developer, &path, &headers).await, unauthenticated, "{headers:?}");
        }
        // A token in an address is none.
        for name in ["token", "access_token", "bearer", "ticket"] {
            let named = format!("{path}?{name}={token}");
            assert_eq!(refused(developer, &named, &[]).await, unauthenticated, "{name}");
        }
        let protocol = format!("reeve.canvas, bearer.{token}");
        let bearer = format!("Bearer {token}");
        let both =
            [("sec-websocket-protocol", protocol.as_str()), ("authorization", bearer.as_str())];
        assert_eq!(refused(developer, &path, &both).await, (400, "ambiguous_credentials".into()));
        let opened = developer.open(&path, &both[1..]).await.unwrap();
        assert_eq!(opened.protocol, None, "none was offered");
        let refusals = "select count(*) from audit.entry where outcome = 'refused'";
        assert_eq!(app.ask(refusals).await, ["11"]);
    });
}

#[test]
fn w02_a_page_of_another_origin_opens_no_socket() {
    let settings = [("ALLOWED_ORIGINS".to_owned(), "https://studio.example".to_owned())].into();
    run_with(Options { settings, ..Options::default() }, async |app| {
        let acme = app.organisation("studio", "acme").await;
        let path = format!("/ws/canvas/{}", agent(app, acme.id).await);
        let developer = acme.role("developer");
        let protocol = format!("reeve.canvas, bearer.{}", developer.token.clone().unwrap());
        let protocol = ("sec-websocket-protocol", protocol.as_str());
        for origin in [
            "https://evil.example",
            "https://studio.example.evil.example",
            "null",
            "",
            "http://studio.example",
        ] {
            let answer = refused(developer, &path, &[protocol, ("origin", origin)]).await;
            assert_eq!(answer, (403, "origin_not_allowed".into()), "{origin}");
        }
        let ours = [protocol, ("origin", "https://studio.example")];
        assert!(developer.open(&path, &ours).await.is_ok());
        let refusals = "select count(*) from audit.entry where reason = 'origin_not_allowed'";
        assert_eq!(app.ask(refusals).await, ["5"]);
    });
}

#[test]
fn w03_the_canvas_of_another_tenant_is_as_unknown_as_one_that_never_was() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let other = app.organisation("studio", "other").await;
        let theirs = agent(app, other.id).await;
        let developer = acme.role("developer");
        let mut answers = vec![];
        for id in [theirs.clone(), Uuid::now_v7().to_string()] {
            let refusal = developer.open_canvas(&id, "").await.err().unwrap();
            let mut body = refusal.body;
            assert_eq!(refusal.status, 404);
            for name in ["request_id", "trace_id"] {
                body.as_object_mut().unwrap().remove(name);
            }
            answers.push(body);
            let read = developer.get(&format!("/api/v1/agents/{id}/canvas")).await;
            assert_eq!(read.problem(), "404 not_found");
        }
        assert_eq!(answers[0], answers[1]);
        let end = format!("update studio.agent set deleted_at = now() where id = '{theirs}'");
        let mut inside = other.role("developer").canvas(&theirs).await;
        app.database
            .session("reeve_admin")
            .await
            .batch_execute(&format!("set session_replication_role = replica; {end}"))
            .await
            .unwrap();
        inside.operate(put("a")).await;
        assert_eq!(inside.end().await, Some(4404), "an agent that was deleted");
    });
}

/// Two errors, then the end, and the canvas as it was.
async fn may_only_watch(app: &TestApp, canvas: &mut Canvas, id: &str, code: &str) {
    for frame in [
        json!({"type": "mine"}),
        json!({"type": "operation", "id": Uuid::now_v7(), "operation": put("x")}),
    ] {
        canvas.send(&frame).await;
        let told = canvas.next().await;
        assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!(code)), "{told}");
    }
    canvas.operate(put("y")).await;
    assert_eq!(canvas.end().await, Some(4403));
    let kept = format!("select count(*) from studio.canvas_operation where agent_id = '{id}'");
    assert_eq!(app.ask(&kept).await, ["1"]);
}

#[test]
fn w04_who_may_only_watch_changes_nothing_and_is_shown_out_at_the_third_try() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let owner = acme.role("org_owner");
        owner.canvas(&id).await.done(put("a")).await;
        let mut viewer = acme.role("viewer").canvas(&id).await;
        // To watch and to point is theirs.
        viewer.send(&json!({"type": "cursor", "x": 1})).await;
        may_only_watch(app, &mut viewer, &id, "forbidden").await;
        let refusals = "select count(*) from audit.entry where outcome = 'refused' and permission = 'agent:update'";
        assert_eq!(app.ask(refusals).await, ["3"]);
        // The same by a policy of this agent, for somebody whose role would do.
        let policy = json!({"name": "No drawing", "effect": "deny", "resource": "agent", "actions": ["update"],
                            "conditions": [{"field": "resource.name", "operator": "eq", "value": "triage"}]});
        let mut developer = acme.role("developer").canvas(&id).await;
        assert_eq!(owner.post("/api/v1/policies", &policy).await.status, 201);
        // Whoever is inside stays: what they may do is asked anew.
        let denied = async |canvas: &mut Canvas| {
            canvas.done(json!({"type": "node.remove", "id": "?"})).await["code"].clone()
        };
        let begun = Instant::now();
        while denied(&mut developer).await != "denied_by_policy" {
            assert!(begun.elapsed() < FELT);
        }
        let mut developer = acme.role("developer").canvas(&id).await;
        may_only_watch(app, &mut developer, &id, "denied_by_policy").await;
    });
}

/// The socket ends with this code, soon, and is told nothing of what happens meanwhile.
async fn ends(canvas: &mut Canvas, code: u16, what: &str) {
    let begun = Instant::now();
    assert_eq!(canvas.end().await, Some(code), "{what}");
    assert!(begun.elapsed() < FELT, "{what}: {:?}", begun.elapsed());
}

#[test]
fn w05_whose_right_ends_is_shown_out_at_every_server_and_told_nothing_after_it() {
    let (clock, hand) = Clock::movable(Clock::default().now());
    let options = Options { clock, ..Options::default() };
    run_with(options.clone(), async |app| {
        let second = app.add_replica(&options).await;
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let (owner, far) = (acme.role("org_owner"), app.url(second));
        let mut drawing = owner.canvas(&id).await;
        // Signing out.
        let viewer = acme.role("viewer");
        let mut socket = viewer.at(far.clone()).canvas(&id).await;
        assert_eq!(viewer.post("/auth/logout", &json!({})).await.status, 204);
        ends(&mut socket, 4401, "a logout").await;
        // An account that is stopped.
        let developer = acme.role("developer");
        let mut socket = developer.at(far.clone()).canvas(&id).await;
        let stop = json!({"is_active": false});
        let stopped = owner.patch(&format!("/auth/users/{}", developer.id), &stop).await;
        assert!(stopped.status < 300, "{}", stopped.text);
        ends(&mut socket, 4403, "an account that is stopped").await;
        let admin = acme.role("org_admin");
        let mut socket = admin.at(far.clone()).canvas(&id).await;
        let changed =
            owner.patch(&format!("/auth/users/{}", admin.id), &json!({"role": "viewer"})).await;
        assert!(changed.status < 300, "{}", changed.text);
        ends(&mut socket, 4401, "another role").await;
        // They were told nothing after it, though there was something to tell.
        drawing.done(put("a")).await;
        // A token's own end.
        let mut socket = owner.at(far.clone()).canvas(&id).await;
        hand.advance(SignedDuration::from_mins(62));
        ends(&mut socket, 4401, "the token's end").await;
        ends(&mut drawing, 4401, "the token's end").await;
    });
}

#[test]
fn w05_an_agent_that_moves_out_of_sight_or_goes_takes_its_silent_sockets_along() {
    run(async |app| {
        let second = app.add_replica(&Options::default()).await;
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let far = developer.at(app.url(second));
        let workspace = owner.post("/api/v1/workspaces", &json!({"name": "Front desk"})).await.id();
        let (moved, removed) = (agent(app, acme.id).await, agent(app, acme.id).await);
        let mut sockets = [developer.canvas(&moved).await, far.canvas(&moved).await];
        let mut seen = owner.canvas(&moved).await;
        let to = json!({"workspace_id": workspace});
        let done = owner.patch(&format!("/api/v1/agents/{moved}"), &to).await;
        assert_eq!(done.status, 200, "{}", done.text);
        for socket in &mut sockets {
            ends(socket, 4404, "an agent that is out of sight").await;
        }
        assert_eq!(seen.done(put("a")).await["seq"], 1, "who runs the organization draws on");
        let mut sockets = [developer.canvas(&removed).await, far.canvas(&removed).await];
        assert_eq!(owner.delete(&format!("/api/v1/agents/{removed}")).await.status, 204);
        for socket in &mut sockets {
            ends(socket, 4404, "an agent that is gone").await;
        }
    });
}

#[test]
fn w05_a_tenant_that_is_suspended_has_no_socket_left() {
    run(async |app| {
        let second = app.add_replica(&Options::default()).await;
        let acme = app.organisation("studio", "acme").await;
        let other = app.organisation("studio", "other").await;
        let (id, theirs) = (agent(app, acme.id).await, agent(app, other.id).await);
        let mut sockets = [
            acme.role("viewer").canvas(&id).await,
            acme.role("developer").at(app.url(second)).canvas(&id).await,
        ];
        let mut untouched = other.role("developer").canvas(&theirs).await;
        let mut platform = app.platform().await;
        ::kernel::tenant::suspend(&mut platform, "acme", false).await.unwrap();
        for socket in &mut sockets {
            ends(socket, 4403, "a tenant that is suspended").await;
        }
        assert_eq!(untouched.done(put("a")).await["seq"], 1);
    });
}

#[test]
fn w06_what_is_too_large_too_many_or_no_text_ends_the_socket_that_sent_it() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let developer = acme.role("developer");
        let mut watching = acme.role("org_owner").canvas(&id).await;
        let mut large = developer.canvas(&id).await;
        let text = json!({"type": "large", "text": "x".repeat(300 * 1024)}).to_string();
        let _cut_off = large.socket.send(Message::text(text)).await;
        assert_eq!(large.end().await, Some(1009));
        let mut fast = developer.canvas(&id).await;
        for _ in 0..1000 {
            if fast.socket.feed(Message::text("[]")).await.is_err() {
                break;
            }
        }
        let _cut_off = fast.socket.flush().await;
        assert_eq!(fast.end().await, Some(1008));
        let mut binary = developer.canvas(&id).await;
        binary.socket.send(Message::Binary(Bytes::from_static(b"{}"))).await.unwrap();
        assert_eq!(binary.end().await, Some(1003));
        let mut broken = developer.canvas(&id).await;
        // A reserved bit, and an opcode that nobody has given a meaning.
        broken.socket.get_mut().write_all(&[0xf3, 0x80, 0, 0, 0, 0]).await.unwrap();
        assert_eq!(broken.end().await, Some(1002));
        assert_eq!(watching.done(put("a")).await["seq"], 1, "the others draw on");
    });
}

#[test]
fn w06_a_crowd_without_credentials_is_refused_and_leaves_nothing() {
    let count = std::env::var("REEVE_STEPS").ok().and_then(|text| text.parse().ok()).unwrap_or(500);
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let nobody = app.anonymous();
        let path = format!("/ws/canvas/{id}");
        let (nobody, path) = (&nobody, path.as_str());
        let refused = stream::iter(0..count)
            .map(|_| async move { refused(nobody, path, &[]).await.0 })
            .buffer_unordered(64)
            .filter(|status| std::future::ready(*status == 401))
            .count()
            .await;
        assert_eq!(refused, count);
        assert_eq!(acme.role("developer").canvas(&id).await.done(put("a")).await["seq"], 1);
    });
}

/// Anything: broken JSON, deep JSON, frames that are almost right.
fn anything(n: u64) -> Message {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let length = usize::try_from(mixed >> 56).unwrap();
    let noise: String =
        (0..length).map(|i| char::from(33 + (mixed.rotate_left(i as u32) % 90) as u8)).collect();
    let id = Uuid::from_u128(u128::from(n));
    let operation = |operation: Value| {
        json!({"type": "operation", "id": id, "operation": operation}).to_string()
    };
    let text = match mixed % 9 {
        0 => noise,
        1 => "[".repeat(length * 40),
        2 => operation(
            json!({"type": "node.put", "node": {"id": noise, "type": 7, "position": noise}}),
        ),
        3 => operation(json!({"type": "node.change", "id": noise, "data": {"\u{0}": [noise]}})),
        4 => operation(json!({"type": "node.move", "id": noise, "position": {"x": 1e300, "y": n}})),
        5 => json!({"type": "resume", "after": i64::MAX}).to_string(),
        6 => json!({"type": [noise], "id": {"a": n}}).to_string(),
        7 => format!(
            "{{\"type\":\"operation\",\"id\":\"{id}\",\"operation\":{{\"type\":\"node.put\",\"node\":{{\"id\":\"a\",\"type\":\"b\",\"position\":{{\"x\":0,\"y\":0}},\"data\":{{\"n\":1e-300}}}}}}}}"
        ),
        _ => return Message::Ping(Bytes::from(noise).slice(..length.min(125))),
    };
    Message::text(text)
}

/// Frames of noise from one socket: fewer than it may send at once.
const OF_ONE: u64 = 150;

#[test]
fn w07_whatever_is_sent_the_server_answers_and_other_rooms_go_on() {
    let count =
        std::env::var("REEVE_FRAMES").ok().and_then(|text| text.parse().ok()).unwrap_or(2000_u64);
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (id, other) = (agent(app, acme.id).await, agent(app, acme.id).await);
        let mut elsewhere = acme.role("org_owner").canvas(&other).await;
        let (developer, id) = (acme.role("developer"), id.as_str());
        let noise = async |from: u64| {
            let mut canvas = developer.canvas(id).await;
            for n in from..from + OF_ONE {
                if canvas.socket.feed(anything(n)).await.is_err() {
                    break;
                }
            }
            let _cut_off = canvas.socket.flush().await;
            canvas.send(&json!({"type": "still there"})).await;
            // Pings are answered by pongs, the others by frames; then this.
            canvas.next_of("still there").await;
        };
        for (round, from) in (0..count).step_by(8 * 150).enumerate() {
            join_all((0..8).map(|n| noise(from + n * OF_ONE))).await;
            assert_eq!(elsewhere.done(put("a")).await["seq"], round + 1);
        }
    });
}

#[test]
fn w10_who_does_not_read_is_dropped_and_the_others_wait_for_nobody() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let slow = acme.role("viewer").canvas(&id).await;
        let mut one = acme.role("developer").canvas(&id).await;
        let frame = json!({"type": "busy", "text": "x".repeat(200 * 1024)});
        // More than the system's buffers hold, and than may wait.
        let mut slowest = Duration::ZERO;
        for _ in 0..100 {
            let begun = Instant::now();
            one.send(&frame).await;
            one.next_of("busy").await;
            slowest = slowest.max(begun.elapsed());
            // Thirteen of these count as many frames as may be sent in a second.
            tokio::time::sleep(Duration::from_millis(130)).await;
        }
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        let mut new = acme.role("org_owner").canvas(&id).await;
        let here = new.next_of("presence").await;
        assert_eq!(here["members"].as_array().unwrap().len(), 2, "the slow one has left: {here}");
        drop(slow);
    });
}

#[test]
fn w11_an_operation_is_its_senders_whatever_it_says_of_itself() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let mut one = developer.canvas(&id).await;
        let name = Uuid::now_v7();
        let frame = json!({"type": "operation", "id": name, "author": {"id": owner.id}, "seq": 99,
                           "author_id": owner.id, "operation": put("a")});
        one.send(&frame).await;
        let told = one.answer(&name.to_string()).await;
        assert_eq!((&told["author"]["id"], &told["seq"]), (&json!(developer.id), &json!(1)));
        let stored = "select author_id::text from studio.canvas_operation";
        assert_eq!(app.ask(stored).await, [developer.id.to_string()]);
        let mut claimed = put("b");
        claimed["author"] = json!(owner.id);
        assert_eq!(one.done(claimed).await["code"], "invalid");
        // Nor can a statement of the server's own say so.
        let forge = format!(
            "insert into studio.canvas_operation (tenant_id, agent_id, seq, id, operation, author_id)
             values ('{}', '{id}', 2, gen_random_uuid(), '{{}}', '{}')", acme.id, owner.id);
        let session = app.database.session("reeve_app").await;
        let refused = session.batch_execute(&forge).await.unwrap_err();
        assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
    });
}

#[test]
fn w12_a_peer_that_is_only_half_there_is_let_go_after_two_pings() {
    run_with(quick(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let mut one = acme.role("developer").canvas(&id).await;
        // It reads nothing more, and so answers no ping.
        let half = acme.role("org_owner").canvas(&id).await;
        let begun = Instant::now();
        let members = async |canvas: &mut Canvas| {
            canvas.next_of("presence").await["members"].as_array().unwrap().len()
        };
        while members(&mut one).await != 2 {}
        while members(&mut one).await != 1 {}
        let gone = begun.elapsed();
        assert!(gone > Duration::from_secs(1) && gone < Duration::from_secs(4), "{gone:?}");
        drop(half);
        // Who answers stays.
        assert_eq!(one.done(put("a")).await["seq"], 1);
    });
}
