//! Requests for the roster: what they bring, what they get.

use kernel::{
    authz::{Answer, Authorized, Disclosed},
    http::{FromQuery, List, Page, Paging, Problem, Query, QueryReader, choice, parameter},
    privacy::{Pii, Reveal},
};
use policy::deidentification::AgeBand;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sql::{self, RosterRow};
use crate::{participants::rules::STATUSES, permissions::ReadRoster};

/// A line of the roster.
#[derive(Serialize, ToSchema)]
pub struct RosterLine {
    /// The participant's.
    id: Uuid,
    roster_name: String,
    /// `<5`, `5-8`, `9-11`, `12-13`, `14-15`, `16-17` or `18+`, today.
    age_band: Option<&'static str>,
    status: String,
    /// Those that the participant is enrolled in now.
    cohorts: Vec<RosterCohort>,
}

/// A cohort as the roster names it.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct RosterCohort {
    cohort_id: Uuid,
    name: String,
}

impl RosterLine {
    fn of(row: RosterRow, reveal: &Reveal) -> Self {
        let band = AgeBand::on(row.date_of_birth.reveal(reveal), row.today);
        Self {
            id: row.id,
            roster_name: row.roster_name.reveal(reveal),
            age_band: band.map(AgeBand::label),
            status: row.status,
            cohorts: row.cohorts.reveal(reveal).0,
        }
    }
}

/// Which lines, and from where on.
pub struct Filter {
    cohort_id: Option<Uuid>,
    status: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            cohort_id: query.parse("cohort_id", "a UUID"),
            status: choice(query, "status", STATUSES),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let id = json!({"type": "string", "format": "uuid"});
        let mut all = vec![
            parameter("cohort_id", id, "those who are in this cohort now"),
            parameter(
                "status",
                json!({"type": "string", "enum": STATUSES}),
                "those of this status",
            ),
        ];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadRoster>,
    Query(Filter { cohort_id, status, paging }): Query<Filter>,
) -> Result<Disclosed<List<RosterLine>>, Problem> {
    let question = format!("{cohort_id:?} {status:?}");
    let (limit, now) = (paging.limit, act.now());
    let (name, id): (String, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => (String::new(), Uuid::nil()),
    };
    let (name, more) = (Pii::new(name), limit + 1);
    let statement = match cohort_id {
        Some(cohort) => sql::list_roster_of_cohort(name, id, more, now, status, cohort),
        None => sql::list_roster(name, id, more, now, status),
    };
    act.disclose(statement, |rows, reveal| {
        let seal =
            |last: &RosterRow| act.seal(&question, &(last.roster_name.peek(reveal), last.id));
        Ok(Answer::list(Page::cut(rows, limit, seal)?.map(|row| RosterLine::of(row, reveal))))
    })
    .await
}
