//! API keys from their making to their end, and what the server refuses to serve as (P1, P7).

use std::{process::Command, time::Duration};

use ::kernel::{
    Clock,
    db::{Cluster, Durability, PoolSettings, create_database, migrate},
    http::Method,
    tenant,
    tokio_postgres::{Config, NoTls},
};
use reeve::{
    run::{Server, StartError},
    settings::Settings,
};
use serde_json::{Value, json};
use testkit::{Options, Persona, TestApp, patient, run, socket_folder};
use uuid::Uuid;

use super::{
    Records, count, everything, execute, personas, records, request, routes, run_without_jobs,
    until,
};

/// How soon a withdrawal must be felt, on every replica.
const FELT: Duration = Duration::from_secs(1);

/// The callers behind a key that was just made or rotated, at each of the replicas.
fn holders(app: &TestApp, created: &Value, replicas: usize) -> Vec<Persona> {
    let key = created["api_key"].as_str().expect("the key").to_owned();
    let id = created["id"].as_str().unwrap().parse().unwrap();
    let holder = app.persona(Some(key), id);
    (0..replicas).map(|replica| holder.at(app.url(replica))).collect()
}

#[test]
fn a16_a_revoked_key_is_refused_on_every_replica_within_a_second() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let north = app.tenant("north").await;
        let made = north.admin.post("/v1/auth/api-keys", &json!({"name": "n8n"})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let holders = holders(app, &made.json(), 2);
        for holder in &holders {
            assert_eq!(holder.get("/v1/patients").await.status, 200);
        }
        let text = made.json()["api_key"].as_str().unwrap().to_owned();
        assert_eq!(stored_in(app, &text).await, Vec::<String>::new(), "only a hash is stored");
        let listed = north.admin.get("/v1/auth/api-keys").await;
        assert!(!listed.text.contains(&text[9..]), "the list shows no secret");
        let last_four = format!("\"last_four\":\"{}\"", &text[text.len() - 4..]);
        assert!(listed.text.contains(&last_four), "{}", listed.text);

        let path = made.header("location").unwrap().to_owned();
        assert_eq!(north.admin.delete(&path).await.status, 204);
        for holder in &holders {
            until(FELT, "the key's end", || async {
                holder.get("/v1/patients").await.status == 401
            })
            .await;
            assert_eq!(holder.get("/v1/patients").await.problem(), "401 unauthenticated");
        }
        let entry = format!(
            "select count(*) from audit.entry where record_id = '{}' \
            and operation = 'UPDATE' and actor_id = '{}'",
            made.id(),
            north.admin.id
        );
        assert_eq!(count(app, &entry).await, 1, "the end of a key is in the ledger");
        let again = north.admin.post(&format!("{path}/rotate"), &json!({})).await;
        assert_eq!(again.problem(), "404 not_found", "an ended key has no successor");
    });
}

#[test]
fn a17_a_key_without_the_permission_is_refused_on_record_and_changes_nothing() {
    run_without_jobs(async |app| {
        let north = app.tenant("north").await;
        let known = Records::create(&north.admin).await;
        let before = records(app, north.id).await;
        let matrix = reeve::registry().unwrap().matrix;
        let mut refusals = 0;
        for (role, caller) in personas(&north) {
            for route in routes()
                .iter()
                .filter(|r| !matrix.permits(matrix.role("clinic", role), r.permission))
            {
                let id = Uuid::now_v7();
                let asked = request(caller, route, &known.path(route));
                let reply = caller.send(asked.header("X-Request-Id", id.to_string())).await;
                assert_eq!(reply.problem(), "403 forbidden", "{} as {role}", route.name);
                let rows = format!(
                    "select concat_ws(' ', outcome, reason, resource, permission, actor_id)
                    from audit.entry where request_id = '{id}'"
                );
                let expected =
                    format!("refused forbidden {} {} {}", route.name, route.permission, caller.id);
                assert_eq!(app.ask(&rows).await, [expected], "{} as {role}", route.name);
                refusals += 1;
            }
        }
        let reads_only = north.reader.post("/v1/patients", &patient("1")).await;
        assert_eq!(reads_only.problem(), "403 forbidden");
        assert!(refusals > 15, "{refusals}");
        assert_eq!(records(app, north.id).await, before);
    });
}

#[test]
fn m063_m088_a_good_key_is_served_and_every_other_credential_gets_the_same_401() {
    run(async |app| {
        let north = app.tenant("north").await;
        assert_eq!(north.reader.get("/v1/patients").await.status, 200);
        let good = north.reader.key.clone().unwrap();
        let padded = app.anonymous().request(reqwest::Method::GET, "/v1/patients");
        assert_eq!(north.reader.send(padded.header("x-api-key", &good)).await.status, 200);

        let missing = app.anonymous().get("/v1/patients").await;
        assert_eq!(missing.problem(), "401 unauthenticated");
        assert!(missing.header("www-authenticate").is_some());
        let mut flipped = good.clone().into_bytes();
        flipped[20] = if flipped[20] == b'a' { b'b' } else { b'a' };
        let unknown = ::kernel::identity::ApiKey::generate().unwrap().show_once();
        let bad = [
            String::from_utf8(flipped).unwrap(),
            unknown.as_str().to_owned(),
            String::new(),
            "reeve_sk_".into(),
            good[..good.len() - 1].into(),
            format!("{good}0"),
            good.to_uppercase(),
            "x".repeat(8000),
            format!("{good}' or '1'='1"),
            format!("{good}, {good}"),
        ];
        for key in bad {
            let reply = app.persona(Some(key.clone()), Uuid::nil()).get("/v1/patients").await;
            assert_eq!(reply.essence(), missing.essence(), "{key:?}");
        }
        // The credential has one place.
        for (header, value) in
            [("Authorization", format!("Bearer {good}")), ("Cookie", format!("api_key={good}"))]
        {
            let elsewhere = app.anonymous().request(reqwest::Method::GET, "/v1/patients");
            let reply = app.anonymous().send(elsewhere.header(header, value)).await;
            assert_eq!(reply.essence(), missing.essence(), "{header}");
        }
        let in_url = app.anonymous().get(&format!("/v1/patients?api_key={good}")).await;
        assert_eq!(in_url.essence(), missing.essence());
        // Every operation asks for it, and each refusal is on record.
        for route in &routes() {
            let id = Uuid::now_v7();
            let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
            let asked = request(&app.anonymous(), route, &path);
            let reply = app.anonymous().send(asked.header("X-Request-Id", id.to_string())).await;
            assert_eq!(reply.status, 401, "{}", route.name);
            let rows = format!(
                "select concat_ws(' ', actor_kind, outcome, reason, resource)
                from audit.entry where request_id = '{id}'"
            );
            let expected = format!("anonymous refused unauthenticated {}", route.name);
            assert_eq!(app.ask(&rows).await, [expected], "{}", route.name);
        }
    });
}

#[test]
fn m087_revoked_twice_a_key_stays_revoked_and_keeps_its_first_time() {
    run(async |app| {
        let north = app.tenant("north").await;
        let made = north.admin.post("/v1/auth/api-keys", &json!({"name": "n8n"})).await;
        let path = made.header("location").unwrap().to_owned();
        // Never used before its end: no replica has it in mind.
        assert_eq!(north.admin.delete(&path).await.status, 204);
        let when = format!("select revoked_at from kernel.api_key where id = '{}'", made.id());
        let first = app.ask(&when).await;
        assert_eq!(north.admin.delete(&path).await.status, 204);
        assert_eq!(app.ask(&when).await, first);
        let holder = holders(app, &made.json(), 1).remove(0);
        assert_eq!(holder.get("/v1/patients").await.problem(), "401 unauthenticated");
        // A tenant can end its own last admin's key; then nobody of it gets in as such.
        let own = format!("/v1/auth/api-keys/{}", north.admin.id);
        assert_eq!(north.admin.delete(&own).await.status, 204);
        until(FELT, "one's own end", || async {
            north.admin.get("/v1/patients").await.status == 401
        })
        .await;
    });
}

#[test]
fn a_rotated_key_works_beside_its_successor_for_the_overlap_and_no_longer() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let north = app.tenant("north").await;
        let first =
            north.admin.post("/v1/auth/api-keys", &json!({"name": "n8n", "role": "reader"})).await;
        let path = first.header("location").unwrap().to_owned();
        let old = holders(app, &first.json(), 2);
        let second =
            north.admin.post(&format!("{path}/rotate"), &json!({"overlap_hours": 1})).await;
        assert_eq!(second.status, 201, "{}", second.text);
        assert_eq!(
            (&second.json()["name"], &second.json()["role"]),
            (&json!("n8n"), &json!("reader"))
        );
        assert_ne!(second.json()["api_key"], first.json()["api_key"]);
        let new = holders(app, &second.json(), 2);
        for holder in old.iter().chain(&new) {
            assert_eq!(holder.get("/v1/patients").await.status, 200, "both work");
            assert_eq!(holder.post("/v1/patients", &patient("1")).await.status, 403, "same role");
        }
        let ends = format!(
            "select count(*) from kernel.api_key where id = '{}' and replaced_by = '{}'
            and expires_at between now() + interval '59 minutes' and now() + interval '1 hour'",
            first.id(),
            second.id()
        );
        assert_eq!(count(app, &ends).await, 1);

        let next = format!("{}/rotate", second.header("location").unwrap());
        let third = north.admin.post(&next, &json!({"overlap_hours": 0})).await;
        for holder in &new {
            until(FELT, "the old key's end", || async {
                holder.get("/v1/patients").await.status == 401
            })
            .await;
        }
        for holder in holders(app, &third.json(), 2) {
            assert_eq!(holder.get("/v1/patients").await.status, 200);
        }
        for hours in [json!(-1), json!(721), json!("24"), json!(1.5)] {
            let wrong = north.admin.post(&next, &json!({"overlap_hours": hours})).await;
            assert_eq!(wrong.problem(), "422 invalid", "{hours}");
        }
        assert_eq!(north.admin.post(&next, &json!({})).await.problem(), "404 not_found");
    });
}

#[test]
fn a_key_ends_at_its_time_without_anybody_doing_anything() {
    run(async |app| {
        let north = app.tenant("north").await;
        let soon = app.ask("select to_char(now() at time zone 'UTC' + interval '1500 ms', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')").await.remove(0);
        let body = json!({"name": "short", "expires_at": soon});
        let made = north.admin.post("/v1/auth/api-keys", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let holder = holders(app, &made.json(), 1).remove(0);
        assert_eq!(holder.get("/v1/patients").await.status, 200);
        until(Duration::from_secs(4), "its end", || async {
            holder.get("/v1/patients").await.status == 401
        })
        .await;
        let past = format!("select (now() > '{soon}')::text");
        assert_eq!(app.ask(&past).await, ["true"], "not before its time");
        let gone = json!({"name": "gone", "expires_at": "2020-01-01T00:00:00Z"});
        let refused = north.admin.post("/v1/auth/api-keys", &gone).await;
        assert_eq!((refused.status, refused.fields()), (422, vec!["body.expires_at".to_owned()]));
    });
}

#[test]
fn a_suspended_tenant_is_told_so_on_every_replica_within_a_second() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let at = |persona: &Persona, replica| persona.at(app.url(replica));
        let mut everybody = vec![];
        for (_, persona) in personas(&north) {
            everybody.extend([at(persona, 0), at(persona, 1)]);
        }
        for caller in &everybody {
            assert_ne!(caller.get("/v1/auth/api-keys").await.status, 401);
        }
        let mut platform = app.platform().await;
        tenant::suspend(&mut platform, "north", false).await.unwrap();
        for caller in &everybody {
            until(FELT, "the suspension", || async {
                caller.get("/v1/auth/api-keys").await.problem() == "403 tenant_suspended"
            })
            .await;
        }
        for route in &routes() {
            let id = Uuid::now_v7();
            let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
            let asked = request(&north.admin, route, &path);
            let reply = north.admin.send(asked.header("X-Request-Id", id.to_string())).await;
            assert_eq!(reply.problem(), "403 tenant_suspended", "{}", route.name);
            let rows = format!(
                "select concat_ws(' ', tenant_id, outcome, reason) from audit.entry
                where request_id = '{id}'"
            );
            assert_eq!(app.ask(&rows).await, [format!("{} refused tenant_suspended", north.id)]);
        }
        for replica in [0, 1] {
            assert_eq!(at(&south.reader, replica).get("/v1/patients").await.status, 200);
        }
        tenant::suspend(&mut platform, "north", true).await.unwrap();
        for caller in &everybody {
            until(FELT, "the return", || async {
                caller.get("/v1/auth/api-keys").await.problem() != "403 tenant_suspended"
            })
            .await;
        }
    });
}

#[test]
fn the_last_use_of_a_key_is_kept_without_a_write_for_each_request() {
    run(async |app| {
        let second = app.add_replica(&Options::default()).await;
        let north = app.tenant("north").await;
        let reader = north.reader.at(app.url(second));
        let uses =
            format!("select count(*) from kernel.api_key_use where tenant_id = '{}'", north.id);
        for _ in 0..100 {
            assert_eq!(reader.get("/v1/patients").await.status, 200);
        }
        assert_eq!(count(app, &uses).await, 0, "a hundred requests wrote nothing of their use");
        let last = app.ask("select now()").await.remove(0);
        assert_eq!(reader.get("/v1/patients").await.status, 200);
        app.stop_newest_replica().await;
        assert_eq!(count(app, &uses).await, 1);
        let noted = format!(
            "select (last_used_at >= '{last}' and last_used_at <= now())::text
            from kernel.api_key_use where id = '{}'",
            north.reader.id
        );
        assert_eq!(app.ask(&noted).await, ["true"]);
        let listed = north.admin.get("/v1/auth/api-keys").await.json();
        let items = listed["items"].as_array().unwrap();
        let used: Vec<_> = items.iter().filter(|item| !item["last_used_at"].is_null()).collect();
        assert_eq!(used.len(), 1, "{used:?}");
        assert_eq!(used[0]["id"], json!(north.reader.id));
    });
}

#[test]
fn a_key_is_shown_once_and_never_again() {
    run(async |app| {
        let north = app.tenant("north").await;
        let made = north.admin.post("/v1/auth/api-keys", &json!({"name": "n8n"})).await;
        let path = format!("{}/rotate", made.header("location").unwrap());
        let next = north.admin.post(&path, &json!({})).await;
        for shown in [&made, &next] {
            let text = shown.json()["api_key"].as_str().unwrap().to_owned();
            assert!(text.starts_with("reeve_sk_") && text.len() == 58, "{}", text.len());
            let secret = &text[9..];
            for (_, persona) in personas(&north) {
                for route in routes().iter().filter(|route| route.method == Method::Get) {
                    let reply = persona.get(&route.path.replace("{id}", &shown.id())).await;
                    assert!(!everything(&reply).contains(secret), "{}", route.name);
                }
            }
            assert_eq!(stored_in(app, secret).await, Vec::<String>::new());
            let hash = format!(
                "select encode(key_hash, 'hex') from kernel.api_key where id = '{}'",
                shown.id()
            );
            let hash = app.ask(&hash).await.remove(0);
            let everywhere = app.ask("select coalesce(before::text, '') || coalesce(after::text, '') from audit.entry").await;
            assert!(!everywhere.concat().contains(&hash), "not even the hash is in the ledger");
        }
    });
}

#[test]
fn an_idempotent_creation_keeps_no_key_in_the_clear() {
    run(async |app| {
        let north = app.tenant("north").await;
        let known = Records::create(&north.admin).await;
        for route in
            routes().iter().filter(|r| r.method == Method::Post && r.path.starts_with("/v1/auth/"))
        {
            let asked = request(&north.admin, route, &known.path(route));
            let made = north.admin.send(asked.header("Idempotency-Key", "once")).await;
            assert_eq!(made.status, 201, "{}", made.text);
            let text = made.json()["api_key"].as_str().unwrap().to_owned();
            let kept = stored_in(app, &text).await;
            assert_eq!(
                kept,
                Vec::<String>::new(),
                "{}: the key is stored in the clear",
                route.name
            );
        }
    });
}

#[test]
fn the_list_shows_each_keys_prefix_and_last_four() {
    run(async |app| {
        let north = app.tenant("north").await;
        let listed = north.auditor.get("/v1/auth/api-keys").await.json();
        for item in listed["items"].as_array().unwrap() {
            let prefix = item["prefix"].as_str().unwrap_or("none");
            assert!(prefix.starts_with("reeve_sk_") && prefix.len() < 20, "prefix of {item}");
            assert_eq!(item["last_four"].as_str().map(str::len), Some(4), "{item}");
        }
    });
}

#[test]
fn nobody_makes_a_key_that_may_more_than_his_own() {
    run(async |app| {
        let north = app.tenant("north").await;
        let matrix = reeve::registry().unwrap().matrix;
        let keys = "select count(*) from kernel.api_key";
        let before = count(app, keys).await;
        for role in ["owner", "root", "", "Admin", "admin ", "reeve_owner", "*"] {
            let refused =
                north.admin.post("/v1/auth/api-keys", &json!({"name": "x", "role": role})).await;
            assert_eq!(
                (refused.status, refused.fields()),
                (422, vec!["body.role".to_owned()]),
                "{role:?}"
            );
        }
        for (giver, caller) in personas(&north).into_iter().filter(|(role, _)| *role != "admin") {
            for role in matrix.names("clinic") {
                let reply =
                    caller.post("/v1/auth/api-keys", &json!({"name": "x", "role": role})).await;
                assert_eq!(reply.problem(), "403 forbidden", "{giver} gives {role}");
            }
        }
        assert_eq!(count(app, keys).await, before);
        for role in matrix.names("clinic") {
            let (admin, taken) = (matrix.role("clinic", "admin"), matrix.role("clinic", role));
            assert!(matrix.covers(admin, taken.unwrap()), "{role}");
            let made =
                north.admin.post("/v1/auth/api-keys", &json!({"name": "x", "role": role})).await;
            assert_eq!((made.status, &made.json()["role"]), (201, &json!(role)));
        }
    });
}

#[test]
fn a_key_row_that_claims_an_unknown_role_may_nothing() {
    run(async |app| {
        let north = app.tenant("north").await;
        let rename = format!(
            "set session_replication_role = replica;
             update kernel.api_key set role = 'retired' where id = '{}'",
            north.admin.id
        );
        execute(app, &rename).await;
        let known = Uuid::now_v7().to_string();
        for route in &routes() {
            let asked = request(&north.admin, route, &route.path.replace("{id}", &known));
            assert_eq!(north.admin.send(asked).await.problem(), "403 forbidden", "{}", route.name);
        }
    });
}

/// Roles belong to a whole PostgreSQL: this test has one of its own.
#[test]
fn it_refuses_to_serve_as_anything_stronger_than_it_must_be() {
    let folder = std::env::temp_dir().join(format!("reeve-strong-{}", std::process::id()));
    let cluster = Cluster::start(&folder, Durability::None).expect("PostgreSQL starts");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let accepted = runtime.block_on(async {
        let config = |role: &str, name: &str| Cluster::config(cluster.folder(), role, name);
        create_database(&config("reeve_admin", "postgres"), "reeve").await.unwrap();
        let registry = reeve::registry().unwrap();
        migrate(&config("reeve_admin", "reeve"), &registry.migrations).await.unwrap();
        let admin = config("reeve_admin", "reeve");
        let app = config("reeve_app", "reeve");
        assert_eq!(prepare(&app).await, "serves");
        assert_eq!(prepare(&admin).await, "reeve_admin is a superuser");
        let mut accepted = vec![];
        for (make, unmake) in [
            ("alter role reeve_app superuser", "alter role reeve_app nosuperuser"),
            ("alter role reeve_app bypassrls", "alter role reeve_app nobypassrls"),
            ("grant reeve_owner to reeve_app", "revoke reeve_owner from reeve_app"),
            ("grant reeve_ledger to reeve_app", "revoke reeve_ledger from reeve_app"),
            (
                "alter table clinic.patient owner to reeve_app",
                "alter table clinic.patient owner to reeve_owner",
            ),
            (
                "create role strong bypassrls; grant strong to reeve_app",
                "revoke strong from reeve_app",
            ),
            (
                "create role deputy; grant reeve_owner to deputy; grant deputy to reeve_app",
                "revoke deputy from reeve_app",
            ),
            ("grant reeve_keeper to reeve_app", "revoke reeve_keeper from reeve_app"),
        ] {
            run_sql(&admin, make).await;
            let said = prepare(&app).await;
            run_sql(&admin, unmake).await;
            if !said.starts_with("reeve_app ") {
                accepted.push(format!("after `{make}`: {said}"));
            }
        }
        assert_eq!(prepare(&app).await, "serves");
        accepted
    });
    drop((runtime, cluster));
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(accepted, Vec::<String>::new());
}

/// Whether a server would serve with this login; if not, as what it was refused.
async fn prepare(config: &Config) -> String {
    let pool = PoolSettings { config: config.clone(), size: 1, wait: Duration::from_secs(5) };
    let settings = Settings::from_map(&[].into()).unwrap();
    let registry = reeve::registry().unwrap();
    let secret = [7; 32];
    match Server::prepare(&settings, registry, pool, &secret, Clock::default()).await {
        Ok(server) => {
            server.core.db().close();
            "serves".into()
        }
        Err(StartError::TooStrong { login, power }) => format!("{login} {power}"),
        Err(other) => format!("another refusal: {other}"),
    }
}

async fn run_sql(config: &Config, sql: &str) {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    let work = async {
        client.batch_execute(sql).await.expect(sql);
        drop(client);
    };
    let (_, ended) = tokio::join!(work, connection);
    ended.unwrap();
}

#[test]
fn the_binary_refuses_a_superusers_url_with_code_3_and_says_what_to_do() {
    run(async |app| {
        let serve = Command::new(env!("CARGO_BIN_EXE_reeve"))
            .arg("serve")
            .current_dir(socket_folder().parent().unwrap())
            .env_clear()
            .env("DATABASE_URL", app.database.url("reeve_admin"))
            .env("SECRET_KEY", testkit::SECRET)
            .env("PORT", "0")
            .env("METRICS_ADDR", "off")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&serve.stderr);
        assert_eq!(serve.status.code(), Some(3), "{said}");
        assert!(said.contains("refusing to serve: login `reeve_admin` is a superuser"), "{said}");
        assert!(said.contains("reeve migrate"), "{said}");
    });
}

/// The tables that hold `text` in the clear, in any column, bytes included.
async fn stored_in(app: &TestApp, text: &str) -> Vec<String> {
    let tables =
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut found = vec![];
    for table in app.ask(tables).await {
        let sql = format!(
            "select count(*) from {table} t where t::text like any (array['%{text}%', '%{hex}%'])"
        );
        if count(app, &sql).await > 0 {
            found.push(table);
        }
    }
    found
}
