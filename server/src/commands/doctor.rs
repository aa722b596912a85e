//! `doctor`: whether the schema keeps the promises.

use kernel::db::{self, Finding, Platform};
use serde_json::json;
use uuid::Uuid;

use super::{Failure, operate::Work, show};

pub async fn doctor(work: Work<'_>) -> Result<(), Failure> {
    let Work { registry, database, json, .. } = work;
    let status = db::status(&database.owner, &registry.migrations).await?;
    if !status.pending.is_empty() {
        return Err(crate::run::StartError::Behind(status.pending.len()).into());
    }
    let platform = Platform::connect(&database.owner, Uuid::nil()).await?;
    let refused = |e: kernel::tokio_postgres::Error| Failure::Db(e.into());
    let findings = db::lint(platform.client(), &registry.classes).await.map_err(refused)?;
    let statements = [
        registry.statements.as_slice(),
        kernel::tenant::STATEMENTS,
        kernel::identity::rotation::STATEMENTS,
        kernel::statutes::STATEMENTS,
        kernel::audit::STATEMENTS,
    ]
    .concat();
    let disagreements = db::check(platform.client(), &statements).await.map_err(refused)?;
    if findings.is_empty() && disagreements.is_empty() {
        if json {
            show::line(&json!({"findings": 0}).to_string());
        } else {
            show::line(&format!(
                "no findings: {} statements and {} tables checked",
                statements.len(),
                registry.classes.tables().count()
            ));
        }
        return Ok(());
    }
    let columns: [show::Column<Finding>; 3] =
        [("code", |f| f.code.into()), ("object", |f| f.object.clone()), ("fix", |f| f.fix.into())];
    show::rows(json, &findings, &columns);
    for disagreement in &disagreements {
        match json {
            true => show::line(
                &json!({"code": "statement-disagrees", "object": disagreement}).to_string(),
            ),
            false => show::line(&format!("statement-disagrees  {disagreement}")),
        }
    }
    Err(Failure::Findings(findings.len() + disagreements.len()))
}
