//! The ledger: a change, a read and a refusal leave their entry, or do not happen (P3, P4).

use std::{collections::BTreeSet, process::Command};

use ::kernel::{Clock, http::Method, tenant};
use serde_json::{Value, json};
use testkit::{Persona, Reply, TestApp, appointment, patient, run};
use uuid::Uuid;

use super::{
    Records, break_ledger, canary, contents, count, execute, mend_ledger, records, request, routes,
    run_without_jobs, sqlstate, writes,
};
use crate::conformance::routes::recorded_as;

/// The operation that a method is.
fn operation(method: Method) -> &'static str {
    match method {
        Method::Post => "CREATE",
        Method::Put | Method::Patch => "UPDATE",
        Method::Delete => "DELETE",
        Method::Get => "READ",
    }
}

#[test]
fn u01_every_change_leaves_an_entry_of_its_own_transaction_with_who_what_and_whence() {
    run_without_jobs(async |app| {
        let north = app.tenant("north").await;
        let mut made = Records(Default::default());
        for route in &writes() {
            let id = Uuid::now_v7();
            let asked = request(&north.admin, route, &made.path(route))
                .header("X-Request-Id", id.to_string())
                .header("User-Agent", "n8n/1.0");
            let reply = north.admin.send(asked).await;
            assert!(reply.status < 300, "{}: {}", route.name, reply.text);
            let new = if reply.status == 204 { None } else { Some(reply.json()) };
            let new = new.and_then(|body| body["id"].as_str().map(str::to_owned));
            if let (Some(new), false) = (&new, route.path.contains('{')) {
                made.0.insert(route.path.to_owned(), new.clone());
            }
            made.note(&reply);
            let entries = entries_of(app, id).await;
            assert!(!entries.is_empty(), "{} left no entry", route.name);
            for entry in &entries {
                let what = format!("{}: {entry}", route.name);
                assert_eq!(entry["tenant_id"], json!(north.id), "{what}");
                assert_eq!(entry["actor_kind"], "api_key", "{what}");
                assert_eq!(entry["actor_id"], json!(north.admin.id), "{what}");
                assert_eq!(entry["permission"], json!(route.permission), "{what}");
                assert_eq!(entry["address"], "127.0.0.1", "{what}");
                assert_eq!(entry["user_agent"], "n8n/1.0", "{what}");
                assert_eq!(entry["outcome"], "allowed", "{what}");
                assert_eq!(entry["operation"] == "CREATE", entry["before"].is_null(), "{what}");
                assert_eq!(entry["after"]["id"], entry["record_id"], "{what}");
                // The row that it tells of was written by the transaction that wrote the entry.
                let row = format!(
                    "select count(*) from {} r join audit.entry e on e.record_id = r.id and e.id = '{}'
                      where r.xmin = e.xmin and r.xmin::text::bigint = e.transaction_id::text::bigint % (1::bigint << 32)",
                    entry["resource"].as_str().unwrap(), entry["id"].as_str().unwrap()
                );
                assert_eq!(count(app, &row).await, 1, "{what}");
            }
            let named = new.unwrap_or_else(|| id_in(&made.path(route)));
            // A key ends by an update: it has no `deleted_at`.
            let verb = match route.path.starts_with("/v1/auth/") && route.method == Method::Delete {
                true => "UPDATE",
                false => operation(route.method),
            };
            // What is wanted of a destination or a connection is a change of it, or an order or a job that names it.
            let of_these =
                ["/api/v1/event-", "/v1/ehr-"].iter().any(|noun| route.path.starts_with(noun));
            let wanted = route.method == Method::Post && of_these;
            let about = entries.iter().any(|entry| {
                let names = |member: &str| entry["after"][member] == json!(named);
                let orders = ["id", "destination_id", "delivery_id", "record_id"];
                let ordered = orders.into_iter().any(names);
                entry["operation"] == verb
                    && (named.is_empty() || entry["record_id"] == json!(named))
                    || wanted && ordered
            });
            assert!(about, "{} names {verb} {named} in none of {entries:?}", route.name);
        }
    });
}

#[test]
fn u02_where_the_ledger_cannot_be_written_nothing_changes() {
    run_without_jobs(async |app| {
        let north = app.tenant("north").await;
        let mut made = Records(Default::default());
        for phase in ["collections", "items"] {
            if phase == "items" {
                made = Records::create(&north.admin).await;
            }
            assert_eq!(north.admin.get("/v1/patients").await.status, 200);
            let before = contents(app, north.id).await;
            break_ledger(app).await;
            for route in writes().iter().filter(|r| r.path.contains('{') == (phase == "items")) {
                for kept in [false, true] {
                    let asked = request(&north.admin, route, &made.path(route));
                    let asked = if kept { asked.header("Idempotency-Key", "k") } else { asked };
                    let reply = north.admin.send(asked).await;
                    assert!(reply.status >= 500, "{}: {} {}", route.name, reply.status, reply.text);
                    assert_eq!(reply.header("location"), None, "{}", route.name);
                }
            }
            assert_eq!(contents(app, north.id).await, before, "{phase}");
            // A refusal stands though it cannot be recorded.
            assert_eq!(
                north.reader.post("/v1/patients", &patient("1")).await.problem(),
                "403 forbidden"
            );
            assert_eq!(app.anonymous().get("/v1/patients").await.problem(), "401 unauthenticated");
            mend_ledger(app).await;
            // And no idempotency key was used up.
            for route in writes().iter().filter(|r| r.path.contains('{') == (phase == "items")) {
                let asked =
                    request(&north.admin, route, &made.path(route)).header("Idempotency-Key", "k");
                let reply = north.admin.send(asked).await;
                // The examples of the second phase exist by then, and rotation needs a live key.
                assert!(reply.status < 300, "{}: {}", route.name, reply.text);
                assert_eq!(reply.header("idempotent-replayed"), None, "{}", route.name);
            }
            if phase == "collections" {
                // Make room for the same examples once more.
                let clear = "set session_replication_role = replica; delete from clinic.patient;
                             delete from clinic.appointment; delete from clinic.catalogue_entry;
                             delete from kernel.account; delete from kernel.one_time_code";
                execute(app, clear).await;
            }
        }
    });
}

#[test]
fn a_write_whose_commit_fails_changes_nothing_and_says_so() {
    run(async |app| {
        let north = app.tenant("north").await;
        fail_at_commit(app, "clinic.patient").await;
        let before = contents(app, north.id).await;
        for kept in [false, true] {
            let asked = north
                .integration
                .request(reqwest::Method::POST, "/v1/patients")
                .json(&patient("1"));
            let asked = if kept { asked.header("Idempotency-Key", "k") } else { asked };
            let reply = north.integration.send(asked).await;
            assert!(reply.status >= 500, "{} {}", reply.status, reply.text);
        }
        assert_eq!(contents(app, north.id).await, before);
    });
}

#[test]
fn u03_what_fails_leaves_no_success_and_what_is_refused_leaves_one_refusal() {
    run(async |app| {
        let north = app.tenant_with("north", true).await;
        let mine = &north.integration;
        let start = ("2027-03-01T09:00:00Z", "2027-03-01T10:00:00Z");
        let known = mine.new_patient("1").await;
        mine.new_appointment("7", start.0, start.1).await;
        let mut over = appointment("7", start.0, start.1);
        over["overbookReason"] = json!("urgent");
        let item = format!("/v1/patients/{known}");
        let nowhere = format!("/v1/patients/{}", Uuid::now_v7());
        let mut later = appointment("7", start.1, start.0);
        later["comment"] = json!("ends before it starts");
        let before = records(app, north.id).await;
        let change = json!({"firstName": "Eva"});
        let cases = [
            ("422 invalid", "POST", "/v1/patients", json!({"eventType": "PATIENT"}), None),
            ("422 invalid", "POST", "/v1/appointments", later, None),
            ("409 document_taken", "POST", "/v1/patients", patient("1"), None),
            (
                "409 doctor_taken",
                "POST",
                "/v1/appointments",
                appointment("7", start.0, start.1),
                None,
            ),
            ("412 version_changed", "PATCH", item.as_str(), change.clone(), Some("\"9\"")),
            ("412 version_changed", "DELETE", item.as_str(), Value::Null, Some("\"9\"")),
            ("428 if_match_required", "PATCH", item.as_str(), change.clone(), None),
            ("404 not_found", "PATCH", nowhere.as_str(), change.clone(), Some("\"1\"")),
            ("404 not_found", "GET", nowhere.as_str(), Value::Null, None),
        ];
        for (expected, method, path, body, tag) in cases {
            let (reply, entries) = send(app, mine, method, path, &body, tag).await;
            assert_eq!(reply.problem(), expected, "{method} {path}: {}", reply.text);
            assert_eq!(entries, Vec::<Value>::new(), "{expected}");
        }
        // A gate and a permission refuse on record, once.
        let refusals = [
            (mine, "POST", "/v1/appointments", over, "appointment:overbook"),
            (&north.reader, "POST", "/v1/patients", patient("2"), "patient:write"),
            (&north.auditor, "GET", item.as_str(), Value::Null, "patient:read"),
        ];
        for (caller, method, path, body, permission) in refusals {
            let (reply, entries) = send(app, caller, method, path, &body, None).await;
            assert_eq!(reply.problem(), "403 forbidden", "{}", reply.text);
            assert_eq!(entries.len(), 1, "{entries:?}");
            let told = ["outcome", "reason", "permission"]
                .map(|name| entries[0][name].as_str().unwrap().to_owned());
            assert_eq!(told, ["refused", "forbidden", permission]);
            assert!(entries[0]["after"].is_null() && entries[0]["before"].is_null());
        }
        assert_eq!(records(app, north.id).await, before);
    });
}

/// Sends a request; the answer and the entries that it left.
async fn send(
    app: &TestApp,
    caller: &Persona,
    method: &str,
    path: &str,
    body: &Value,
    tag: Option<&str>,
) -> (Reply, Vec<Value>) {
    let id = Uuid::now_v7();
    let method: reqwest::Method = method.parse().unwrap();
    let asked = caller.request(method, path).json(body).header("X-Request-Id", id.to_string());
    let asked = match tag {
        Some(tag) => asked.header("If-Match", tag),
        None => asked,
    };
    (caller.send(asked).await, entries_of(app, id).await)
}

#[test]
fn u04_a_read_leaves_one_entry_and_shows_nothing_when_it_cannot() {
    run(async |app| {
        let north = app.tenant("north").await;
        let made = Records::create(&north.admin).await;
        north.admin.new_patient("2").await;
        let reads: Vec<_> =
            routes().into_iter().filter(|route| route.effect == "disclose").collect();
        assert!(reads.len() >= 5);
        let mut paths: Vec<(String, &str)> =
            reads.iter().map(|r| (made.path(r), recorded_as(r))).collect();
        paths.push(("/v1/patients?custom_fields.plan=gold".into(), "patient:read"));
        paths.push(("/v1/patients?phone=%2B573005550142".into(), "patient:read"));
        paths.push(("/v1/appointments?custom_fields.channel=whatsapp".into(), "appointment:read"));
        let of_one = format!("/v1/audit?record_id={}", made.0["/v1/patients"]);
        paths.push((of_one, "audit:read_personal"));
        for (path, permission) in &paths {
            let id = Uuid::now_v7();
            let asked = north.admin.request(reqwest::Method::GET, path);
            let reply = north.admin.send(asked.header("X-Request-Id", id.to_string())).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
            let entries = entries_of(app, id).await;
            assert_eq!(entries.len(), 1, "{path}: {entries:?}");
            let entry = &entries[0];
            assert_eq!(entry["operation"], "READ", "{path}");
            assert_eq!(entry["permission"], json!(permission), "{path}");
            assert_eq!(entry["actor_id"], json!(north.admin.id), "{path}");
            let shown: BTreeSet<String> = ids(&reply).into_iter().collect();
            assert!(!shown.is_empty(), "{path}");
            let one = entry["record_id"].as_str().map(str::to_owned);
            let many = entry["record_ids"].as_array().cloned().unwrap_or_default();
            let told = many.iter().map(|id| id.as_str().unwrap().to_owned()).chain(one).collect();
            assert_eq!(shown, told, "{path}: the records that were shown are those in the entry");
        }
        break_ledger(app).await;
        for (path, _) in &paths {
            let reply = north.admin.get(path).await;
            assert_shows_nothing(&reply, &made, path);
        }
        mend_ledger(app).await;
    });
}

#[test]
fn a_read_whose_entry_does_not_commit_shows_nothing() {
    run(async |app| {
        let north = app.tenant("north").await;
        let made = Records::create(&north.admin).await;
        let partition = app
            .ask("select 'audit.entry_' || to_char(now() at time zone 'UTC', 'YYYY_MM')")
            .await
            .remove(0);
        fail_at_commit(app, &partition).await;
        for route in routes().iter().filter(|route| route.effect == "disclose") {
            let path = made.path(route);
            assert_shows_nothing(&north.admin.get(&path).await, &made, &path);
        }
    });
}

fn assert_shows_nothing(reply: &Reply, made: &Records, path: &str) {
    assert!([500, 503].contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
    let secrets = ["Rojas", "1020304050", "79555123", "Primera consulta", "items"];
    let leaked = secrets.into_iter().find(|secret| reply.text.contains(secret));
    assert_eq!(leaked, None, "{path}: {}", reply.text);
    assert!(made.ids().all(|id| !reply.text.contains(id)), "{path}: {}", reply.text);
}

#[test]
fn u05_each_record_of_an_import_and_each_operators_act_is_in_the_ledger() {
    run(async |app| {
        let north = app.tenant("north").await;
        let file = std::env::temp_dir().join(format!("reeve-import-{}.jsonl", Uuid::now_v7()));
        let write = |what: &str, numbers: std::ops::Range<u32>| {
            let lines: String =
                numbers.map(|n| patient(&format!("{what}{n}")).to_string() + "\n").collect();
            std::fs::write(&file, lines).unwrap();
        };
        let reeve = |arguments: &[&str]| {
            let done = Command::new(env!("CARGO_BIN_EXE_reeve"))
                .args(arguments)
                .current_dir(std::env::temp_dir())
                .env_clear()
                .env("DATABASE_URL", app.database.url("reeve_app"))
                .env("DATABASE_OWNER_URL", app.database.url("reeve_admin"))
                .env("SECRET_KEY", testkit::SECRET)
                .output()
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8(done.stdout).unwrap()
        };
        let path = file.to_str().unwrap();
        for (what, extra) in [("A", None), ("B", Some("--all-or-nothing"))] {
            write(what, 0..300);
            let mut arguments = vec!["import", "patients", path, "--tenant", "north"];
            arguments.extend(extra);
            reeve(&arguments);
            let told = format!(
                "select count(distinct p.id) from clinic.patient p join audit.entry e on e.record_id = p.id
                    and e.tenant_id = p.tenant_id and e.operation = 'CREATE' and e.actor_kind = 'operator'
                    and e.actor_id = e.request_id and e.permission = 'patient:write' and e.xmin = p.xmin
                  where p.tenant_id = '{}' and p.doc_number like '{what}%'", north.id);
            assert_eq!(count(app, &told).await, 300, "import {what}");
            let runs = "select count(distinct actor_id) from audit.entry where resource = 'clinic.patient'";
            assert_eq!(count(app, runs).await, if what == "A" { 1 } else { 2 }, "one actor a run");
        }
        std::fs::remove_file(&file).unwrap();
        // The tenant itself finds them by record.
        let page = north.admin.get("/v1/patients?limit=1").await;
        let entries = north
            .auditor
            .get(&format!("/v1/audit?operation=CREATE&record_id={}", ids(&page)[0]))
            .await;
        assert_eq!(entries.json()["items"][0]["actor_kind"], "operator");
        // What an operator does to tenants and keys is in that tenant's ledger too.
        reeve(&["tenant", "create", "west"]);
        reeve(&["key", "create", "--tenant", "west", "--name", "k", "--role", "reader"]);
        reeve(&["tenant", "suspend", "west"]);
        let acts = "select resource || ' ' || operation || ' ' || actor_kind from audit.entry e
            where tenant_id = (select id from kernel.tenant where name = 'west') order by sequence";
        let acts = app.ask(acts).await;
        assert_eq!(
            acts,
            [
                "kernel.tenant CREATE operator",
                "kernel.api_key CREATE operator",
                "kernel.tenant UPDATE operator"
            ]
        );
    });
}

#[test]
fn every_row_of_a_bulk_statement_has_its_entry() {
    run(async |app| {
        let north = app.tenant("north").await;
        for number in 0..20 {
            north.integration.new_patient(&number.to_string()).await;
        }
        let session = app.database.session("reeve_app").await;
        let request = Uuid::now_v7();
        let context = format!(
            "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'system', false),
                    set_config('app.actor_id', '{request}', false), set_config('app.request_id', '{request}', false)",
            north.id);
        session.batch_execute(&context).await.unwrap();
        session.batch_execute("update clinic.patient set eps_id = 'EPS010'").await.unwrap();
        session.batch_execute("update clinic.patient set deleted_at = now()").await.unwrap();
        for operation in ["UPDATE", "DELETE"] {
            let told = format!(
                "select count(distinct record_id) from audit.entry where request_id = '{request}' and operation = '{operation}'"
            );
            assert_eq!(count(app, &told).await, 20, "{operation}");
        }
    });
}

#[test]
fn u06_neither_the_server_nor_the_schemas_owner_can_alter_the_ledger() {
    run(async |app| {
        let north = app.tenant("north").await;
        north.admin.new_patient("1").await;
        let before = contents(app, north.id).await;
        let partition = app
            .ask("select 'audit.entry_' || to_char(now() at time zone 'UTC', 'YYYY_MM')")
            .await
            .remove(0);
        for role in ["reeve_app", "reeve_search", "reeve_deid", "reeve_owner", "reeve_keeper"] {
            let session = app.database.session("reeve_admin").await;
            session
                .batch_execute(&format!(
                    "set role {role}; select set_config('app.tenant_id', '{}', false)",
                    north.id
                ))
                .await
                .unwrap();
            for table in ["audit.entry", partition.as_str()] {
                for sql in [
                    format!("update {table} set reason = 'x'"),
                    format!("update {table} set operation = operation"),
                    format!("delete from {table}"),
                    format!("truncate {table}"),
                    format!("drop table {table}"),
                    format!("alter table {table} disable row level security"),
                    format!("alter table {table} add column x int"),
                    format!("alter table {table} disable trigger all"),
                    format!(
                        "create trigger t before insert on {table} for each row execute function kernel.stamp()"
                    ),
                    format!("create rule r as on insert to {table} do instead nothing"),
                    format!("create policy p on {table} using (true)"),
                    format!("alter table {table} owner to {role}"),
                ] {
                    assert_eq!(sqlstate(&session, &sql).await, "42501", "{role}: {sql}");
                }
            }
            for sql in [
                "alter table audit.entry detach partition audit.entry_2000_01".replace("audit.entry_2000_01", &partition),
                "drop schema audit cascade".into(),
                "create or replace function audit.record() returns trigger language plpgsql as 'begin return null; end'".into(),
                "drop function audit.record()".into(),
                "alter sequence audit.entry_sequence restart".into(),
                "select setval('audit.entry_sequence', 1)".into(),
            ] {
                assert_eq!(sqlstate(&session, &sql).await, "42501", "{role}: {sql}");
            }
        }
        assert_eq!(contents(app, north.id).await, before);
    });
}

#[test]
fn plain_sql_of_the_server_cannot_claim_another_actor_time_or_tenant() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let session = app.database.session("reeve_app").await;
        let context = format!(
            "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'api_key', false),
                    set_config('app.actor_id', '{}', false), set_config('app.request_id', gen_random_uuid()::text, false)",
            north.id, north.reader.id);
        session.batch_execute(&context).await.unwrap();
        for (column, value) in [
            ("tenant_id", format!("'{}'", south.id)),
            ("tenant_id", format!("'{}'", north.id)),
            ("actor_kind", "'system'".into()),
            ("actor_id", format!("'{}'", north.admin.id)),
            ("permission", "'patient:read'".into()),
            ("at", "now() - interval '1 day'".into()),
            ("sequence", "1".into()),
            ("id", "gen_random_uuid()".into()),
            ("request_id", "gen_random_uuid()".into()),
            ("address", "'10.0.0.1'".into()),
            ("user_agent", "'x'".into()),
            ("purpose_of_event", "'x'".into()),
            ("transaction_id", "'1'".into()),
        ] {
            for role in ["reset role", "set role reeve_search"] {
                session.batch_execute(role).await.unwrap();
                let sql = format!(
                    "insert into audit.entry (operation, resource, {column}) values ('READ', 'x', {value})"
                );
                assert_eq!(sqlstate(&session, &sql).await, "42501", "{role}: {column}");
            }
        }
        session.batch_execute("reset role").await.unwrap();
        let plain = "insert into audit.entry (operation, resource) values ('READ', 'x')";
        assert_eq!(sqlstate(&session, plain).await, "ok 0");
        let told = format!(
            "select count(*) from audit.entry where resource = 'x' and actor_id = '{}' and tenant_id = '{}'",
            north.reader.id, north.id
        );
        assert_eq!(count(app, &told).await, 1, "it bears the context's name");
        session.batch_execute("select set_config('app.actor_id', '', false)").await.unwrap();
        assert_eq!(sqlstate(&session, plain).await, "23514", "no entry without an actor");
        // Nor can a client, by header or body: the actor is the key's.
        let forged =
            north.integration.request(reqwest::Method::POST, "/v1/patients").json(&patient("1"));
        let id = Uuid::now_v7();
        let forged = forged
            .header("X-Request-Id", id.to_string())
            .header("X-Actor-Id", north.admin.id.to_string())
            .header("X-Forwarded-For", "203.0.113.9");
        assert_eq!(north.integration.send(forged).await.status, 201);
        let entry = entries_of(app, id).await.remove(0);
        assert_eq!(entry["actor_id"], json!(north.integration.id));
        assert_eq!(
            entry["address"], "127.0.0.1",
            "only a trusted proxy speaks for another address"
        );
    });
}

#[test]
fn the_ledger_lies_in_months_made_ahead() {
    run(async |app| {
        let north = app.tenant("north").await;
        let months = "select count(*) from generate_series(-1, 12) m where to_regclass('audit.entry_' ||
            to_char(date_trunc('month', now() at time zone 'UTC') + m * interval '1 month', 'YYYY_MM')) is not null";
        assert_eq!(count(app, months).await, 14, "last month to a year ahead");
        north.admin.new_patient("1").await;
        let here = "select count(*) from audit.entry where tableoid::regclass::text
            <> 'audit.entry_' || to_char(at at time zone 'UTC', 'YYYY_MM')";
        assert_eq!(count(app, here).await, 0, "each entry in its own month");
        let bounds = "select count(distinct pg_get_expr(relpartbound, oid)) from pg_class where relispartition and relkind = 'r'
            and relname like 'entry%' and pg_get_expr(relpartbound, oid) ~ '-01 00:00:00\\+00.*-01 00:00:00\\+00'";
        let session = app.database.session("reeve_admin").await;
        session.batch_execute("set timezone = 'UTC'").await.unwrap();
        let bounds: i64 = session.query_one(bounds, &[]).await.unwrap().get(0);
        assert_eq!(bounds, 14, "months of UTC");
        // The server itself makes them, when they are missing and again when they are there.
        let server = app.database.session("reeve_app").await;
        let last = app.ask("select 'audit.entry_' || to_char(date_trunc('month', now() at time zone 'UTC') + interval '12 months', 'YYYY_MM')").await.remove(0);
        execute(app, &format!("drop table {last}")).await;
        for _ in 0..2 {
            server
                .batch_execute("set timezone = 'America/Bogota'; select audit.make_partitions(12)")
                .await
                .unwrap();
            assert_eq!(count(app, months).await, 14);
        }
    });
}

#[test]
fn the_ledger_is_asked_by_record_actor_request_kind_outcome_and_time() {
    run(async |app| {
        let north = app.tenant("north").await;
        let mut clock = app.platform().await;
        tenant::create_key(&mut clock, &Clock::default(), "north", "another", "reader")
            .await
            .unwrap();
        let id = north.integration.new_patient("1").await;
        let path = format!("/v1/patients/{id}");
        let request = Uuid::now_v7().to_string();
        let changed = north
            .integration
            .request(reqwest::Method::PATCH, &path)
            .json(&json!({"email": "a@b.co"}));
        assert_eq!(
            north.integration.send(changed.header("X-Request-Id", &request)).await.status,
            200
        );
        north.reader.get(&path).await;
        north.integration.new_patient("2").await;
        north.reader.get("/v1/patients").await;
        north.reader.delete(&path).await;
        north.integration.delete(&path).await;
        let ask = async |query: &str| {
            let reply =
                north.auditor.get(&format!("/v1/audit?{query}&resource=clinic.patient")).await;
            assert_eq!(reply.status, 200, "{query}: {}", reply.text);
            let page = reply.json();
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["operation"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ask(&format!("record_id={id}")).await,
            ["DELETE", "READ", "READ", "UPDATE", "CREATE"]
        );
        assert_eq!(ask(&format!("record_id={id}&operation=READ")).await, ["READ", "READ"]);
        assert_eq!(ask(&format!("actor_id={}", north.reader.id)).await, ["READ", "READ"]);
        assert_eq!(ask(&format!("request_id={request}")).await, ["UPDATE"]);
        assert_eq!(ask("operation=CREATE").await, ["CREATE", "CREATE"]);
        assert_eq!(ask("outcome=refused").await, Vec::<String>::new());
        let refused = north.auditor.get("/v1/audit?outcome=refused").await.json();
        assert_eq!(refused["items"][0]["resource"], "DELETE /v1/patients/{id}");
        assert_eq!(refused["items"][0]["reason"], "forbidden");
        // A range is half-open: from this time on, and before that.
        let at = north.auditor.get(&format!("/v1/audit?request_id={request}")).await.json();
        let at = at["items"][0]["at"].as_str().unwrap().to_owned();
        assert_eq!(
            ask(&format!("record_id={id}&from={at}")).await,
            ["DELETE", "READ", "READ", "UPDATE"]
        );
        assert_eq!(ask(&format!("record_id={id}&to={at}")).await, ["CREATE"]);
    });
}

#[test]
fn the_ledger_answers_only_what_it_understands_and_whom_it_may() {
    run(async |app| {
        let north = app.tenant("north").await;
        for wrong in [
            "record_id=x",
            "from=yesterday",
            "limit=0",
            "limit=201",
            "limit=x",
            "cursor=x",
            "unknown=1",
            "actor_id=1",
        ] {
            let reply = north.auditor.get(&format!("/v1/audit?{wrong}")).await;
            assert_eq!(reply.problem(), "422 invalid", "{wrong}");
        }
        for (who, allowed) in [(&north.reader, 403), (&north.integration, 403), (&north.admin, 200)]
        {
            assert_eq!(who.get("/v1/audit").await.status, allowed);
        }
    });
}

#[test]
fn the_pages_of_the_ledger_hold_each_entry_once_newest_first_while_it_grows() {
    run(async |app| {
        let north = app.tenant("north").await;
        for number in 0..25 {
            north.integration.new_patient(&number.to_string()).await;
        }
        let there = format!(
            "select id from audit.entry where tenant_id = '{}' order by at desc, sequence desc",
            north.id
        );
        let there = app.ask(&there).await;
        for (question, growing) in
            [("limit=4", true), ("limit=7&operation=CREATE", true), ("limit=200", false)]
        {
            let (mut seen, mut cursor) = (vec![], None::<String>);
            loop {
                let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
                let reply = north.auditor.get(&format!("/v1/audit?{question}{from}")).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
                seen.extend(ids(&reply));
                if growing {
                    north.reader.get("/v1/patients").await;
                    north.integration.new_patient(&Uuid::now_v7().simple().to_string()).await;
                }
                cursor = reply.json()["next_cursor"].as_str().map(str::to_owned);
                if cursor.is_none() {
                    break;
                }
            }
            let of_before: Vec<_> = seen.iter().filter(|id| there.contains(id)).cloned().collect();
            let distinct: BTreeSet<_> = seen.iter().collect();
            assert_eq!(distinct.len(), seen.len(), "{question}: no entry twice");
            let wanted = if question.contains("CREATE") {
                let creations = "select id from audit.entry where operation = 'CREATE' order by at desc, sequence desc";
                app.ask(creations).await.into_iter().filter(|id| there.contains(id)).collect()
            } else {
                there.clone()
            };
            assert_eq!(of_before, wanted, "{question}");
        }
        let page = north.auditor.get("/v1/audit?limit=2").await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        for (who, question) in
            [(&north.admin, "limit=2"), (&north.auditor, "limit=2&operation=READ")]
        {
            let reply = who.get(&format!("/v1/audit?{question}&cursor={cursor}")).await;
            assert_eq!((reply.status, reply.fields()), (422, vec!["query.cursor".to_owned()]));
        }
    });
}

#[test]
fn an_auditor_sees_who_did_what_and_no_personal_value() {
    run(async |app| {
        let north = app.tenant("north").await;
        let word = canary("AUDITOR");
        let mut person = patient(&word[..32]);
        for name in ["firstName", "middleName", "lastName", "secondLastName"] {
            person[name] = json!(word);
        }
        person["email"] = json!(format!("{word}@example.org"));
        person["phones"] = json!(["+573009998877"]);
        person["birthDate"] = json!("1987-06-05");
        person["customFields"] = json!({"k": word, word.as_str(): 1});
        person["habeasData"] = json!({"authorized": true, "channel": word});
        let made = north.admin.post("/v1/patients", &person).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/v1/patients/{}", made.id());
        assert_eq!(north.admin.patch(&path, &json!({"firstName": "Eva"})).await.status, 200);
        let mut visit = appointment("7654321", "2027-03-01T09:00:00Z", "2027-03-01T10:00:00Z");
        visit["patientDocNumber"] = json!(word[..32]);
        visit["comment"] = json!(format!("clinical {word}"));
        visit["customFields"] = json!({"k": word});
        assert_eq!(north.admin.post("/v1/appointments", &visit).await.status, 201);

        let ledger = north.auditor.get("/v1/audit?limit=200").await;
        for personal in [
            &word,
            &word.to_lowercase(),
            "+573009998877",
            "1987-06-05",
            "7654321",
            &word[..32],
            "\"CC\"",
            "Eva",
        ] {
            assert!(
                !ledger.text.contains(personal),
                "the auditor sees {personal}: {}",
                ledger.text
            );
        }
        let entries = ledger.json()["items"].as_array().unwrap().clone();
        let update = entries
            .iter()
            .find(|e| e["resource"] == "clinic.patient" && e["operation"] == "UPDATE")
            .unwrap();
        assert_eq!(update["record_id"], json!(made.id()));
        assert_eq!(
            (&update["before"]["version"], &update["after"]["version"]),
            (&json!(1), &json!(2))
        );
        assert_eq!(update["after"]["first_name"], "[redacted]");
        let booked = entries.iter().find(|e| e["resource"] == "clinic.appointment").unwrap();
        assert_eq!(booked["after"]["state"], "booked", "what says nothing of a person is shown");
        // Who may see the values sees them, but for clinical words, which the ledger never had.
        let open = north.admin.get("/v1/audit?limit=200").await;
        assert!(open.text.contains(&word) && open.text.contains("Eva"));
        assert!(!open.text.contains(&format!("clinical {word}")), "{}", open.text);
        let stored =
            format!("select count(*) from audit.entry e where e::text like '%clinical {word}%'");
        assert_eq!(count(app, &stored).await, 0);
    });
}

/// The entries of one request, oldest first, as JSON.
async fn entries_of(app: &TestApp, request: Uuid) -> Vec<Value> {
    let sql = format!(
        "select to_jsonb(e) from audit.entry e where request_id = '{request}' order by sequence"
    );
    app.ask(&sql).await.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

/// The id in an item's path; empty where there is none.
fn id_in(path: &str) -> String {
    path.split('/').find(|part| part.parse::<Uuid>().is_ok()).unwrap_or_default().to_owned()
}

/// The ids of the records that an answer shows.
fn ids(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    let one = vec![body.clone()];
    let items = body["items"].as_array().or(body["entry"].as_array()).unwrap_or(&one);
    // An entry of a bundle holds its resource.
    let ids = items.iter().map(|item| item["resource"]["id"].as_str().or(item["id"].as_str()));
    ids.filter_map(|id| id.map(str::to_owned)).collect()
}

/// Every transaction that inserts into this table will fail at its COMMIT and not before.
async fn fail_at_commit(app: &TestApp, table: &str) {
    let sql = format!(
        "create function public.fail() returns trigger language plpgsql as
             $$ begin raise exception 'not today' using errcode = 'XX000'; end $$;
         create constraint trigger fail after insert on {table} deferrable initially deferred
             for each row execute function public.fail()"
    );
    execute(app, &sql).await;
}
