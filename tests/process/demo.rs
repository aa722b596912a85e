//! `reeve demo` as a newcomer meets it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{free_port, reeve, signal};

/// A data folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("reeve-demo-{}", uuid::Uuid::now_v7())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn demo(folder: &Path, port: u16) -> Command {
    let mut command = reeve(&["demo", "--records", "60"]);
    command.env("REEVE_DATA", folder).env("PORT", port.to_string());
    command
}

/// Starts it and reads what it says until its last line.
async fn start(folder: &Path, port: u16) -> (Child, Vec<String>, Duration) {
    let begun = Instant::now();
    let mut child = demo(folder, port).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = vec![];
    while let Ok(Some(line)) = lines.next_line().await {
        let last = line.starts_with("Ctrl-C ends");
        said.push(line);
        if last {
            super::wait_until_ready(&format!("http://127.0.0.1:{port}"), Duration::from_secs(10))
                .await;
            return (child, said, begun.elapsed());
        }
    }
    let output = child.wait_with_output().await.unwrap();
    panic!("{}", String::from_utf8_lossy(&output.stderr));
}

fn postgres_pid(folder: &Path) -> Option<u32> {
    let file = std::fs::read_to_string(folder.join("pgdata/postmaster.pid")).ok()?;
    file.lines().next()?.parse().ok()
}

fn alive(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// The commands that the demo prints, each with its continuation lines.
fn commands(said: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = vec![];
    let mut continued = false;
    for line in said {
        match line.trim_start() {
            text if text.starts_with("curl ") => commands.push(text.to_owned()),
            text if continued => commands.last_mut().unwrap().push_str(&format!("\n{text}")),
            _ => {}
        }
        continued = line.ends_with('\\');
    }
    commands
}

async fn paste(command: &str) -> serde_json::Value {
    let output = Command::new("bash").args(["-c", command]).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{command}\n{text}"))
}

#[test]
fn the_demo_starts_works_when_pasted_stops_whole_and_recovers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (folder, port) = (Folder::new(), free_port());
        let (child, said, _) = start(&folder.0, port).await;
        let commands = commands(&said);
        assert_eq!(commands.len(), 10, "{said:?}");
        let me = paste(&commands[0]).await;
        assert_eq!((&me["realm"], &me["role"]), (&"programs".into(), &"admin".into()), "{me}");
        assert_eq!(paste(&commands[1]).await["items"].as_array().unwrap().len(), 3);
        assert_eq!(paste(&commands[2]).await["custom_fields"]["plan"], "gold");
        assert_eq!(paste(&commands[3]).await["state"], "booked");
        assert_eq!(paste(&commands[3]).await["code"], "doctor_taken");
        assert_eq!(paste(&commands[4]).await["items"][0]["resource"], "clinic.appointment");
        // The school's trainer, coach, parent and student, each by their own.
        let mut seen = vec![];
        for command in &commands[5..9] {
            seen.push(paste(command).await.as_array().unwrap().len());
        }
        assert_eq!(seen, [3, 3, 3, 1]);
        // What a job deploys while one reads.
        let begun = Instant::now();
        let answer = loop {
            let answer = paste(&commands[9]).await;
            if answer["code"] != "not_found" || begun.elapsed() > Duration::from_secs(10) {
                break answer;
            }
        };
        assert_eq!(answer["output"]["reply"], "You asked: When do you open?", "{answer}");

        // A second server on the folder uses the running PostgreSQL's folder: refused in one line.
        let second = demo(&folder.0, port).output().await.unwrap();
        let talk = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!((second.status.code(), talk.lines().count()), (Some(6), 1), "{talk}");
        assert!(talk.contains("is taken") && talk.contains("PORT"), "{talk}");
        let second = demo(&folder.0, free_port()).output().await.unwrap();
        let talk = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!((second.status.code(), talk.lines().count()), (Some(6), 1), "{talk}");
        assert!(talk.contains("another Reeve"), "{talk}");

        // Ctrl-C leaves nothing running.
        let postgres = postgres_pid(&folder.0).unwrap();
        let ended = stop(child, "INT").await;
        assert_eq!((ended, alive(postgres)), (Some(0), false));

        // The same data and keys, at once.
        let (child, again, time) = start(&folder.0, port).await;
        assert_eq!(again, said);
        assert!(time < Duration::from_secs(2), "ready after {time:?}");

        // kill -9 of both.
        let postgres = postgres_pid(&folder.0).unwrap();
        signal(postgres, "KILL").await;
        stop(child, "KILL").await;
        let (child, again, _) = start(&folder.0, port).await;
        assert_eq!(again, said);
        assert_eq!(
            paste(&commands[3]).await["code"],
            "doctor_taken",
            "what was booked is still booked"
        );

        // SIGTERM leaves nothing running either.
        let postgres = postgres_pid(&folder.0).unwrap();
        assert_eq!((stop(child, "TERM").await, alive(postgres)), (Some(0), false));
    });
}

async fn stop(mut child: Child, name: &str) -> Option<i32> {
    signal(child.id().unwrap(), name).await;
    child.wait().await.unwrap().code()
}

#[test]
fn what_keeps_it_from_starting_is_said_in_one_line() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let cases = [
            ("REEVE_DATA", "/dev/null/reeve", 6, "--data"),
            ("DATABASE_URL", "mysql://x", 2, "DATABASE_URL"),
            (
                "DATABASE_URL",
                "postgresql+asyncpg://nobody@127.0.0.1:1/none",
                6,
                "reach the database",
            ),
            ("SECRET_KEY", "short", 2, "SECRET_KEY"),
            ("PORT", "many", 2, "PORT"),
        ];
        for (name, value, code, hint) in cases {
            let folder = Folder::new();
            let output = demo(&folder.0, free_port()).env(name, value).output().await.unwrap();
            let talk = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                (output.status.code(), talk.lines().count()),
                (Some(code), 1),
                "{name}={value}: {talk}"
            );
            assert!(talk.contains(hint), "{talk}");
        }
    });
}

#[test]
fn without_postgresql_it_says_which_command_installs_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = Folder::new();
        std::fs::create_dir_all(folder.0.join("pgdata")).unwrap();
        std::fs::write(folder.0.join("pgdata/PG_VERSION"), "9").unwrap();
        let output = demo(&folder.0, free_port()).output().await.unwrap();
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), talk.lines().count()), (Some(6), 1), "{talk}");
        assert!(talk.contains("PostgreSQL 9") && talk.contains("scripts/postgres.sh"), "{talk}");
    });
}
