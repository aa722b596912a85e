//! The command line: reads the words, opens the database, runs one command, answers with an exit
//! code.

use std::process::ExitCode;

use clap::Parser;
use reeve::{
    commands::{self, Cli, Failure},
    settings::Settings,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("reeve: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The private cluster is started here, on the main thread, which lives as long as the process.
fn run(cli: Cli) -> Result<(), Failure> {
    let mut settings = Settings::load()?;
    cli.apply(&mut settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    commands::run(cli, &settings, &runtime)
}
