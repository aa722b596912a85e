//! The flags.

use clap::Parser;

/// Measures Reeve beside pgbench, which runs the same SQL, and prints one table.
///
/// Starts all that it needs in a temporary folder and removes it at the end.
#[derive(Parser, Clone)]
pub struct Options {
    /// Seconds of each run; every figure is the median of three.
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// A short run that shows that everything works; its figures mean nothing.
    #[arg(long)]
    pub quick: bool,
    /// Only this row.
    #[arg(long, value_name = "ROW", value_parser = ["read", "write", "page", "search", "growth", "start", "logins", "sideline", "canvas"])]
    pub only: Option<String>,
    /// Read by id at ten million patients too (some minutes and 10 GB of disk).
    #[arg(long)]
    pub ten_million: bool,
}

impl Options {
    /// Whether a part of the measurements is wanted.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }

    /// Patients of the tenant that is measured.
    pub fn patients(&self) -> u64 {
        if self.quick { 1_000 } else { 10_000 }
    }

    /// How often each run is repeated.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// How long each run takes.
    pub fn run_seconds(&self) -> u64 {
        if self.quick { 1 } else { self.seconds.max(1) }
    }

    /// The table sizes at which the read by id is compared with the smallest.
    pub fn sizes(&self) -> Vec<u64> {
        match (self.quick, self.ten_million) {
            (true, _) => vec![10_000],
            (false, false) => vec![1_000_000],
            (false, true) => vec![1_000_000, 10_000_000],
        }
    }
}
