//! Statements on programmes, cohorts and locations. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A programme.
    pub struct ProgramRow {
        id: Uuid,
        name: String,
        description: Option<String>,
        setting: String,
        consent_purposes: Vec<String>,
        starts_on: Option<Date>,
        ends_on: Option<Date>,
        version: i32,
        created_at: Timestamp,
    }
}

row! {
    /// A cohort.
    pub struct CohortRow {
        id: Uuid,
        program_id: Uuid,
        name: String,
        capacity: Option<i32>,
        starts_on: Option<Date>,
        ends_on: Option<Date>,
        version: i32,
        created_at: Timestamp,
    }
}

row! {
    /// A location.
    pub struct LocationRow {
        id: Uuid,
        name: String,
        address: Option<String>,
        county: Option<String>,
        version: i32,
        created_at: Timestamp,
    }
}

macro_rules! program {
    () => {
        "id, name, description, setting, consent_purposes, starts_on, ends_on, version, created_at"
    };
}
macro_rules! cohort {
    () => {
        "id, program_id, name, capacity, starts_on, ends_on, version, created_at"
    };
}
macro_rules! location {
    () => {
        "id, name, address, county, version, created_at"
    };
}

statements! {
    fn insert_program(id: Uuid, columns: Value) -> ProgramRow
        = concat!("insert into programs.program (tenant_id, id, name, description, setting, consent_purposes,
                  starts_on, ends_on)
           select kernel.tenant(), $1, name, description, coalesce(setting, 'youth_sports'),
                  coalesce(consent_purposes, '{participation}'), starts_on, ends_on
             from jsonb_populate_record(null::programs.program, $2)
           returning ", program!());

    fn find_program(id: Uuid) -> ProgramRow
        = concat!("select ", program!(), " from programs.program where id = $1 and deleted_at is null");

    /// No two have the same name, so the name alone says where a page ended.
    fn list_programs(after: String, limit: i64) -> ProgramRow
        = concat!("select ", program!(), " from programs.program
            where name > $1 and deleted_at is null order by name limit $2");

    /// A programme that is not there becomes one that never is, so that the foreign key answers.
    fn insert_cohort(id: Uuid, columns: Value) -> CohortRow
        = concat!("insert into programs.cohort (tenant_id, id, program_id, name, capacity, starts_on, ends_on)
           select kernel.tenant(), $1,
                  coalesce((select p.id from programs.program p where p.id = r.program_id and p.deleted_at is null),
                           '00000000-0000-0000-0000-000000000000'),
                  name, capacity, starts_on, ends_on
             from jsonb_populate_record(null::programs.cohort, $2) r
           returning ", cohort!());

    fn find_cohort(id: Uuid) -> CohortRow
        = concat!("select ", cohort!(), " from programs.cohort where id = $1 and deleted_at is null");

    fn list_cohorts(after_name: String, after_id: Uuid, limit: i64) -> CohortRow
        = concat!("select ", cohort!(), " from programs.cohort
            where (name, id) > ($1, $2) and deleted_at is null order by name, id limit $3");

    /// Within a programme the name alone says where a page ended.
    fn list_cohorts_of_program(program: Uuid, after_name: String, limit: i64) -> CohortRow
        = concat!("select ", cohort!(), " from programs.cohort
            where program_id = $1 and name > $2 and deleted_at is null order by name limit $3");

    fn insert_location(id: Uuid, columns: Value) -> LocationRow
        = concat!("insert into programs.location (tenant_id, id, name, address, county)
           select kernel.tenant(), $1, name, address, county
             from jsonb_populate_record(null::programs.location, $2)
           returning ", location!());

    fn find_location(id: Uuid) -> LocationRow
        = concat!("select ", location!(), " from programs.location where id = $1 and deleted_at is null");

    fn list_locations(after: String, limit: i64) -> LocationRow
        = concat!("select ", location!(), " from programs.location
            where name > $1 and deleted_at is null order by name limit $2");
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "program_name_taken",
            problem: || {
                let detail = "there is a programme of this name: use it, or choose another name";
                Problem::conflict("program_name_taken", detail)
            },
        },
        Constraint {
            name: "cohort_name_taken",
            problem: || {
                let detail =
                    "the programme has a cohort of this name: use it, or choose another name";
                Problem::conflict("cohort_name_taken", detail)
            },
        },
        Constraint {
            name: "location_name_taken",
            problem: || {
                let detail = "there is a location of this name: use it, or choose another name";
                Problem::conflict("location_name_taken", detail)
            },
        },
        Constraint {
            name: "cohort_program_known",
            problem: || {
                let msg = "there is no such programme: take the id from GET /programs";
                Problem::field(&["body", "program_id"], "unknown", msg)
            },
        },
        Constraint { name: "program_ends_after_start", problem: ends_before_start },
        Constraint { name: "cohort_ends_after_start", problem: ends_before_start },
        Constraint {
            name: "program_has_purposes",
            problem: || {
                Problem::field(&["body", "consent_purposes"], "length", "give 1 to 8 purposes")
            },
        },
        Constraint {
            name: "program_setting_check",
            problem: || {
                Problem::field(&["body", "setting"], "enum", "expected one of youth_sports, school")
            },
        },
        Constraint {
            name: "cohort_capacity_check",
            problem: || {
                Problem::field(
                    &["body", "capacity"],
                    "range",
                    "give a whole number from 1 to 100000",
                )
            },
        },
    ]
}

fn ends_before_start() -> Problem {
    Problem::field(&["body", "ends_on"], "range", "the end cannot be before the start")
}
