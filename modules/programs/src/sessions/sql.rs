//! Statements on sessions.

use jiff::Timestamp;
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::Attended;

row! {
    /// A session, with how many attended.
    pub struct SessionRow {
        id: Uuid,
        program_id: Uuid,
        cohort_id: Option<Uuid>,
        location_id: Option<Uuid>,
        instructor_id: Option<Uuid>,
        starts_at: Timestamp,
        ends_at: Option<Timestamp>,
        topic: Option<String>,
        notes: Option<Pii<String>>,
        present: i64,
        absent: i64,
        attendance: Pii<Json<Vec<Attended>>>,
        version: i32,
        created_at: Timestamp,
    }
}

row! {
    /// A session's start, and what its programme wants consent for.
    pub struct Asked {
        id: Uuid,
        starts_at: Timestamp,
        consent_purposes: Vec<String>,
    }
}

row! {
    /// An attendance that was written.
    pub struct Noted { id: Uuid }
}

/// With `$names` the attendance by roster name, else none of it.
macro_rules! session {
    ($attendance:literal) => {
        concat!(
            "select s.id, s.program_id, s.cohort_id, s.location_id, s.instructor_id, s.starts_at, s.ends_at, s.topic, s.notes,
                (select count(*) from programs.attendance a where a.tenant_id = s.tenant_id and a.session_id = s.id
                    and a.status in ('present', 'late')) as present,
                (select count(*) from programs.attendance a where a.tenant_id = s.tenant_id and a.session_id = s.id
                    and a.status in ('absent', 'excused')) as absent, ",
            $attendance,
            " as attendance, s.version, s.created_at from programs.training_session s
             where s.tenant_id = kernel.tenant() "
        )
    };
}

macro_rules! whole {
    () => {
        concat!(
            session!("coalesce((select jsonb_agg(jsonb_build_object(
                'participant_id', a.participant_id, 'roster_name', p.roster_name, 'status', a.status, 'note', a.note)
                order by p.roster_name, p.id)
               from programs.attendance a
               join programs.participant p on p.tenant_id = a.tenant_id and p.id = a.participant_id
              where a.tenant_id = s.tenant_id and a.session_id = s.id), '[]'::jsonb)"),
            "and s.id = $1"
        )
    };
}

/// In the order of the start, by keyset.
macro_rules! list {
    ($where:literal) => {
        concat!(
            session!("'[]'::jsonb"),
            "and (s.starts_at, s.id) > ($1, $2) and s.starts_at < $3 ", $where,
            " and ($5::uuid is null or s.cohort_id = $5) and ($6::uuid is null or s.program_id = $6)
             order by s.starts_at, s.id limit $4"
        )
    };
}

statements! {
    /// The programme is the cohort's where none is named.
    fn insert_session(id: Uuid, columns: Pii<Value>) -> Asked
        = "with made as (
             insert into programs.training_session (tenant_id, id, program_id, cohort_id, location_id, instructor_id,
                    starts_at, ends_at, topic, notes)
             select kernel.tenant(), $1,
                    coalesce(r.program_id, (select c.program_id from programs.cohort c
                                             where c.tenant_id = kernel.tenant() and c.id = r.cohort_id)),
                    r.cohort_id, r.location_id, r.instructor_id, r.starts_at, r.ends_at, r.topic, r.notes
               from jsonb_populate_record(null::programs.training_session, $2) r
             returning id, tenant_id, program_id, starts_at)
           select made.id, made.starts_at, p.consent_purposes
             from made join programs.program p on p.tenant_id = made.tenant_id and p.id = made.program_id";

    fn find_asked(id: Uuid) -> Asked
        = "select s.id, s.starts_at, p.consent_purposes from programs.training_session s
             join programs.program p on p.tenant_id = s.tenant_id and p.id = s.program_id
            where s.tenant_id = kernel.tenant() and s.id = $1 for update of s";

    fn save_attendance(session: Uuid, rows: Pii<Value>) -> Noted
        = "insert into programs.attendance (tenant_id, id, session_id, participant_id, status, note)
           select kernel.tenant(), gen_random_uuid(), $1, r.participant_id, r.status, r.note
             from jsonb_to_recordset($2) r (participant_id uuid, status text, note text)
           on conflict (tenant_id, session_id, participant_id) do update set status = excluded.status, note = excluded.note
           returning id";

    /// As the transaction that writes it sees it.
    fn find_session(id: Uuid) -> SessionRow = whole!();

    fn read_session(id: Uuid) -> SessionRow, discloses "programs.training_session" = whole!();

    fn list_sessions(after_start: Timestamp, after: Uuid, to: Timestamp, limit: i64, cohort: Option<Uuid>,
                     program: Option<Uuid>)
        -> SessionRow, discloses "programs.training_session" = list!("");

    fn list_sessions_of_cohort(after_start: Timestamp, after: Uuid, to: Timestamp, limit: i64, cohort: Option<Uuid>,
                               program: Option<Uuid>)
        -> SessionRow, discloses "programs.training_session" = list!("and s.cohort_id = $5");

    fn list_sessions_of_program(after_start: Timestamp, after: Uuid, to: Timestamp, limit: i64, cohort: Option<Uuid>,
                                program: Option<Uuid>)
        -> SessionRow, discloses "programs.training_session" = list!("and s.program_id = $6");
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "program_id",
            problem: || {
                Problem::field(&["body", "cohort_id"], "unknown", "there is no such cohort")
            },
        },
        Constraint {
            name: "session_program_known",
            problem: || {
                Problem::field(&["body", "program_id"], "unknown", "there is no such programme")
            },
        },
        Constraint {
            name: "session_cohort_known",
            problem: || {
                let msg = "there is no such cohort in this programme: leave program_id out, or correct it";
                Problem::field(&["body", "cohort_id"], "unknown", msg)
            },
        },
        Constraint {
            name: "session_location_known",
            problem: || {
                Problem::field(&["body", "location_id"], "unknown", "there is no such location")
            },
        },
        Constraint {
            name: "session_instructor_known",
            problem: || {
                let loc = &["body", "instructor_id"];
                Problem::field(loc, "unknown", "there is no such instructor")
            },
        },
        Constraint {
            name: "session_ends_after_start",
            problem: || {
                Problem::field(&["body", "ends_at"], "range", "the end must be after the start")
            },
        },
        Constraint {
            name: "RV609",
            problem: || {
                let detail =
                    "somebody who attended has no consent for this session: see their status";
                Problem::conflict("consent_required", detail).refusing("session:write")
            },
        },
    ]
}
