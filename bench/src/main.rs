//! Load and scale, side by side with the limit: pgbench running the same SQL through the same
//! policies. `cargo run --release -p bench`; docs/performance.md says what the figures mean.

mod canvas;
mod http;
mod load;
mod logins;
mod options;
mod pgbench;
mod report;
mod rows;
mod sideline;
mod stand;

use std::process::ExitCode;

use clap::Parser;
use load::{median, median_run};
use options::Options;
use report::Found;
use rows::{Numbers, ROWS, Row};
use stand::{Clinic, Server, Stand};

/// What can go wrong is told and ends the run.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Outcome<()> {
    let stand = Stand::new()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure(options, &stand))
}

async fn measure(options: &Options, stand: &Stand) -> Outcome<()> {
    let clinic = stand.load(if options.quick { 50 } else { 1_000 }, options.patients()).await?;
    report::head();
    for row in ROWS.iter().filter(|row| options.wants(row.key)) {
        let server = stand.serve().await?;
        report::row(row, &compare(options, stand, &server, &clinic, row).await?);
    }
    if options.wants("start") {
        start(options, stand).await?;
    }
    if options.wants("logins") {
        logins::measure(stand).await?;
    }
    if options.wants("sideline") {
        sideline::measure(options, stand).await?;
    }
    if options.wants("canvas") {
        canvas::measure(options, stand).await?;
    }
    if options.wants("growth") {
        growth(options, stand, &clinic).await?;
    }
    Ok(())
}

/// Reeve, pgbench in a pipeline, pgbench one by one; and again, so that a slow moment of the machine
/// touches all three.
async fn compare(
    options: &Options,
    stand: &Stand,
    server: &Server,
    clinic: &Clinic,
    row: &Row,
) -> Outcome<Found> {
    let (seconds, patients) = (options.run_seconds(), options.patients());
    let at = |n| Numbers { n, patients };
    row.try_once(server.address, &clinic.key, at(0)).await?;
    let (mut reeve, mut pipelined, mut single) = (vec![], vec![], vec![]);
    for round in 0..options.rounds() as u64 {
        let first = 1_000_000_000 * (round + 1);
        let request = |n| row.request(&clinic.key, at(n));
        reeve.push(load::run(server.address, seconds, first, row.status, &request).await?);
        for (rates, whole, offset) in [(&mut pipelined, true, 0), (&mut single, false, 500_000_000)]
        {
            let script = row.script(clinic, patients, first + offset, whole)?;
            rates.push(pgbench::run(&stand.folder, &script, &row.variables(), seconds).await?);
        }
    }
    Ok(Found { reeve: median_run(reeve)?, pipelined: median(pipelined), single: median(single) })
}

/// Memory at rest, and the time until a server on a running database is ready.
async fn start(options: &Options, stand: &Stand) -> Outcome<()> {
    let (mut memory, mut ready) = (vec![], vec![]);
    for _ in 0..options.rounds() {
        let server = stand.serve().await?;
        memory.push(server.resident_mib()?);
        ready.push(server.ready_after.as_secs_f64() * 1000.0);
    }
    report::figure("memory at rest", median(memory), "MiB", 64.0);
    report::figure("ready after", median(ready), "ms", 100.0);
    Ok(())
}

/// The read by id as the table grows, against the same read just before it grew.
async fn growth(options: &Options, stand: &Stand, clinic: &Clinic) -> Outcome<()> {
    let small = read_millis(options, stand, clinic, options.patients()).await?;
    let mut filled = options.patients();
    for size in options.sizes() {
        stand.fill(clinic, filled + 1, size).await?;
        filled = size;
        let times = read_millis(options, stand, clinic, size).await? / small;
        report::figure(&format!("read at {size}"), times, "times its time in the small table", 1.2);
    }
    Ok(())
}

/// What a read takes of the machine: the inverse of the rate.
async fn read_millis(
    options: &Options,
    stand: &Stand,
    clinic: &Clinic,
    patients: u64,
) -> Outcome<f64> {
    let row = ROWS.first().ok_or("no rows")?;
    let server = stand.serve().await?;
    let request = |n| row.request(&clinic.key, Numbers { n, patients });
    let mut rates = vec![];
    for _ in 0..=options.rounds() {
        let run = load::run(server.address, options.run_seconds(), 0, row.status, &request).await?;
        if run.errors > 0 {
            return Err(format!("{} errors at {patients} patients", run.errors).into());
        }
        rates.push(run.per_second);
    }
    // The first run warms the caches.
    rates.remove(0);
    Ok(1000.0 / median(rates))
}
