//! What a database needs done now and then, whoever serves from it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Failure, Finished, Jobs, Kind, Run, sql};
use crate::{
    authz::{Answer, Authorized, Permission},
    db::{Context, Scope},
    http::Problem,
    identity::SystemAccount,
    permissions,
};

permissions! {
    /// Remove what has had its time; make room for the ledger's next months.
    KeepHouse = "server:keep_house", Writes;
}

/// Keeps the house.
const HOUSEKEEPER: SystemAccount =
    SystemAccount { name: "housekeeper", permissions: &[KeepHouse::NAME] };

/// Nothing to be told.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

const KEEP_HOUSE: Kind<KeepHouse, Nothing> = Kind::new("kernel.keep_house", 5);
const EVERY: i32 = 3600;

/// The kernel's own.
pub(crate) fn jobs() -> Jobs {
    let mut jobs = Jobs::default();
    jobs.on(&KEEP_HOUSE, keep_house);
    jobs.every(EVERY, HOUSEKEEPER, &KEEP_HOUSE, &Nothing {});
    jobs
}

async fn keep_house(act: Authorized<KeepHouse>, run: Run<Nothing>) -> Result<Finished, Failure> {
    act.write(sql::make_partitions(), |_, _| Answer::<()>::gone()).await?;
    for row in act.look_up(sql::list_tenants_with_old_jobs()).await? {
        loop {
            run.checkpoint().await?;
            if remove_old_jobs(&act, row.tenant_id).await? {
                break;
            }
        }
    }
    run.finish(&act, |tx| Box::pin(async move { tx.run(sql::sweep()).await.map(drop) })).await
}

/// Some of a tenant's, on record there; whether those were the last.
async fn remove_old_jobs(act: &Authorized<KeepHouse>, tenant: Uuid) -> Result<bool, Problem> {
    let context = Context {
        tenant,
        actor: act.caller().actor,
        permission: KeepHouse::NAME,
        origin: act.origin(),
        scope: Scope::Own,
        now: None,
    };
    let removed = act.core().flush(&context, &sql::remove_old_jobs()).await;
    let removed = removed.map_err(|e| Problem::from_db(e, &[]))?;
    Ok(removed.iter().all(|row| row.done))
}
