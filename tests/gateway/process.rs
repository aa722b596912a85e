//! The program: killed, started again, told to stop.

use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    process::{Child, Command},
    sync::Notify,
};
use uuid::Uuid;

use super::{
    Caller, Folder, SECRET, answer, http,
    target::{Target, response},
};

fn command(folder: &Folder, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
    command.arg("gateway").env_clear().current_dir(&folder.0).kill_on_drop(true);
    command.env("GATEWAY_SECRET", SECRET).env("GATEWAY_DATA", &folder.0);
    command.env("GATEWAY_ADDR", format!("127.0.0.1:{port}")).env("OUTBOUND_ALLOW", "127.0.0.0/8");
    // What others need says nothing here.
    command.env("ENVIRONMENT", "production").env("LOG_LEVEL", "error");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

async fn start(folder: &Folder, port: u16) -> (Child, Caller) {
    let child = command(folder, port).spawn().unwrap();
    let caller = Caller::new(format!("http://127.0.0.1:{port}"), SECRET);
    let begun = Instant::now();
    while caller.request(reqwest::Method::GET, "/health").send().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the gateway is not there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (child, caller)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_and_a_late_retry_undoes_nothing() {
    let (folder, port) = (Folder::new(), free_port());
    let (agent, mut sequence) = (Uuid::new_v4(), 0);
    for kill in 0..10_u64 {
        let (mut child, caller) = start(&folder, port).await;
        if kill > 0 {
            let late = caller.register(Uuid::new_v4(), agent, sequence - 2, &answer()).await;
            assert_eq!(late.problem(), (409, "superseded"));
            let run = caller.invoke(agent, json!({"question": "?", "urgent": false})).await;
            assert_eq!(run.body["output"]["reply"], "You asked: ?");
        }
        let mut writer = Box::pin(async {
            loop {
                let reply = caller.register(Uuid::new_v4(), agent, sequence + 1, &answer()).await;
                assert_eq!(reply.status, 201);
                sequence += 1;
            }
        });
        // A random instant of a gateway that writes: there is no event to wait for.
        let instant = Duration::from_millis(40 + kill * 37 % 50);
        let _written: Result<(), _> = tokio::time::timeout(instant, &mut writer).await;
        drop(writer);
        child.kill().await.unwrap();
        assert!(sequence > 0);
        // The last one may have been written and not have been answered.
        sequence += 1;
    }
}

#[tokio::test]
async fn a_folder_is_one_process_s_and_a_run_that_has_begun_is_answered() {
    let (folder, port) = (Folder::new(), free_port());
    let (mut child, caller) = start(&folder, port).await;
    let second = command(&folder, free_port()).output().await.unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another gateway uses the folder"), "{said}");
    assert_eq!(second.status.code(), Some(1));
    let (here, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived, leave) = (here.clone(), go.clone());
    let target = Target::answering(move |_| {
        let (here, go) = (here.clone(), go.clone());
        Box::pin(async move {
            here.notify_one();
            go.notified().await;
            response(200, "text/plain", "at last")
        })
    })
    .await;
    let agent = caller.agent(&http(&target.url)).await;
    let run = tokio::spawn(async move { caller.invoke(agent, json!({"q": "x"})).await });
    arrived.notified().await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    leave.notify_one();
    assert_eq!(run.await.unwrap().body["output"], json!({"out": "at last"}));
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn without_a_secret_it_says_what_is_missing() {
    let folder = Folder::new();
    let refused = command(&folder, 0).env_remove("GATEWAY_SECRET").output().await.unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("GATEWAY_SECRET is not set"), "{said}");
    assert_eq!(refused.status.code(), Some(2));
}
