//! `audit`: the ledger signed, verified and given out.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use kernel::{
    Clock,
    audit::{self, Checkpoint, Checkpoints, Verified, Verifier},
    db::Platform,
    tenant,
};
use uuid::Uuid;

use super::{AuditCommand, Failure, operate::Work, show};

pub async fn audit(work: Work<'_>, command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Checkpoint => checkpoint(work).await,
        AuditCommand::Verify { tenant, checkpoints } => verify(work, tenant, checkpoints).await,
        AuditCommand::Export { tenant, reason } => export(work, &tenant, &reason).await,
    }
}

async fn checkpoint(work: Work<'_>) -> Result<(), Failure> {
    let (json, folder) = (work.json, work.settings.checkpoints.clone());
    let server = work.server().await?;
    let checkpoints = Checkpoints::new(server.core, folder);
    let mut made = vec![];
    for tenant in checkpoints.due().await? {
        made.extend(checkpoints.make(tenant).await?);
    }
    let columns: [show::Column<Checkpoint>; 4] = [
        ("organisation", |c| c.claims.tenant_id.to_string()),
        ("entries", |c| c.claims.tree_size.to_string()),
        ("root", |c| c.claims.root.clone()),
        ("until", |c| c.claims.last_at.to_string()),
    ];
    show::rows(json, &made, &columns);
    Ok(())
}

async fn verify(
    work: Work<'_>,
    tenant: Option<String>,
    file: Option<PathBuf>,
) -> Result<(), Failure> {
    let mut platform = Platform::connect(&work.database.owner, Clock::default().new_id()).await?;
    let tenants: Vec<Uuid> = match tenant {
        Some(name) => vec![tenant::find(&mut platform, &name).await?.id],
        None => {
            let all = tenant::list(&mut platform).await?;
            // What is nobody's: refusals of the unknown, and work above tenants.
            all.into_iter().map(|tenant| tenant.id).chain([Uuid::nil()]).collect()
        }
    };
    let verifier = Verifier::new(&mut platform, work.database.require_secret()?).await?;
    let mut found = vec![];
    for tenant in tenants {
        let outside = outside(file.as_deref(), work.settings.checkpoints.as_deref(), tenant)?;
        found.push(verifier.verify(&mut platform, tenant, outside).await?);
    }
    let columns: [show::Column<Verified>; 6] = [
        ("organisation", |v| v.tenant_id.to_string()),
        ("entries", |v| v.entries.to_string()),
        ("verified", |v| v.verified.to_string()),
        ("checkpoints", |v| v.checkpoints.to_string()),
        ("until", |v| v.until.map_or("never".into(), |at| at.to_string())),
        ("fault", fault),
    ];
    show::rows(work.json, &found, &columns);
    match found.iter().filter(|verified| verified.fault.is_some()).count() {
        0 => Ok(()),
        faults => Err(Failure::Findings(faults)),
    }
}

fn fault(verified: &Verified) -> String {
    let Some(fault) = &verified.fault else { return "none".into() };
    let time = |at: Option<jiff::Timestamp>, or: &str| at.map_or(or.into(), |at| at.to_string());
    format!(
        "entries {} to {} (after {}, until {}): {}",
        fault.after + 1,
        fault.up_to,
        time(fault.from, "the beginning"),
        time(fault.until, "nobody knows when"),
        fault.what
    )
}

/// Checkpoints that were kept outside: of a file that must be there, or of one that may be.
fn outside(
    file: Option<&Path>,
    folder: Option<&Path>,
    tenant: Uuid,
) -> io::Result<Option<Box<dyn BufRead + Send>>> {
    let opened = match (file, folder) {
        (Some(file), _) => File::open(file)?,
        (None, Some(folder)) => match File::open(folder.join(format!("{tenant}.jsonl"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        },
        (None, None) => return Ok(None),
    };
    Ok(Some(Box::new(BufReader::new(opened))))
}

async fn export(work: Work<'_>, tenant: &str, reason: &str) -> Result<(), Failure> {
    let mut platform = Platform::connect(&work.database.owner, Clock::default().new_id()).await?;
    let tenant = tenant::find(&mut platform, tenant).await?;
    platform.because(reason);
    let mut out = BufWriter::new(io::stdout());
    audit::export(&mut platform, tenant.id, |leaf| writeln!(out, "{leaf}")).await?;
    Ok(out.flush()?)
}
