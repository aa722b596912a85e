//! People, providers, policies and signing keys at the command line.

use std::{process::Output, time::Duration};

use serde_json::{Value, json};
use testkit::{PASSWORD, TestApp, run};
use tokio::io::AsyncWriteExt;

use super::reeve;

async fn ask(app: &TestApp, words: &[&str], input: &str) -> Output {
    let mut command = reeve(words);
    command
        .env("DATABASE_URL", app.database.url("reeve_app"))
        .env("DATABASE_OWNER_URL", app.database.url("reeve_admin"))
        .env("SECRET_KEY", testkit::SECRET)
        .stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads nothing may be gone already.
    let _gone = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

/// The command's data, one JSON object a line.
async fn done(app: &TestApp, words: &[&str], input: &str) -> Vec<Value> {
    let output = ask(app, &[&["--json"], words].concat(), input).await;
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {talk}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains(PASSWORD) && !talk.contains(PASSWORD));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The exit code and what was said.
async fn refused(app: &TestApp, words: &[&str]) -> (Option<i32>, String) {
    let output = ask(app, words, "").await;
    assert!(!output.status.success(), "{words:?}");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn acme(app: &TestApp) {
    let tenant = ["tenant", "create", "Acme Agents", "--realm", "studio", "--code", "acme"];
    assert_eq!(done(app, &tenant, "").await[0]["realm"], "studio");
}

fn user<'a>(verb: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["user", verb, "--tenant", "acme"], rest].concat()
}

#[test]
fn an_operator_gives_accounts_takes_them_away_and_never_the_last_administrators() {
    run(async |app| {
        acme(app).await;
        let owner = ["--email", "own@acme.example", "--role", "org_owner", "--password-stdin"];
        done(app, &user("create", &owner), &format!("{PASSWORD}\n")).await;
        let nobody = app.anonymous();
        let reply = nobody.sign_in("acme", "OWN@acme.example", PASSWORD).await;
        assert_eq!(reply.status, 200, "{}", reply.text);

        let invited = ["--email", "dev@acme.example", "--name", "Dev", "--role", "developer"];
        let said = done(app, &user("create", &invited), "").await;
        assert_eq!(said[0]["state"], "invited");
        let code = json!({"code": said[1]["code"], "new_password": PASSWORD});
        assert_eq!(nobody.post("/auth/password/reset", &code).await.status, 204);
        let tokens = nobody.sign_in("acme", "dev@acme.example", PASSWORD).await;
        let dev = nobody.with_tokens(&tokens);
        assert_eq!(dev.get("/auth/me").await.json()["role"], "developer");

        done(app, &user("disable", &["dev@acme.example"]), "").await;
        let felt = async {
            while dev.get("/auth/me").await.problem() != "403 account_inactive" {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), felt).await.expect("felt within a second");
        done(app, &user("enable", &["dev@acme.example"]), "").await;
        done(app, &user("role", &["dev@acme.example", "viewer"]), "").await;
        let list = done(app, &user("list", &["--reason", "a test"]), "").await;
        let roles: Vec<_> = list.iter().map(|person| person["role"].clone()).collect();
        assert_eq!(roles, ["org_owner", "viewer"]);
        let code = done(app, &user("reset", &["dev@acme.example"]), "").await[0]["code"].clone();
        let again = json!({"code": code, "new_password": "another good secret"});
        assert_eq!(nobody.post("/auth/password/reset", &again).await.status, 204);

        for words in [vec!["own@acme.example"], vec!["own@acme.example", "viewer"]] {
            let verb = if words.len() == 1 { "disable" } else { "role" };
            let (code, talk) = refused(app, &user(verb, &words)).await;
            assert_eq!(code, Some(5), "{talk}");
            assert!(talk.contains("last person"), "{talk}");
        }
        assert_eq!(refused(app, &user("reset", &["nobody@acme.example"])).await.0, Some(4));
        let (code, talk) =
            refused(app, &user("create", &["--email", "x@y.z", "--role", "king"])).await;
        assert_eq!((code, talk.contains("org_owner")), (Some(5), true), "{talk}");
        let entries = "select count(*) from audit.entry where actor_kind = 'operator' and resource = 'kernel.account'";
        assert!(app.ask(entries).await[0].parse::<u32>().unwrap() >= 6, "all of it is on record");
    });
}

#[test]
fn t17_an_operator_looks_at_people_with_a_reason_that_their_organisation_reads() {
    run(async |app| {
        acme(app).await;
        let owner = ["--email", "own@acme.example", "--role", "org_owner", "--password-stdin"];
        done(app, &user("create", &owner), &format!("{PASSWORD}\n")).await;
        assert_eq!(refused(app, &user("list", &[])).await.0, Some(2), "no reason, no look");
        assert_eq!(refused(app, &user("list", &["--reason", ""])).await.0, Some(2));
        assert_eq!(refused(app, &user("list", &["--reason", &"x".repeat(201)])).await.0, Some(2));
        done(app, &user("list", &["--reason", "ticket 4711"]), "").await;
        let nobody = app.anonymous();
        let tokens = nobody.sign_in("acme", "own@acme.example", PASSWORD).await;
        let ledger = nobody.with_tokens(&tokens).get("/v1/audit?operation=READ").await.json();
        let look = &ledger["items"][0];
        assert_eq!(look["actor_kind"], "operator", "{ledger}");
        assert_eq!(look["resource"], "kernel.account");
        assert_eq!(look["purpose_of_event"], "ticket 4711");
    });
}

#[test]
fn providers_are_added_listed_and_removed_and_their_secret_is_sealed() {
    run(async |app| {
        acme(app).await;
        let add = [
            "provider",
            "add",
            "--tenant",
            "acme",
            "--name",
            "okta",
            "--discovery",
            "https://acme.okta.com",
            "--client-id",
            "reeve",
            "--secret-stdin",
            "--domain",
            "Acme.example",
            "--role",
            "viewer",
        ];
        let listed = done(app, &add, "CANARY-secret\n").await;
        assert_eq!(listed[0]["domains"], json!(["acme.example"]));
        assert!(listed[0].get("client_secret").is_none());
        let kept = "select encode(client_secret, 'escape') from kernel.identity_provider
                    union all select coalesce(after::text, '') from audit.entry";
        assert!(
            !app.ask(kept).await.join("").contains("CANARY"),
            "sealed, and masked in the ledger"
        );
        let (code, talk) = refused(app, &add).await;
        assert_eq!(code, Some(5), "{talk}");
        let http = [
            "provider",
            "add",
            "--tenant",
            "acme",
            "--name",
            "x",
            "--discovery",
            "http://acme.okta.com",
            "--client-id",
            "x",
        ];
        assert_eq!(refused(app, &http).await.0, Some(5));
        assert!(
            done(app, &["provider", "remove", "--tenant", "acme", "okta"], "").await.is_empty()
        );
        assert_eq!(
            refused(app, &["provider", "remove", "--tenant", "acme", "okta"]).await.0,
            Some(4)
        );
    });
}

#[test]
fn policies_are_explained_and_tested_without_doing_anything() {
    run(async |app| {
        acme(app).await;
        let question = r#"{"role":"developer","action":"deploy","resource":"agents","attributes":{"name":"x"}}"#;
        let explain = ["policy", "explain", "--tenant", "acme", question];
        let said = done(app, &explain, "").await;
        assert_eq!((&said[0]["allowed"], &said[0]["reason"]), (&json!(true), &json!("allowed")));
        let lines = r#"
            {"expect":true,"role":"viewer","action":"read","resource":"agent","attributes":{"name":"x"}}
            {"expect":false,"role":"viewer","action":"deploy","resource":"agent","attributes":{"name":"x"}}"#;
        let test = ["policy", "test", "--tenant", "acme", "-"];
        assert!(done(app, &test, lines).await.is_empty(), "nothing to say when all is as expected");
        let wrong = ask(app, &test, &lines.replace("true", "false")).await;
        let said = String::from_utf8_lossy(&wrong.stdout).into_owned();
        assert_eq!(wrong.status.code(), Some(7), "{said}");
        assert!(said.contains("line 2: allowed"), "{said}");
        done(app, &["tenant", "create", "North"], "").await;
        assert_eq!(
            refused(app, &["policy", "explain", "--tenant", "North", question]).await.0,
            Some(5)
        );
    });
}

#[test]
fn signing_keys_are_listed_without_secrets_and_rotated_with_an_overlap() {
    run(async |app| {
        let before = done(app, &["token-key", "list"], "").await;
        assert_eq!(before.len(), 7, "one for each realm and the notary's: {before:?}");
        let algorithms: Vec<_> = before.iter().map(|key| key["algorithm"].clone()).collect();
        assert_eq!(algorithms.iter().filter(|a| **a == "RS256").count(), 2);
        let rotate = ["token-key", "rotate", "--realm", "studio", "--overlap-hours", "1"];
        let after = done(app, &rotate, "").await;
        assert_eq!(after.len(), 8);
        let studio = before.iter().find(|key| key["realm"] == "studio").unwrap();
        let former = after.iter().find(|key| key["id"] == studio["id"]).unwrap();
        assert!(former["verifies_until"].is_string(), "{former}");
        let (code, talk) = refused(app, &["token-key", "rotate", "--realm", "moon"]).await;
        assert_eq!((code, talk.contains("studio")), (Some(2), true), "{talk}");
    });
}
