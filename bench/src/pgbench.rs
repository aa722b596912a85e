//! pgbench: the limit that Reeve is measured against.

use std::{fs, path::Path, path::PathBuf};

use tokio::process::Command;

use crate::{Outcome, load::CONNECTIONS, stand::DATABASE};

/// Runs a script as `reeve_app` for some seconds; its transactions a second.
///
/// # Errors
/// pgbench is not installed, or a transaction failed.
pub async fn run(folder: &Path, script: &str, variables: &[String], seconds: u64) -> Outcome<f64> {
    let file = folder.join("pgbench.sql");
    fs::write(&file, script)?;
    let output = Command::new(program())
        .args(["-n", "-M", "prepared", "-U", "reeve_app", "-D", "k=0"])
        .args(["-c", &CONNECTIONS.to_string(), "-j", "2", "-T", &seconds.to_string()])
        .args(variables.iter().flat_map(|variable| ["-D", variable.as_str()]))
        .arg("-h")
        .arg(folder)
        .arg("-f")
        .arg(&file)
        .arg(DATABASE)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("pgbench does not run ({error}): install postgresql-contrib"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text.lines().any(|line| {
        line.strip_prefix("number of failed transactions: ").is_some_and(|n| !n.starts_with("0 "))
    });
    let rate =
        text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    match rate {
        Some(rate) if output.status.success() && !failed => Ok(rate),
        _ => Err(format!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The newest that stands where distributions put it, else the one on the path.
fn program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin/pgbench"))
        .filter(|program| program.is_file())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| "pgbench".into())
}
