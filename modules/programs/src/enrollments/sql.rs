//! Statements on enrollments. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// An enrollment.
    pub struct EnrollmentRow {
        id: Uuid,
        participant_id: Uuid,
        cohort_id: Uuid,
        status: String,
        started_on: Pii<Date>,
        ended_on: Option<Pii<Date>>,
        end_reason: Option<Pii<String>>,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

row! {
    /// How many are and were in a cohort.
    pub struct CountRow {
        cohort_id: Uuid,
        program_id: Uuid,
        name: String,
        capacity: Option<i32>,
        active: i64,
        completed: i64,
        withdrawn: i64,
    }
}

macro_rules! columns {
    () => {
        "id, participant_id, cohort_id, status, started_on, ended_on, end_reason, version, created_at, updated_at"
    };
}

/// A list by start, by keyset, with every filter that is not the index's own.
macro_rules! list {
    ($where:literal) => {
        concat!(
            "select ", columns!(), " from programs.enrollment
              where (started_on, id) > ($1, $2) ", $where, "
                and ($4::uuid is null or participant_id = $4) and ($5::uuid is null or cohort_id = $5)
                and ($6::text is null or status = $6)
              order by started_on, id limit $3"
        )
    };
}

/// The counts of cohorts `c`, each by the index on its enrollments.
macro_rules! counts {
    ($where_and_order:literal) => {
        concat!(
            "select c.id as cohort_id, c.program_id, c.name, c.capacity, e.active, e.completed, e.withdrawn
               from programs.cohort c
              cross join lateral (
                  select count(*) filter (where e.status = 'active') as active,
                         count(*) filter (where e.status = 'completed') as completed,
                         count(*) filter (where e.status = 'withdrawn') as withdrawn
                    from programs.enrollment e where e.cohort_id = c.id) e
              where c.deleted_at is null and ", $where_and_order
        )
    };
}

statements! {
    /// Who or what is not there becomes one that never is, so that the foreign keys answer.
    fn insert_enrollment(id: Uuid, columns: Pii<Value>, now: Timestamp) -> EnrollmentRow
        = concat!("insert into programs.enrollment (tenant_id, id, participant_id, cohort_id, started_on)
           select kernel.tenant(), $1,
                  coalesce((select p.id from programs.participant p
                             where p.id = r.participant_id and p.deleted_at is null),
                           '00000000-0000-0000-0000-000000000000'),
                  coalesce((select c.id from programs.cohort c where c.id = r.cohort_id and c.deleted_at is null),
                           '00000000-0000-0000-0000-000000000000'),
                  coalesce(r.started_on, ($3::timestamptz at time zone programs.time_zone())::date)
             from jsonb_populate_record(null::programs.enrollment, $2) r
           returning ", columns!());

    /// One that has ended is refused by its trigger, whatever version the caller has seen.
    fn end_enrollment(id: Uuid, expected: Option<i32>, columns: Pii<Value>, now: Timestamp) -> EnrollmentRow
        = concat!("update programs.enrollment e
              set (status, ended_on, end_reason)
                = (select r.status, coalesce(r.ended_on, ($4::timestamptz at time zone programs.time_zone())::date),
                          r.end_reason
                     from jsonb_populate_record(null::programs.enrollment, $3) r)
            where id = $1 and case status when 'active' then kernel.expect_version(version, $2) else true end
           returning ", columns!());

    fn find_enrollment(id: Uuid) -> EnrollmentRow, discloses "programs.enrollment"
        = concat!("select ", columns!(), " from programs.enrollment where id = $1");

    fn list_enrollments(after: Pii<Date>, after_id: Uuid, limit: i64, participant: Option<Uuid>,
                        cohort: Option<Uuid>, status: Option<String>)
        -> EnrollmentRow, discloses "programs.enrollment" = list!("");

    fn list_enrollments_of_participant(after: Pii<Date>, after_id: Uuid, limit: i64, participant: Option<Uuid>,
                                       cohort: Option<Uuid>, status: Option<String>)
        -> EnrollmentRow, discloses "programs.enrollment" = list!("and participant_id = $4");

    fn list_enrollments_of_cohort(after: Pii<Date>, after_id: Uuid, limit: i64, participant: Option<Uuid>,
                                  cohort: Option<Uuid>, status: Option<String>)
        -> EnrollmentRow, discloses "programs.enrollment" = list!("and cohort_id = $5");

    fn list_cohort_counts(after_name: String, after_id: Uuid, limit: i64) -> CountRow
        = counts!("(c.name, c.id) > ($1, $2) order by c.name, c.id limit $3");

    /// Within a programme the name alone says where a page ended.
    fn list_cohort_counts_of_program(program: Uuid, after_name: String, limit: i64) -> CountRow
        = counts!("c.program_id = $1 and c.name > $2 order by c.name limit $3");
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "enrollment_active_once",
            problem: || {
                let detail = "the participant is in this cohort now: end that enrollment first";
                Problem::conflict("already_enrolled", detail)
            },
        },
        Constraint { name: "RV604", problem: ended },
        Constraint { name: "enrollment_ended_with_a_day", problem: ended },
        Constraint {
            name: "RV605",
            problem: || {
                let detail =
                    "the cohort holds no more: end an enrollment, or choose another cohort";
                Problem::conflict("cohort_full", detail)
            },
        },
        Constraint {
            name: "enrollment_participant_known",
            problem: || {
                let msg = "there is no such participant: take the id from GET /participants/roster";
                Problem::field(&["body", "participant_id"], "unknown", msg)
            },
        },
        Constraint {
            name: "enrollment_cohort_known",
            problem: || {
                let msg = "there is no such cohort: take the id from GET /cohorts";
                Problem::field(&["body", "cohort_id"], "unknown", msg)
            },
        },
        Constraint {
            name: "enrollment_ends_after_start",
            problem: || {
                let msg = "an enrollment cannot end before it started: give ended_on";
                Problem::field(&["body", "ended_on"], "range", msg)
            },
        },
        Constraint {
            name: "enrollment_status_check",
            problem: || {
                Problem::field(&["body", "status"], "enum", "expected one of completed, withdrawn")
            },
        },
    ]
}

fn ended() -> Problem {
    let detail = "this enrollment has ended: enroll the participant again to go on";
    Problem::conflict("enrollment_ended", detail)
}
