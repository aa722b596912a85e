//! Jobs: each that was wanted is done once, as whoever wanted it, however workers end (J01 to J03, J11, J12, J14, T16).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{Options, Persona, TestApp, run_with};
use uuid::Uuid;

use super::{as_tenant, count, execute, sqlstate, until};

/// How soon a job ends that need not wait.
const SOON: Duration = Duration::from_secs(10);
const JOBS: &str = "/api/v1/jobs";

/// Jobs of the test's own, steered by what they are told and by a gate in the database.
mod probe {
    use std::time::Duration;

    use ::kernel::{
        authz::{Answer, Authorized, Committed},
        db::Done,
        http::{Docs, Item, Problem, Routes},
        identity::SystemAccount,
        jobs::{Failure, Finished, Jobs, Kind, Run},
        module::Module,
        permissions, row, statements,
    };
    use policy::Grant;
    use serde::{Deserialize, Serialize};
    use uuid::Uuid;

    permissions! {
        WriteProbe = "probe:write", Writes;
        Tick = "probe:tick", Writes;
    }

    #[derive(Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    pub struct Told {
        how: String,
    }

    const STEP: Kind<WriteProbe, Told> = Kind::new("probe.step", 3);
    const TICK: Kind<Tick, Told> = Kind::new("probe.tick", 1);
    const TICKER: SystemAccount = SystemAccount { name: "ticker", permissions: &["probe:tick"] };

    row! {
        pub struct Id { id: Uuid }
    }

    statements! {
        fn insert_effect(job: Uuid, word: &'static str) -> Done
            = "insert into public.effect (job, word) values ($1, $2) returning true as done";

        fn find_gate() -> Done = "select exists (select from public.gate) as done";

        fn enqueue_later(id: Uuid) -> Id
            = "select kernel.enqueue($1, 'probe.step', null, '{\"how\": \"at_once\"}', 3, 3600) as id";
    }

    async fn step(act: Authorized<WriteProbe>, run: Run<Told>) -> Result<Finished, Failure> {
        let id = run.id();
        let begun = insert_effect(id, "begun");
        act.write(begun, |_, _| Answer::<()>::gone()).await?;
        let is_open = async || -> Result<bool, Problem> {
            Ok(act.look_up(find_gate()).await?.iter().any(|row| row.done))
        };
        match run.payload.how.as_str() {
            "panics" => panic!("as it was told"),
            "fails" if !is_open().await? => {
                Err(Problem::conflict("told_so", "it was told to fail"))?;
            }
            "tries" if run.attempt() == 1 => {
                let problem = Problem::new(502, "elsewhere", "somebody else is at fault");
                return Err(Failure::Retry {
                    problem: problem.into(),
                    after: Some(Duration::ZERO),
                });
            }
            "waits" => {
                while !is_open().await? {
                    run.checkpoint().await?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            "waits_blindly" => {
                while !is_open().await? {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            _ => {}
        }
        run.finish(&act, move |tx| {
            Box::pin(async move { tx.run(insert_effect(id, "done")).await.map(drop) })
        })
        .await
    }

    async fn tick(act: Authorized<Tick>, run: Run<Told>) -> Result<Finished, Failure> {
        run.finish(&act, |_| Box::pin(async { Ok(()) })).await
    }

    async fn want(
        act: Authorized<WriteProbe>,
        Item(how): Item<String>,
    ) -> Result<Committed<String>, Problem> {
        let id = act.new_id();
        if how == "later" {
            return act.write(enqueue_later(id), |row, _| Answer::ok(row.id.to_string())).await;
        }
        act.transact(move |tx| {
            Box::pin(async move {
                let told = Told { how };
                let queued = tx.run(STEP.enqueue(id, Some(id), &told)?).await?;
                match told.how.as_str() {
                    "rolls_back" => Err(Problem::conflict("rolled_back", "as it was told")),
                    _ => Ok(Answer::ok(queued[0].id.to_string())),
                }
            })
        })
        .await
    }

    fn jobs() -> Jobs {
        let mut jobs = Jobs::default();
        jobs.on(&STEP, step);
        jobs
    }

    fn jobs_that_tick() -> Jobs {
        let mut jobs = jobs();
        jobs.on(&TICK, tick);
        jobs.every(1, TICKER, &TICK, &Told { how: "at_once".into() });
        jobs
    }

    pub fn module() -> Module {
        let mut routes = Routes::default();
        routes.post(WriteProbe, "/probe/jobs/{id}", want, Docs::new("probe", "", ""));
        Module {
            name: "probe",
            title: "probe",
            prefix: "/probes",
            migrations: vec![],
            privacy: "",
            realm: Some(clinic::REALM),
            grants: &[
                Grant { role: "admin", permissions: &["probe:write", "job:read", "job:write"] },
                Grant { role: "integration", permissions: &["probe:write", "job:read"] },
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
            jobs: jobs(),
            events: &[],
        }
    }

    pub fn module_that_ticks() -> Module {
        Module { jobs: jobs_that_tick(), ..module() }
    }
}

fn options() -> Options {
    Options { extra: Some(probe::module), ..Options::default() }
}

fn run(test: impl AsyncFnOnce(&mut TestApp)) {
    run_on(options(), test);
}

fn run_on(options: Options, test: impl AsyncFnOnce(&mut TestApp)) {
    run_with(options, async |app| {
        let tables =
            "create table public.effect (job uuid, word text); create table public.gate ();
                      grant select, insert on public.effect, public.gate to reeve_app";
        execute(app, tables).await;
        test(app).await;
        execute(app, "drop table public.effect, public.gate").await;
    });
}

/// Wants a job; its id.
async fn want(by: &Persona, how: &str) -> String {
    let reply = by.post(&format!("/probe/jobs/{how}"), &Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json().as_str().unwrap().to_owned()
}

async fn job(by: &Persona, id: &str) -> Value {
    let reply = by.get(&format!("{JOBS}/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// Waits until the job is in this state; the job.
async fn becomes(by: &Persona, id: &str, status: &str) -> Value {
    until(SOON, &format!("{id} becomes {status}"), async || job(by, id).await["status"] == status)
        .await;
    job(by, id).await
}

/// How often a job has come so far.
async fn effects(app: &TestApp, id: &str, word: &str) -> u64 {
    count(app, &format!("select count(*) from effect where job = '{id}' and word = '{word}'")).await
}

async fn has_begun(app: &TestApp, id: &str, times: u64) {
    until(SOON, &format!("{id} has begun"), async || effects(app, id, "begun").await == times)
        .await;
}

async fn open_gate(app: &TestApp) {
    execute(app, "insert into gate default values").await;
}

/// The job's turn, or the end of its lease, has come.
async fn is_due(app: &TestApp, id: &str) {
    execute(app, &format!("update kernel.job_queue set due_at = now() where job_id = '{id}'"))
        .await;
}

#[test]
fn j01_a_job_is_there_with_its_request_or_not_at_all_and_is_done_once_on_record() {
    run(async |app| {
        let north = app.tenant("north").await;
        let refused = north.admin.post("/probe/jobs/rolls_back", &Value::Null).await;
        assert_eq!(refused.problem(), "409 rolled_back");
        let id = want(&north.integration, "at_once").await;
        let done = becomes(&north.admin, &id, "succeeded").await;
        assert_eq!(done["attempts"], 1, "{done}");
        assert_eq!(done["record_id"], id.as_str());
        assert_eq!(done["created_by"], north.integration.id.to_string());
        assert!(done["last_error"].is_null() && done["finished_at"].is_string(), "{done}");
        let all = north.admin.get(JOBS).await.json();
        assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
        assert_eq!(effects(app, &id, "done").await, 1);
        let entries = format!(
            "select concat_ws(' ', operation, actor_kind, permission, after ->> 'state', request_id = record_id)
               from audit.entry where resource = 'kernel.job' and record_id = '{id}' order by sequence"
        );
        let expected = [
            "CREATE api_key probe:write queued f",
            "UPDATE system job:run running t",
            "UPDATE api_key probe:write succeeded t",
        ];
        assert_eq!(app.ask(&entries).await, expected);
    });
}

/// Looked for alone it would take 125 ms on average.
#[test]
fn a_job_begins_at_once_on_the_server_that_committed_it() {
    run(async |app| {
        let north = app.tenant("north").await;
        for _ in 0..20 {
            let id = want(&north.admin, "at_once").await;
            becomes(&north.admin, &id, "succeeded").await;
        }
        let waits = "select round(extract(epoch from r.at - q.at) * 1000)::text from audit.entry q
              join audit.entry r on r.record_id = q.record_id and r.after ->> 'state' = 'running'
             where q.resource = 'kernel.job' and q.operation = 'CREATE' and q.after ->> 'kind' = 'probe.step'";
        let waits = app.ask(waits).await;
        let at_once = waits.iter().filter(|ms| ms.parse::<u32>().unwrap() < 100).count();
        assert!(at_once >= 16, "milliseconds: {waits:?}");
    });
}

#[test]
fn j02_a_worker_that_lost_its_lease_commits_nothing() {
    run(async |app| {
        app.add_replica(&options()).await;
        let north = app.tenant("north").await;
        let id = want(&north.admin, "waits_blindly").await;
        has_begun(app, &id, 1).await;
        is_due(app, &id).await;
        has_begun(app, &id, 2).await;
        open_gate(app).await;
        let done = becomes(&north.admin, &id, "succeeded").await;
        assert_eq!(done["attempts"], 2);
        // Both have tried to finish when a job that came later has ended in each of their places.
        for _ in 0..8 {
            let next = want(&north.admin, "at_once").await;
            becomes(&north.admin, &next, "succeeded").await;
        }
        assert_eq!(effects(app, &id, "done").await, 1);
        let ends = format!(
            "select count(*) from audit.entry where record_id = '{id}' and after ->> 'state' = 'succeeded'"
        );
        assert_eq!(count(app, &ends).await, 1);
    });
}

#[test]
fn a_worker_lost_in_the_last_attempt_leaves_its_job_dead() {
    run(async |app| {
        let north = app.tenant("north").await;
        let id = want(&north.admin, "waits_blindly").await;
        for attempt in 1..=3 {
            has_begun(app, &id, attempt).await;
            is_due(app, &id).await;
        }
        let dead = becomes(&north.admin, &id, "dead").await;
        assert_eq!(dead["last_error"]["code"], "worker_lost", "{dead}");
        open_gate(app).await;
        let next = want(&north.admin, "at_once").await;
        becomes(&north.admin, &next, "succeeded").await;
        assert_eq!(effects(app, &id, "done").await, 0);
    });
}

#[test]
fn j03_a_job_that_panics_is_tried_again_then_dead_and_counted_and_the_worker_lives() {
    run(async |app| {
        let north = app.tenant("north").await;
        let dead = "reeve_jobs_total{kind=\"probe.step\",outcome=\"dead\"}";
        let id = want(&north.admin, "panics").await;
        let ended = becomes(&north.admin, &id, "dead").await;
        assert_eq!(
            (&ended["attempts"], &ended["last_error"]["code"]),
            (&json!(3), &json!("panicked"))
        );
        assert_eq!((effects(app, &id, "begun").await, effects(app, &id, "done").await), (3, 0));
        assert!(testkit::metrics().contains(dead), "{}", testkit::metrics());
        let next = want(&north.admin, "at_once").await;
        becomes(&north.admin, &next, "succeeded").await;
        let again = want(&north.admin, "tries").await;
        let again = becomes(&north.admin, &again, "succeeded").await;
        assert_eq!((&again["attempts"], &again["last_error"]), (&json!(2), &Value::Null));
    });
}

#[test]
fn j11_what_is_done_again_and_again_is_done_once_in_a_tick_whatever_the_servers_clocks_say() {
    let ticking = |minutes: i64| {
        let now = Timestamp::now() + SignedDuration::from_mins(minutes);
        let clock = ::kernel::Clock::fixed(now);
        Options { extra: Some(probe::module_that_ticks), clock, ..Options::default() }
    };
    run_with(ticking(0), async |app| {
        for minutes in [5, -5] {
            app.add_replica(&ticking(minutes)).await;
        }
        let ticks = "select count(*) from kernel.job where kind = 'probe.tick'";
        until(SOON, "four ticks", async || count(app, ticks).await >= 4).await;
        let twice = "select date_trunc('second', created_at)::text from kernel.job where kind = 'probe.tick'
                      group by date_trunc('second', created_at) having count(*) > 1";
        assert_eq!(app.ask(twice).await, Vec::<String>::new());
        let as_whom = "select distinct actor_kind || ' ' || tenant_id from kernel.job";
        assert_eq!(app.ask(as_whom).await, [format!("system {}", Uuid::nil())]);
        let kept = "select count(*) from kernel.job where kind = 'kernel.keep_house'";
        assert_eq!(count(app, kept).await, 1, "once an hour");
    });
}

#[test]
fn old_jobs_are_removed_on_record_and_younger_ones_stay() {
    run(async |app| {
        let north = app.tenant("north").await;
        let (old, young) = (want(&north.admin, "at_once").await, want(&north.admin, "fails").await);
        becomes(&north.admin, &old, "succeeded").await;
        becomes(&north.admin, &young, "failed").await;
        let kept = "select state from kernel.job where kind = 'kernel.keep_house' order by id desc limit 1";
        until(SOON, "the house is kept", async || app.ask(kept).await == ["succeeded"]).await;
        let next_hour = format!(
            "set session_replication_role = replica;
             update kernel.job set finished_at = now() - interval '31 days' where id = '{old}';
             update kernel.schedule set tick = tick - interval '1 hour'"
        );
        execute(app, &next_hour).await;
        until(SOON, "the old one is gone", async || {
            north.admin.get(&format!("{JOBS}/{old}")).await.status == 404
        })
        .await;
        assert_eq!(job(&north.admin, &young).await["status"], "failed");
        let entry = format!(
            "select operation || ' ' || permission from audit.entry
              where tenant_id = '{}' and record_id = '{old}' order by sequence desc limit 1",
            north.id
        );
        assert_eq!(app.ask(&entry).await, ["DELETE server:keep_house"]);
    });
}

#[test]
fn j12_whoever_may_no_longer_do_it_when_it_runs_has_it_refused_on_record_and_without_effect() {
    run(async |app| {
        let north = app.tenant("north").await;
        let (key, admin) = (&north.integration, &north.admin);
        let becomes_a = async |role: &str| {
            let change =
                format!("update kernel.api_key set role = '{role}' where id = '{}'", key.id);
            execute(app, &format!("set session_replication_role = replica; {change}")).await;
        };
        let id = want(key, "later").await;
        becomes_a("reader").await;
        let forbidden = async |id: &str, reason: &str| {
            is_due(app, id).await;
            let failed = becomes(admin, id, "failed").await;
            assert_eq!(failed["last_error"]["code"], "forbidden", "{failed}");
            assert_eq!(effects(app, id, "begun").await, 0);
            let refused = format!(
                "select concat_ws(' ', reason, resource, actor_id) from audit.entry
                  where request_id = '{id}' and outcome = 'refused' and permission = 'probe:write'"
            );
            let expected = format!("{reason} probe.step {}", key.id);
            assert_eq!(app.ask(&refused).await, [expected]);
        };
        forbidden(&id, "forbidden").await;
        becomes_a("integration").await;
        let id = want(key, "later").await;
        let revoked = admin.delete(&format!("/v1/auth/api-keys/{}", key.id)).await;
        assert_eq!(revoked.status, 204, "{}", revoked.text);
        forbidden(&id, "unauthenticated").await;
    });
}

#[test]
fn j14_a_hundred_thousand_jobs_of_one_tenant_do_not_delay_anothers() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let many = format!(
            "set session_replication_role = replica;
             insert into kernel.job (tenant_id, id, kind, payload, max_attempts, actor_kind, role, created_by, request_id)
             select '{0}', gen_random_uuid(), 'probe.step', '{{\"how\": \"waits\"}}', 3, 'api_key', 'admin', '{1}',
                    gen_random_uuid() from generate_series(1, 100000);
             insert into kernel.job_queue (tenant_id, job_id, due_at) select tenant_id, id, now() from kernel.job
              where tenant_id = '{0}'",
            north.id, north.admin.id
        );
        execute(app, &many).await;
        let begun = "select count(*) from effect where word = 'begun'";
        until(SOON, "north has what it may have", async || count(app, begun).await == 3).await;
        for _ in 0..3 {
            let id = want(&south.admin, "at_once").await;
            let took = until(SOON, "south's is done", async || {
                job(&south.admin, &id).await["status"] == "succeeded"
            })
            .await;
            assert!(took < Duration::from_secs(2), "{took:?}");
        }
        assert_eq!(count(app, begun).await, 6, "north has three of four places, and no more");
    });
}

#[test]
fn t16_the_jobs_of_a_suspended_tenant_wait_and_are_not_lost() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let (waits, later) = (want(&north.admin, "waits").await, want(&north.admin, "later").await);
        has_begun(app, &waits, 1).await;
        let mut platform = app.platform().await;
        ::kernel::tenant::suspend(&mut platform, "north", false).await.unwrap();
        let state = async |id: &str| {
            app.ask(&format!("select state from kernel.job where id = '{id}'")).await.remove(0)
        };
        until(SOON, "the running one is given back", async || state(&waits).await == "queued")
            .await;
        is_due(app, &later).await;
        open_gate(app).await;
        let theirs = want(&south.admin, "at_once").await;
        becomes(&south.admin, &theirs, "succeeded").await;
        assert_eq!((state(&waits).await, state(&later).await), ("queued".into(), "queued".into()));
        ::kernel::tenant::suspend(&mut platform, "north", true).await.unwrap();
        for id in [&waits, &later] {
            until(SOON, "it is done", async || state(id).await == "succeeded").await;
            assert_eq!(effects(app, id, "done").await, 1);
        }
        assert_eq!(
            app.ask(&format!("select attempts::text from kernel.job where id = '{waits}'")).await,
            ["1"],
            "what was given back was no attempt"
        );
    });
}

#[test]
fn a_job_that_waits_is_cancelled_at_once_and_one_that_runs_has_no_effect_from_then_on() {
    run(async |app| {
        let north = app.tenant("north").await;
        let cancel =
            async |id: &str| north.admin.post(&format!("{JOBS}/{id}/cancel"), &json!({})).await;
        let later = want(&north.admin, "later").await;
        assert_eq!(cancel(&later).await.json()["status"], "cancelled");
        assert_eq!(cancel(&later).await.problem(), "409 job_has_ended");
        let (waits, blind) =
            (want(&north.admin, "waits").await, want(&north.admin, "waits_blindly").await);
        for id in [&waits, &blind] {
            has_begun(app, id, 1).await;
            assert_eq!(cancel(id).await.json()["status"], "running");
        }
        becomes(&north.admin, &waits, "cancelled").await;
        assert_eq!(job(&north.admin, &blind).await["status"], "running");
        open_gate(app).await;
        becomes(&north.admin, &blind, "cancelled").await;
        let done = "select count(*) from effect where word = 'done'";
        assert_eq!(count(app, done).await, 0);
        let left = "select count(*) from kernel.job_queue q join kernel.job j on j.id = q.job_id
                     where j.kind = 'probe.step'";
        assert_eq!(count(app, left).await, 0);
    });
}

#[test]
fn what_failed_is_done_again_when_somebody_says_so() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let id = want(&north.admin, "fails").await;
        let failed = becomes(&north.admin, &id, "failed").await;
        assert_eq!(
            (&failed["attempts"], &failed["last_error"]["code"]),
            (&json!(1), &json!("told_so"))
        );
        let replay = async |by: &Persona| by.post(&format!("{JOBS}/{id}/replay"), &json!({})).await;
        assert_eq!(replay(&south.admin).await.problem(), "404 not_found");
        assert_eq!(south.admin.get(&format!("{JOBS}/{id}")).await.problem(), "404 not_found");
        assert_eq!(replay(&north.integration).await.problem(), "403 forbidden");
        open_gate(app).await;
        let queued = replay(&north.admin).await;
        assert_eq!(queued.status, 200, "{}", queued.text);
        assert_eq!(
            (&queued.json()["attempts"], &queued.json()["last_error"]),
            (&json!(0), &Value::Null)
        );
        assert_eq!(becomes(&north.admin, &id, "succeeded").await["attempts"], 1);
        assert_eq!(replay(&north.admin).await.problem(), "409 job_has_not_failed");
    });
}

/// The ids of a page, and where the next one is.
fn page(reply: &testkit::Reply) -> (Vec<String>, Option<String>) {
    let ids = reply.json().as_array().unwrap().clone();
    let ids = ids.iter().map(|job| job["job_id"].as_str().unwrap().to_owned()).collect();
    let next = reply.header("link").and_then(|link| link.split(['<', '>']).nth(1));
    (ids, next.map(str::to_owned))
}

#[test]
fn jobs_are_listed_newest_first_by_status_and_kind_and_page_by_page() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let mut ids = vec![];
        for how in ["fails", "later", "fails"] {
            ids.insert(0, want(&north.admin, how).await);
        }
        for id in [&ids[0], &ids[2]] {
            becomes(&north.admin, id, "failed").await;
        }
        let (first, next) = page(&north.admin.get(&format!("{JOBS}?limit=2")).await);
        assert_eq!(first, ids[..2]);
        assert_eq!(page(&north.admin.get(&next.unwrap()).await), (ids[2..].to_vec(), None));
        let failed = north.admin.get(&format!("{JOBS}?status=failed&kind=probe.step")).await;
        assert_eq!(page(&failed).0, [ids[0].clone(), ids[2].clone()]);
        assert!(page(&north.admin.get(&format!("{JOBS}?kind=probe.other")).await).0.is_empty());
        assert_eq!(
            north.admin.get(&format!("{JOBS}?status=lazy")).await.fields(),
            ["query.status"]
        );
        assert_eq!(page(&south.admin.get(JOBS).await).0, Vec::<String>::new());
        assert_eq!(north.reader.get(JOBS).await.problem(), "403 forbidden");
    });
}

#[test]
fn the_database_holds_what_a_job_may_become_and_as_whom_it_runs() {
    run(async |app| {
        let north = app.tenant("north").await;
        let (failed, later) =
            (want(&north.admin, "fails").await, want(&north.admin, "later").await);
        becomes(&north.admin, &failed, "failed").await;
        let session = as_tenant(app, north.id).await;
        let set = async |id: &str, what: &str| {
            sqlstate(&session, &format!("update kernel.job set {what} where id = '{id}'")).await
        };
        for state in ["succeeded", "failed", "dead", "queued"] {
            assert_eq!(
                set(&later, &format!("state = '{state}'")).await,
                "RV461",
                "queued to {state}"
            );
        }
        for state in ["succeeded", "running", "cancelled", "dead"] {
            assert_eq!(
                set(&failed, &format!("state = '{state}'")).await,
                "RV461",
                "failed to {state}"
            );
        }
        assert_eq!(
            set(&later, "state = 'running', attempts = 1").await,
            "RV463",
            "without a lease"
        );
        for column in ["payload = '{}'", "created_by = id", "role = 'admin'", "kind = 'a.b'"] {
            assert_eq!(set(&later, column).await, "42501", "{column}");
        }
        let insert = "insert into kernel.job (tenant_id, id, kind, payload, max_attempts";
        let values = format!("('{}', gen_random_uuid(), 'a.b', '{{}}', 1", north.id);
        let another = format!("{insert}, created_by) values {values}, gen_random_uuid())");
        assert_eq!(sqlstate(&session, &another).await, "42501", "as somebody else");
        let nobody = format!("{insert}) values {values})");
        assert_eq!(sqlstate(&session, &nobody).await, "RV460", "as nobody of the tenant");
        let large = "select kernel.enqueue(gen_random_uuid(), 'a.b', null,
                     jsonb_build_object('a', repeat('a', 9000)), 1)";
        let own = format!("select set_config('app.actor_id', '{}', false)", north.admin.id);
        assert_eq!(sqlstate(&session, &own).await, "ok 1");
        assert_eq!(sqlstate(&session, large).await, "23514");
        for table in ["job_queue", "job_turn"] {
            let seen = sqlstate(&session, &format!("select from kernel.{table}")).await;
            assert_eq!(seen, "42501", "{table}");
        }
    });
}

#[test]
fn a_server_that_stops_gives_back_what_does_not_end_and_another_does_it() {
    let quiet = [("JOBS_AT_ONCE".to_owned(), "0".to_owned())].into();
    run_on(Options { settings: quiet, ..options() }, async |app| {
        let north = app.tenant("north").await;
        app.add_replica(&options()).await;
        let id = want(&north.admin, "waits_blindly").await;
        has_begun(app, &id, 1).await;
        app.stop_newest_replica().await;
        let given_back = job(&north.admin, &id).await;
        assert_eq!((&given_back["status"], &given_back["attempts"]), (&json!("queued"), &json!(0)));
        open_gate(app).await;
        app.add_replica(&options()).await;
        assert_eq!(becomes(&north.admin, &id, "succeeded").await["attempts"], 1);
    });
}
