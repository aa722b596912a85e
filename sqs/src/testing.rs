//! Queues that a server of somebody else keeps, read with AWS's own client. See `tests/python/queues.py`.
#![allow(clippy::expect_used, clippy::panic, reason = "a fixture that fails must fail the test")]

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout},
    sync::Mutex,
};
use url::Url;

use crate::{Queue, SecretKey};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// An access key.
#[derive(Clone, Deserialize)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

/// What a reader finds.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Received {
    pub body: String,
    pub group: Option<String>,
    pub attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Ready {
    region: String,
    queue: Url,
    fifo: Url,
    writer: Key,
    stranger: Key,
}

/// Two queues, each for messages of up to 256 KiB, until they are dropped.
pub struct Queues {
    ready: Ready,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    // Its standard input is closed with `talk`, which ends it, however we end.
    _process: Child,
}

impl Queues {
    /// # Panics
    /// Python is missing, its packages cannot be installed, or the server does not start.
    pub async fn start() -> Self {
        static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
        if let Err(why) = INSTALLED.get_or_init(install) {
            panic!("{why}");
        }
        let folder = Path::new(ROOT).join("tests/python");
        let mut process = tokio::process::Command::new(folder.join(".venv/bin/python"))
            .arg("queues.py")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let stdin = process.stdin.take().expect("piped");
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        let ready = line(&mut stdout).await;
        Self { ready, talk: Mutex::new((stdin, stdout)), _process: process }
    }

    /// One without order, as its writer has it.
    pub fn plain(&self) -> Queue {
        self.at(self.ready.queue.clone())
    }

    /// One with the order of each group.
    pub fn fifo(&self) -> Queue {
        self.at(self.ready.fifo.clone())
    }

    /// The key of [`plain`](Self::plain) and [`fifo`](Self::fifo), for who must write it down.
    pub fn writer(&self) -> &Key {
        &self.ready.writer
    }

    /// A key that may do nothing.
    pub fn stranger(&self) -> &Key {
        &self.ready.stranger
    }

    fn at(&self, url: Url) -> Queue {
        let Ready { region, writer, .. } = &self.ready;
        let secret_access_key = SecretKey::new(&writer.secret);
        Queue { url, region: region.clone(), access_key_id: writer.id.clone(), secret_access_key }
    }

    /// Takes out what is there.
    ///
    /// # Panics
    /// The server has ended.
    pub async fn receive(&self, queue: &Queue) -> Vec<Received> {
        let mut talk = self.talk.lock().await;
        let asked = format!("{}\n", serde_json::json!({"receive": queue.url}));
        talk.0.write_all(asked.as_bytes()).await.expect("it listens");
        line(&mut talk.1).await
    }
}

async fn line<T: DeserializeOwned>(from: &mut BufReader<ChildStdout>) -> T {
    let mut line = String::new();
    from.read_line(&mut line).await.expect("readable");
    match serde_json::from_str(&line) {
        Ok(value) => value,
        Err(_) => panic!("run `.venv/bin/python queues.py` in tests/python to see what is wrong"),
    }
}

fn install() -> Result<(), String> {
    let root = Path::new(ROOT);
    // Other processes of tests may be about to do the same.
    let lock = File::create(root.join("tests/python/.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let script =
        Command::new(root.join("scripts/python.sh")).output().map_err(|e| e.to_string())?;
    if script.status.success() {
        return Ok(());
    }
    Err(format!("scripts/python.sh failed:\n{}", String::from_utf8_lossy(&script.stderr)))
}
