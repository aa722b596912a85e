//! `reeve import`: the command itself, on a database of the test.

use std::{io::Write, process::Output};

use serde_json::Value;
use testkit::{TestApp, patient, run};

async fn import(app: &TestApp, words: &[&str], lines: &str) -> (Output, Vec<Value>) {
    let path = std::env::temp_dir().join(format!("reeve-import-{}.ndjson", uuid::Uuid::now_v7()));
    std::fs::File::create(&path).unwrap().write_all(lines.as_bytes()).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_reeve"))
        .args(["--json", "import", "patients", path.to_str().unwrap(), "--tenant", "north"])
        .args(words)
        .env("DATABASE_URL", app.database.url("reeve_app"))
        .env("DATABASE_OWNER_URL", app.database.url("reeve_admin"))
        .env("SECRET_KEY", testkit::SECRET)
        .output()
        .await
        .unwrap();
    std::fs::remove_file(path).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcomes = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output, outcomes)
}

fn lines(numbers: &[&str]) -> String {
    numbers.iter().map(|number| patient(number).to_string() + "\n").collect()
}

#[test]
fn each_line_has_its_outcome_and_each_record_its_entry() {
    run(async |app| {
        app.tenant("north").await;
        let file = lines(&["1", "2", "1", "4"]) + "not json\n\n{\"docNumber\": \"CANARY\"}\n";
        let (output, outcomes) = import(app, &[], &file).await;
        let said: Vec<_> = outcomes.iter().map(|o| o["outcome"].as_str().unwrap()).collect();
        // Lines go side by side: of two with one document the first to come is made.
        let refused = if said[0] == "refused" { 0 } else { 2 };
        let mut expected = ["created", "created", "created", "created", "refused", "refused"];
        expected[refused] = "refused";
        assert_eq!(said, expected);
        assert_eq!(outcomes[refused]["code"], "document_taken");
        assert_eq!(output.status.code(), Some(5));
        let entries = app.ask("select count(*) from audit.entry where resource = 'clinic.patient' and actor_kind = 'operator'").await;
        assert_eq!(entries, ["3"]);
        let same_run = app.ask("select count(distinct request_id) from audit.entry where resource = 'clinic.patient'").await;
        assert_eq!(same_run, ["1"]);
    });
}

#[test]
fn all_or_nothing_leaves_nothing_at_the_first_fault() {
    run(async |app| {
        app.tenant("north").await;
        let (output, outcomes) =
            import(app, &["--all-or-nothing"], &lines(&["1", "2", "1", "4"])).await;
        assert_eq!(outcomes.last().unwrap()["code"], "document_taken");
        assert_eq!(output.status.code(), Some(5));
        assert_eq!(app.ask("select count(*) from clinic.patient").await, ["0"]);
        assert_eq!(
            app.ask("select count(*) from audit.entry where resource = 'clinic.patient'").await,
            ["0"]
        );
        let (output, outcomes) = import(app, &["--all-or-nothing"], &lines(&["1", "2"])).await;
        assert_eq!((output.status.code(), outcomes.len()), (Some(0), 2));
        assert_eq!(app.ask("select count(*) from clinic.patient").await, ["2"]);
    });
}
