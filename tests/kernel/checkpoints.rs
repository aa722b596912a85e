//! The ledger summed up, signed and kept elsewhere: whoever touches it afterwards is found (P8).

use std::{
    fs::{self, File},
    io::BufReader,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use ::kernel::{
    Clock,
    audit::{Checkpoint, Checkpoints, ReadAudit, Verified, Verifier, export},
    authz::Operator,
    identity::{Purpose, rotation},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Options, TestApp, TestTenant, run};
use uuid::Uuid;

use super::{as_tenant, count, execute, sqlstate, until};

/// A folder outside of the database, removed in the end.
struct Outside(PathBuf);

impl Outside {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("reeve-outside-{}", Uuid::now_v7()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, tenant: Uuid) -> PathBuf {
        self.0.join(format!("{tenant}.jsonl"))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

async fn checkpoint(app: &TestApp, outside: &Outside, tenant: Uuid) -> Option<Checkpoint> {
    let maker = Checkpoints::new(app.core(0).clone(), Some(outside.0.clone()));
    maker.make(tenant).await.expect("a checkpoint")
}

async fn verify(app: &TestApp, tenant: Uuid, outside: Option<&Outside>) -> Verified {
    let mut platform = app.platform().await;
    let verifier = Verifier::new(&mut platform, testkit::SECRET.as_bytes()).await.unwrap();
    let file = outside.map(|o| Box::new(BufReader::new(File::open(o.file(tenant)).unwrap())) as _);
    verifier.verify(&mut platform, tenant, file).await.expect("it can be verified")
}

/// What docs/verify-ledger.mjs says of the same: its exit code and its words.
async fn verify_by_node(app: &TestApp, tenant: Uuid, outside: &Outside) -> (i32, String) {
    let (leaves, jwks) = (outside.0.join("leaves.jsonl"), outside.0.join("jwks.json"));
    let mut text = String::new();
    let take = |leaf: &str| {
        text.push_str(leaf);
        text.push('\n');
        Ok(())
    };
    export(&mut app.platform().await, tenant, take).await.unwrap();
    fs::write(&leaves, text).unwrap();
    fs::write(&jwks, app.anonymous().get("/.well-known/jwks.json").await.text).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify-ledger.mjs");
    let files = [leaves, outside.file(tenant), jwks];
    let output = Command::new("node").arg(script).args(files).output().expect("node");
    let words = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(words).unwrap())
}

/// Both verifiers find this span, and no other.
async fn found(app: &TestApp, tenant: Uuid, outside: &Outside, what: &str, span: (u64, u64)) {
    let fault = verify(app, tenant, Some(outside)).await.fault;
    let fault = fault.unwrap_or_else(|| panic!("{what} is not found"));
    assert_eq!((fault.after, fault.up_to), span, "{what}: {fault:?}");
    let (code, words) = verify_by_node(app, tenant, outside).await;
    let told = format!("entries {} to {}", span.0 + 1, span.1);
    assert!(code == 7 && words.contains(&told), "{what}: {code} {words}");
}

/// Three checkpoints of a ledger, and an entry after them; their sizes.
async fn three(app: &TestApp, north: &TestTenant, outside: &Outside) -> [u64; 3] {
    let mut sizes = [0; 3];
    for (i, size) in sizes.iter_mut().enumerate() {
        for number in 0..4 {
            north.integration.new_patient(&format!("{i}{number}")).await;
        }
        *size = checkpoint(app, outside, north.id).await.expect("news").claims.tree_size;
    }
    // JavaScript takes this character for the end of a line; JSON does not.
    let mut person = testkit::patient("99");
    person["firstName"] = json!("Ana\u{2028}María");
    assert_eq!(north.integration.post("/v1/patients", &person).await.status, 201);
    sizes
}

async fn entries(app: &TestApp, tenant: Uuid) -> u64 {
    count(app, &format!("select count(*) from audit.entry where tenant_id = '{tenant}'")).await
}

#[test]
fn each_entry_is_covered_once_however_many_write_and_whoever_sums_up() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let (north, outside) = (app.tenant("north").await, Outside::new());
        // Two who began before all others and write after them: the server's login, and one whose
        // beginning the server may not know.
        let early = [as_tenant(app, north.id).await, app.database.session("reeve_admin").await];
        let context = format!(
            "begin; select set_config('app.tenant_id', '{}', true), set_config('app.actor_kind', 'system', true),
                    set_config('app.actor_id', gen_random_uuid()::text, true),
                    set_config('app.request_id', gen_random_uuid()::text, true)",
            north.id
        );
        for session in &early {
            session.batch_execute(&context).await.unwrap();
        }
        let working = AtomicBool::new(true);
        let write = async {
            let persons = (0..120).map(async |n| {
                let caller = north.integration.at(app.url(n % 2));
                caller.new_patient(&format!("{n}")).await;
                north.reader.at(app.url(n % 2)).get("/v1/patients?limit=1").await;
            });
            join_all(persons).await;
            for session in &early {
                let late =
                    "insert into audit.entry (operation, resource) values ('READ', 'late'); commit";
                session.batch_execute(late).await.unwrap();
            }
            working.store(false, Ordering::SeqCst);
        };
        let sum_up = async |replica: usize| {
            let maker = Checkpoints::new(app.core(replica).clone(), Some(outside.0.clone()));
            let mut made = 0;
            while working.load(Ordering::SeqCst) {
                made += usize::from(maker.make(north.id).await.expect("a checkpoint").is_some());
                tokio::task::yield_now().await;
            }
            made
        };
        let ((), first, second) = tokio::join!(write, sum_up(0), sum_up(1));
        let last = usize::from(checkpoint(app, &outside, north.id).await.is_some());
        let verified = verify(app, north.id, Some(&outside)).await;
        assert!(verified.fault.is_none(), "{verified:?}");
        assert_eq!(verified.verified, entries(app, north.id).await);
        assert!(first + second >= 2, "{first} {second}");
        let sizes =
            format!("select tree_size from audit.checkpoint where tenant_id = '{}'", north.id);
        assert_eq!(
            app.ask(&sizes).await.len(),
            first + second + last,
            "each was made by one of them"
        );
        assert_eq!(checkpoint(app, &outside, north.id).await.map(|c| c.signed), None, "no news");
        let (code, words) = verify_by_node(app, north.id, &outside).await;
        assert_eq!(code, 0, "{words}");
    });
}

#[test]
fn what_was_altered_removed_put_in_or_moved_is_found_and_its_span_named() {
    run(async |app| {
        let (north, outside) = (app.tenant("north").await, Outside::new());
        let [a, b, c] = three(app, &north, &outside).await;
        let verified = verify(app, north.id, Some(&outside)).await;
        assert!(verified.fault.is_none() && verified.verified == c, "{verified:?}");
        assert_eq!((verified.entries, verified.checkpoints), (c + 1, 3));
        let (code, words) = verify_by_node(app, north.id, &outside).await;
        assert!(code == 0 && words.starts_with(&format!("{c} entries are as")), "{code} {words}");
        execute(app, "create table public.kept as select * from audit.entry").await;
        // The entries by their number in the tree.
        let nth = |n: u64| {
            format!(
                "(select id from (select id, row_number() over (order by transaction_id, sequence) as n
                    from public.kept where tenant_id = '{}') x where n = {n})",
                north.id
            )
        };
        let columns = "tenant_id, at, id, actor_kind, actor_id, operation, resource, request_id, transaction_id";
        let cases = [
            ("a letter", (a, b), format!(
                "update audit.entry set after = jsonb_set(after, '{{first_name}}', '\"Ane\"')
                  where id = {} ", nth(a + 1))),
            ("a null within an image", (a, b), format!(
                "update audit.entry set after = after || '{{\"nothing\": null}}' where id = {}", nth(b))),
            ("an actor, in the first span", (0, a), format!(
                "update audit.entry set actor_id = gen_random_uuid() where id = {}", nth(1))),
            ("a removal", (a, b), format!("delete from audit.entry where id = {}", nth(a + 2))),
            ("a removal at the end", (b, c), format!("delete from audit.entry where id = {}", nth(c))),
            ("an insertion", (a, b), format!(
                "insert into audit.entry ({columns}) select tenant_id, at, gen_random_uuid(), actor_kind,
                        actor_id, operation, resource, request_id, transaction_id
                   from public.kept where id = {}", nth(a + 1))),
            ("two that changed places", (b, c), format!(
                "update audit.entry set sequence = -sequence where id in ({0}, {1});
                 update audit.entry e set sequence = k.sequence, transaction_id = k.transaction_id, at = k.at
                   from public.kept k where e.id in ({0}, {1}) and k.id in ({0}, {1}) and k.id <> e.id",
                nth(b + 1), nth(b + 2))),
        ];
        for (what, span, tamper) in cases {
            execute(app, &tamper).await;
            found(app, north.id, &outside, what, span).await;
            let inside = verify(app, north.id, None).await.fault.map(|f| (f.after, f.up_to));
            assert_eq!(inside, Some(span), "{what}: the database's own checkpoints tell as well");
            let restore =
                "delete from audit.entry; insert into audit.entry select * from public.kept";
            execute(app, restore).await;
            assert!(
                verify(app, north.id, Some(&outside)).await.fault.is_none(),
                "{what}: restored"
            );
        }
        execute(app, "drop table public.kept").await;
    });
}

#[test]
fn a_ledger_cut_off_with_its_checkpoints_is_found_by_those_kept_outside() {
    run(async |app| {
        let (north, outside) = (app.tenant("north").await, Outside::new());
        let [_, b, c] = three(app, &north, &outside).await;
        let cut = format!(
            "delete from audit.checkpoint where tree_size > {b};
             delete from audit.entry e using audit.checkpoint k where k.tenant_id = e.tenant_id and k.tree_size = {b}
                and (e.transaction_id, e.sequence) > (k.transaction_id, k.sequence)"
        );
        execute(app, &cut).await;
        assert!(verify(app, north.id, None).await.fault.is_none(), "within, all is well");
        let fault = verify(app, north.id, Some(&outside)).await.fault.expect("a fault");
        assert_eq!((fault.after, fault.up_to), (b, c), "{fault:?}");
        assert!(fault.what.contains("gone from the end"), "{fault:?}");
        // What grows in its place has other roots.
        for number in 0..8 {
            north.integration.new_patient(&format!("again {number}")).await;
        }
        checkpoint(app, &outside, north.id).await.expect("news");
        found(app, north.id, &outside, "another end", (b, c)).await;
    });
}

#[test]
fn a_checkpoint_that_the_notary_did_not_sign_is_found_and_not_built_on() {
    run(async |app| {
        let (north, outside) = (app.tenant("north").await, Outside::new());
        let [a, b, c] = three(app, &north, &outside).await;
        execute(app, "create table public.kept as select * from audit.checkpoint").await;
        let of_another = "set root = sha256('x')";
        let signature = "set signed = left(signed, -4) || 'AAAA'";
        for (what, sql, span) in [
            ("a root", format!("update audit.checkpoint {of_another} where tree_size = {b}"), (a, b)),
            ("a signature", format!("update audit.checkpoint {signature} where tree_size = {c}"), (b, c)),
            ("another's claims", format!(
                "update audit.checkpoint set signed = (select signed from public.kept where tree_size = {b})
                  where tree_size = {a}"), (0, a)),
            ("one more", format!(
                "insert into audit.checkpoint select tenant_id, tree_size + 1, root,
                        decode(repeat('00', 32 * length(replace((tree_size + 1)::bit(64)::text, '0', ''))), 'hex'),
                        transaction_id, sequence, last_at, read_from, made_at, signed
                   from public.kept where tree_size = {a}"), (a, a + 1)),
            ("one less", format!("delete from audit.checkpoint where tree_size = {b}"), (a, b)),
        ] {
            execute(app, &sql).await;
            let fault = verify(app, north.id, Some(&outside)).await.fault;
            let fault = fault.unwrap_or_else(|| panic!("{what} is not found"));
            assert_eq!((fault.after, fault.up_to), span, "{what}: {fault:?}");
            execute(app, "delete from audit.checkpoint; insert into audit.checkpoint select * from public.kept")
                .await;
        }
        assert!(verify(app, north.id, Some(&outside)).await.fault.is_none());
        execute(app, &format!("update audit.checkpoint set frontier = sha256('x') || substr(frontier, 33) where tree_size = {c}"))
            .await;
        let maker = Checkpoints::new(app.core(0).clone(), None);
        let refused = maker.make(north.id).await.err().expect("it refuses").to_string();
        assert!(refused.contains("reeve audit verify"), "{refused}");
        execute(app, "drop table public.kept").await;
    });
}

#[test]
fn two_replicas_make_one_checkpoint_and_one_line() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let (north, outside) = (app.tenant("north").await, Outside::new());
        let makers = [0, 1, 0, 1]
            .map(|replica| Checkpoints::new(app.core(replica).clone(), Some(outside.0.clone())));
        app.anonymous().get("/v1/patients").await;
        for round in 1..=5 {
            north.integration.new_patient(&round.to_string()).await;
            join_all(makers.iter().map(async |maker| maker.make(north.id).await.unwrap())).await;
            let made =
                format!("select count(*) from audit.checkpoint where tenant_id = '{}'", north.id);
            assert_eq!(count(app, &made).await, round);
            let lines = fs::read_to_string(outside.file(north.id)).unwrap();
            assert_eq!(lines.lines().count() as u64, round);
        }
        let due = makers[0].due().await.unwrap();
        assert!(!due.contains(&north.id), "{due:?}");
        assert!(due.contains(&Uuid::nil()), "what is nobody's is summed up too: {due:?}");
    });
}

#[test]
fn what_was_signed_before_a_rotation_is_verified_after_it_and_for_ever() {
    run(async |app| {
        let (north, outside) = (app.tenant("north").await, Outside::new());
        let kids = async || -> Vec<Value> {
            let keys = app.anonymous().get("/.well-known/jwks.json").await.json();
            keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
        };
        let (before, first) = (kids().await, checkpoint(app, &outside, north.id).await.unwrap());
        let secret = testkit::SECRET.as_bytes();
        let (mut platform, clock) = (app.platform().await, Clock::default());
        rotation::rotate(&mut platform, &clock, secret, Purpose::Notary, 0).await.unwrap();
        until(Duration::from_secs(5), "the new key", async || kids().await.len() > before.len())
            .await;
        north.integration.new_patient("1").await;
        let second = checkpoint(app, &outside, north.id).await.unwrap();
        let (old, new) =
            (part(&first.signed, 0)["kid"].clone(), part(&second.signed, 0)["kid"].clone());
        assert!(old != new && before.contains(&old) && !before.contains(&new));
        let after = kids().await;
        assert!(after.contains(&old) && after.contains(&new), "{after:?}");
        let verified = verify(app, north.id, Some(&outside)).await;
        assert!(verified.fault.is_none() && verified.checkpoints == 2, "{verified:?}");
        assert_eq!(verify_by_node(app, north.id, &outside).await.0, 0);
        let end = "update kernel.signing_key set verifies_until = now() where realm = 'notary'";
        let session = app.database.session("reeve_admin").await;
        assert_eq!(sqlstate(&session, end).await, "23514", "no such key ever ends");
    });
}

#[test]
fn a_tenant_lists_its_own_checkpoints_page_by_page_and_can_verify_by_them() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let outside = Outside::new();
        let sizes = three(app, &north, &outside).await;
        checkpoint(app, &outside, south.id).await.expect("news");
        let (mut items, mut cursor) = (vec![], String::new());
        loop {
            let path = format!("/v1/audit/checkpoints?limit=2{cursor}");
            let page = north.auditor.get(&path).await;
            assert_eq!(page.status, 200, "{}", page.text);
            items.extend(page.json()["items"].as_array().unwrap().clone());
            let Some(next) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
            cursor = format!("&cursor={next}");
        }
        let listed: Vec<_> = items.iter().map(|item| item["tree_size"].as_u64().unwrap()).collect();
        assert_eq!(listed, [sizes[2], sizes[1], sizes[0]]);
        assert!(items.iter().all(|item| item["tenant_id"] == json!(north.id)), "{items:?}");
        assert_eq!(north.reader.get("/v1/audit/checkpoints").await.problem(), "403 forbidden");
        // What was listed is as good as the file.
        let lines: Vec<_> = items.iter().map(ToString::to_string).collect();
        fs::write(outside.file(north.id), lines.join("\n")).unwrap();
        assert!(verify(app, north.id, Some(&outside)).await.fault.is_none());
        assert_eq!(verify_by_node(app, north.id, &outside).await.0, 0);

        let session = as_tenant(app, south.id).await;
        assert_eq!(sqlstate(&session, "select from audit.checkpoint").await, "ok 1");
        for refused in [
            "update audit.checkpoint set root = root",
            "delete from audit.checkpoint",
            "truncate audit.checkpoint",
            "insert into audit.checkpoint (tenant_id, tree_size) values (gen_random_uuid(), 1)",
        ] {
            assert_eq!(sqlstate(&session, refused).await, "42501", "{refused}");
        }
    });
}

#[test]
fn a_receipt_is_no_access_token_and_an_access_token_no_receipt() {
    run(async |app| {
        let studio = app.organisation("studio", "kaizen").await;
        let owner = studio.role("org_owner");
        let operator = Operator::new(app.core(0), studio.id, Uuid::now_v7(), "a test");
        let act = operator.authorize::<ReadAudit>();
        let token = owner.token.clone().unwrap();
        // Even with all that an access token says.
        let mut claims = part(&token, 1);
        for added in ["iss", "iat"] {
            claims.as_object_mut().unwrap().remove(added);
        }
        let receipt = act.sign("consent-receipt+jwt", &claims).unwrap();
        let (header, said) = (part(&receipt, 0), part(&receipt, 1));
        assert_eq!(
            (&header["typ"], &header["alg"]),
            (&json!("consent-receipt+jwt"), &json!("RS256"))
        );
        assert_eq!((&said["iss"], &said["sub"]), (&part(&token, 1)["iss"], &claims["sub"]));
        assert!(said["iat"].as_i64().is_some());
        let jwks = app.anonymous().get("/.well-known/jwks.json").await.json();
        let published =
            jwks["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]);
        assert!(published, "{jwks}");
        let mut holder = owner.at(app.url(0));
        holder.token = Some(receipt);
        assert_eq!(holder.get("/auth/me").await.problem(), "401 unauthenticated");
        assert_eq!(owner.get("/auth/me").await.status, 200, "the real one");
        for typ in ["at+jwt", "JWT", ""] {
            assert_eq!(act.sign(typ, &claims).err().map(|e| e.status), Some(500), "{typ}");
        }
        for claims in [json!({"iss": "x"}), json!({"iat": 1}), json!([]), json!("x")] {
            assert_eq!(act.sign("x+jwt", &claims).err().map(|e| e.status), Some(500), "{claims}");
        }
        // And nobody's token, nor another receipt, is taken for a checkpoint.
        let mut platform = app.platform().await;
        let verifier = Verifier::new(&mut platform, testkit::SECRET.as_bytes()).await.unwrap();
        let says = json!({"tenant_id": studio.id, "tree_size": 1, "root": "00", "last_at": "2026-01-01T00:00:00Z"});
        let receipt = act.sign("consent-receipt+jwt", &says).unwrap();
        for signed in [token, receipt] {
            let mut line = says.clone();
            line["signed"] = json!(signed);
            let file = Box::new(std::io::Cursor::new(line.to_string()));
            let refused = verifier.verify(&mut platform, studio.id, Some(file)).await;
            assert!(refused.expect_err("refused").to_string().starts_with("line 1"));
        }
    });
}

#[test]
fn the_next_checkpoint_reads_from_where_the_last_one_ended_by_the_primary_key() {
    run(async |app| {
        let (north, outside) = (app.tenant("north").await, Outside::new());
        let fill = format!(
            "insert into audit.entry (tenant_id, at, actor_kind, actor_id, operation, resource, request_id)
             select '{}', now() - n * interval '1 minute', 'system', gen_random_uuid(), 'CREATE', 'x', gen_random_uuid()
               from generate_series(1, 5000) n;
             analyze audit.entry",
            north.id
        );
        execute(app, &fill).await;
        checkpoint(app, &outside, north.id).await.expect("news");
        let session = as_tenant(app, north.id).await;
        let statements = reeve::registry().unwrap().statements;
        let read = statements.iter().find(|s| s.name == "read_new_entries").unwrap();
        let read_from = app.ask("select read_from from audit.checkpoint").await.remove(0);
        let explain = format!(
            "set plan_cache_mode = force_generic_plan;
             prepare q (timestamptz, bigint, bigint, bigint) as {};
             explain (analyze, costs off, timing off, summary off) execute q ('{read_from}', 0, 0, 9)",
            read.sql
        );
        let rows = session.simple_query(&explain).await.unwrap();
        let plan: Vec<_> = rows
            .iter()
            .filter_map(|row| match row {
                ::kernel::tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            })
            .collect();
        let plan = plan.join("\n");
        assert!(plan.contains("_pkey on entry_"), "{plan}");
        assert!(plan.contains("Index Cond: ((tenant_id = ") && plan.contains("(at >= "), "{plan}");
        let read: usize = plan
            .lines()
            .filter(|line| line.contains("Scan"))
            .filter_map(|line| {
                line.split("actual rows=").nth(1)?.split(' ').next()?.parse::<usize>().ok()
            })
            .sum();
        assert!(read < 100, "of 5,000 entries {read} were read again:\n{plan}");
    });
}

/// A part of a token, decoded.
fn part(token: &str, which: usize) -> Value {
    let text = token.split('.').nth(which).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}
