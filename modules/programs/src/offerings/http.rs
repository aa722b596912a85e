//! Requests on programmes, cohorts and locations: what they bring, what they get.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, Item, List, Page, Paging, Patch, Problem, Query},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, CohortRow, LocationRow, ProgramRow},
};
use crate::{
    fields::CohortFilter,
    permissions::{ReadProgram, WriteProgram},
};

/// A programme as a client sends it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramBody {
    /// One of its own in the organisation.
    #[serde(default)]
    #[schema(value_type = String)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    /// `youth_sports` (when not said) or `school`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub setting: Patch<String>,
    /// What a participant's consent must cover at its sessions; `["participation"]` when not said.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub consent_purposes: Patch<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub starts_on: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub ends_on: Patch<String>,
}

/// A programme.
#[derive(Serialize, ToSchema)]
pub struct Program {
    id: Uuid,
    name: String,
    description: Option<String>,
    setting: String,
    consent_purposes: Vec<String>,
    #[schema(value_type = Option<String>, format = Date)]
    starts_on: Option<Date>,
    #[schema(value_type = Option<String>, format = Date)]
    ends_on: Option<Date>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<ProgramRow> for Program {
    fn from(row: ProgramRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            setting: row.setting,
            consent_purposes: row.consent_purposes,
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            created_at: row.created_at,
        }
    }
}

pub async fn create_program(
    act: Authorized<WriteProgram>,
    Body(body): Body<ProgramBody>,
) -> Result<Committed<Program>, Problem> {
    let columns = rules::parse_program(body)?;
    act.write(sql::insert_program(act.new_id(), columns), |row, _| {
        let (location, version) = (format!("/programs/{}", row.id), row.version);
        Answer::created(row.into(), location).version(version)
    })
    .await
}

pub async fn read_program(
    act: Authorized<ReadProgram>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Program>, Problem> {
    act.fetch_one(sql::find_program(id), |row| {
        let version = row.version;
        Answer::ok(Program::from(row)).version(version)
    })
    .await
}

pub async fn list_programs(
    act: Authorized<ReadProgram>,
    Query(Paging { limit, cursor }): Query<Paging>,
) -> Result<Fetched<List<Program>>, Problem> {
    let after: String = match &cursor {
        Some(cursor) => act.unseal("", cursor)?,
        None => String::new(),
    };
    act.fetch(sql::list_programs(after, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal("", &last.name))?;
        Ok(Answer::list(page.map(Program::from)))
    })
    .await
}

/// A cohort as a client sends it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CohortBody {
    #[serde(default)]
    #[schema(value_type = String, format = Uuid)]
    pub program_id: Patch<String>,
    /// One of its own in the programme.
    #[serde(default)]
    #[schema(value_type = String)]
    pub name: Patch<String>,
    /// How many it takes at once; any number when not said.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    pub capacity: Patch<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub starts_on: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub ends_on: Patch<String>,
}

/// A cohort.
#[derive(Serialize, ToSchema)]
pub struct Cohort {
    id: Uuid,
    program_id: Uuid,
    name: String,
    capacity: Option<i32>,
    #[schema(value_type = Option<String>, format = Date)]
    starts_on: Option<Date>,
    #[schema(value_type = Option<String>, format = Date)]
    ends_on: Option<Date>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<CohortRow> for Cohort {
    fn from(row: CohortRow) -> Self {
        Self {
            id: row.id,
            program_id: row.program_id,
            name: row.name,
            capacity: row.capacity,
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            created_at: row.created_at,
        }
    }
}

pub async fn create_cohort(
    act: Authorized<WriteProgram>,
    Body(body): Body<CohortBody>,
) -> Result<Committed<Cohort>, Problem> {
    let columns = rules::parse_cohort(body)?;
    act.write(sql::insert_cohort(act.new_id(), columns), |row, _| {
        let (location, version) = (format!("/cohorts/{}", row.id), row.version);
        Answer::created(row.into(), location).version(version)
    })
    .await
}

pub async fn read_cohort(
    act: Authorized<ReadProgram>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Cohort>, Problem> {
    act.fetch_one(sql::find_cohort(id), |row| {
        let version = row.version;
        Answer::ok(Cohort::from(row)).version(version)
    })
    .await
}

pub async fn list_cohorts(
    act: Authorized<ReadProgram>,
    Query(CohortFilter { program_id, paging }): Query<CohortFilter>,
) -> Result<Fetched<List<Cohort>>, Problem> {
    let question = format!("{program_id:?}");
    let (name, id): (String, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => (String::new(), Uuid::nil()),
    };
    let statement = match program_id {
        Some(program) => sql::list_cohorts_of_program(program, name, paging.limit + 1),
        None => sql::list_cohorts(name, id, paging.limit + 1),
    };
    act.fetch(statement, |rows| {
        let seal = |last: &CohortRow| act.seal(&question, &(&last.name, last.id));
        Ok(Answer::list(Page::cut(rows, paging.limit, seal)?.map(Cohort::from)))
    })
    .await
}

/// A location as a client sends it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationBody {
    /// One of its own in the organisation.
    #[serde(default)]
    #[schema(value_type = String)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address: Patch<String>,
    /// For whom a mandated report there goes to.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub county: Patch<String>,
}

/// A location.
#[derive(Serialize, ToSchema)]
pub struct Location {
    id: Uuid,
    name: String,
    address: Option<String>,
    county: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<LocationRow> for Location {
    fn from(row: LocationRow) -> Self {
        let LocationRow { id, name, address, county, created_at, .. } = row;
        Self { id, name, address, county, created_at }
    }
}

pub async fn create_location(
    act: Authorized<WriteProgram>,
    Body(body): Body<LocationBody>,
) -> Result<Committed<Location>, Problem> {
    let columns = rules::parse_location(body)?;
    act.write(sql::insert_location(act.new_id(), columns), |row, _| {
        let (location, version) = (format!("/locations/{}", row.id), row.version);
        Answer::created(row.into(), location).version(version)
    })
    .await
}

pub async fn read_location(
    act: Authorized<ReadProgram>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Location>, Problem> {
    act.fetch_one(sql::find_location(id), |row| {
        let version = row.version;
        Answer::ok(Location::from(row)).version(version)
    })
    .await
}

pub async fn list_locations(
    act: Authorized<ReadProgram>,
    Query(Paging { limit, cursor }): Query<Paging>,
) -> Result<Fetched<List<Location>>, Problem> {
    let after: String = match &cursor {
        Some(cursor) => act.unseal("", cursor)?,
        None => String::new(),
    };
    act.fetch(sql::list_locations(after, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal("", &last.name))?;
        Ok(Answer::list(page.map(Location::from)))
    })
    .await
}
