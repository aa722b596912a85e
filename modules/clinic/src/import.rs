//! Import: lines of JSON, each the payload of a creation, through the same rules, constraints and
//! ledger as the API.

use kernel::{
    authz::{Answer, Authorized, Committed},
    http::{Body, Problem, parse_json},
};
use uuid::Uuid;

use crate::{
    appointments, patients,
    permissions::{WriteAppointment, WritePatient},
};

/// Imports one patient in a transaction of its own; where the new record is.
///
/// # Errors
/// Those of `POST /v1/patients`.
pub async fn patient(act: &Authorized<WritePatient>, line: &[u8]) -> Result<String, Problem> {
    let created = patients::create(act.clone(), Body(parse_json(line)?)).await?;
    Ok(created.location().unwrap_or_default().to_owned())
}

/// Imports one appointment in a transaction of its own; where the new record is.
///
/// # Errors
/// Those of `POST /v1/appointments`.
pub async fn appointment(
    act: &Authorized<WriteAppointment>,
    line: &[u8],
) -> Result<String, Problem> {
    let created = appointments::create(act.clone(), Body(parse_json(line)?)).await?;
    Ok(created.location().unwrap_or_default().to_owned())
}

/// What became of a line.
pub type Outcome<'a> = (u64, Result<&'a Uuid, &'a Problem>);

/// Imports all patients in one transaction, or none of them: the first fault rolls back.
///
/// # Errors
/// That of the first line at fault; `tell` has heard which.
pub async fn all_patients(
    act: &Authorized<WritePatient>,
    lines: impl Iterator<Item = std::io::Result<String>> + Send + 'static,
    mut tell: impl FnMut(Outcome<'_>) + Send + 'static,
) -> Result<Committed<u64>, Problem> {
    let own = act.clone();
    act.transact(|tx| {
        Box::pin(async move {
            let mut count = 0;
            for line in lines {
                count += 1;
                let line = line.map_err(Problem::internal)?;
                let inserted = match patients::prepare(&own, &line).await {
                    Ok(statement) => tx.run(statement).await,
                    Err(problem) => Err(problem),
                };
                match inserted {
                    Ok(rows) => rows.first().into_iter().for_each(|row| tell((count, Ok(&row.id)))),
                    Err(problem) => {
                        tell((count, Err(&problem)));
                        return Err(problem);
                    }
                }
            }
            Ok(Answer::ok(count))
        })
    })
    .await
}
