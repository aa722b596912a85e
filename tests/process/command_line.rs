//! The command line: words, tables, JSON, exit codes.

use serde_json::Value;
use testkit::{TestApp, patient, run};

use super::reeve;

async fn say(app: &TestApp, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = reeve(words);
    command
        .env("DATABASE_URL", app.database.url("reeve_app"))
        .env("DATABASE_OWNER_URL", app.database.url("reeve_admin"));
    let output = command.env("SECRET_KEY", testkit::SECRET).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text.lines().next().unwrap_or_default())
        .unwrap_or_else(|_| panic!("not JSON: {text}"))
}

#[test]
fn a_newcomer_makes_a_tenant_and_a_key_and_uses_them() {
    run(async |app| {
        let (code, tenant, _) = say(app, &["--json", "tenant", "create", "Clínica Nueva"]).await;
        assert_eq!((code, json(&tenant)["name"].as_str()), (Some(0), Some("Clínica Nueva")));
        let (code, key, talk) =
            say(app, &["key", "create", "--tenant", "Clínica Nueva", "--name", "n8n"]).await;
        assert_eq!(code, Some(0), "{talk}");
        let newcomer = app.persona(Some(key.trim().to_owned()), uuid::Uuid::nil());
        assert_eq!(newcomer.post("/v1/patients", &patient("1")).await.status, 201);
        let (_, listed, _) =
            say(app, &["--json", "key", "list", "--tenant", "Clínica Nueva"]).await;
        let id = json(&listed)["id"].as_str().unwrap().to_owned();
        assert!(!listed.contains(key.trim()));
        let rotate =
            ["--json", "key", "rotate", "--tenant", "Clínica Nueva", &id, "--overlap-hours", "1"];
        let (code, successor, _) = say(app, &rotate).await;
        assert_eq!(code, Some(0));
        let next =
            app.persona(json(&successor)["api_key"].as_str().map(str::to_owned), uuid::Uuid::nil());
        assert_eq!(next.get("/v1/patients").await.status, 200);
        assert_eq!(newcomer.get("/v1/patients").await.status, 200, "both work during the overlap");
        let (code, _, _) = say(app, &["key", "revoke", "--tenant", "Clínica Nueva", &id]).await;
        assert_eq!(code, Some(0));
        let operators = app.ask("select distinct permission from audit.entry where actor_kind = 'operator' order by 1").await;
        assert_eq!(operators, ["key:write", "tenant:write"]);
    });
}

#[test]
fn exit_codes_are_those_of_the_help() {
    run(async |app| {
        app.tenant("north").await;
        for (words, code) in [
            (vec!["tenant", "list"], 0),
            (vec!["doctor"], 0),
            (vec!["migrate", "--status"], 0),
            (vec!["openapi"], 0),
            (vec!["tenant"], 2),
            (vec!["tenant", "list", "--nonsense"], 2),
            (vec!["key", "create", "--tenant", "north", "--name", "x", "--role", "king"], 2),
            (vec!["tenant", "suspend", "nowhere"], 4),
            (vec!["key", "revoke", "--tenant", "north", "01920000-0000-7000-8000-000000000000"], 4),
            (vec!["tenant", "create", "north"], 5),
            (vec!["tenant", "create", ""], 5),
        ] {
            let (exit, out, talk) = say(app, &words).await;
            assert_eq!(exit, Some(code), "{words:?}: {out}{talk}");
            assert!(code == 0 || !talk.trim().is_empty(), "{words:?} says why");
        }
    });
}

#[test]
fn the_doctor_finds_what_breaks_a_promise_and_says_what_to_do() {
    run(async |app| {
        let session = app.database.session("reeve_admin").await;
        let wrongs = [
            (
                "alter table clinic.patient no force row level security",
                "alter table clinic.patient force row level security",
                "rls-not-forced",
            ),
            (
                "grant update on audit.entry to reeve_app",
                "revoke update on audit.entry from reeve_app",
                "ledger-not-insert-only",
            ),
            (
                "drop trigger ledger on clinic.patient",
                "create trigger ledger after insert or update or delete on clinic.patient for each row execute function audit.record()",
                "ledger-trigger-missing",
            ),
            (
                "alter table clinic.patient add column nickname text",
                "alter table clinic.patient drop column nickname",
                "column-without-class",
            ),
            (
                "grant delete on clinic.patient to reeve_app",
                "revoke delete on clinic.patient from reeve_app",
                "delete-granted",
            ),
            (
                "create view clinic.peek as select id from clinic.patient",
                "drop view clinic.peek",
                "view-without-invoker",
            ),
            (
                "create function clinic.open() returns int language sql security definer as 'select 1'",
                "drop function clinic.open()",
                "definer-function-open",
            ),
            (
                "create policy wide on clinic.patient to reeve_app using (true)",
                "drop policy wide on clinic.patient",
                "policy-not-by-tenant",
            ),
        ];
        for (wrong, mended, code) in wrongs {
            session.batch_execute(wrong).await.unwrap();
            let (exit, out, _) = say(app, &["--json", "doctor"]).await;
            session.batch_execute(mended).await.unwrap();
            assert_eq!(exit, Some(7), "{wrong}");
            assert!(out.lines().any(|line| json(line)["code"] == code), "{wrong}: {out}");
        }
        assert_eq!(say(app, &["doctor"]).await.0, Some(0));
    });
}

#[test]
fn serving_as_an_owner_or_superuser_is_refused_with_what_to_do() {
    run(async |app| {
        let mut command = reeve(&["serve"]);
        command
            .env("DATABASE_URL", app.database.url("reeve_admin"))
            .env("PORT", super::free_port().to_string());
        let output = command.env("SECRET_KEY", testkit::SECRET).output().await.unwrap();
        assert_eq!(output.status.code(), Some(3));
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(talk.contains("superuser") && talk.contains("reeve migrate"), "{talk}");
    });
}

#[test]
fn a_migration_runs_once_and_a_schema_that_is_newer_or_edited_is_refused() {
    run(async |app| {
        assert_eq!(say(app, &["migrate"]).await.1.trim(), "the schema is up to date");
        let session = app.database.session("reeve_admin").await;
        session
            .batch_execute("insert into reeve.migration values ('clinic', 99, 'later', '')")
            .await
            .unwrap();
        let (code, _, talk) = say(app, &["migrate"]).await;
        assert!(code == Some(1) && talk.contains("newer Reeve"), "{talk}");
        session.batch_execute("delete from reeve.migration where number = 99; update reeve.migration set checksum = ''").await.unwrap();
        let (code, _, talk) = say(app, &["migrate"]).await;
        assert!(code == Some(1) && talk.contains("edited"), "{talk}");
    });
}

#[test]
fn a_changed_law_is_loaded_and_listed_and_a_wrong_file_is_refused_with_its_exit_code() {
    run(async |app| {
        let folder = std::env::temp_dir().join(format!("reeve-statutes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (_, table, _) = say(app, &["statutes", "list"]).await;
        assert!(table.contains("us-oh/2026-11") && table.contains("ORC 5122.04"), "{table}");
        let ohio = policy::statutes::BUILT_IN[0];
        let new = ohio.replace("us-oh/2026-11", "us-oh/2027-07");
        let good = write("good.toml", &new);
        let (code, out, talk) = say(app, &["statutes", "load", &good]).await;
        assert_eq!((code, out.trim()), (Some(0), "us-oh/2027-07 is now in force"), "{talk}");
        let (code, out, _) = say(app, &["--json", "statutes", "load", &good]).await;
        assert_eq!((code, &json(&out)["is_new"]), (Some(0), &Value::from(false)));
        let (_, listed, _) = say(app, &["--json", "statutes", "list"]).await;
        let first = json(&listed);
        assert_eq!((&first["version"], &first["newest"]), (&"us-oh/2027-07".into(), &true.into()));
        assert_eq!(listed.lines().count(), table.lines().count() * 2 - 2, "both versions");

        let taken = write("taken.toml", &new.replace("sessions = 6", "sessions = 5"));
        let garbage = write("garbage.toml", "law = \"none\"");
        let absent = folder.join("absent.toml").to_str().unwrap().to_owned();
        for (file, code, says) in
            [(taken, 5, "version of its own"), (garbage, 5, "statute pack"), (absent, 2, "absent")]
        {
            let (exit, _, talk) = say(app, &["statutes", "load", &file]).await;
            assert!(exit == Some(code) && talk.contains(says), "{file}: {exit:?} {talk}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    });
}
