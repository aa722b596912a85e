//! The command line: reads the words, opens the database, runs one command, answers with an exit
//! code.

use std::process::ExitCode;

use clap::Parser;
use reeve::{
    commands::{self, Cli, Failure},
    settings::{GatewaySettings, Settings},
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if cli.is_gateway() {
        return commands::gateway(GatewaySettings::load()?, &runtime);
    }
    let mut settings = Settings::load()?;
    cli.apply(&mut settings);
    commands::run(cli, &settings, &runtime)
}
