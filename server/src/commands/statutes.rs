//! `statutes`: the law as dated data, listed and loaded.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use jiff::civil::Date;
use kernel::{
    Clock,
    db::Platform,
    statutes::{self, Loaded, RuleInfo},
};
use serde_json::json;

use super::{Failure, StatutesCommand, operate::Work, show};

pub async fn statutes(work: Work<'_>, command: StatutesCommand) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut platform = Platform::connect(&work.database.owner, clock.new_id()).await?;
    match command {
        StatutesCommand::List => show_rules(work.json, &statutes::list(&mut platform).await?),
        StatutesCommand::Load { file } => {
            let text = read(&file).map_err(|e| {
                Failure::Usage(format!("cannot read the pack {}: {e}", file.display()))
            })?;
            show_loaded(work.json, &statutes::load(&mut platform, &clock, &text).await?);
        }
    }
    Ok(())
}

fn read(file: &Path) -> io::Result<String> {
    if file.as_os_str() != "-" {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn show_rules(json: bool, rules: &[RuleInfo]) {
    let columns: [show::Column<RuleInfo>; 7] = [
        ("jurisdiction", |r| r.jurisdiction.clone()),
        ("version", |r| r.version.clone()),
        ("state", |r| if r.newest { "newest".into() } else { "kept".into() }),
        ("rule", |r| r.citation.clone().unwrap_or_else(|| "none".into())),
        ("about", |r| r.kind.clone().unwrap_or_default()),
        ("from", |r| day(r.effective_from)),
        ("until", |r| day(r.effective_until)),
    ];
    show::rows(json, rules, &columns);
}

fn day(date: Option<Date>) -> String {
    date.map_or_else(|| "open".into(), |date| date.to_string())
}

fn show_loaded(json: bool, loaded: &Loaded) {
    let Loaded { version, is_new, newest, .. } = loaded;
    if json {
        show::line(&json!(loaded).to_string());
        return;
    }
    show::line(&match (newest == version, is_new) {
        (true, true) => format!("{version} is now in force"),
        (true, false) => format!("{version} was there already and is in force"),
        (false, _) => format!("{version} is kept; {newest}, which is newer, is in force"),
    });
}
