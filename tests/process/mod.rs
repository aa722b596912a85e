//! The program itself: started, stopped, killed, and asked again.

mod audit;
mod canvas;
mod command_line;
mod crashes;
mod demo;
mod jobs;
mod people;
mod pools;

use std::{
    net::TcpListener,
    process::Stdio,
    time::{Duration, Instant},
};

use testkit::TestDatabase;
use tokio::process::{Child, Command};

/// A server process on a database of a test.
struct Server {
    child: Child,
    url: String,
}

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The program, with an environment of its own.
pub fn reeve(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
    command.args(words).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("METRICS_ADDR", "off").current_dir(std::env::temp_dir());
    // Where PostgreSQL is, when it is nowhere that is looked into.
    command.envs(std::env::var_os("REEVE_PG_BIN").map(|bin| ("REEVE_PG_BIN", bin)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Server {
    async fn start(database: &TestDatabase, port: u16) -> Self {
        let mut command = reeve(&["serve"]);
        command.env("DATABASE_URL", database.url("reeve_app")).env("PORT", port.to_string());
        command.env("SECRET_KEY", testkit::SECRET).env("LOG_LEVEL", "error");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child, url: format!("http://127.0.0.1:{port}") };
        wait_until_ready(&server.url, Duration::from_secs(20)).await;
        server
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM; the exit code.
    async fn terminate(mut self) -> Option<i32> {
        signal(self.child.id().unwrap(), "TERM").await;
        self.child.wait().await.unwrap().code()
    }
}

pub async fn signal(pid: u32, name: &str) {
    let sent =
        Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().await.unwrap();
    assert!(sent.success());
}

async fn wait_until_ready(url: &str, longest: Duration) -> Duration {
    let begun = Instant::now();
    let http =
        reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build().unwrap();
    loop {
        let reply = http.get(format!("{url}/ready")).send().await;
        if reply.is_ok_and(|reply| reply.status() == 200) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < longest, "{url} is not ready");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
