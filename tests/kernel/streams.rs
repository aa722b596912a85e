//! Live streams: what changed is told, to whom it may be told, for as long as it may (P4, P7).

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{Event, EventStream, Options, Persona, TestApp, TestTenant, run_with};
use uuid::Uuid;

use super::{as_tenant, break_ledger, count, execute, mend_ledger, until};

/// How soon a change must be told, and an end felt.
const FELT: Duration = Duration::from_secs(1);
const PATH: &str = "/probe/live";

/// Patients of the clinic, live: a route of the test's own.
mod probe {
    use std::collections::HashMap;

    use ::kernel::{
        authz::{Authorized, Followed},
        http::{Docs, Problem, Resume, Routes},
        module::Module,
        permissions,
        privacy::Pii,
        row, statements,
    };
    use policy::Grant;
    use uuid::Uuid;

    permissions! { FollowPatients = "probe:follow", Follows; }

    row! {
        pub struct NameRow { id: Uuid, first_name: Pii<String> }
    }

    statements! {
        fn read_names(ids: Option<Vec<Uuid>>) -> NameRow, discloses "clinic.patient"
            = "select id, first_name from clinic.patient
                where deleted_at is null and ($1::uuid[] is null or id = any ($1)) order by id";
    }

    async fn follow(
        act: Authorized<FollowPatients>,
        ((), resume): ((), Resume),
    ) -> Result<Followed<HashMap<&'static str, String>>, Problem> {
        act.follow("clinic.patient", resume, read_names, |row, reveal| {
            [("id", row.id.to_string()), ("name", row.first_name.reveal(reveal))].into()
        })
        .await
    }

    pub fn module() -> Module {
        let mut routes = Routes::default();
        routes.get(FollowPatients, super::PATH, follow, Docs::new("probe", "", ""));
        Module {
            name: "probe",
            title: "probe",
            prefix: "/probes",
            migrations: vec![],
            privacy: "",
            realm: Some(clinic::REALM),
            grants: &[
                Grant { role: "admin", permissions: &["probe:follow"] },
                Grant { role: "reader", permissions: &["probe:follow"] },
            ],
            above: None,
            delegates: &[],
            slices: &[],
            open: &[],
            open_slice: None,
            entities: &[],
            resources: &[],
            statements: ALL.to_vec(),
            constraints: Vec::new,
            limit: None,
            routes,
            jobs: Default::default(),
            events: &[],
        }
    }
}

fn options() -> Options {
    Options { extra: Some(probe::module), ..Options::default() }
}

fn run(test: impl AsyncFnOnce(&mut TestApp)) {
    run_with(options(), test);
}

/// Changes a patient's name and says so, in one transaction.
async fn rename(app: &TestApp, tenant: Uuid, id: &str, name: &str) {
    let change = format!(
        "begin; update clinic.patient set first_name = '{name}' where id = '{id}';
         select kernel.publish('clinic.patient', '{id}'); commit"
    );
    as_tenant(app, tenant).await.batch_execute(&change).await.unwrap();
}

/// The snapshot with which a stream begins.
async fn snapshot(stream: &mut EventStream) -> Event {
    let event = stream.next(FELT * 5).await.expect("a snapshot");
    assert_eq!(event.name, "snapshot");
    event
}

/// The data of the next event, which is a change.
async fn changed(stream: &mut EventStream) -> Value {
    let event = stream.next(FELT).await.expect("a change");
    assert_eq!(event.name, "changed");
    event.data
}

/// The stream ends, and tells nothing before it does.
async fn ends(stream: &mut EventStream, what: &str) {
    let begun = Instant::now();
    assert_eq!(stream.next(FELT * 5).await, None, "{what}");
    assert!(begun.elapsed() < FELT, "{what}: {:?}", begun.elapsed());
}

async fn patients(tenant: &TestTenant, numbers: std::ops::Range<u32>) -> Vec<String> {
    let mut ids = vec![];
    for number in numbers {
        ids.push(tenant.admin.new_patient(&number.to_string()).await);
    }
    ids
}

#[test]
fn what_there_is_and_what_changes_is_told_on_record_and_to_nobody_else() {
    run(async |app| {
        let second = app.add_replica(&options()).await;
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let ids = patients(&north, 0..2).await;
        let theirs = patients(&south, 0..1).await;
        let reads = format!(
            "select count(*) from audit.entry where actor_id = '{}' and operation = 'READ'
             and permission = 'probe:follow' and resource = 'clinic.patient'",
            north.reader.id
        );
        let mut streams = vec![
            north.reader.follow(PATH, None).await,
            north.reader.at(app.url(second)).follow(PATH, None).await,
        ];
        let mut other = south.reader.follow(PATH, None).await;
        assert_eq!(snapshot(&mut other).await.data.as_array().unwrap().len(), 1);
        for stream in &mut streams {
            let told = snapshot(stream).await;
            assert_eq!(stream.header("content-type"), Some("text/event-stream"));
            assert_eq!(stream.header("cache-control"), Some("no-store"));
            assert_eq!(stream.header("x-accel-buffering"), Some("no"));
            assert_eq!(stream.retry, Some(2000));
            let expected = json!([{"id": ids[0], "name": "Ana"}, {"id": ids[1], "name": "Ana"}]);
            assert_eq!(told.data, expected);
            assert!(told.id.is_some());
        }
        assert_eq!(count(app, &reads).await, 2);
        rename(app, north.id, &ids[1], "Berta").await;
        for stream in &mut streams {
            assert_eq!(changed(stream).await, json!({"id": ids[1], "name": "Berta"}));
        }
        assert_eq!(count(app, &reads).await, 4, "each told event was read on record");
        assert!(other.is_silent(FELT).await, "another tenant's change is nobody's business");
        // What is not in the slice is not told, wherever its id comes from.
        let publish = format!("select kernel.publish('clinic.patient', '{}')", theirs[0]);
        as_tenant(app, north.id).await.batch_execute(&publish).await.unwrap();
        assert!(streams[0].is_silent(FELT).await);
        assert_eq!(count(app, &reads).await, 4);
        assert_eq!(north.integration.get(PATH).await.problem(), "403 forbidden");
    });
}

#[test]
fn a_transaction_that_ends_late_is_not_passed_over_and_one_of_another_database_holds_nothing() {
    run(async |app| {
        let north = app.tenant("north").await;
        let ids = patients(&north, 0..3).await;
        let mut stream = north.reader.follow(PATH, None).await;
        snapshot(&mut stream).await;
        let (early, late) = (as_tenant(app, north.id).await, as_tenant(app, north.id).await);
        let publish = |n: usize| format!("select kernel.publish('clinic.patient', '{}')", ids[n]);
        early.batch_execute(&format!("begin; {}", publish(0))).await.unwrap();
        late.batch_execute(&format!("begin; {}; commit", publish(1))).await.unwrap();
        assert!(stream.is_silent(FELT).await, "what began before may still come");
        early.batch_execute("commit").await.unwrap();
        let mut told =
            [changed(&mut stream).await["id"].clone(), changed(&mut stream).await["id"].clone()];
        told.sort_by_key(ToString::to_string);
        assert_eq!(told, [json!(ids[0]), json!(ids[1])]);

        let elsewhere = connect_to_postgres().await;
        elsewhere.batch_execute("begin; select pg_current_xact_id()").await.unwrap();
        late.batch_execute(&publish(2)).await.unwrap();
        assert_eq!(changed(&mut stream).await["id"], json!(ids[2]));
        let held = "select (pg_snapshot_xmin(pg_current_snapshot())::text::bigint < kernel.outbox_end())::text";
        assert_eq!(app.ask(held).await, ["true"], "the other database's transaction was open");
        elsewhere.batch_execute("rollback").await.unwrap();
    });
}

async fn connect_to_postgres() -> ::kernel::tokio_postgres::Client {
    let config = ::kernel::db::Cluster::config(testkit::socket_folder(), "reeve_admin", "postgres");
    let (client, connection) = config.connect(::kernel::tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[test]
fn who_comes_again_is_told_exactly_what_changed_and_who_has_no_good_id_everything() {
    let (clock, hand) = ::kernel::Clock::movable("2026-11-21T12:00:00Z".parse().unwrap());
    run_with(Options { clock, ..options() }, async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let ids = patients(&north, 0..3).await;
        let mut stream = north.reader.follow(PATH, None).await;
        snapshot(&mut stream).await;
        rename(app, north.id, &ids[0], "Berta").await;
        let id = stream.next(FELT).await.unwrap().id.expect("the last event has an id");
        drop(stream);

        let mut again = north.reader.follow(PATH, Some(&id)).await;
        assert!(again.is_silent(FELT / 2).await, "nothing has changed");
        for (n, name) in [(1, "Carla"), (2, "Dora"), (1, "Eva")] {
            rename(app, north.id, &ids[n], name).await;
        }
        drop(again);
        // Until the server has heard of it all, it says some of it twice.
        tokio::time::sleep(FELT).await;
        let mut again = north.reader.follow(PATH, Some(&id)).await;
        let first = again.next(FELT).await.unwrap();
        let last = again.next(FELT).await.unwrap();
        assert_eq!(
            (first.data, last.data),
            (json!({"id": ids[1], "name": "Eva"}), json!({"id": ids[2], "name": "Dora"}))
        );
        assert!(
            first.id.is_none() && last.id.is_some(),
            "a part of what changed is no place to go on from"
        );
        let mut sleeper = north.reader.follow(PATH, last.id.as_deref()).await;
        assert!(sleeper.is_silent(FELT / 2).await);

        let everything = async |persona: &Persona, id: &str| {
            let count = snapshot(&mut persona.follow(PATH, Some(id)).await).await;
            count.data.as_array().unwrap().len()
        };
        assert_eq!(everything(&north.admin, &id).await, 3, "another caller's");
        assert_eq!(everything(&south.reader, &id).await, 0, "another tenant's");
        for garbage in ["", "x", "0", &"A".repeat(2000)] {
            assert_eq!(everything(&north.reader, garbage).await, 3, "{garbage}");
        }
        hand.advance(SignedDuration::from_hours(24));
        assert_eq!(everything(&north.reader, &id).await, 3, "too old");
    });
}

#[test]
fn many_changes_become_few_events_and_too_many_become_everything() {
    run(async |app| {
        let north = app.tenant("north").await;
        let ids = patients(&north, 0..2).await;
        let mut stream = north.reader.follow(PATH, None).await;
        snapshot(&mut stream).await;
        let session = as_tenant(app, north.id).await;
        let publish = |what: &str, times: u32| {
            format!(
                "select kernel.publish('clinic.patient', {what}) from generate_series(1, {times})"
            )
        };
        session.batch_execute(&publish(&format!("'{}'", ids[0]), 500)).await.unwrap();
        assert_eq!(changed(&mut stream).await["id"], json!(ids[0]));
        assert!(stream.is_silent(FELT / 2).await);
        session.batch_execute(&publish("gen_random_uuid()", 1500)).await.unwrap();
        assert_eq!(snapshot(&mut stream).await.data.as_array().unwrap().len(), 2);
    });
}

#[test]
fn a_stream_ends_with_its_key_its_session_and_its_tenant_on_every_replica() {
    run(async |app| {
        let second = app.add_replica(&options()).await;
        let north = app.tenant("north").await;
        let far = app.url(second);
        let made =
            north.admin.post("/v1/auth/api-keys", &json!({"name": "x", "role": "reader"})).await;
        let key = made.json()["api_key"].as_str().unwrap().to_owned();
        let holder = app.persona(Some(key), made.id().parse().unwrap());
        let open = async |persona: &Persona| {
            let mut stream = persona.at(far.clone()).follow(PATH, None).await;
            snapshot(&mut stream).await;
            stream
        };
        let mut by_key = open(&holder).await;
        let mut by_other = open(&north.reader).await;
        assert_eq!(north.admin.delete(made.header("location").unwrap()).await.status, 204);
        ends(&mut by_key, "the key").await;
        assert_eq!(holder.at(far.clone()).get(PATH).await.status, 401);

        let people = app.organisation("clinic", "Clínica Sur").await;
        let mut by_session = open(people.role("reader")).await;
        assert_eq!(people.role("reader").post("/auth/logout", &json!({})).await.status, 204);
        ends(&mut by_session, "the session").await;
        let mut by_account = open(people.role("admin")).await;
        let away = format!(
            "select set_config('app.actor_id', gen_random_uuid()::text, false);
             update kernel.account set full_name = kernel.seal(id, 'Z') where id = '{}'",
            people.role("admin").id
        );
        as_tenant(app, people.id).await.batch_execute(&away).await.unwrap();
        ends(&mut by_account, "the account").await;
        // It was no withdrawal: who comes again stays.
        let mut again = open(people.role("admin")).await;
        assert!(again.is_silent(FELT).await);

        assert!(by_other.is_silent(FELT / 4).await, "of another key");
        let mut platform = app.platform().await;
        ::kernel::tenant::suspend(&mut platform, "north", false).await.unwrap();
        ends(&mut by_other, "the tenant").await;
    });
}

#[test]
fn a_stream_ends_when_its_credential_does() {
    run(async |app| {
        let north = app.tenant("north").await;
        let soon = app.ask("select to_char(now() at time zone 'UTC' + interval '1500 ms', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')").await.remove(0);
        let body = json!({"name": "short", "role": "reader", "expires_at": soon});
        let made = north.admin.post("/v1/auth/api-keys", &body).await;
        let key = made.json()["api_key"].as_str().unwrap().to_owned();
        let mut stream = app.persona(Some(key), Uuid::nil()).follow(PATH, None).await;
        snapshot(&mut stream).await;
        assert_eq!(stream.next(FELT * 3).await, None);
        assert_eq!(app.ask(&format!("select (now() >= '{soon}')::text")).await, ["true"]);
    });
}

#[test]
fn a_stream_ends_with_the_token_that_began_it() {
    let (clock, hand) = ::kernel::Clock::movable(::kernel::Clock::default().now());
    let settings = [("STREAM_COMMENT_SECONDS".to_owned(), "1".to_owned())].into();
    run_with(Options { clock, settings, ..options() }, async |app| {
        let people = app.organisation("clinic", "Clínica Sur").await;
        let mut stream = people.role("reader").follow(PATH, None).await;
        snapshot(&mut stream).await;
        hand.advance(SignedDuration::from_mins(29));
        assert!(stream.is_silent(FELT * 2).await);
        hand.advance(SignedDuration::from_mins(3));
        assert_eq!(stream.next(FELT * 2).await, None, "the session goes on, the token does not");
    });
}

#[test]
fn a_server_that_stops_ends_its_streams_at_once() {
    run(async |app| {
        let second = app.add_replica(&options()).await;
        let north = app.tenant("north").await;
        let mut stream = north.reader.at(app.url(second)).follow(PATH, None).await;
        snapshot(&mut stream).await;
        let begun = Instant::now();
        app.stop_newest_replica().await;
        assert!(begun.elapsed() < FELT, "{:?}", begun.elapsed());
        assert_eq!(stream.next(FELT).await, None);
    });
}

#[test]
fn the_ninth_stream_is_refused_and_who_leaves_makes_room() {
    run_with(Options { pool: 1, ..options() }, async |app| {
        let north = app.tenant("north").await;
        let mut open = vec![];
        for _ in 0..8 {
            let mut stream = north.reader.follow(PATH, None).await;
            snapshot(&mut stream).await;
            open.push(stream);
        }
        let ninth = north.reader.get(PATH).await;
        assert_eq!(ninth.problem(), "429 too_many_streams");
        assert_eq!(ninth.header("retry-after"), Some("5"));
        // None of them holds the only connection.
        assert_eq!(north.reader.get("/v1/patients").await.status, 200);
        snapshot(&mut north.admin.follow(PATH, None).await).await;
        open.pop();
        until(FELT, "room for one more", || async { north.reader.get(PATH).await.status == 200 })
            .await;
    });
}

#[test]
fn silence_is_broken_by_comments() {
    let settings = [("STREAM_COMMENT_SECONDS".to_owned(), "1".to_owned())].into();
    run_with(Options { settings, ..options() }, async |app| {
        let north = app.tenant("north").await;
        let mut stream = north.reader.follow(PATH, None).await;
        snapshot(&mut stream).await;
        assert!(stream.is_silent(Duration::from_millis(2500)).await);
        assert_eq!(stream.comments, 2);
    });
}

#[test]
fn what_cannot_be_recorded_is_not_told() {
    run(async |app| {
        let north = app.tenant("north").await;
        let ids = patients(&north, 0..1).await;
        let mut stream = north.reader.follow(PATH, None).await;
        let id = snapshot(&mut stream).await.id.unwrap();
        break_ledger(app).await;
        let publish = format!("select kernel.publish('clinic.patient', '{}')", ids[0]);
        as_tenant(app, north.id).await.batch_execute(&publish).await.unwrap();
        ends(&mut stream, "an unrecorded read").await;
        assert_eq!(north.reader.get(PATH).await.status, 500);
        mend_ledger(app).await;
        let mut again = north.reader.follow(PATH, Some(&id)).await;
        assert_eq!(changed(&mut again).await["id"], json!(ids[0]));
    });
}

#[test]
fn what_was_published_is_kept_for_a_day_and_nobody_who_serves_sets_its_order() {
    run(async |app| {
        let north = app.tenant("north").await;
        let session = as_tenant(app, north.id).await;
        for _ in 0..2 {
            let publish = "select kernel.publish('x', gen_random_uuid())";
            session.batch_execute(publish).await.unwrap();
        }
        execute(app, "update kernel.outbox set at = now() - interval '25 hours' where sequence = (select min(sequence) from kernel.outbox)").await;
        session.batch_execute("select kernel.sweep()").await.unwrap();
        assert_eq!(count(app, "select count(*) from kernel.outbox").await, 1);
        for forged in [
            format!(
                "insert into kernel.outbox (tenant_id, topic, record_id, transaction_id) values ('{}', 'x', gen_random_uuid(), '1')",
                north.id
            ),
            "update kernel.outbox set topic = 'y'".to_owned(),
            "delete from kernel.outbox".to_owned(),
        ] {
            assert_eq!(super::sqlstate(&session, &forged).await, "42501", "{forged}");
        }
    });
}

/// Transactions that overlap in every way, some of which come to nothing, beside who reads in order.
#[test]
fn whatever_overlaps_with_whatever_a_reader_in_order_misses_nothing() {
    run(async |app| {
        let north = app.tenant("north").await;
        let sessions = futures::future::join_all((0..8).map(|_| as_tenant(app, north.id))).await;
        let write = async |session: &::kernel::tokio_postgres::Client| {
            for round in 0..60 {
                let end = if round % 5 == 4 { "rollback" } else { "commit" };
                let work = format!(
                    "begin; select pg_current_xact_id(); select pg_sleep(random() * 0.01);
                     select kernel.publish('x', gen_random_uuid()); select pg_sleep(random() * 0.01);
                     select kernel.publish('x', gen_random_uuid()); {end}"
                );
                session.batch_execute(&work).await.unwrap();
            }
        };
        let reader = app.database.session("reeve_app").await;
        let read = async |seen: &mut Vec<(i64, i64)>| {
            let (transaction, sequence) = seen.last().copied().unwrap_or_default();
            let next = "select transaction_id, sequence from kernel.read_outbox($1, $2, 7)";
            let rows = reader.query(next, &[&transaction, &sequence]).await.unwrap();
            seen.extend(rows.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))));
            rows.len()
        };
        let (mut seen, mut looks_while_writing) = (vec![], 0);
        let writers = futures::future::join_all(sessions.iter().map(write));
        tokio::pin!(writers);
        while futures::poll!(&mut writers).is_pending() {
            read(&mut seen).await;
            looks_while_writing += 1;
        }
        while read(&mut seen).await > 0 {}
        assert!(seen.is_sorted() && looks_while_writing > 50, "{looks_while_writing} looks");
        let mut distinct = seen.clone();
        distinct.dedup();
        let written = count(app, "select count(*) from kernel.outbox").await;
        assert_eq!((seen.len() as u64, distinct.len() as u64), (written, written));
    });
}
