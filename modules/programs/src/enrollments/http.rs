//! Requests on enrollments: what they bring, what they get.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Fetched},
    http::{
        Body, FromQuery, Item, List, Page, Paging, Patch, Problem, Query, QueryReader, choice,
        parameter,
    },
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, STATUSES},
    sql::{self, CountRow, EnrollmentRow},
};
use crate::{
    fields::CohortFilter,
    permissions::{CountEnrollments, ReadEnrollment, WriteEnrollment},
};

/// An enrollment as a client sends it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentBody {
    #[serde(default)]
    #[schema(value_type = String, format = Uuid)]
    pub participant_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = String, format = Uuid)]
    pub cohort_id: Patch<String>,
    /// Today in the organisation's time zone, when not said.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub started_on: Patch<String>,
}

/// How an enrollment ended.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndBody {
    /// `completed` or `withdrawn`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub status: Patch<String>,
    /// Today in the organisation's time zone, when not said.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub ended_on: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reason: Patch<String>,
}

/// An enrollment.
#[derive(Serialize, ToSchema)]
pub struct Enrollment {
    id: Uuid,
    participant_id: Uuid,
    cohort_id: Uuid,
    /// `active`, `completed` or `withdrawn`.
    status: String,
    #[schema(value_type = String, format = Date)]
    started_on: Date,
    #[schema(value_type = Option<String>, format = Date)]
    ended_on: Option<Date>,
    reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Enrollment {
    fn of(row: EnrollmentRow, reveal: &Reveal) -> Self {
        Self {
            id: row.id,
            participant_id: row.participant_id,
            cohort_id: row.cohort_id,
            status: row.status,
            started_on: row.started_on.reveal(reveal),
            ended_on: row.ended_on.map(|day| day.reveal(reveal)),
            reason: row.end_reason.map(|reason| reason.reveal(reveal)),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub async fn create(
    act: Authorized<WriteEnrollment>,
    Body(body): Body<EnrollmentBody>,
) -> Result<Committed<Enrollment>, Problem> {
    let columns = rules::parse(body)?;
    act.write(sql::insert_enrollment(act.new_id(), columns, act.now()), |row, reveal| {
        let (location, version) = (format!("/enrollments/{}", row.id), row.version);
        Answer::created(Enrollment::of(row, reveal), location).version(version)
    })
    .await
}

pub async fn read(
    act: Authorized<ReadEnrollment>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Enrollment>, Problem> {
    act.disclose_one(sql::find_enrollment(id), |row, reveal| {
        let version = row.version;
        Answer::ok(Enrollment::of(row, reveal)).version(version)
    })
    .await
}

pub async fn end(
    act: Authorized<WriteEnrollment>,
    (Item(id), Body(body)): (Item<Uuid>, Body<EndBody>),
) -> Result<Committed<Enrollment>, Problem> {
    let expected = act.expected_version()?;
    let columns = rules::parse_end(body)?;
    act.write(sql::end_enrollment(id, expected, columns, act.now()), |row, reveal| {
        let version = row.version;
        Answer::ok(Enrollment::of(row, reveal)).version(version)
    })
    .await
}

/// Which enrollments, and from where on.
pub struct Filter {
    participant_id: Option<Uuid>,
    cohort_id: Option<Uuid>,
    status: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            participant_id: query.parse("participant_id", "a UUID"),
            cohort_id: query.parse("cohort_id", "a UUID"),
            status: choice(query, "status", STATUSES),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let id = || json!({"type": "string", "format": "uuid"});
        let mut all = vec![
            parameter("participant_id", id(), "those of this participant"),
            parameter("cohort_id", id(), "those in this cohort"),
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

/// Before the first day that an enrollment can start on.
const BEFORE: Date = Date::constant(1899, 12, 31);

pub async fn list(
    act: Authorized<ReadEnrollment>,
    Query(Filter { participant_id, cohort_id, status, paging }): Query<Filter>,
) -> Result<Disclosed<List<Enrollment>>, Problem> {
    let question = format!("{participant_id:?} {cohort_id:?} {status:?}");
    let limit = paging.limit;
    let (after, id): (Date, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => (BEFORE, Uuid::max()),
    };
    let list = match (participant_id, cohort_id) {
        (Some(_), _) => sql::list_enrollments_of_participant,
        (None, Some(_)) => sql::list_enrollments_of_cohort,
        (None, None) => sql::list_enrollments,
    };
    let statement = list(Pii::new(after), id, limit + 1, participant_id, cohort_id, status);
    act.disclose(statement, |rows, reveal| {
        let seal =
            |last: &EnrollmentRow| act.seal(&question, &(last.started_on.peek(reveal), last.id));
        Ok(Answer::list(Page::cut(rows, limit, seal)?.map(|row| Enrollment::of(row, reveal))))
    })
    .await
}

/// How many are and were in a cohort.
#[derive(Serialize, ToSchema)]
pub struct CohortCount {
    cohort_id: Uuid,
    program_id: Uuid,
    name: String,
    /// How many it takes at once; any number when null.
    capacity: Option<i32>,
    active: i64,
    completed: i64,
    withdrawn: i64,
}

impl From<CountRow> for CohortCount {
    fn from(row: CountRow) -> Self {
        let CountRow { cohort_id, program_id, name, capacity, active, completed, withdrawn } = row;
        Self { cohort_id, program_id, name, capacity, active, completed, withdrawn }
    }
}

pub async fn count(
    act: Authorized<CountEnrollments>,
    Query(CohortFilter { program_id, paging }): Query<CohortFilter>,
) -> Result<Fetched<List<CohortCount>>, Problem> {
    let question = format!("{program_id:?}");
    let (name, id): (String, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => (String::new(), Uuid::nil()),
    };
    let statement = match program_id {
        Some(program) => sql::list_cohort_counts_of_program(program, name, paging.limit + 1),
        None => sql::list_cohort_counts(name, id, paging.limit + 1),
    };
    act.fetch(statement, |rows| {
        let seal = |last: &CountRow| act.seal(&question, &(&last.name, last.cohort_id));
        Ok(Answer::list(Page::cut(rows, paging.limit, seal)?.map(CohortCount::from)))
    })
    .await
}
