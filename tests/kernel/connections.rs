//! Connections go from tenant to tenant with nothing of the last: after an answer, a dropped request,
//! a timeout, a deadlock.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{Options, Persona, TestApp, patient, run, run_with};
use uuid::Uuid;

use super::{count, execute, ids, until};

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
                // Of two that wait for each other the server's is the one that gives up.
                other.batch_execute("begin; set local deadlock_timeout = '60s'").await.unwrap();
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

/// Puts a function of ours before PostgreSQL's `set_config` on the server's next connections: it
/// notes what the connection still knew of a tenant when a transaction began. A sequence counts,
/// because it keeps its count when the transaction is rolled back.
async fn spy_on_checkouts(app: &TestApp) {
    let spy = format!(
        "create sequence public.looks minvalue 0; create sequence public.leaks minvalue 0;
         select nextval('public.looks'), nextval('public.leaks');
         grant all on sequence public.looks, public.leaks to reeve_app;
         create table public.checkouts (pid int, tenant text, transaction xid8);
         grant insert on public.checkouts to reeve_app;
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
