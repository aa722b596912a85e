//! Analytics sees no person (promise P5): the role, the codes, the bands, the releases.

use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::{ToSpan, civil::Date};
use policy::deidentification::AgeBand;
use serde_json::{Value, json};
use testkit::{Options, Persona, Reply, TestApp, patient, run};
use uuid::Uuid;

use super::{as_tenant, count, execute, sqlstate, tenant_tables, until};

/// Analytics of the test's own, over a view that the test makes.
mod probe {
    use std::collections::BTreeSet;

    use ::kernel::{
        authz::{Answer, Authorized, Fetched, Permission, Released},
        http::{Docs, FromQuery, Problem, Query, QueryReader, Routes},
        module::Module,
        permissions, row, statements,
    };
    use jiff::{civil::Date, tz::TimeZone};
    use policy::{Grant, deidentification::Threshold};
    use serde_json::{Value, json};

    permissions! {
        ReadProbe = "probe:read", Deidentifies;
        SearchProbe = "probe:search", Reads;
    }

    row! {
        pub struct Person { code: String, age_band: Option<String> }
    }
    row! {
        pub struct Name { full_name: String }
    }
    row! {
        pub struct Found { id: uuid::Uuid }
    }

    statements! {
        fn list_people() -> Person = "select code, age_band from deid.probe order by code";
        fn peek() -> Name = "select kernel.open(full_name) as full_name from kernel.account";
        fn search_ids() -> Found = "select id from clinic.patient where deleted_at is null";
    }

    #[derive(Default)]
    pub struct Ask {
        question: String,
        first: u32,
        last: u32,
    }

    impl FromQuery for Ask {
        fn read(query: &mut QueryReader) -> Self {
            Self {
                question: query.text("question", 100).unwrap_or_default(),
                first: query.parse("first", "a number").unwrap_or_default(),
                last: query.parse("last", "a number").unwrap_or_default(),
            }
        }

        fn parameters() -> Vec<Value> {
            vec![]
        }
    }

    fn today<P: Permission>(act: &Authorized<P>) -> Date {
        act.now().to_zoned(TimeZone::UTC).date()
    }

    async fn people(act: Authorized<ReadProbe>, (): ()) -> Result<Released<Vec<String>>, Problem> {
        let rows = act.aggregate(today(&act), list_people()).await?;
        let told = rows.iter().map(|row| format!("{} {:?}", row.code, row.age_band)).collect();
        let members = rows.into_iter().map(|row| row.code).collect();
        act.release("people".into(), members, Threshold::default(), told).await
    }

    async fn names(act: Authorized<ReadProbe>, (): ()) -> Result<Released<Vec<String>>, Problem> {
        let names = act
            .aggregate(today(&act), peek())
            .await?
            .into_iter()
            .map(|row| row.full_name)
            .collect();
        act.release("names".into(), BTreeSet::new(), Threshold::default(), names).await
    }

    /// Of people by number; each computation has a new answer.
    async fn some(
        act: Authorized<ReadProbe>,
        Query(ask): Query<Ask>,
    ) -> Result<Released<String>, Problem> {
        let members = (ask.first..ask.last).map(|n| format!("{n:032x}")).collect();
        let answer = format!("{}-{} {}", ask.first, ask.last, act.new_id());
        act.release(ask.question, members, Threshold::default(), answer).await
    }

    async fn search(act: Authorized<SearchProbe>, (): ()) -> Result<Fetched<Vec<usize>>, Problem> {
        let wanted = || search_ids().searching(json!({"custom_fields": {"n": 7}, "phones": []}));
        let looked_up = act.look_up(wanted()).await?.len();
        let everything = act.look_up(search_ids()).await?.len();
        act.fetch(wanted(), |rows| Ok(Answer::ok(vec![rows.len(), looked_up, everything]))).await
    }

    pub fn module() -> Module {
        let mut routes = Routes::default();
        let docs = Docs::new("probe", "", "");
        routes.get(ReadProbe, "/probe/people", people, docs);
        routes.get(ReadProbe, "/probe/names", names, docs);
        routes.get(ReadProbe, "/probe/some", some, docs);
        routes.get(SearchProbe, "/probe/search", search, docs);
        Module {
            name: "probe",
            title: "probe",
            prefix: "/probes",
            migrations: vec![],
            privacy: "",
            realm: Some(clinic::REALM),
            grants: &[Grant { role: "admin", permissions: &["probe:read", "probe:search"] }],
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

/// Makes the view, as a module's migration would.
async fn make_view(app: &TestApp) {
    let view = "create view deid.probe as
            select deid.code(id) as code, deid.age_band(birth_date, deid.today()) as age_band
              from clinic.patient where deleted_at is null;
        select kernel.deid_view('deid.probe')";
    app.platform().await.client().batch_execute(view).await.unwrap();
}

/// Nobody says of which class its columns are.
async fn drop_view(app: &TestApp) {
    app.platform().await.client().batch_execute("drop view deid.probe").await.unwrap();
}

/// A server with the probe, under this salt; the number of the replica.
async fn probing(app: &mut TestApp, salt: Option<&str>) -> usize {
    let settings = salt.map(|salt| ("KATA_DEID_SALT".to_owned(), salt.to_owned()));
    let settings = settings.into_iter().collect();
    app.add_replica(&Options { extra: Some(probe::module), settings, ..Options::default() }).await
}

/// A session in which the server's role has stepped down, with a tenant and `search` as its setting.
async fn as_analytics(
    app: &TestApp,
    tenant: &str,
    search: &str,
) -> ::kernel::tokio_postgres::Client {
    let session = app.database.session("reeve_app").await;
    let begin = format!(
        "select set_config('app.tenant_id', '{tenant}', false), set_config('app.search', '{search}', false);
         set role reeve_deid"
    );
    session.batch_execute(&begin).await.unwrap();
    session
}

async fn one(session: &::kernel::tokio_postgres::Client, sql: &str) -> String {
    session.query_one(sql, &[]).await.unwrap().get(0)
}

/// The setting under this salt, of at most a block, as RFC 2104 says.
fn setting(salt: &[u8]) -> String {
    let padded = |pad: u8| -> String {
        (0..64).map(|i| format!("{:02x}", salt.get(i).unwrap_or(&0) ^ pad)).collect()
    };
    json!({"inner": padded(0x36), "outer": padded(0x5c), "today": "2026-11-21"}).to_string()
}

/// What the standard's HMAC makes of tenant and record.
fn code(salt: &str, tenant: Uuid, record: Uuid) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
    let tag = hmac::sign(&key, &[tenant.as_bytes().as_slice(), record.as_bytes()].concat());
    tag.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn d02_the_analytics_role_is_refused_a_name() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        make_view(app).await;
        for number in 1..4 {
            north.admin.new_patient(&number.to_string()).await;
        }
        south.admin.new_patient("1").await;
        let analytics = as_analytics(app, &north.id.to_string(), &setting(b"salt")).await;
        for table in ["kernel.account", "audit.entry", "clinic.patient", "kernel.release"] {
            let sql = format!("select from {table}");
            assert_eq!(sqlstate(&analytics, &sql).await, "42501", "{table}");
        }
        // It is no matter of the schemas alone.
        let open = "usage on schema kernel, audit, clinic";
        execute(app, &format!("grant {open} to reeve_deid")).await;
        for table in tenant_tables(app).await {
            for sql in ["select from", "delete from", "truncate", "update", "insert into"] {
                let rest = match sql {
                    "update" => " set tenant_id = null",
                    "insert into" => " default values",
                    _ => "",
                };
                let state = sqlstate(&analytics, &format!("{sql} {table}{rest}")).await;
                assert_eq!(state, "42501", "{sql} {table}");
            }
        }
        execute(app, &format!("revoke {open} from reeve_deid")).await;
        for forbidden in [
            "create table deid.t ()",
            "create view deid.t as select 1",
            "create table public.t ()",
            "select kernel.sweep()",
            "set role reeve_owner",
        ] {
            assert_eq!(sqlstate(&analytics, forbidden).await, "42501", "{forbidden}");
        }
        // The view shows the tenant's people, though its owner reads them; and none without a tenant.
        assert_eq!(sqlstate(&analytics, "select code from deid.probe").await, "ok 3");
        analytics.batch_execute("set app.tenant_id = ''").await.unwrap();
        assert_eq!(sqlstate(&analytics, "select code from deid.probe").await, "ok 0");
        // Who reads names does not read the view.
        let app_session = as_tenant(app, north.id).await;
        for sql in ["select from deid.probe", "select deid.code(gen_random_uuid())"] {
            assert_eq!(sqlstate(&app_session, sql).await, "42501", "{sql}");
        }
        let search = app_session.batch_execute("set role reeve_search").await;
        search.unwrap();
        assert_eq!(sqlstate(&app_session, "select from deid.probe").await, "42501");
        let elsewhere = "select kernel.deid_view('clinic.patient')";
        assert!(app.platform().await.client().batch_execute(elsewhere).await.is_err());
        drop_view(app).await;
    });
}

#[test]
fn a_code_is_the_hmac_of_the_standard_and_differs_by_salt_and_tenant() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        make_view(app).await;
        // One longer than a block, which HMAC hashes first.
        let salts = ["0123456789abcdef0123456789abcdef".to_owned(), "a longer salt.".repeat(9)];
        let mut ids = vec![];
        for number in 0..12 {
            ids.push(north.admin.new_patient(&number.to_string()).await.parse::<Uuid>().unwrap());
        }
        let mut seen = vec![];
        for salt in &salts {
            let replica = probing(app, Some(salt)).await;
            // Another salt's people are others, as far as the guard can see.
            let reply = north.admin.at(app.url(replica)).get("/probe/people").await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            let mut expected: Vec<_> =
                ids.iter().map(|id| format!("{} None", code(salt, north.id, *id))).collect();
            expected.sort();
            assert_eq!(reply.json(), json!(expected));
            seen.push(reply.text.clone());
        }
        // Without the setting the server makes its own, which no restart changes.
        for _ in 0..2 {
            let replica = probing(app, None).await;
            seen.push(north.admin.at(app.url(replica)).get("/probe/people").await.text);
        }
        assert_eq!(seen[2], seen[3]);
        seen.dedup();
        assert_eq!(seen.len(), 3, "{seen:?}");

        let sql = format!("select deid.code('{}')", ids[0]);
        for (tenant, salt) in [(north.id, "salt"), (south.id, "salt"), (north.id, "pepper")] {
            let session = as_analytics(app, &tenant.to_string(), &setting(salt.as_bytes())).await;
            assert_eq!(one(&session, &sql).await, code(salt, tenant, ids[0]));
        }
        drop_view(app).await;
    });
}

#[test]
fn without_salt_or_tenant_there_is_no_code_rather_than_one_for_all() {
    run(async |app| {
        let tenant = app.tenant("north").await.id.to_string();
        let sql = "select deid.code(gen_random_uuid())";
        for (tenant, search) in [
            (tenant.as_str(), ""),
            (tenant.as_str(), "{}"),
            (tenant.as_str(), r#"{"inner": "00", "today": "2026-11-21"}"#),
            ("", &setting(b"salt")),
        ] {
            let session = as_analytics(app, tenant, search).await;
            assert_eq!(sqlstate(&session, sql).await, "55000", "{search}");
        }
        let session = as_analytics(app, &tenant, "").await;
        assert_eq!(sqlstate(&session, "select deid.today()").await, "55000");
        let session = as_analytics(app, &tenant, &setting(b"salt")).await;
        assert_eq!(one(&session, "select deid.today()::text").await, "2026-11-21");
    });
}

/// Births and days: around every edge, on leap days, and all over the place.
fn births_and_days() -> Vec<(Date, Date)> {
    let date = jiff::civil::date;
    let births = [
        date(2008, 6, 15),
        date(2000, 1, 1),
        date(1999, 12, 31),
        date(2012, 2, 29),
        date(2004, 2, 29),
    ];
    let mut pairs = vec![];
    for birth in births {
        for age in 0..=20 {
            let birthday = birth + age.years();
            pairs.extend((-2..=2).map(|off| (birth, birthday + off.days())));
        }
        pairs.push((birth, birth - 1.year()));
    }
    // No need for chance: a generator of Knuth's.
    let mut state = 20_261_121_u64;
    let mut next = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % below).unwrap()
    };
    for _ in 0..5_000 {
        let birth = date(1990, 1, 1) + next(14_000).days();
        pairs.push((birth, birth + (next(9_000) - 500).days()));
    }
    pairs
}

#[test]
fn the_databases_age_bands_are_the_rules() {
    run(async |app| {
        let pairs = births_and_days();
        let list = |text: &dyn Fn(&(Date, Date)) -> String| {
            pairs.iter().map(text).collect::<Vec<_>>().join(",")
        };
        let births = list(&|(birth, _)| format!("'{birth}'"));
        let days = list(&|(_, day)| format!("'{day}'"));
        let bands = list(&|(birth, day)| match AgeBand::on(*birth, *day) {
            Some(band) => format!("'{}'", band.label()),
            None => "null".into(),
        });
        for band in AgeBand::ALL {
            assert!(bands.contains(&format!("'{}'", band.label())), "{band:?} is not tried");
        }
        assert!(bands.contains("null"));
        let others = format!(
            "select birth || ' ' || day || ' ' || coalesce(deid.age_band(birth, day), '-')
               from unnest(array[{births}]::date[], array[{days}]::date[], array[{bands}]::text[])
                 as t (birth, day, band)
              where deid.age_band(birth, day) is distinct from band"
        );
        assert_eq!(app.ask(&others).await, Vec::<String>::new());
        let unknown = "select coalesce(deid.age_band(null, '2026-11-21'), '-')
                           || coalesce(deid.age_band('2020-01-01', null), '-')";
        assert_eq!(app.ask(unknown).await, ["--"]);
    });
}

#[test]
fn what_is_read_for_analytics_is_read_under_that_role_and_no_other() {
    run(async |app| {
        let north = app.tenant("north").await;
        make_view(app).await;
        let replica = probing(app, None).await;
        let admin = north.admin.at(app.url(replica));
        let names = admin.get("/probe/names").await;
        assert_eq!(names.problem(), "500 internal", "{}", names.text);
        let id = names.header("x-request-id").unwrap();
        let log = testkit::logged();
        assert!(log.lines().any(|line| line.contains(id) && line.contains("42501")));
        let none = admin.get("/probe/people").await;
        assert_eq!((none.status, none.json()), (200, json!([])), "nobody is no secret");
        assert_eq!(north.reader.at(app.url(replica)).get("/probe/people").await.status, 403);
        let mut child = patient("1");
        child["birthDate"] = json!("2000-02-29");
        assert_eq!(admin.post("/v1/patients", &child).await.status, 201);
        assert_eq!(admin.get("/probe/people").await.problem(), "409 selection_too_close");
        for number in 2..=11 {
            admin.new_patient(&number.to_string()).await;
        }
        let people = admin.get("/probe/people").await;
        assert_eq!(people.status, 200, "{}", people.text);
        assert!(people.text.contains("18+"), "{}", people.text);
        assert!(!people.text.contains("Rojas"));
        // Its connections go back as the server's own.
        for _ in 0..8 {
            assert_eq!(admin.get("/v1/patients").await.status, 200);
        }
        drop_view(app).await;
    });
}

async fn ask(persona: &Persona, question: &str, first: u32, last: u32) -> Reply {
    persona.get(&format!("/probe/some?question={question}&first={first}&last={last}")).await
}

#[test]
fn two_releases_that_differ_by_a_few_people_cannot_both_be_had() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        make_view(app).await;
        let replica = probing(app, None).await;
        let admin = north.admin.at(app.url(replica));
        let first = ask(&admin, "girls", 0, 100).await;
        assert_eq!(first.status, 200, "{}", first.text);
        for (begin, end) in [(0, 101), (0, 99), (1, 101), (0, 110), (0, 10), (500, 501)] {
            let reply = ask(&admin, "all", begin, end).await;
            assert_eq!(reply.problem(), "409 selection_too_close", "{begin}-{end}");
            assert!(reply.json()["detail"].as_str().unwrap().contains("wider"), "{}", reply.text);
            let recorded = format!(
                "select operation || ' ' || reason || ' ' || permission from audit.entry
                  where outcome = 'refused' and request_id = '{}'",
                reply.header("x-request-id").unwrap()
            );
            assert_eq!(app.ask(&recorded).await, ["READ selection_too_close probe:read"]);
        }
        for (begin, end) in [(0, 111), (0, 89), (0, 100), (500, 600), (7, 7)] {
            assert_eq!(ask(&admin, "all", begin, end).await.status, 200, "{begin}-{end}");
        }
        // The same question: anew for the same people, the earlier answer for nearly the same.
        let anew = ask(&admin, "girls", 0, 100).await;
        assert_eq!(anew.status, 200);
        assert_ne!(anew.json(), first.json(), "it is computed anew");
        for (begin, end) in [(0, 101), (1, 100), (3, 103)] {
            assert_eq!(ask(&admin, "girls", begin, end).await.json(), first.json());
        }
        // One entry for each release, which is what the requests above left.
        let entries = format!(
            "select after ->> 'question' || ' ' || cardinality(r.members) from audit.entry e
               join kernel.release r on r.tenant_id = e.tenant_id and r.id = e.record_id
              where e.tenant_id = '{}' and resource = 'kernel.release' and operation = 'CREATE' order by sequence",
            north.id
        );
        assert_eq!(
            app.ask(&entries).await,
            ["girls 100", "all 111", "all 89", "all 100", "all 100"]
        );
        let other = ask(&south.admin.at(app.url(replica)), "all", 0, 101).await;
        assert_eq!(other.status, 200, "another tenant's releases are no reason: {}", other.text);
        // What was released stays as it was.
        let session = as_tenant(app, north.id).await;
        for sql in ["update kernel.release set deleted_at = now()", "delete from kernel.release"] {
            assert_eq!(sqlstate(&session, sql).await, "42501", "{sql}");
        }
        drop_view(app).await;
    });
}

#[test]
fn of_two_at_once_that_differ_by_one_person_one_is_answered() {
    run(async |app| {
        let north = app.tenant("north").await;
        make_view(app).await;
        let replica = probing(app, None).await;
        let admin = north.admin.at(app.url(replica));
        // Both wait where nothing is decided yet.
        let holder = as_tenant(app, north.id).await;
        holder.batch_execute("begin; select kernel.lock_releases()").await.unwrap();
        let asking = admin.clone();
        let both = tokio::spawn(async move {
            tokio::join!(ask(&asking, "a", 0, 50), ask(&asking, "b", 0, 51))
        });
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                          and database = (select oid from pg_database where datname = current_database())";
        let app: &TestApp = app;
        let two = || async { count(app, waiting).await == 2 };
        until(Duration::from_secs(2), "two wait", two).await;
        holder.batch_execute("commit").await.unwrap();
        let (one, other) = both.await.unwrap();
        assert_one(&one, &other);
        for round in 2..12 {
            let begin = round * 1000;
            let (one, other) = tokio::join!(
                ask(&admin, "a", begin, begin + 50),
                ask(&admin, "b", begin, begin + 51)
            );
            assert_one(&one, &other);
        }
        assert_eq!(count(app, "select count(*) from kernel.release").await, 11);
        drop_view(app).await;
    });
}

fn assert_one(one: &Reply, other: &Reply) {
    let mut both = [one.status, other.status];
    both.sort_unstable();
    assert_eq!(both, [200, 409], "{} {}", one.text, other.text);
}

#[test]
fn a_search_runs_as_the_searching_role_wherever_rows_are_fetched() {
    run(async |app| {
        let north = app.tenant("north").await;
        make_view(app).await;
        let replica = probing(app, None).await;
        let admin = north.admin.at(app.url(replica));
        for number in 0..3 {
            let mut body: Value = patient(&number.to_string());
            body["customFields"] = json!({"n": if number == 0 { 7 } else { 8 }});
            assert_eq!(admin.post("/v1/patients", &body).await.status, 201);
        }
        let reply = admin.get("/probe/search").await;
        assert_eq!(reply.json(), json!([1, 1, 3]), "{}", reply.text);
        drop_view(app).await;
    });
}
