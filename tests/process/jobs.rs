//! Workers as processes: one is killed in the middle of a job, another finishes it (J02); operators look on.

use std::{process::Stdio, time::Duration};

use testkit::{TestApp, run_with};
use tokio::process::Child;

use super::{reeve, signal};

const STATE: &str = "select state || ' ' || attempts from kernel.job";

fn worker(app: &TestApp) -> Child {
    let mut command = reeve(&["worker"]);
    command.env("DATABASE_URL", app.database.url("reeve_app")).env("SECRET_KEY", testkit::SECRET);
    command.env("LOG_LEVEL", "error").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Asks until the answer is this.
async fn until(app: &TestApp, sql: &str, expected: &[&str]) {
    let told = async {
        while app.ask(sql).await != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(30), told).await;
    assert!(told.is_ok(), "{sql}: {:?} is not {expected:?}", app.ask(sql).await);
}

/// No worker in the test's own process.
fn run(test: impl AsyncFnOnce(&mut TestApp)) {
    let settings = [("JOBS_AT_ONCE".to_owned(), "0".to_owned())].into();
    run_with(testkit::Options { settings, ..testkit::Options::default() }, test);
}

#[test]
fn j02_a_job_whose_worker_is_killed_is_finished_once_by_another() {
    run(async |app| {
        // The job of the house waits for this lock with what it did before it.
        let session = app.database.session("reeve_admin").await;
        session.batch_execute("begin; lock kernel.login_guard in exclusive mode").await.unwrap();
        let mut first = worker(app);
        until(app, STATE, &["running 1"]).await;
        first.kill().await.unwrap();
        session.batch_execute("commit").await.unwrap();
        let mut second = worker(app);
        session.batch_execute("update kernel.job_queue set due_at = now()").await.unwrap();
        until(app, STATE, &["succeeded 2"]).await;
        let steps = "select coalesce(after ->> 'state', '-') from audit.entry
                      where resource = 'kernel.job' order by transaction_id, sequence";
        assert_eq!(app.ask(steps).await, ["queued", "running", "running", "succeeded"]);
        signal(second.id().unwrap(), "TERM").await;
        assert_eq!(second.wait().await.unwrap().code(), Some(0));
    });
}

#[test]
fn operators_list_jobs_and_let_a_dead_one_wait_anew() {
    run(async |app| {
        let dead = "set session_replication_role = replica;
             insert into kernel.job (tenant_id, id, kind, payload, max_attempts, attempts, state, error_code, error_detail,
                                     finished_at, actor_kind, created_by, request_id)
             values ('00000000-0000-0000-0000-000000000000', '00000000-0000-7000-8000-000000000001', 'kernel.keep_house',
                     '{}', 5, 5, 'dead', 'unavailable', 'x', now(), 'system', gen_random_uuid(), gen_random_uuid())";
        app.database.session("reeve_admin").await.batch_execute(dead).await.unwrap();
        let ask = async |words: &[&str]| {
            let mut command = reeve(words);
            command.env("DATABASE_URL", app.database.url("reeve_admin"));
            let output = command.output().await.unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
        };
        let (code, text) = ask(&["jobs", "dead", "--json"]).await;
        let job: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, job["last_error"]["code"].as_str()), (0, Some("unavailable")), "{text}");
        let id = job["job_id"].as_str().unwrap();
        let (code, text) = ask(&["jobs", "retry", id, "--json"]).await;
        let job: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, job["status"].as_str()), (0, Some("queued")), "{text}");
        assert_eq!(ask(&["jobs", "retry", id]).await.0, 4, "it is no longer dead");
        app.tenant("north").await;
        assert_eq!(ask(&["jobs", "list", "--tenant", "north", "--json"]).await, (0, String::new()));
        assert_eq!(ask(&["jobs", "list", "--tenant", "nowhere"]).await.0, 4);
        assert_eq!(app.ask("select count(*)::text from kernel.job_queue").await, ["1"]);
    });
}
