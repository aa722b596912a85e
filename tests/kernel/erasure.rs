//! Personal values lie sealed under their person's key; without it they are nowhere (POPIA s24, D11).

use std::{process::Command, time::Duration};

use ::kernel::{
    db::{Cluster, Platform, lint, migrate},
    tokio_postgres::Client,
};
use futures::future::join_all;
use policy::Classes;
use serde_json::{Value, json};
use testkit::{Options, Organisation, PASSWORD, Persona, TestApp, run, run_with, socket_folder};
use uuid::Uuid;

use super::{as_tenant, canary, count, execute, sqlstate, tenant_tables, until};

/// Subjects by routes of the test's own, and a consent of theirs.
mod probe {
    use ::kernel::{
        authz::{Answer, Authorized, Committed, Disclosed, Fetched},
        consent,
        http::{Docs, Item, Problem, Routes},
        module::Module,
        permissions,
        privacy::Pii,
        subjects::sql,
    };
    use policy::Grant;
    use serde_json::json;
    use uuid::Uuid;

    permissions! {
        ReadHeld = "probe:held", Discloses;
        ReadPlan = "probe:plan", Reads;
        ReadLooks = "probe:looks", Reads;
        Erase = "probe:erase", Writes;
        Consent = "probe:consent", Writes;
        Revoke = "probe:revoke", Writes;
    }

    async fn held(
        act: Authorized<ReadHeld>,
        Item(id): Item<Uuid>,
    ) -> Result<Disclosed<String>, Problem> {
        let held = sql::held_about(id, act.subject_tables());
        act.disclose_one(held, |row, reveal| Answer::ok(row.held.reveal(reveal).to_string())).await
    }

    async fn plan(
        act: Authorized<ReadPlan>,
        Item(id): Item<Uuid>,
    ) -> Result<Fetched<String>, Problem> {
        let plan = sql::erasure_plan(id, act.subject_tables());
        let told = |row: sql::PlanRow| json!({"plan": row.plan, "tables": row.tables}).to_string();
        act.fetch_one(plan, |row| Answer::ok(told(row))).await
    }

    async fn looks(
        act: Authorized<ReadLooks>,
        Item(id): Item<Uuid>,
    ) -> Result<Fetched<Vec<String>>, Problem> {
        act.fetch(sql::who_touched(vec![Uuid::nil(), id], 100), |rows| {
            let told = |row: sql::TouchRow| {
                let record = row.record_id.map(|id| id.to_string()).unwrap_or_default();
                let (actor, permission) = (row.actor.as_deref(), row.permission.as_deref());
                format!("{actor:?} {permission:?} {} {record}", row.resource)
            };
            let read = rows.into_iter().filter(|row| row.operation == "READ");
            Ok(Answer::ok(read.map(told).collect()))
        })
        .await
    }

    async fn erase(
        act: Authorized<Erase>,
        Item(id): Item<Uuid>,
    ) -> Result<Committed<bool>, Problem> {
        act.write(sql::erase(id), |row, _| Answer::ok(row.done)).await
    }

    async fn grant(
        act: Authorized<Consent>,
        Item(id): Item<Uuid>,
    ) -> Result<Committed<String>, Problem> {
        let columns = json!({"purpose": "probe", "purpose_description": "CANARYpurpose", "basis": "own",
            "lawful_basis": "consent", "grantor": "competent_person", "grantor_name": "CANARYgrantor",
            "relation": "CANARYrelation", "text_version": "1", "text_hash": "0".repeat(64), "language": "en",
            "channel": "paper", "document_reference": "CANARYreference", "granted_at": act.now().to_string()});
        let insert = consent::sql::insert_consent(act.new_id(), "probe", id, Pii::new(columns));
        act.write(insert, |row, reveal| {
            let name = row.grantor_name.map(|name| name.reveal(reveal));
            assert_eq!(name.as_deref(), Some("CANARYgrantor"), "a new key opens what it seals");
            assert!(row.address.is_some());
            Answer::ok(row.id.to_string())
        })
        .await
    }

    async fn revoke(
        act: Authorized<Revoke>,
        Item(id): Item<Uuid>,
    ) -> Result<Committed<Option<String>>, Problem> {
        let reason = Some(Pii::new("CANARYreason".to_owned()));
        let end =
            consent::sql::revoke_consent(id, "probe", act.now(), reason, Some("letter".into()));
        act.write(end, |row, _| Answer::ok(row.revoked_channel)).await
    }

    pub fn module() -> Module {
        let mut routes = Routes::default();
        let docs = Docs::new("probe", "", "");
        routes.get(ReadHeld, "/probe/held/{id}", held, docs);
        routes.get(ReadPlan, "/probe/plan/{id}", plan, docs);
        routes.get(ReadLooks, "/probe/looks/{id}", looks, docs);
        routes.post(Erase, "/probe/erase/{id}", erase, docs);
        routes.post(Consent, "/probe/consent/{id}", grant, docs);
        routes.post(Revoke, "/probe/revoke/{id}", revoke, docs);
        Module {
            name: "probe",
            title: "probe",
            prefix: "/probes",
            migrations: vec![],
            privacy: "",
            realm: Some(clinic::REALM),
            grants: &[Grant {
                role: "admin",
                permissions: &[
                    "probe:held",
                    "probe:plan",
                    "probe:looks",
                    "probe:erase",
                    "probe:consent",
                    "probe:revoke",
                ],
            }],
            above: None,
            delegates: &[],
            slices: &[],
            open: &[],
            open_slice: None,
            entities: &[],
            resources: &[],
            statements: vec![],
            constraints: Vec::new,
            limit: None,
            routes,
            jobs: Default::default(),
            events: &[],
        }
    }
}

fn probing() -> Options {
    Options { extra: Some(probe::module), ..Options::default() }
}

/// JSON that a route of the probe told as text.
fn told(reply: &testkit::Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(reply.json().as_str().unwrap()).unwrap()
}

/// Somebody whose values are found nowhere else.
struct Canary {
    person: Persona,
    email: String,
    name: String,
    phone: &'static str,
    consent: String,
}

impl Canary {
    async fn new(at: &Organisation) -> Self {
        let (person, name) = (at.role("reader").clone(), canary("NAME"));
        let phone = "+27825557391";
        let body = json!({"full_name": name, "phone": phone});
        assert_eq!(person.patch("/auth/me", &body).await.status, 200);
        let path = format!("/probe/consent/{}", person.id);
        let consent = at.role("admin").post(&path, &json!({})).await;
        assert_eq!(consent.status, 200, "{}", consent.text);
        let consent = consent.json().as_str().unwrap().to_owned();
        Self { person, email: at.email("reader"), name, phone, consent }
    }

    fn words(&self) -> [&str; 8] {
        let of_consent = ["CANARYpurpose", "CANARYgrantor", "CANARYrelation", "CANARYreference"];
        let [a, b, c, d] = of_consent;
        [&self.email, &self.name, self.phone, a, b, c, d, "Person of reader"]
    }

    fn assert_nowhere(&self, text: &str, place: &str) {
        let text = text.to_lowercase();
        for word in self.words() {
            let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
            for form in [word.to_lowercase(), hex] {
                assert!(!text.contains(&form), "{word} is in {place}");
            }
        }
    }
}

/// What a backup holds that leaves the keys apart.
async fn backup(app: &TestApp) -> String {
    let folder = app.ask("select setting from pg_config where name = 'BINDIR'").await.remove(0);
    let name = app.ask("select current_database()").await.remove(0);
    let dump = Command::new(format!("{folder}/pg_dump"))
        .args(["--exclude-schema=vault", "--username=reeve_admin", "--host"])
        .arg(socket_folder())
        .arg(&name)
        .output()
        .expect("pg_dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    String::from_utf8(dump.stdout).expect("UTF-8")
}

async fn assert_in_no_table(app: &TestApp, who: &Canary) {
    for table in tenant_tables(app).await {
        let rows = app.ask(&format!("select t::text from {table} t")).await.join("\n");
        who.assert_nowhere(&rows, &table);
    }
}

#[test]
fn d11_who_is_erased_is_nowhere_not_in_the_ledger_and_not_in_a_backup_taken_before() {
    run_with(probing(), async |app| {
        let north = app.organisation("clinic", "Clínica Norte").await;
        let who = Canary::new(&north).await;
        let (admin, id) = (north.role("admin"), who.person.id);
        let seen = admin.get(&format!("/auth/users/{id}")).await;
        assert!(seen.text.contains(&who.name) && seen.text.contains(&who.email), "{}", seen.text);
        let ledger = format!("/v1/audit?record_id={id}&limit=200");
        assert!(admin.get(&ledger).await.text.contains(&who.name), "the ledger opens");
        let held = told(&admin.get(&format!("/probe/held/{id}")).await);
        for word in &who.words()[..7] {
            assert!(held.to_string().contains(word), "{word}: {held}");
        }
        assert!(!held.to_string().contains("password_hash"), "a secret is told to nobody");

        // Taken while everything can still be read.
        let dump = backup(app).await;
        assert!(dump.contains(&id.to_string()) && !dump.contains("COPY vault."), "it is a backup");
        who.assert_nowhere(&dump, "the backup");
        assert_in_no_table(app, &who).await;

        // An answer that is kept for a retry names them.
        let path = format!("/auth/users/{id}");
        let change = admin.request(reqwest::Method::PATCH, &path).json(&json!({"role": "reader"}));
        let change = admin.send(change.header("Idempotency-Key", "once")).await;
        assert_eq!(change.status, 200, "{}", change.text);
        let kept = "select count(*) from kernel.idempotency where body is not null";
        assert_eq!(count(app, kept).await, 1);

        let erase = format!("/probe/erase/{id}");
        for _ in 0..2 {
            let erased = admin.post(&erase, &json!({})).await;
            assert_eq!(erased.status, 200, "{}", erased.text);
        }
        assert_eq!(count(app, kept).await, 0);
        assert_in_no_table(app, &who).await;
        let held = told(&admin.get(&format!("/probe/held/{id}")).await);
        who.assert_nowhere(&held.to_string(), "what is held");
        let account = &held["kernel.account"][0];
        for column in ["email", "full_name", "phone"] {
            assert_eq!(account[column], Value::Null, "{column}");
        }
        let entries = admin.get(&ledger).await;
        who.assert_nowhere(&entries.text, "the ledger");
        let deleted = entries.json()["items"].as_array().unwrap().iter().any(|entry| {
            entry["operation"] == "DELETE" && entry["actor_id"] == admin.id.to_string().as_str()
        });
        assert!(deleted, "the erasure is on record: {}", entries.text);
    });
}

#[test]
fn who_is_erased_is_out_and_stays_out() {
    run_with(probing(), async |app| {
        let north = app.organisation("clinic", "Clínica Norte").await;
        let who = Canary::new(&north).await;
        let (admin, id) = (north.role("admin"), who.person.id);
        let identity = format!(
            "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'system', false),
                    set_config('app.actor_id', '{id}', false), set_config('app.request_id', '{id}', false);
             insert into kernel.identity (tenant_id, id, account_id, issuer, subject)
             values (kernel.tenant(), gen_random_uuid(), '{id}', 'https://issuer.example', '{}')",
            north.id, who.email
        );
        execute(app, &identity).await;
        let reset = admin.post(&format!("/auth/users/{id}/reset"), &json!({})).await;
        assert!(reset.status < 300, "{}", reset.text);
        assert_eq!(admin.post(&format!("/probe/erase/{id}"), &json!({})).await.status, 200);
        until(Duration::from_secs(1), "the token ends", || async {
            who.person.get("/auth/me").await.problem() == "403 account_inactive"
        })
        .await;
        let tenant = north.id.to_string();
        let login = app.anonymous().sign_in(&tenant, &who.email, PASSWORD).await;
        assert_eq!(login.problem(), "401 invalid_credentials");
        assert_eq!(admin.get(&format!("/auth/users/{id}")).await.problem(), "404 not_found");
        let removed = north.role("auditor").id;
        assert_eq!(admin.delete(&format!("/auth/users/{removed}")).await.status, 204);
        let all = admin.get("/auth/users?deleted=true").await;
        assert_eq!(all.status, 200, "{}", all.text);
        assert!(all.text.contains(&removed.to_string()) && !all.text.contains(&id.to_string()));
        let left = [
            format!("kernel.one_time_code where account_id = '{id}' and used_at is null"),
            format!("kernel.session where account_id = '{id}' and ended_at is null"),
            format!("kernel.consent where subject_id = '{id}' and revoked_at is null"),
            format!("kernel.identity where account_id = '{id}' and subject <> id::text"),
            format!(
                "kernel.account where id = '{id}' and (password_hash is not null or email_index is not null)"
            ),
        ];
        for rows in left {
            assert_eq!(count(app, &format!("select count(*) from {rows}")).await, 0, "{rows}");
        }
        // Nothing more is written about them, and a consent of theirs still decodes.
        let again = admin.post(&format!("/probe/consent/{id}"), &json!({})).await;
        assert_eq!(again.problem(), "409 erased");
        let revoked = admin.post(&format!("/probe/revoke/{}", who.consent), &json!({})).await;
        assert_eq!((revoked.status, revoked.json()), (200, Value::Null), "{}", revoked.text);
        let session = as_tenant(app, north.id).await;
        assert_eq!(sqlstate(&session, &format!("select kernel.seal('{id}', 'x')")).await, "RV701");
        // Their address is free for somebody else.
        let body = json!({"email": who.email, "full_name": "Somebody Else", "role": "reader"});
        assert_eq!(admin.post("/auth/users", &body).await.status, 201);
    });
}

#[test]
fn a_consents_end_says_how_and_why_and_a_second_one_changes_nothing() {
    run_with(probing(), async |app| {
        let north = app.organisation("clinic", "Clínica Norte").await;
        let who = Canary::new(&north).await;
        let path = format!("/probe/revoke/{}", who.consent);
        for _ in 0..2 {
            let reply = north.role("admin").post(&path, &json!({})).await;
            assert_eq!((reply.status, reply.json()), (200, json!("letter")), "{}", reply.text);
        }
        let session = as_tenant(app, north.id).await;
        let kept = "select kernel.open(revoked_reason) || ' ' || lawful_basis from kernel.consent";
        assert_eq!(text(&session, kept).await.unwrap(), "CANARYreason consent");
    });
}

async fn text(session: &Client, sql: &str) -> Option<String> {
    session.query_one(sql, &[]).await.expect(sql).get(0)
}

#[test]
fn the_plan_says_what_goes_and_what_stays_by_which_rule() {
    run_with(probing(), async |app| {
        let north = app.organisation("clinic", "Clínica Norte").await;
        let who = Canary::new(&north).await;
        let admin = north.role("admin");
        let path = format!("/probe/plan/{}", who.person.id);
        let plan = told(&admin.get(&path).await);
        let of = |table: &str| {
            let tables = plan["tables"].as_array().unwrap();
            tables.iter().find(|part| part["table"] == table).cloned().unwrap_or_default()
        };
        let account = of("kernel.account");
        assert_eq!(account["goes"], json!(["email", "full_name", "phone"]));
        assert_eq!(account["rows"], json!(1));
        let stays = json!({"column": "address", "rule": "security"});
        assert!(of("kernel.session")["stays"].as_array().unwrap().contains(&stays), "{plan}");
        for part in plan["tables"].as_array().unwrap() {
            for kept in part["stays"].as_array().unwrap() {
                let rule = policy::erasure::rule(kept["rule"].as_str().unwrap());
                assert!(rule.is_some(), "{kept}");
            }
        }
        assert_eq!(
            told(&admin.get(&path).await)["plan"],
            plan["plan"],
            "the same plan, the same id"
        );
        assert_eq!(plan["plan"].as_str().unwrap().len(), 64);
        assert_eq!(
            admin.post(&format!("/probe/consent/{}", who.person.id), &json!({})).await.status,
            200
        );
        assert_ne!(told(&admin.get(&path).await)["plan"], plan["plan"], "there is more to erase");
    });
}

#[test]
fn who_looked_is_told_of_lists_and_single_readings_and_of_nobody_elses_record() {
    run_with(probing(), async |app| {
        let north = app.organisation("clinic", "Clínica Norte").await;
        let (admin, id) = (north.role("admin"), north.role("reader").id);
        let path = format!("/probe/looks/{id}");
        let before = admin.get(&path).await.json();
        let other = north.role("auditor").id;
        for path in
            [format!("/auth/users/{id}"), format!("/auth/users/{other}"), "/auth/users".into()]
        {
            assert_eq!(admin.get(&path).await.status, 200, "{path}");
        }
        let after = admin.get(&path).await.json();
        let look = format!("Some(\"admin\") Some(\"user:read\") kernel.account {id}");
        let new = after.as_array().unwrap().len() - before.as_array().unwrap().len();
        assert_eq!(new, 2, "{after}");
        assert_eq!(after[0], look.as_str(), "{after}");
        assert_eq!(after[1], look.as_str(), "{after}");
    });
}

#[test]
fn a_sealed_value_opens_under_its_own_tenant_alone() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let (here, there) = (as_tenant(app, north.id).await, as_tenant(app, south.id).await);
        let key = Uuid::now_v7();
        let sealed =
            text(&here, &format!("select kernel.seal('{key}', 'Ada')::text")).await.unwrap();
        let again =
            text(&here, &format!("select kernel.seal('{key}', 'Ada')::text")).await.unwrap();
        assert_ne!(sealed, again, "the same value is not seen to be the same");
        let open = format!("select kernel.open('{sealed}')");
        assert_eq!(text(&here, &open).await.as_deref(), Some("Ada"));
        assert_eq!(text(&there, &open).await, None);
        // Nor with a key of the same name, nor does its end touch the other's.
        let own = format!("select kernel.open(kernel.seal('{key}', 'Eve'))");
        assert_eq!(text(&there, &own).await.as_deref(), Some("Eve"));
        assert_eq!(sqlstate(&there, &open).await, "39000", "another key opens nothing");
        assert_eq!(sqlstate(&there, &format!("select kernel.destroy_key('{key}')")).await, "ok 1");
        assert_eq!(text(&here, &open).await.as_deref(), Some("Ada"));
        for table in ["subject_key", "pepper"] {
            assert_eq!(sqlstate(&here, &format!("select from vault.{table}")).await, "42501");
        }
        for odd in ["Ada", "\\x52565331", "\\x00"] {
            assert_ne!(
                sqlstate(&here, &format!("select '{odd}'::kernel.sealed")).await,
                "ok 1",
                "{odd}"
            );
        }
        // What only looks sealed stays as it was typed, and so does all in columns that hold nothing sealed.
        let opened_in = |table: &str, typed: &str| {
            let image = json!({"email": typed, "b": [1]}).to_string();
            format!("select audit.opened('{table}', '{image}') ->> 'email'")
        };
        let opened = |typed: &str| opened_in("kernel.account", typed);
        let broken = format!("{sealed}00");
        assert_eq!(text(&here, &opened(&sealed)).await.as_deref(), Some("Ada"));
        assert_eq!(text(&here, &opened(&broken)).await.as_deref(), Some(broken.as_str()));
        let of_nobody = format!("\\x52565331{}", "0".repeat(96));
        assert_eq!(text(&here, &opened(&of_nobody)).await, None);
        for table in ["kernel.tenant", "kernel.gone"] {
            let kept = text(&here, &opened_in(table, &sealed)).await;
            assert_eq!(kept.as_deref(), Some(sealed.as_str()), "{table}");
        }
    });
}

#[test]
fn many_who_seal_at_once_under_a_new_key_make_one() {
    run(async |app| {
        let north = app.tenant("north").await;
        let sessions = join_all((0..8).map(|_| as_tenant(app, north.id))).await;
        let sql = format!("select kernel.open(kernel.seal('{}', 'Ada'))", Uuid::now_v7());
        for opened in join_all(sessions.iter().map(|session| text(session, &sql))).await {
            assert_eq!(opened.as_deref(), Some("Ada"));
        }
    });
}

#[test]
fn an_answer_kept_by_a_request_that_ran_meanwhile_is_emptied_too() {
    run(async |app| {
        let north = app.tenant("north").await;
        let (writer, eraser) = (as_tenant(app, north.id).await, as_tenant(app, north.id).await);
        let who = Uuid::now_v7();
        let claim = r"begin; select kernel.claim_idempotency('route', 'key', '\x00')";
        writer.batch_execute(claim).await.unwrap();
        let erase = format!("select kernel.erase('{who}')");
        let keep = format!(
            "update kernel.idempotency set status = 200, body = convert_to('{who}', 'UTF8'); commit"
        );
        let answered = async {
            let waits = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
                          where d.datname = current_database() and l.locktype = 'advisory' and not l.granted";
            until(Duration::from_secs(2), "the erasure waits", async || {
                count(app, waits).await == 1
            })
            .await;
            writer.batch_execute(&keep).await.unwrap();
        };
        let (erased, ()) = tokio::join!(eraser.batch_execute(&erase), answered);
        erased.unwrap();
        let kept = "select count(*) from kernel.idempotency where body is not null";
        assert_eq!(count(app, kept).await, 0);
        // Those of other tenants do not wait for each other.
        let south = as_tenant(app, app.tenant("south").await.id).await;
        writer
            .batch_execute("begin; select kernel.claim_idempotency('route', 'other', '')")
            .await
            .unwrap();
        assert_eq!(sqlstate(&south, &erase).await, "ok 1");
    });
}

#[test]
fn a_client_that_calls_itself_what_looks_sealed_is_told_what_it_said() {
    run_with(probing(), async |app| {
        let north = app.organisation("clinic", "Clínica Norte").await;
        let (admin, who) = (north.role("admin"), north.role("reader"));
        let session = as_tenant(app, north.id).await;
        let seal = format!("select kernel.seal('{}', 'CANARYopened')::text", admin.id);
        let sealed = text(&session, &seal).await.unwrap();
        let body =
            json!({"email": north.email("reader"), "password": PASSWORD, "tenant": north.id});
        let login = app.anonymous().request(reqwest::Method::POST, "/auth/login").json(&body);
        let login = app.anonymous().send(login.header("User-Agent", &sealed)).await;
        assert_eq!(login.status, 200, "{}", login.text);
        let held = told(&admin.get(&format!("/probe/held/{}", who.id)).await);
        let agents: Vec<_> = held["kernel.session"].as_array().unwrap().iter().collect();
        assert!(agents.iter().any(|one| one["user_agent"] == sealed.as_str()), "{held}");
        let ledger = admin.get("/v1/audit?resource=kernel.session&limit=200").await;
        assert!(ledger.text.contains(&sealed[2..]), "{}", ledger.text);
        for told in [held.to_string(), ledger.text] {
            assert!(!told.contains("CANARYopened"), "{told}");
        }
    });
}

#[test]
fn a_new_table_with_a_personal_column_and_no_subject_is_a_finding() {
    run(async |app| {
        let modules = reeve::modules();
        let ours = include_str!("../../kernel/privacy.toml");
        let new = "[kernel.t]\nledger = { none = \"a probe\" }\nid = \"technical\"\nname = \"identified\"";
        let classes = |new: &'static str| {
            Classes::parse(modules.iter().map(|module| module.privacy).chain([ours, new])).unwrap()
        };
        let platform = app.platform().await;
        let table = "reset role; begin; create table kernel.t (id uuid, name text)";
        platform.client().batch_execute(table).await.unwrap();
        let found = lint(platform.client(), &classes(new)).await.unwrap();
        let found: Vec<_> = found.iter().map(|f| (f.code, f.object.as_str())).collect();
        assert_eq!(found, [("subject-missing", "kernel.t")]);
        let said = "[kernel.t]\nledger = { none = \"a probe\" }\nsubject = { none = \"nobody's\" }\nid = \"technical\"\nname = \"identified\"";
        assert_eq!(lint(platform.client(), &classes(said)).await.unwrap(), []);
        platform.client().batch_execute("rollback").await.unwrap();
    });
}

#[test]
fn rows_of_before_are_sealed_where_they_lie_and_no_change_of_theirs_is_on_record() {
    run(async |app| {
        execute(app, "create database before_the_vault template template0").await;
        let config = Cluster::config(socket_folder(), "reeve_admin", "before_the_vault");
        let all = reeve::registry().unwrap().migrations;
        let before: Vec<_> =
            all.iter().filter(|m| m.module == "kernel" && m.number < 13).copied().collect();
        migrate(&config, &before).await.unwrap();
        let (tenant, gone, who) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let platform = Platform::connect(&config, Uuid::now_v7()).await.unwrap();
        let fill = format!(
            "reset role; set session_replication_role = replica;
             insert into kernel.tenant (tenant_id, id, name) values ('{tenant}', '{tenant}', 'North');
             insert into kernel.account (tenant_id, id, email, full_name, phone, deleted_at) values
                 ('{tenant}', '{who}', 'ada@x.example', 'Ada Byron', null, null),
                 ('{tenant}', '{gone}', 'ada@x.example', 'Ada Before', '1234567', now());
             insert into kernel.consent (tenant_id, id, subject_kind, subject_id, purpose, basis, grantor, grantor_name,
                    relation, text_version, text_hash, language, channel, granted_at, revoked_at, revoked_reason)
             values ('{tenant}', gen_random_uuid(), 'probe', '{who}', 'p', 'own', 'self', 'Ada Byron', 'self', '1',
                     repeat('0', 64), 'en', 'paper', now(), now(), 'Ada moves')"
        );
        platform.client().batch_execute(&fill).await.unwrap();
        migrate(&config, &all).await.unwrap();
        let ask = async |sql: &str| text(platform.client(), sql).await;
        let context = format!("select set_config('app.tenant_id', '{tenant}', false)");
        ask(&context).await;
        let opened = "select string_agg(concat_ws(' ', kernel.open(email), kernel.open(full_name), kernel.open(phone),
                   version, email_index = kernel.blind('ada@x.example')), ',' order by phone) from kernel.account";
        let rows = ask(opened).await.unwrap();
        assert_eq!(rows.split(',').count(), 2);
        for row in ["ada@x.example Ada Byron 1 t", "ada@x.example Ada Before 1234567 1 t"] {
            assert!(rows.split(',').any(|found| found == row), "{rows}");
        }
        let consent = "select concat_ws(' ', kernel.open(grantor_name), kernel.open(relation), kernel.open(revoked_reason),
                   version) from kernel.consent";
        assert_eq!(ask(consent).await.unwrap(), "Ada Byron self Ada moves 1");
        let told = "select count(*)::text from audit.entry where resource in ('kernel.account', 'kernel.consent')";
        assert_eq!(ask(told).await.unwrap(), "0");
        let text = "select string_agg(t, '') from (select a::text as t from kernel.account a
                    union all select c::text from kernel.consent c) rows";
        assert!(!ask(text).await.unwrap().contains("Ada"));
        drop(platform);
        execute(app, "drop database before_the_vault with (force)").await;
    });
}
