//! A tenant reaches its own rows and no others (promise P1): the cases of group G1.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use ::kernel::{db::lint, http::Method};
use serde_json::{Value, json};
use testkit::{Options, Persona, Reply, TestApp, appointment, patient, run, run_with};
use uuid::Uuid;

use super::{
    Records, canary, contents, count, everything, example, execute, item_routes, personas, records,
    request, routes, sqlstate, tenant_tables, until, writes,
};

#[test]
fn t01_another_tenants_id_answers_like_a_random_id() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let word = canary("T01");
        let theirs = Records::create(&north.admin).await;
        fill(&north.admin, &word).await;
        Records::create(&south.admin).await;
        let before = contents(app, north.id).await;
        let anonymous = app.anonymous();
        let mut callers = personas(&south).to_vec();
        callers.push(("anonymous", &anonymous));
        for (role, caller) in callers {
            for route in &item_routes() {
                let (path, random) = (theirs.path(route), Uuid::now_v7().to_string());
                let nowhere = route.path.replace("{id}", &random);
                for header in [None, Some("If-Match"), Some("Idempotency-Key")] {
                    let what = format!("{} as {role} with {header:?}", route.name);
                    let ask = async |path: &str| {
                        let plain = request(caller, route, path);
                        caller
                            .send(match header {
                                Some("If-Match") => plain.header("If-Match", "\"1\""),
                                Some(name) => plain.header(name, Uuid::now_v7().to_string()),
                                None => plain,
                            })
                            .await
                    };
                    let (real, none) = (ask(&path).await, ask(&nowhere).await);
                    assert_eq!(real.essence(), none.essence(), "{what}");
                    let refused = if role == "anonymous" { 401 } else { 403 };
                    assert!([404, refused].contains(&real.status), "{what}: {}", real.text);
                }
            }
            for route in routes().iter().filter(|route| !route.path.contains('{')) {
                let reply = caller.send(request(caller, route, route.path)).await;
                let said = everything(&reply);
                let leaked = theirs.ids().chain([&word]).find(|secret| said.contains(*secret));
                assert_eq!(leaked, None, "{} as {role}: {said}", route.name);
                assert!(reply.status < 500, "{}: {}", route.name, reply.text);
            }
        }
        assert_eq!(contents(app, north.id).await, before, "nothing changed for the other tenant");
    });
}

#[test]
fn t02_a_connection_goes_from_one_tenant_to_the_next_with_nothing_of_the_first() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        spy_on_checkouts(app).await;
        let one = app.add_replica(&Options { pool: 1, ..Options::default() }).await;
        let a = north.integration.at(app.url(one));
        let b = south.integration.at(app.url(one));
        let mine = b.new_patient("77").await;
        for round in 0..5 {
            let id = a.new_patient(&format!("9{round}")).await;
            let with_key = a.request(reqwest::Method::PATCH, &format!("/v1/patients/{id}"));
            let kept = with_key
                .header("Idempotency-Key", format!("k{round}"))
                .json(&json!({"email": "a@example.org"}));
            assert_eq!(a.send(kept).await.status, 200);
            let conflict = a.post("/v1/patients", &patient(&format!("9{round}"))).await;
            assert_eq!(conflict.problem(), "409 document_taken");
            assert_eq!(a.get("/v1/patients?phone=3005550142").await.status, 200);
            let listed = b.get("/v1/patients").await;
            assert_eq!(ids(&listed), [mine.as_str()], "{}", listed.text);
        }
        let backends = "select count(distinct pid) from public.checkouts
                         where tenant in (select id::text from kernel.tenant)";
        assert_eq!(count(app, backends).await, 1, "both tenants were on one connection");
        let transactions = "select count(*) - count(distinct transaction) from public.checkouts";
        assert_eq!(count(app, transactions).await, 0, "no transaction was open at a checkout");
        assert!(count(app, "select last_value from public.looks").await > 25);
        assert_eq!(leaks(app).await, 0, "the tenant setting was empty at every checkout");
    });
}

#[test]
fn t03_without_a_tenant_no_row_is_seen_and_none_can_be_written() {
    run(async |app| {
        let north = app.tenant("north").await;
        Records::create(&north.admin).await;
        let tables = tenant_tables(app).await;
        assert!(tables.len() >= 8, "{tables:?}");
        let session = app.database.session("reeve_app").await;
        let used =
            "begin; select set_config('app.tenant_id', gen_random_uuid()::text, true); commit";
        for settle in ["select 1", used, "select set_config('app.tenant_id', '', false)"] {
            session.batch_execute(settle).await.unwrap();
            for role in ["reset role", "set role reeve_search"] {
                session.batch_execute(role).await.unwrap();
                for table in &tables {
                    let seen = sqlstate(&session, &format!("select tenant_id from {table}")).await;
                    let no_grant = role.ends_with("search") && seen == "42501";
                    assert!(seen == "ok 0" || no_grant, "{table} after `{settle}; {role}`: {seen}");
                    let insert = format!("insert into {table} (tenant_id) values ('{}')", north.id);
                    assert_eq!(sqlstate(&session, &insert).await, "42501", "{table} {role}");
                    let other =
                        format!("insert into {table} (tenant_id) values (gen_random_uuid())");
                    assert_eq!(sqlstate(&session, &other).await, "42501", "{table} {role}");
                }
            }
            session.batch_execute("reset role").await.unwrap();
        }
        let entry = "insert into audit.entry (operation, resource) values ('READ', 'x')";
        assert_eq!(sqlstate(&session, entry).await, "42501");
    });
}

#[test]
fn t04_a_fresh_database_has_no_finding_and_its_server_no_power() {
    run(async |app| {
        let registry = reeve::registry().unwrap();
        let platform = app.platform().await;
        assert_eq!(lint(platform.client(), &registry.classes).await.unwrap(), []);
        let powers = "select rolname from pg_roles where rolname in ('reeve_app', 'reeve_search')
            and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolinherit)";
        assert_eq!(app.ask(powers).await, Vec::<String>::new());
        let owned = "select r.rolname || ' owns ' || d.classid::regclass || ' ' || d.objid
            from pg_shdepend d join pg_roles r on r.oid = d.refobjid
            where d.deptype = 'o' and r.rolname in ('reeve_app', 'reeve_search')";
        assert_eq!(app.ask(owned).await, Vec::<String>::new());
        let memberships = "select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid
            join pg_roles r on r.oid = m.member where r.rolname in ('reeve_app', 'reeve_search') order by 1";
        assert_eq!(app.ask(memberships).await, ["reeve_search"]);
    });
}

/// The policy that every governed table has.
const BY_TENANT: &str = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid";

#[test]
fn t05_a_table_without_a_policy_is_named_by_the_lint() {
    run(async |app| {
        let registry = reeve::registry().unwrap();
        let platform = app.platform().await;
        let create = "create table clinic.forgotten (tenant_id uuid not null, id uuid not null,
                      primary key (tenant_id, id)); grant select, insert on clinic.forgotten to reeve_app";
        platform.client().batch_execute(create).await.unwrap();
        let findings = lint(platform.client(), &registry.classes).await.unwrap();
        platform.client().batch_execute("drop table clinic.forgotten").await.unwrap();
        for code in ["rls-not-forced", "policy-missing"] {
            let named = findings.iter().any(|f| f.code == code && f.object == "clinic.forgotten");
            assert!(named, "{code} is not among {findings:?}");
        }
        assert_eq!(lint(platform.client(), &registry.classes).await.unwrap(), []);
    });
}

/// Drift, what the lint calls it, and the object that it must name.
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn drifts() -> Vec<(String, &'static str, &'static str)> {
    let table = "create table clinic.t (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));";
    let forced = "alter table clinic.t enable row level security; alter table clinic.t force row level security;";
    let policy = |clauses: &str| {
        format!("{table}{forced} create policy p on clinic.t to reeve_app {clauses}")
    };
    let plain = |sql: &str| sql.to_owned();
    vec![
        (plain("alter table clinic.patient disable row level security"), "rls-not-forced", "clinic.patient"),
        (plain("alter table clinic.patient no force row level security"), "rls-not-forced", "clinic.patient"),
        (policy(&format!("using ({BY_TENANT})")), "policy-without-check", "clinic.t p"),
        (policy("using (true) with check (true)"), "policy-not-by-tenant", "clinic.t p"),
        (policy(&format!("using ({BY_TENANT}) with check (true)")), "policy-not-by-tenant", "clinic.t p"),
        (
            policy(&format!("using ({BY_TENANT} or true) with check ({BY_TENANT})")),
            "policy-not-by-tenant",
            "clinic.t p",
        ),
        (plain("create policy open on clinic.patient for select using (true)"), "policy-not-by-tenant", "clinic.patient open"),
        (plain("create view clinic.v as select * from clinic.patient"), "view-without-invoker", "clinic.v"),
        (
            plain("create materialized view clinic.m as select id from clinic.patient; grant select on clinic.m to reeve_app"),
            "unprotected-relation-granted",
            "clinic.m",
        ),
        (
            plain("create foreign data wrapper w; create server s foreign data wrapper w;
                   create foreign table clinic.f (id uuid) server s; grant select on clinic.f to reeve_app"),
            "unprotected-relation-granted",
            "clinic.f",
        ),
        (
            plain("create function clinic.d() returns int language sql security definer return 1"),
            "definer-function-open",
            "clinic.d()",
        ),
        (
            plain("create function clinic.d() returns int language sql security definer return 1;
                   revoke all on function clinic.d() from public"),
            "definer-function-open",
            "clinic.d()",
        ),
        (
            plain("do $$ begin execute format('grant select on audit.%I to reeve_app',
                   'entry_' || to_char(now() at time zone 'UTC', 'YYYY_MM')); end $$"),
            "partition-readable",
            "audit.entry_",
        ),
        (
            format!("{table} create unique index u on clinic.t (id);
                     create table clinic.r (tenant_id uuid not null, id uuid references clinic.t (id))"),
            "foreign-key-across-tenants",
            "clinic.r ",
        ),
        (format!("{table} create unique index u on clinic.t (id)"), "tenant-not-first", "clinic.t clinic.u"),
        (plain("grant update on audit.entry to reeve_app"), "ledger-not-insert-only", "reeve_app"),
        (plain("grant delete on audit.entry to public"), "ledger-not-insert-only", "reeve_owner"),
        (plain("grant truncate on audit.entry to reeve_owner"), "ledger-not-insert-only", "reeve_owner"),
        (plain("grant insert (actor_id) on audit.entry to reeve_app"), "ledger-not-insert-only", "reeve_app"),
        (plain("alter table clinic.patient drop constraint patient_pkey; alter table clinic.patient alter tenant_id drop not null"),
         "tenant-nullable", "clinic.patient"),
        (plain("alter table clinic.patient add column blood_type text"), "column-without-class", "clinic.patient.blood_type"),
        (plain("alter table clinic.patient drop column eps_id"), "class-without-column", "clinic.patient.eps_id"),
        (plain("alter table clinic.patient disable trigger ledger"), "ledger-trigger-missing", "clinic.patient"),
        (plain("drop trigger ledger on clinic.appointment; create trigger ledger after insert or update or delete
                on clinic.appointment for each row execute function audit.record()"),
         "ledger-mask-differs", "clinic.appointment"),
        (plain("grant delete on clinic.patient to reeve_app"), "delete-granted", "clinic.patient"),
        (plain("alter table clinic.patient owner to reeve_app"), "server-owns", "clinic.patient"),
        (plain("alter function kernel.tenant() owner to reeve_app"), "server-owns", "kernel.tenant()"),
        (
            plain("create table public.astray (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
                   grant select on public.astray to reeve_app"),
            "rls-not-forced",
            "astray",
        ),
    ]
}

#[test]
fn every_kind_of_drift_is_named_by_the_lint() {
    run(async |app| {
        let registry = reeve::registry().unwrap();
        let mut missed = vec![];
        for (drift, code, object) in drifts() {
            let platform = app.platform().await;
            let begin = format!("reset role; begin; {drift}");
            platform.client().batch_execute(&begin).await.expect(&drift);
            let findings = lint(platform.client(), &registry.classes).await.unwrap();
            platform.client().batch_execute("rollback").await.unwrap();
            if !findings.iter().any(|f| f.code == code && f.object.contains(object)) {
                let found: Vec<_> = findings.iter().map(|f| (f.code, &f.object)).collect();
                missed.push(format!("{drift}\n  wanted {code} {object}, found {found:?}"));
            }
        }
        assert!(missed.is_empty(), "the lint misses:\n{}", missed.join("\n"));
    });
}

#[test]
fn t06_no_view_or_function_shows_another_tenants_rows() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        Records::create(&north.admin).await;
        Records::create(&south.admin).await;
        let ours = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";
        let relations = format!(
            "select c.oid::regclass::text || ' ' || c.relkind::text || ' ' ||
                    coalesce('security_invoker=true' = any(c.reloptions), false)
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where {ours} and c.relkind in ('v', 'm', 'f')
                and has_schema_privilege('reeve_app', n.oid, 'usage')
                and has_any_column_privilege('reeve_app', c.oid, 'select')"
        );
        let session = as_tenant(app, south.id).await;
        for found in app.ask(&relations).await {
            let parts: Vec<&str> = found.split(' ').collect();
            assert_eq!(parts[1..], ["v", "true"], "{found}");
            let theirs = format!("select from {} t where t::text like '%{}%'", parts[0], north.id);
            assert_eq!(sqlstate(&session, &theirs).await, "ok 0", "{found}");
        }
        // A function runs with the caller's rights, or is one of these, whose rights are the
        // function's own; a new one needs a case below.
        let definers = format!(
            "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where {ours} and p.prosecdef and has_function_privilege('reeve_app', p.oid, 'execute')
                and has_schema_privilege('reeve_app', n.oid, 'usage') order by 1"
        );
        let known = ["audit.make_partitions(integer)", "kernel.find_key(bytea)", "kernel.sweep()"];
        assert_eq!(app.ask(&definers).await, known);
        for none in ["null", "''", "sha256('reeve_sk_')", "'\\x00'"] {
            let sql = format!("select from kernel.find_key({none}::bytea)");
            assert_eq!(sqlstate(&session, &sql).await, "ok 0", "{none}");
        }
        let before = records(app, north.id).await;
        for call in ["select kernel.sweep()", "select audit.make_partitions(1)"] {
            assert_eq!(sqlstate(&session, call).await, "ok 1");
        }
        assert_eq!(records(app, north.id).await, before);
    });
}

#[test]
fn t07_no_partition_can_be_read_by_its_own_name() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        north.admin.new_patient("1").await;
        let partitions = app.ask("select oid::regclass::text from pg_class where relispartition and relkind in ('r', 'p')").await;
        assert!(partitions.len() >= 14, "{partitions:?}");
        let session = as_tenant(app, south.id).await;
        for role in ["reset role", "set role reeve_search"] {
            session.batch_execute(role).await.unwrap();
            for partition in &partitions {
                for sql in ["select 1 from", "delete from", "truncate", "insert into"] {
                    let rest = if sql == "insert into" { " default values" } else { "" };
                    let state = sqlstate(&session, &format!("{sql} {partition}{rest}")).await;
                    assert_eq!(state, "42501", "{role}: {sql} {partition}");
                }
            }
        }
    });
}

#[test]
fn t08_ten_thousand_dropped_requests_leave_the_only_connection_clean() {
    let options = Options { wait: Duration::from_secs(20), ..Options::default() };
    run_with(options.clone(), async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        spy_on_checkouts(app).await;
        let one = app.add_replica(&Options { pool: 1, ..options }).await;
        let b = south.integration.at(app.url(one));
        let mine = b.new_patient("77").await;
        let known = north.integration.new_patient("1").await;
        let seed = Uuid::now_v7().as_u128() as u64;
        println!("seed of the storm: {seed}");
        // As long as a request takes, and a little more, so that each of its moments is hit.
        let begun = Instant::now();
        for number in 0..20 {
            north.integration.at(app.url(one)).new_patient(&format!("calm-{number}")).await;
        }
        let longest =
            (begun.elapsed() / 14).clamp(Duration::from_millis(2), Duration::from_millis(4));
        let storm = Storm {
            longest,
            address: app.url(one).trim_start_matches("http://").parse().unwrap(),
            key: north.integration.key.clone().unwrap(),
            known,
            sent: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        };
        let begun = Instant::now();
        let mut longest_idle = 0;
        std::thread::scope(|scope| {
            for worker in 0..2 {
                let storm = &storm;
                scope.spawn(move || storm.rage(seed ^ (worker + 1)));
            }
            let watch = watch_over(app, &b, &mine, &storm.over);
            let wait = || tokio::runtime::Handle::current().block_on(watch);
            longest_idle = tokio::task::block_in_place(wait);
        });
        let (sent, answered) = (storm.sent.into_inner(), storm.answered.into_inner());
        let made = count(app, "select count(*) from clinic.patient").await;
        let looks = count(app, "select last_value from public.looks").await;
        let took = begun.elapsed();
        println!(
            "{sent} sent, {answered} answered first, {looks} transactions, {made} made, {longest:?}, {took:?}"
        );
        assert!(sent >= 10_000);
        assert!(answered < sent * 9 / 10, "too few were cut in the middle: {answered} of {sent}");
        assert!(longest_idle < 1000, "a backend idled in a transaction");
        assert_eq!(ids(&b.get("/v1/patients").await), [mine.as_str()]);
        let mine = b.request(reqwest::Method::PATCH, &format!("/v1/patients/{mine}"));
        let kept = mine.header("Idempotency-Key", "after").json(&json!({"firstName": "Eva"}));
        assert_eq!(b.send(kept).await.status, 200);
        assert!(looks > 500, "the storm reached the database: {looks}");
        assert_eq!(leaks(app).await, 0, "the tenant setting was empty at every checkout");
        assert!(!testkit::logged().contains("current transaction is aborted"));
        assert!(made > 50, "writes went through: {made}");
        nothing_is_half_done(app).await;
    });
}

/// Another tenant, all through the storm: it gets its own rows. How long, in milliseconds, a
/// backend idled in a transaction.
async fn watch_over(app: &TestApp, other: &Persona, own: &str, over: &AtomicBool) -> i32 {
    let idle = "select greatest(0, coalesce(max(extract(epoch from clock_timestamp() - state_change)), 0) * 1000)::int
                  from pg_stat_activity where datname = current_database() and usename = 'reeve_app'
                   and state like 'idle in transaction%'";
    let session = app.database.session("reeve_admin").await;
    let mut longest = 0;
    while !over.load(Ordering::Relaxed) {
        let listed = other.get("/v1/patients").await;
        assert_eq!(listed.status, 200, "{}", listed.text);
        assert_eq!(ids(&listed), [own], "{}", listed.text);
        let idle: i32 = session.query_one(idle, &[]).await.unwrap().get(0);
        longest = longest.max(idle);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    longest
}

/// Whatever was cut, was cut as a whole.
async fn nothing_is_half_done(app: &TestApp) {
    let alone = "select count(*) from clinic.patient p where not exists (select from audit.entry e
                  where e.tenant_id = p.tenant_id and e.record_id = p.id and e.operation = 'CREATE')";
    assert_eq!(count(app, alone).await, 0, "a patient without its entry");
    let open = "select count(*) from kernel.idempotency where status is null";
    assert_eq!(count(app, open).await, 0, "a key without its answer");
}

/// Requests of one tenant whose client goes away.
struct Storm {
    /// Within which a client goes away.
    longest: Duration,
    address: SocketAddr,
    key: String,
    known: String,
    sent: AtomicUsize,
    answered: AtomicUsize,
    over: AtomicBool,
}

impl Storm {
    fn rage(&self, seed: u64) {
        let mut random = seed | 1;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        loop {
            let number = self.sent.fetch_add(1, Ordering::Relaxed);
            if number >= 10_000 {
                self.over.store(true, Ordering::Relaxed);
                return;
            }
            let mut stream = TcpStream::connect(self.address).expect("a connection");
            stream.set_nodelay(true).expect("set");
            stream.write_all(self.request(number).as_bytes()).expect("sent");
            let (begun, patience) =
                (Instant::now(), self.longest.mul_f64((next() % 1000) as f64 / 1000.0));
            while begun.elapsed() < patience {
                std::thread::sleep(Duration::from_micros(20));
            }
            // Half of them read what has come: their end is FIN. The others' is RST when an answer
            // waits unread.
            if number.is_multiple_of(2) {
                stream.set_nonblocking(true).expect("set");
                if stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn request(&self, number: usize) -> String {
        let item = format!("/v1/patients/{}", self.known);
        let change = json!({"firstName": format!("Ana {number}")});
        let (method, path, body, kept) = match number % 7 {
            0 => ("GET", item.as_str(), None, false),
            1 => ("GET", "/v1/patients?limit=3", None, false),
            2 => ("GET", "/v1/patients?custom_fields.plan=gold", None, false),
            3 => ("POST", "/v1/patients", Some(patient(&number.to_string())), false),
            4 => ("POST", "/v1/patients", Some(patient(&number.to_string())), true),
            5 => ("PATCH", item.as_str(), Some(change), true),
            _ => ("PATCH", item.as_str(), Some(change), false),
        };
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n", self.key);
        if kept {
            text += &format!("Idempotency-Key: storm-{number}\r\n");
        }
        let body: String = body.map(|body: Value| body.to_string()).unwrap_or_default();
        text + &format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

#[test]
fn t09_after_a_timeout_a_deadlock_or_a_conflict_the_next_tenant_is_served() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        spy_on_checkouts(app).await;
        install_trouble(app).await;
        let one = app.add_replica(&Options { pool: 1, ..Options::default() }).await;
        let (a, b) = (north.integration.at(app.url(one)), south.integration.at(app.url(one)));
        let (theirs, mine) = (a.new_patient("1").await, b.new_patient("2").await);
        let path = format!("/v1/patients/{theirs}");
        for kept in [false, true] {
            for trouble in ["slow", "conflict", "deadlock", "locked"] {
                let attempt =
                    a.request(reqwest::Method::PATCH, &path).json(&json!({"firstName": trouble}));
                let attempt =
                    if kept { attempt.header("Idempotency-Key", trouble) } else { attempt };
                let other = app.database.session("reeve_admin").await;
                other.batch_execute("begin").await.unwrap();
                match trouble {
                    "locked" => {
                        let lock =
                            format!("select from clinic.patient where id = '{theirs}' for update");
                        other.batch_execute(&lock).await.unwrap();
                    }
                    "deadlock" => {
                        other.batch_execute("select pg_advisory_xact_lock(2)").await.unwrap()
                    }
                    _ => {}
                }
                let meet = async {
                    if trouble == "deadlock" {
                        let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                            and database = (select oid from pg_database where datname = current_database())";
                        until(Duration::from_secs(5), "it waits", || async {
                            count(app, waits).await == 1
                        })
                        .await;
                        other.batch_execute("select pg_advisory_xact_lock(1)").await.unwrap();
                    }
                };
                let (reply, ()) = tokio::join!(a.send(attempt), meet);
                other.batch_execute("rollback").await.unwrap();
                assert_eq!(reply.status, 503, "{trouble}: {}", reply.text);
                assert!(reply.header("retry-after").is_some(), "{trouble}");
                let listed = b.get("/v1/patients").await;
                assert_eq!(ids(&listed), [mine.as_str()], "after {trouble}: {}", listed.text);
            }
        }
        assert_eq!(a.get(&path).await.json()["first_name"], "Ana", "nothing was half done");
        assert_eq!(leaks(app).await, 0);
        let backends = "select count(distinct pid) from public.checkouts
                         where tenant in (select id::text from kernel.tenant)";
        assert_eq!(count(app, backends).await, 1, "all of it was on one connection");
    });
}

/// From here on a patient's first name says what befalls the statement that changes it.
async fn install_trouble(app: &TestApp) {
    let trouble = "create function public.trouble() returns trigger language plpgsql as $$ begin
            if new.first_name = 'slow' then perform pg_sleep(60); end if;
            if new.first_name = 'conflict' then raise exception 'x' using errcode = '40001'; end if;
            if new.first_name = 'deadlock' then
                perform pg_advisory_xact_lock(1); perform pg_advisory_xact_lock(2);
            end if;
            return new; end $$;
        create trigger trouble before update on clinic.patient for each row execute function public.trouble()";
    execute(app, trouble).await;
    let timeouts = format!(
        "alter role reeve_app in database {} set statement_timeout = '3s'; \
        alter role reeve_app in database {0} set lock_timeout = '1500ms'",
        app.database.name
    );
    execute(app, &timeouts).await;
}

#[test]
fn t10_a_body_that_names_another_tenant_is_refused() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let own = Records::create(&south.admin).await;
        let before = (contents(app, north.id).await, records(app, south.id).await);
        let names = [
            "tenant_id",
            "tenantId",
            "tenant",
            "school_id",
            "schoolId",
            "municipality_id",
            "municipalityId",
            "organization_id",
            "organizationId",
            "org_id",
        ];
        let with_body: Vec<_> = routes().into_iter().filter(|r| example(r).is_some()).collect();
        assert!(with_body.len() >= 7);
        for route in &with_body {
            for name in names {
                let mut body = example(route).unwrap();
                body[name] = json!(north.id);
                let reply = south
                    .admin
                    .send(request(&south.admin, route, &own.path(route)).json(&body))
                    .await;
                assert_eq!(reply.problem(), "422 invalid", "{} {name}", route.name);
                assert!(reply.fields().iter().any(|f| f.ends_with(name)), "{name}: {}", reply.text);
                assert!(!everything(&reply).contains(&north.id.to_string()), "{}", reply.text);
            }
        }
        for route in routes().iter().filter(|r| r.method == Method::Get) {
            let path = format!("{}?tenant_id={}", own.path(route), north.id);
            let reply = south.admin.get(&path).await;
            let shown = everything(&reply);
            assert!(!shown.contains(&north.id.to_string()), "{}: {shown}", route.name);
        }
        let after = (contents(app, north.id).await, records(app, south.id).await);
        assert_eq!(before, after);
    });
}

#[test]
fn t11_a_reference_to_another_tenants_record_is_like_one_to_nothing() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let theirs = Records::create(&north.admin).await;
        Records::create(&south.admin).await;
        // References that a request can carry: a record or an actor to look for, a cursor.
        let random = Uuid::now_v7().to_string();
        for id in theirs.ids().chain([&north.admin.id.to_string(), &north.id.to_string()]) {
            for name in ["record_id", "actor_id", "request_id"] {
                let real = south.auditor.get(&format!("/v1/audit?{name}={id}")).await;
                let none = south.auditor.get(&format!("/v1/audit?{name}={random}")).await;
                assert_eq!(real.essence(), none.essence(), "{name}");
            }
        }
        for path in ["/v1/patients", "/v1/appointments", "/v1/audit"] {
            north.admin.new_patient(&format!("5{}", path.len())).await;
            let start = format!("2027-03-02T{:02}:00:00Z", path.len());
            north.admin.new_appointment("1", &start, &start.replace(":00:00Z", ":30:00Z")).await;
            let page = north.admin.get(&format!("{path}?limit=1")).await.json();
            let cursor = page["next_cursor"].as_str().unwrap().to_owned();
            let stolen = south.admin.get(&format!("{path}?limit=1&cursor={cursor}")).await;
            let garbage = south.admin.get(&format!("{path}?limit=1&cursor=garbage")).await;
            assert_eq!(stolen.essence(), garbage.essence(), "{path}");
            assert_eq!(stolen.problem(), "422 invalid");
        }
        // With the application out of the way, the foreign keys themselves refuse.
        let (key, session) = (north.admin.id, as_tenant(app, south.id).await);
        let reference = format!(
            "insert into kernel.api_key (tenant_id, id, name, role, key_hash, last_four, replaced_by)
             values ('{}', gen_random_uuid(), 'x', 'reader', sha256('x'), 'xxxx', '{key}')",
            south.id
        );
        let used = format!(
            "insert into kernel.api_key_use (tenant_id, id, last_used_at) values ('{}', '{key}', now())",
            south.id
        );
        for sql in [reference, used] {
            assert_eq!(sqlstate(&session, &sql).await, "23503", "{sql}");
        }
        // And so does every other: it carries the tenant on both sides.
        let crossing = "select c.conrelid::regclass || ' ' || c.conname from pg_constraint c
            join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'tenant_id'
            join pg_attribute f on f.attrelid = c.confrelid and f.attname = 'tenant_id'
            where c.contype = 'f' and c.conparentid = 0 and not exists (
                  select from unnest(c.conkey, c.confkey) as k (mine, other)
                   where k.mine = a.attnum and k.other = f.attnum)";
        assert_eq!(app.ask(crossing).await, Vec::<String>::new());
    });
}

#[test]
fn t12_what_one_tenant_has_is_free_for_the_next() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        for tenant in [&north, &south] {
            // The same documents, doctor, time, codes and key names, by the registry's examples.
            let made = Records::create(&tenant.admin).await;
            assert!(made.ids().count() >= 3);
            tenant.integration.new_patient("10").await;
            let again = tenant.integration.post("/v1/patients", &patient("10")).await;
            assert_eq!(
                again.problem(),
                "409 document_taken",
                "unique within a tenant all the same"
            );
        }
        for route in writes().iter().filter(|r| r.method == Method::Post && !r.path.contains('{')) {
            let mine = request(&north.admin, route, route.path).header("Idempotency-Key", "same");
            let other = request(&south.admin, route, route.path).header("Idempotency-Key", "same");
            let (first, second) = (north.admin.send(mine).await, south.admin.send(other).await);
            assert_eq!(first.status, second.status, "{}", route.name);
            assert_eq!(second.header("idempotent-replayed"), None, "{}", route.name);
        }
    });
}

#[test]
fn t15_no_filter_or_page_betrays_that_another_tenant_has_a_match() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        fill(&south.admin, "SOUTH").await;
        let questions = [
            "/v1/patients",
            "/v1/patients?limit=1",
            "/v1/patients?doc_type_id=CC",
            "/v1/patients?doc_number=NORTH-0",
            "/v1/patients?email=north0@example.org",
            "/v1/patients?phone=%2B573005550100",
            "/v1/patients?custom_fields.word=NORTH",
            "/v1/patients?custom_fields=%7B%7D&limit=1",
            "/v1/appointments",
            "/v1/appointments?limit=1",
            "/v1/appointments?state=booked&limit=1",
            "/v1/appointments?doctor_doc_number=NORTH-0",
            "/v1/appointments?patient_doc_number=NORTH-0",
            "/v1/appointments?from=2027-01-01T00:00:00Z&to=2028-01-01T00:00:00Z&limit=1",
            "/v1/appointments?custom_fields.word=NORTH",
            "/v1/appointments?modality=home",
            "/v1/catalogues",
            "/v1/auth/api-keys",
        ];
        let ask = async || {
            let mut answers = vec![];
            for question in questions {
                let reply = south.admin.get(question).await;
                assert_eq!(reply.status, 200, "{question}: {}", reply.text);
                answers.push((question, reply.essence()));
            }
            answers
        };
        let alone = ask().await;
        fill(&north.admin, "NORTH").await;
        for (with, without) in ask().await.into_iter().zip(alone) {
            assert_eq!(with, without);
        }
        let own = south.admin.get("/v1/patients?custom_fields.word=SOUTH").await;
        assert_eq!(ids(&own).len(), 1, "a filter that matches finds: {}", own.text);
        let mine = format!("select count(*) from audit.entry where tenant_id = '{}'", south.id);
        let mine = count(app, &mine).await;
        let ledger = south.admin.get("/v1/audit?limit=200").await;
        assert_eq!(ids(&ledger).len() as u64, mine, "as many entries as are the tenant's own");
    });
}

/// The ids of a page.
fn ids(reply: &Reply) -> Vec<String> {
    let page = reply.json();
    let items = page["items"].as_array().unwrap_or_else(|| panic!("no page: {}", reply.text));
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Records of every kind with `word` in every text that a client can send.
async fn fill(admin: &Persona, word: &str) {
    let text = |what: &str| format!("{word} {what}");
    let mut person = patient(&format!("{word}-0").chars().take(32).collect::<String>());
    for name in ["firstName", "middleName", "lastName", "secondLastName"] {
        person[name] = json!(text(name));
    }
    person["email"] = json!(format!("{word}0@example.org"));
    person["phones"] = json!(["+573005550100"]);
    person["habeasData"] =
        json!({"authorized": true, "textVersion": text("version"), "channel": text("channel")});
    person["customFields"] = json!({"word": word, word: [word]});
    assert_eq!(admin.post("/v1/patients", &person).await.status, 201);
    let number = format!("{word}-0").chars().take(32).collect::<String>();
    let mut visit = appointment(&number, "2027-03-01T09:00:00Z", "2027-03-01T10:00:00Z");
    visit["patientDocNumber"] = json!(number);
    for name in ["comment", "appointmentType", "clinicId", "overbookReason"] {
        visit[name] = json!(text(name));
    }
    visit["customFields"] = json!({"word": word});
    let booked = admin.post("/v1/appointments", &visit).await;
    assert_eq!(booked.status, 201, "{}", booked.text);
    let code: String = word.chars().take(40).collect();
    let entry = json!({"kind": "eps", "code": code, "name": text("insurer")});
    assert_eq!(admin.post("/v1/catalogues", &entry).await.status, 201);
    let key = json!({"name": text("key"), "role": "reader"});
    assert_eq!(admin.post("/v1/auth/api-keys", &key).await.status, 201);
}

/// A session of the server's own role that has this tenant's context.
async fn as_tenant(app: &TestApp, tenant: Uuid) -> ::kernel::tokio_postgres::Client {
    let session = app.database.session("reeve_app").await;
    let begin = format!(
        "select set_config('app.tenant_id', '{tenant}', false), set_config('app.actor_kind', 'api_key', false),
                set_config('app.actor_id', gen_random_uuid()::text, false),
                set_config('app.request_id', gen_random_uuid()::text, false)"
    );
    session.batch_execute(&begin).await.expect("the context");
    session
}

/// Puts a function of ours before PostgreSQL's `set_config` on the server's next connections: it
/// notes what the connection still knew of a tenant when a transaction began. A sequence counts,
/// because it keeps its count when the transaction is rolled back.
async fn spy_on_checkouts(app: &TestApp) {
    let spy = format!(
        "create sequence public.looks minvalue 0; create sequence public.leaks minvalue 0;
         select nextval('public.looks'), nextval('public.leaks');
         grant all on sequence public.looks, public.leaks to public;
         create table public.checkouts (pid int, tenant text, transaction xid8);
         grant insert on public.checkouts to public;
         create function public.set_config(name text, value text, here boolean) returns text
         language plpgsql as $$ begin
             if name = 'app.tenant_id' then
                 perform nextval('public.looks');
                 if pg_catalog.current_setting(name, true) <> '' then perform nextval('public.leaks'); end if;
                 insert into public.checkouts values (pg_backend_pid(), value, pg_current_xact_id());
             end if;
             return pg_catalog.set_config(name, value, here);
         end $$;
         alter role reeve_app in database {} set search_path = public, pg_catalog",
        app.database.name
    );
    execute(app, &spy).await;
}

/// How often a connection still knew a tenant when the next transaction began.
async fn leaks(app: &TestApp) -> u64 {
    count(app, "select last_value from public.leaks").await
}
