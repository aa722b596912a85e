//! The other system: `server.mjs` beside this file.

use std::{fs::File, path::Path, process::Stdio, sync::OnceLock};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/ehr");

/// A FHIR server that runs until it is dropped.
pub struct Ehr {
    pub base: String,
    http: reqwest::Client,
    // Its standard input is in here: closed, it ends the program, however we end.
    _process: Child,
}

impl Ehr {
    pub async fn start() -> Self {
        static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
        if let Err(why) = INSTALLED.get_or_init(install) {
            panic!("{why}");
        }
        let mut process = Command::new("node")
            .arg("server.mjs")
            .current_dir(FOLDER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("install Node.js 20 or later, with npm");
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).await.unwrap();
        let ready: Value = serde_json::from_str(&line).expect("run `node server.mjs` in tests/ehr");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { base: ready["base"].as_str().unwrap().to_owned(), http, _process: process }
    }

    /// All of a type that are there.
    pub async fn all(&self, kind: &str) -> Vec<Value> {
        let bundle = self.ask(&format!("{kind}?_count=1000&_sort=_lastUpdated")).await;
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|entry| entry["resource"].clone()).collect()
    }

    pub async fn ask(&self, path: &str) -> Value {
        self.http.get(format!("{}/{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    /// Writes there as somebody else does; what it has become.
    pub async fn put(&self, resource: &Value) -> Value {
        let kind = resource["resourceType"].as_str().unwrap();
        let url = format!("{}/{kind}", self.base);
        let request = match resource["id"].as_str() {
            Some(id) => self.http.put(format!("{url}/{id}")),
            None => self.http.post(url),
        };
        let reply = request.json(resource).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
        reply.json().await.unwrap()
    }

    /// From now on it fails so, for so many requests.
    pub async fn fail(&self, mode: &str, times: u32) {
        self.control(&json!({"mode": mode, "times": times})).await;
    }

    /// How many resources a page has, at the most.
    pub async fn cut(&self, most: u32) {
        self.control(&json!({"most": most})).await;
    }

    /// The requests there were, of everybody.
    pub async fn log(&self) -> Vec<Value> {
        let url = self.base.replace("/fhir/r4", "/control");
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn control(&self, body: &Value) {
        let url = self.base.replace("/fhir/r4", "/control");
        self.http.post(url).json(body).send().await.unwrap();
    }
}

/// Installs its packages as the lock file names them, unless they are there.
fn install() -> Result<(), String> {
    let folder = Path::new(FOLDER);
    // Other processes of tests may be about to do the same.
    let lock = File::create(folder.join(".npm-ci.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let changed = |name: &str| folder.join(name).metadata().and_then(|m| m.modified()).ok();
    // npm writes this one last.
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_some() && installed >= changed("package-lock.json") {
        return Ok(());
    }
    let npm = std::process::Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .map_err(|e| e.to_string())?;
    match npm.status.success() {
        true => Ok(()),
        false => {
            Err(format!("run `npm ci` in tests/ehr:\n{}", String::from_utf8_lossy(&npm.stderr)))
        }
    }
}
