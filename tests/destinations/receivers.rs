//! What we send, verified by the libraries that receivers use, and by `reeve webhook listen`.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use testkit::{Options, run_with};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{DESTINATIONS, called, header, newest, options, receiver, run, webhook};
use crate::{gateway::target::Request, process};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A request as a receiver's library takes it.
fn sent(secret: &str, request: &Request) -> Value {
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(|name| (name.to_owned(), json!(header(request, name))));
    let headers: serde_json::Map<_, _> = headers.into_iter().collect();
    json!({"secret": secret, "headers": headers, "body": request.body})
}

/// Installs, one test at a time.
fn install(folder: &Path, command: &mut Command) {
    let lock = File::create(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// What each library says to each of these, npm's first.
async fn verdicts(all: &[Value]) -> Vec<String> {
    let (python, node) =
        (Path::new(ROOT).join("tests/python"), Path::new(ROOT).join("tests/receivers"));
    install(&python, &mut Command::new(Path::new(ROOT).join("scripts/python.sh")));
    if !node.join("node_modules/standardwebhooks").exists() {
        install(&node, Command::new("npm").args(["ci", "--silent"]).current_dir(&node));
    }
    let mut said = vec![];
    for (program, script, folder) in [
        ("node".into(), "verify.mjs", &node),
        (python.join(".venv/bin/python"), "verify.py", &python),
    ] {
        let mut process = tokio::process::Command::new(program)
            .arg(script)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Vec<_> = all.iter().map(|of| format!("{of}\n")).collect();
        process.stdin.take().unwrap().write_all(lines.concat().as_bytes()).await.unwrap();
        let output = process.wait_with_output().await.unwrap();
        said.extend(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned));
    }
    assert_eq!(said.len(), 2 * all.len(), "{said:?}");
    said
}

#[test]
fn j07_receivers_libraries_verify_what_we_send_and_refuse_what_was_altered() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, first) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        let path = format!("{DESTINATIONS}/{destination}");
        north.integration.new_patient("1").await;
        called(&target, 1).await;
        let rotate = |hours: i32| json!({"overlap_hours": hours});
        let rotated = north.admin.post(&format!("{path}/rotate-secret"), &rotate(1)).await.json();
        let second = rotated["secret"].as_str().unwrap().to_owned();
        assert!(rotated["former_secret_until"].is_string(), "{rotated}");
        north.integration.new_patient("2").await;
        called(&target, 2).await;
        let rotated = north.admin.post(&format!("{path}/rotate-secret"), &rotate(0)).await.json();
        let third = rotated["secret"].as_str().unwrap().to_owned();
        assert!(rotated["former_secret_until"].is_null(), "{rotated}");
        north.integration.new_patient("3").await;
        let requests = called(&target, 3).await;
        let good = [
            sent(&first, &requests[0]),
            // While both sign, either verifies.
            sent(&first, &requests[1]),
            sent(&second, &requests[1]),
            sent(&third, &requests[2]),
        ];
        assert!(verdicts(&good).await.iter().all(|said| said == "verified"));
        let altered = |name: &str, value: &str| {
            let mut of = good[0].clone();
            of["headers"][name] = json!(value);
            of
        };
        let old = (jiff::Timestamp::now().as_second() - 301).to_string();
        let mut body = good[0].clone();
        body["body"] = json!(requests[0].body.replace("created", "deleted"));
        let bad = [
            body,
            altered("webhook-id", "evt_other"),
            altered("webhook-timestamp", &old),
            altered("webhook-signature", "v1,AAAA"),
            sent(&second, &requests[0]),
            sent(&second, &requests[2]),
        ];
        let said = verdicts(&bad).await;
        assert!(said.iter().all(|said| said.starts_with("refused")), "{said:?}");
    });
}

#[test]
fn the_receiver_of_the_command_line_hears_what_operators_send() {
    // A worker tells it, and no server.
    let mut options = options();
    options.settings.insert("JOBS_AT_ONCE".into(), "0".into());
    run_with(Options { ..options }, async |app| {
        let north = app.tenant("north").await;
        let port = process::free_port();
        let url = format!("http://127.0.0.1:{port}/hook");
        let (destination, secret) = webhook(&north.admin, &url, &["patient.*"]).await;
        let listen =
            ["webhook", "listen", "--json", "--port", &port.to_string(), "--secret", &secret];
        let mut listener = process::reeve(&listen).spawn().unwrap();
        let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines();
        let mut ready = BufReader::new(listener.stderr.take().unwrap()).lines();
        assert!(ready.next_line().await.unwrap().unwrap().contains("listening"));
        let mut worker = process::reeve(&["worker"]);
        worker
            .env("DATABASE_URL", app.database.url("reeve_app"))
            .env("SECRET_KEY", testkit::SECRET);
        worker.env("OUTBOUND_ALLOW", "127.0.0.1").env("LOG_LEVEL", "error").stdout(Stdio::null());
        let mut worker = worker.stderr(Stdio::null()).spawn().unwrap();
        let operate = async |words: &[&str]| {
            let mut command =
                process::reeve(&[&["webhook"], words, &["--tenant", "north", "--json"]].concat());
            let output = command
                .env("DATABASE_URL", app.database.url("reeve_admin"))
                .output()
                .await
                .unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
        };
        let (code, sent) = operate(&["test", &destination]).await;
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!((code, &sent["type"]), (0, &json!("destination.test")));
        let mut next = async || {
            let line = tokio::time::timeout(Duration::from_secs(10), heard.next_line()).await;
            serde_json::from_str::<Value>(&line.expect("in time").unwrap().unwrap()).unwrap()
        };
        let event = next().await;
        assert_eq!((&event["id"], &event["event"]["type"]), (&sent["event_id"], &sent["type"]));
        newest(&north.admin, &destination, |of| of["status"] == "delivered").await;
        let id = sent["id"].as_str().unwrap();
        assert_eq!(operate(&["replay", id]).await.0, 0);
        assert_eq!(next().await["id"], sent["event_id"]);
        let nothing = uuid::Uuid::now_v7().to_string();
        assert_eq!(operate(&["test", &nothing]).await.0, 4);
        assert_eq!(operate(&["replay", &nothing]).await.0, 4);
        // With another secret it refuses, and so the delivery fails.
        north
            .admin
            .post(
                &format!("{DESTINATIONS}/{destination}/rotate-secret"),
                &json!({"overlap_hours": 0}),
            )
            .await;
        assert_eq!(operate(&["test", &destination]).await.0, 0);
        assert_eq!(next().await["refused"], "no signature fits");
        newest(&north.admin, &destination, |of| of["last_status"] == 401).await;
        process::signal(worker.id().unwrap(), "TERM").await;
        assert_eq!(worker.wait().await.unwrap().code(), Some(0));
        process::signal(listener.id().unwrap(), "TERM").await;
        assert_eq!(listener.wait().await.unwrap().code(), Some(0));
    });
}
