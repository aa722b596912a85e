//! `import`: any number of lines, one outcome each.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use clinic::permissions::{WriteAppointment, WritePatient};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use kernel::{Clock, authz::Operator, db::Platform, http::Problem, tenant};
use serde_json::json;
use uuid::Uuid;

use super::{Failure, ImportArgs, ImportKind, operate::Work, show};

/// Lines in flight at once; the pool has about as many connections.
const AT_ONCE: usize = 16;

pub async fn import(work: Work<'_>, args: &ImportArgs) -> Result<(), Failure> {
    if args.all_or_nothing && args.what == ImportKind::Appointments {
        return Err(Failure::Usage("--all-or-nothing is for patients".into()));
    }
    let run = Clock::default().new_id();
    let mut platform = Platform::connect(&work.database.owner, run).await?;
    let tenant = tenant::find(&mut platform, &args.tenant).await?;
    let json = work.json;
    let server = work.server().await?;
    let operator = Operator::new(&server.core, tenant.id, run, "reeve import");
    let (lines, bar) = open(&args.file)?;
    let refused = match (args.all_or_nothing, args.what) {
        (true, _) => all_or_nothing(&operator, lines, json).await,
        (false, ImportKind::Patients) => {
            let act = operator.authorize::<WritePatient>();
            each(lines, json, async |line| clinic::import::patient(&act, line.as_bytes()).await)
                .await
        }
        (false, ImportKind::Appointments) => {
            let act = operator.authorize::<WriteAppointment>();
            each(lines, json, async |line| clinic::import::appointment(&act, line.as_bytes()).await)
                .await
        }
    }?;
    bar.finish_and_clear();
    eprintln!(
        "import {run}: {} refused; the ledger has each record under this request id",
        refused
    );
    if refused == 0 { Ok(()) } else { Err(Failure::Lines(refused)) }
}

type Lines = Box<dyn Iterator<Item = std::io::Result<String>> + Send>;

/// The file's lines; the bar counts its bytes.
fn open(path: &Path) -> Result<(Lines, Arc<ProgressBar>), Failure> {
    let name = path.display();
    let (reader, size): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
        (Box::new(std::io::stdin()), None)
    } else {
        let file =
            File::open(path).map_err(|e| Failure::Usage(format!("cannot read {name}: {e}")))?;
        let size = file.metadata().map(|about| about.len()).ok();
        (Box::new(file), size)
    };
    let bar = Arc::new(show::progress(size, "importing", true));
    let lines = BufReader::new(bar.wrap_read(reader)).lines();
    let lines = lines.filter(|line| line.as_ref().map_or(true, |text| !text.trim().is_empty()));
    Ok((Box::new(lines), bar))
}

/// Each line in a transaction of its own, several at once, outcomes in the order of the lines.
async fn each(
    lines: Lines,
    json: bool,
    import: impl AsyncFn(String) -> Result<String, Problem>,
) -> Result<u64, Failure> {
    let import = &import;
    let outcomes = stream::iter(lines.zip(1_u64..)).map(|(line, number)| async move {
        let outcome = match line {
            Ok(line) => import(line).await,
            Err(error) => Err(Problem::internal(error)),
        };
        (number, outcome)
    });
    let mut outcomes = std::pin::pin!(outcomes.buffered(AT_ONCE));
    let mut refused = 0;
    while let Some((number, outcome)) = outcomes.next().await {
        match &outcome {
            Ok(location) => tell(json, number, Ok(location)),
            Err(problem) => {
                refused += 1;
                tell(json, number, Err(problem));
            }
        }
    }
    Ok(refused)
}

async fn all_or_nothing(operator: &Operator, lines: Lines, json: bool) -> Result<u64, Failure> {
    let act = operator.authorize::<WritePatient>();
    let told = move |(number, outcome): (u64, Result<&Uuid, &Problem>)| {
        match outcome {
            // Not `created`: that is only known at the end.
            Ok(id) if json => {
                show::line(&json!({"line": number, "outcome": "accepted", "id": id}).to_string())
            }
            Ok(id) => show::line(&format!("{number} accepted {id}")),
            Err(problem) => tell(json, number, Err(problem)),
        }
    };
    match clinic::import::all_patients(&act, lines, told).await {
        Ok(_committed) => {
            eprintln!("all lines were committed together");
            Ok(0)
        }
        Err(problem) if problem.status < 500 => {
            eprintln!("nothing was imported: all lines were rolled back");
            Ok(1)
        }
        Err(problem) => Err(Failure::Usage(format!("nothing was imported: {}", problem.detail))),
    }
}

fn tell(json: bool, number: u64, outcome: Result<&str, &Problem>) {
    match (outcome, json) {
        (Ok(location), false) => show::line(&format!("{number} created {location}")),
        (Err(problem), false) => {
            show::line(&format!("{number} refused {} {}", problem.code, problem.detail))
        }
        (Ok(location), true) => {
            show::line(
                &json!({"line": number, "outcome": "created", "location": location}).to_string(),
            );
        }
        (Err(problem), true) => {
            let (code, errors) = (problem.code, &problem.errors);
            show::line(
                &json!({"line": number, "outcome": "refused", "code": code, "errors": errors})
                    .to_string(),
            );
        }
    }
}
