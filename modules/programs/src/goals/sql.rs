//! Statements on goals. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::GoalStep;

row! {
    /// A goal.
    pub struct GoalRow {
        id: Uuid,
        participant_id: Uuid,
        title: Pii<String>,
        description: Option<Pii<String>>,
        category: Option<String>,
        status: String,
        progress: i32,
        target_date: Option<Pii<Date>>,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

row! {
    /// A goal with its history.
    pub struct GoalWithHistory {
        id: Uuid,
        participant_id: Uuid,
        title: Pii<String>,
        description: Option<Pii<String>>,
        category: Option<String>,
        status: String,
        progress: i32,
        target_date: Option<Pii<Date>>,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
        history: Pii<Json<Vec<GoalStep>>>,
    }
}

macro_rules! columns {
    () => {
        "g.id, g.participant_id, g.title, g.description, g.category, g.status, g.progress, g.target_date,
         g.version, g.created_at, g.updated_at"
    };
}

/// A list in the order of creation, by keyset, with every filter that is not the index's own.
macro_rules! list {
    ($where:literal) => {
        concat!(
            "select ",
            columns!(),
            " from programs.goal g
              where g.id > $1 ",
            $where,
            " and ($3::uuid is null or g.participant_id = $3)
                and ($4::text is null or g.status = $4)
              order by g.id limit $2"
        )
    };
}

statements! {
    /// A participant who is not there becomes one who never is, so that the foreign key answers.
    fn insert_goal(id: Uuid, columns: Pii<Value>) -> GoalRow
        = concat!("insert into programs.goal as g (tenant_id, id, participant_id, title, description, category,
                  status, progress, target_date)
           select kernel.tenant(), $1,
                  coalesce((select p.id from programs.participant p
                             where p.id = r.participant_id and p.deleted_at is null),
                           '00000000-0000-0000-0000-000000000000'),
                  r.title, r.description, r.category, coalesce(r.status, 'active'), coalesce(r.progress, 0),
                  r.target_date
             from jsonb_populate_record(null::programs.goal, $2) r
           returning ", columns!());

    fn find_goal(id: Uuid) -> GoalWithHistory, discloses "programs.goal"
        = concat!("select ", columns!(), ",
                  (select coalesce(jsonb_agg(jsonb_build_object('status', s.status, 'progress', s.progress,
                                 'note', s.note, 'noted_at', s.noted_at) order by s.noted_at, s.id), '[]')
                     from programs.goal_progress s where s.goal_id = g.id) as history
             from programs.goal g where g.id = $1");

    fn list_goals(after: Uuid, limit: i64, participant: Option<Uuid>, status: Option<String>)
        -> GoalRow, discloses "programs.goal" = list!("");

    fn list_goals_of_participant(after: Uuid, limit: i64, participant: Option<Uuid>, status: Option<String>)
        -> GoalRow, discloses "programs.goal" = list!("and g.participant_id = $3");

    fn list_goals_in_status(after: Uuid, limit: i64, participant: Option<Uuid>, status: Option<String>)
        -> GoalRow, discloses "programs.goal" = list!("and g.status = $4");

    /// Keys that the change does not have keep their value; a null clears it. The note is told to the
    /// trigger that writes the history.
    fn update_goal(id: Uuid, expected: Option<i32>, columns: Pii<Value>, note: Option<Pii<String>>) -> GoalRow
        = concat!("update programs.goal g
              set (title, description, category, status, progress, target_date)
                = (select r.title, r.description, r.category, r.status, r.progress, r.target_date
                     from jsonb_populate_record(g, $3) r)
             from (select set_config('app.step_note', coalesce($4::text, ''), true) as note) told
            where g.id = $1 and kernel.expect_version(g.version, $2) and told.note is not null
           returning ", columns!());
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "goal_participant_known",
            problem: || {
                let msg = "there is no such participant: take the id from GET /participants/roster";
                Problem::field(&["body", "participant_id"], "unknown", msg)
            },
        },
        Constraint {
            name: "goal_achieved_is_complete",
            problem: || {
                let msg = "a goal that is achieved has a progress of 100: send another status with this one";
                Problem::field(&["body", "progress"], "range", msg)
            },
        },
        Constraint {
            name: "goal_status_check",
            problem: || {
                let msg = "expected one of active, on_hold, achieved, abandoned";
                Problem::field(&["body", "status"], "enum", msg)
            },
        },
        Constraint {
            name: "goal_progress_check",
            problem: || {
                let msg = "give a whole number from 0 to 100";
                Problem::field(&["body", "progress"], "range", msg)
            },
        },
    ]
}
