//! The canvas: what members of a room are told, in which order, and what is kept (Z-030 to Z-036).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use testkit::{Came, Canvas, Document, Options, Persona, TestApp, run, run_with};
use uuid::Uuid;

use super::{agent, edge, node, put};

/// How soon what happens at one server is told at another.
const FELT: Duration = Duration::from_secs(1);

/// The canvas as the server has it.
async fn kept(persona: &Persona, agent: &str) -> Value {
    let reply = persona.get(&format!("/api/v1/agents/{agent}/canvas")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn hash(document: &Document) -> String {
    let text = sorted(&document.canonical());
    let digest = digest(&SHA256, text.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// As RFC 8785 writes it, for names and numbers that are no trouble.
fn sorted(value: &Value) -> String {
    let each = |items: Vec<String>| items.join(",");
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            let member =
                |(name, value): (&String, &Value)| format!("{}:{}", json!(name), sorted(value));
            format!("{{{}}}", each(members.into_iter().map(|(n, v)| member((n, v))).collect()))
        }
        Value::Array(items) => format!("[{}]", each(items.iter().map(sorted).collect())),
        Value::Number(number) => number.as_f64().unwrap().to_string(),
        other => other.to_string(),
    }
}

/// The document that follows from the log alone.
async fn replayed(app: &TestApp, agent: &str) -> Document {
    let log = format!(
        "select jsonb_build_object('type', 'operation', 'seq', seq, 'operation', operation)::text
           from studio.canvas_operation where agent_id = '{agent}' order by seq"
    );
    let mut document = Document::default();
    for operation in app.ask(&log).await {
        document.fold(&serde_json::from_str(&operation).unwrap());
    }
    document
}

#[test]
fn z031_every_object_reaches_all_of_the_room_the_sender_included_as_it_is() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (one, other) = (agent(app, acme.id).await, agent(app, acme.id).await);
        let owner = acme.role("org_owner");
        let mut here = [owner.canvas(&one).await, acme.role("developer").canvas(&one).await];
        let mut watcher = acme.role("viewer").canvas(&one).await;
        let mut elsewhere = owner.canvas(&other).await;
        assert_eq!(here[0].protocol.as_deref(), Some("reeve.canvas"));
        // As a client of the document sends it.
        let frame =
            json!({"type": "node_update", "node": {"id": "n1", "x": 1.50, "label": "Ünïcode"}});
        here[0].send(&frame).await;
        for canvas in here.iter_mut().chain([&mut watcher]) {
            assert_eq!(canvas.next_of("node_update").await, frame);
        }
        // Z-034: another room heard nothing.
        elsewhere.send(&json!({"type": "mine"})).await;
        assert_eq!(elsewhere.next().await, json!({"type": "mine"}));
    });
}

#[test]
fn z032_operations_are_numbered_kept_and_told_with_their_author() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let mut one = owner.canvas(&id).await;
        let mut two = developer.canvas(&id).await;
        for (operation, seq) in [
            (put("a"), 1),
            (put("b"), 2),
            (edge("e", "a", "b"), 3),
            (json!({"type": "node.move", "id": "a", "position": {"x": 3.5, "y": -4}}), 4),
            (
                json!({"type": "node.change", "id": "a", "data": {"label": null, "deep": {"x": [1, null]}}}),
                5,
            ),
            (json!({"type": "node.change", "id": "a", "data": {"deep": {"y": 1e2}}}), 6),
        ] {
            let told = one.done(operation.clone()).await;
            assert_eq!((&told["type"], &told["seq"]), (&json!("operation"), &json!(seq)), "{told}");
            assert_eq!(told["author"], json!({"id": owner.id, "kind": "user"}));
        }
        two.reach(6).await;
        assert_eq!(one.document, two.document);
        let a = json!({"id": "a", "type": "input", "position": {"x": 3.5, "y": -4},
                       "data": {"deep": {"x": [1, null], "y": 100.0}}});
        assert_eq!(one.document.nodes["a"], a);
        // A node's edges go with it.
        two.done(json!({"type": "node.remove", "id": "b"})).await;
        one.reach(7).await;
        let canvas = kept(owner, &id).await;
        assert_eq!((&canvas["seq"], &canvas["edges"]), (&json!(7), &json!([])), "{canvas}");
        assert_eq!(canvas["hash"], json!(hash(&one.document)));
        assert_eq!(replayed(app, &id).await.canonical(), one.document.canonical());
        // P3: each has its entry, as who did it.
        let entries = "select count(*) || ' ' || count(distinct actor_id) from audit.entry
                        where resource = 'studio.canvas_operation' and permission = 'agent:update'";
        assert_eq!(app.ask(entries).await, ["7 2"]);
    });
}

#[test]
fn what_cannot_be_done_is_said_to_its_sender_alone_and_changes_nothing() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let mut one = acme.role("developer").canvas(&id).await;
        let mut two = acme.role("org_owner").canvas(&id).await;
        one.done(put("a")).await;
        for (operation, code) in [
            (json!({"type": "node.move", "id": "x", "position": {"x": 0, "y": 0}}), "unknown_node"),
            (json!({"type": "node.remove", "id": "x"}), "unknown_node"),
            (json!({"type": "edge.remove", "id": "x"}), "unknown_edge"),
            (edge("e", "a", "x"), "unknown_node"),
            (json!({"type": "node.put", "node": {"id": "b"}}), "invalid"),
            (json!({"type": "explode"}), "invalid"),
            (
                json!({"type": "node.change", "id": "a", "data": {"n": "x".repeat(40_000)}}),
                "invalid",
            ),
        ] {
            let told = one.done(operation.clone()).await;
            assert_eq!(
                (&told["type"], &told["code"]),
                (&json!("error"), &json!(code)),
                "{operation}"
            );
        }
        for (text, code) in [("[1]", "not_an_object"), ("{\"type\":\"snapshot\"}", "type_reserved")]
        {
            let frame: Value = serde_json::from_str(text).unwrap();
            one.send(&frame).await;
            assert_eq!(one.next().await["code"], code);
        }
        assert_eq!(one.done(put("b")).await["seq"], 2, "nothing of it took a number");
        assert_eq!(two.next().await["seq"], 1);
        assert_eq!(two.next().await["seq"], 2, "and nobody else was told");
        // Values are not repeated.
        assert!(!testkit::logged().contains("xxxxxxxx"));
    });
}

#[test]
fn a_canvas_has_five_hundred_nodes_at_the_most() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let mut one = acme.role("developer").canvas(&id).await;
        one.done(put("first")).await;
        let fill = format!(
            "insert into studio.canvas_element (tenant_id, agent_id, kind, element_id, value, seq)
             select '{}', '{id}', 'node', 'n' || i, jsonb_build_object('id', 'n' || i), 1
               from generate_series(1, 499) i",
            acme.id
        );
        app.database.session("reeve_admin").await.batch_execute(&fill).await.unwrap();
        assert_eq!(one.done(put("last")).await["code"], "canvas_full");
        assert_eq!(one.done(put("first")).await["seq"], 2, "what stands there may change");
    });
}

#[test]
fn one_operation_sent_twice_is_done_once_and_answered_alike() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let developer = acme.role("developer");
        let mut one = developer.canvas(&id).await;
        let name = Uuid::now_v7();
        let frame = json!({"type": "operation", "id": name, "operation": put("a")});
        one.send(&frame).await;
        let first = one.answer(&name.to_string()).await;
        one.done(json!({"type": "node.remove", "id": "a"})).await;
        // The answer was lost, and the client comes again.
        let mut again = developer.canvas(&id).await;
        again.send(&frame).await;
        assert_eq!(again.answer(&name.to_string()).await, first);
        assert_eq!(kept(developer, &id).await["nodes"], json!([]), "it was not done again");
    });
}

#[test]
fn who_comes_again_is_told_what_was_missed_or_everything_where_that_is_not_known() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let developer = acme.role("developer");
        let mut one = developer.canvas(&id).await;
        for name in ["a", "b", "c"] {
            one.done(put(name)).await;
        }
        let mut again = developer.open_canvas(&id, "?after=1").await.unwrap();
        again.document.seq = 1;
        assert_eq!([again.next().await["seq"].clone(), again.next().await["seq"].clone()], [2, 3]);
        // By a frame as well.
        again.send(&json!({"type": "resume", "after": 2})).await;
        assert_eq!(again.next().await["seq"], 3);
        // Ahead of what was ever given out.
        let mut ahead = developer.open_canvas(&id, "?after=9").await.unwrap();
        assert_eq!(ahead.next().await["type"], "snapshot");
        let wrong = developer.open_canvas(&id, "?after=-1").await.err().unwrap();
        assert_eq!(wrong.status, 422, "{}", wrong.body);
    });
}

#[test]
fn z033_who_is_here_is_told_at_every_server_and_a_cursor_is_its_owners() {
    run(async |app| {
        let second = app.add_replica(&Options::default()).await;
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let mut one = owner.canvas(&id).await;
        let mut far = developer.at(app.url(second)).canvas(&id).await;
        members(&mut one, 2).await;
        members(&mut far, 2).await;
        let begun = Instant::now();
        far.send(&json!({"type": "cursor", "x": 1, "member": {"id": owner.id}})).await;
        let cursor = one.next_of("cursor").await;
        assert_eq!(cursor["member"]["id"], json!(developer.id), "{cursor}");
        far.send(&json!({"type": "hello"})).await;
        assert_eq!(one.next().await, json!({"type": "hello"}));
        far.done(put("a")).await;
        one.reach(1).await;
        assert!(begun.elapsed() < FELT * 2, "{:?}", begun.elapsed());
        drop(far);
        members(&mut one, 1).await;
    });
}

/// Waits until it is told that so many are here.
async fn members(canvas: &mut Canvas, count: usize) {
    let begun = Instant::now();
    while canvas.next_of("presence").await["members"].as_array().unwrap().len() != count {
        assert!(begun.elapsed() < FELT * 5);
    }
}

#[test]
fn z035_a_member_that_is_gone_breaks_nothing_for_the_others() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let mut one = acme.role("developer").canvas(&id).await;
        let gone = acme.role("org_owner").canvas(&id).await;
        drop(gone.socket);
        for name in ["a", "b"] {
            assert_eq!(one.done(put(name)).await["type"], "operation");
        }
    });
}

#[test]
fn a_ticket_opens_one_socket_once_for_half_a_minute_at_any_server() {
    let (clock, hand) = ::kernel::Clock::movable(::kernel::Clock::default().now());
    let options = Options { clock, ..Options::default() };
    run_with(options.clone(), async |app| {
        let second = app.add_replica(&options).await;
        let acme = app.organisation("studio", "acme").await;
        let (id, other) = (agent(app, acme.id).await, agent(app, acme.id).await);
        let developer = acme.role("developer");
        let ticket = async |agent: &str| {
            let reply =
                developer.post("/api/v1/canvas-tickets", &json!({"session_id": agent})).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            reply.json()["ticket"].as_str().unwrap().to_owned()
        };
        let nobody = app.anonymous();
        let far = nobody.at(app.url(second));
        let status = async |persona: &Persona, agent: &str, ticket: &str| {
            let opened = persona.open_canvas(agent, &format!("?ticket={ticket}")).await;
            opened.err().map_or(101, |refusal| refusal.status)
        };
        let good = ticket(&id).await;
        assert_eq!(status(&nobody, &other, &good).await, 401, "made for another canvas");
        let mut canvas = far.open_canvas(&id, &format!("?ticket={good}")).await.unwrap();
        assert_eq!(canvas.next().await["type"], "snapshot");
        let told = canvas.done(put("a")).await;
        assert_eq!(told["author"]["id"], json!(developer.id));
        assert_eq!(status(&nobody, &id, &good).await, 401, "used");
        assert_eq!(status(developer, &id, &ticket(&id).await).await, 400, "two credentials");
        let late = ticket(&id).await;
        hand.advance(jiff::SignedDuration::from_secs(31));
        assert_eq!(status(&nobody, &id, &late).await, 401, "too late");
        let unknown = json!({"session_id": Uuid::now_v7()});
        let reply = developer.post("/api/v1/canvas-tickets", &unknown).await;
        assert_eq!(reply.problem(), "404 not_found");
        // Nothing that was made is readable where it is kept.
        let stored = app.ask("select encode(hash, 'escape') from kernel.socket_ticket").await;
        assert!(stored.iter().all(|hash| !good.contains(hash.as_str())));
    });
}

/// Random operations, as several people draw; some are about what another has just removed.
fn random(n: u64) -> Value {
    let pick = |shift: u32| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(shift) >> 32) % 12;
    let (one, two) = (format!("n{}", pick(7)), format!("n{}", pick(23)));
    match pick(41) {
        0..=3 => put(&one),
        4 | 5 => json!({"type": "node.move", "id": one, "position": {"x": pick(11), "y": 0.25}}),
        6 | 7 => json!({"type": "node.change", "id": one, "data": {two: {"n": n, "old": null}}}),
        8 | 9 => edge(&format!("e{one}{two}"), &one, &two),
        10 => json!({"type": "edge.remove", "id": format!("e{one}{two}")}),
        _ => json!({"type": "node.remove", "id": one}),
    }
}

/// One client: so many operations, each until it is answered, over sockets that are dropped at random.
async fn draw(persona: Persona, agent: String, from: u64, count: u64) -> Document {
    let mut canvas = persona.canvas(&agent).await;
    for n in from..from + count {
        let frame = json!({"type": "operation", "id": Uuid::now_v7(), "operation": random(n)});
        canvas.send(&frame).await;
        if n % 17 == 5 {
            // The answer is lost: the same is sent again over a new socket.
            canvas = again(&persona, &agent, canvas).await;
            canvas.send(&frame).await;
        }
        canvas.answer(frame["id"].as_str().unwrap()).await;
    }
    canvas.document
}

/// A new socket from where the old one was.
async fn again(persona: &Persona, agent: &str, old: Canvas) -> Canvas {
    let document = old.document;
    drop(old.socket);
    let query = format!("?after={}", document.seq);
    let opened = persona.open_canvas(agent, &query).await.unwrap();
    Canvas { document, ..opened }
}

#[test]
fn w08_two_clients_at_two_servers_come_to_the_same_document_as_the_log() {
    let count = std::env::var("REEVE_STEPS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    run(async |app| {
        let second = app.add_replica(&Options::default()).await;
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let (here, there) = (acme.role("developer"), acme.role("org_owner").at(app.url(second)));
        let one = tokio::spawn(draw(here.clone(), id.clone(), 0, count));
        let two = tokio::spawn(draw(there.clone(), id.clone(), 1_000_000, count));
        let (mut one, mut two) = (one.await.unwrap(), two.await.unwrap());
        let canvas = kept(here, &id).await;
        let seq = canvas["seq"].as_i64().unwrap();
        assert!(seq > i64::try_from(count).unwrap() / 2, "most were done: {seq}");
        for (persona, document) in [(here, &mut one), (&there, &mut two)] {
            let query = format!("?after={}", document.seq);
            let opened = persona.open_canvas(&id, &query).await.unwrap();
            let mut client = Canvas { document: document.clone(), ..opened };
            client.reach(seq).await;
            *document = client.document;
        }
        let log = replayed(app, &id).await;
        for document in [&one, &two, &log] {
            assert_eq!(json!(hash(document)), canvas["hash"]);
        }
    });
}

#[test]
fn each_role_joins_and_sees_as_the_matrix_has_it_and_others_do_not() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        for (role, persona) in &acme.people {
            let mut canvas = persona.canvas(&id).await;
            let told = canvas.done(put(role)).await;
            let expected = if *role == "viewer" { "error" } else { "operation" };
            assert_eq!(told["type"], expected, "{role}: {told}");
            assert_eq!(
                kept(persona, &id).await["seq"],
                told["seq"].as_i64().unwrap_or(3),
                "{role}"
            );
        }
        let plain = acme.role("developer").get(&format!("/ws/canvas/{id}")).await;
        assert_eq!(plain.problem(), "426 upgrade_required");
        assert_eq!(plain.header("sec-websocket-version"), Some("13"));
        let clinic = app.tenant("north").await;
        let refused = clinic.admin.open_canvas(&id, "").await.err().unwrap();
        assert_eq!(refused.status, 403);
        assert_eq!(node("a")["id"], "a");
    });
}

#[test]
fn a_server_that_stops_tells_its_members_to_come_again() {
    run(async |app| {
        let second = app.add_replica(&Options::default()).await;
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let mut canvas = acme.role("developer").at(app.url(second)).canvas(&id).await;
        let begun = Instant::now();
        let told = async {
            let code = canvas.end().await;
            (code, canvas.within(FELT).await)
        };
        let (ended, ()) = tokio::join!(told, app.stop_newest_replica());
        assert_eq!(ended, (Some(1012), Some(Came::End(None))));
        assert!(begun.elapsed() < FELT, "{:?}", begun.elapsed());
    });
}
