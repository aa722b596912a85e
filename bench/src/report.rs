//! The table.

use crate::{load::Run, rows::Row};

/// What was found of one row.
pub struct Found {
    pub reeve: Run,
    pub pipelined: f64,
    pub single: f64,
}

/// The head of the table.
pub fn head() {
    println!(
        "{:<28} {:>9} {:>7} {:>7} {:>8} {:>11} {:>11} {:>6}  target",
        "", "Reeve/s", "p50 ms", "p99 ms", "max ms", "pgbench |", "pgbench", "ratio"
    );
}

/// A row with its targets.
pub fn row(row: &Row, found: &Found) {
    let Found { reeve, pipelined, single } = found;
    let ratio = reeve.per_second / pipelined;
    let mut targets = vec![];
    if let Some(least) = row.target {
        targets.push(format!(">= {least}: {}", verdict(ratio >= least)));
    }
    if let Some(most) = row.p99_target_ms {
        targets.push(format!("p99 < {most} ms: {}", verdict(reeve.p99_ms < most)));
    }
    if reeve.errors > 0 {
        targets.push(format!("{} ERRORS", reeve.errors));
    }
    println!(
        "{:<28} {:>9.0} {:>7.2} {:>7.2} {:>8.1} {pipelined:>11.0} {single:>11.0} {ratio:>6.2}  {}",
        row.title,
        reeve.per_second,
        reeve.p50_ms,
        reeve.p99_ms,
        reeve.max_ms,
        targets.join(", ")
    );
}

/// A single figure that may not be more than `most`.
pub fn figure(title: &str, value: f64, unit: &str, most: f64) {
    println!("{title:<28} {value:>9.2} {unit:<61} <= {most}: {}", verdict(value <= most));
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
