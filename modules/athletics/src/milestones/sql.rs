//! Statements on milestones. What becomes of one is told in the timeline by a trigger, with the reason of its
//! transaction.

use jiff::civil::Date;
use kernel::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A milestone, as far as the slice goes.
    pub struct MilestoneRow {
        id: Uuid,
        tenant_id: Uuid,
        case_id: Uuid,
        title: Option<Pii<String>>,
        phase: String,
        position: i32,
        state: String,
        target_on: Option<Date>,
        reached_on: Option<Date>,
        rtp_stage: Option<i32>,
        version: Option<i32>,
    }
}

/// The first that is not reached is the current one.
macro_rules! milestone {
    ($schema:literal, $title:literal, $stage:literal, $version:literal) => {
        concat!(
            "select m.id, kernel.tenant() as tenant_id, m.case_id, ", $title, " as title, m.phase, m.position,
                    case when m.reached_on is not null then 'reached'
                         when exists (select from ", $schema, ".milestone p
                                       where p.case_id = m.case_id and p.reached_on is null
                                         and (p.position, p.id) < (m.position, m.id)) then 'upcoming'
                         else 'current' end as state,
                    m.target_on, m.reached_on, ", $stage, " as rtp_stage, ", $version, " as version
               from ", $schema, ".milestone m "
        )
    };
}

macro_rules! school {
    () => {
        milestone!("athletics", "m.title", "m.rtp_stage", "m.version")
    };
}

/// A row that was just written: of the others of its case, as they were before.
macro_rules! written {
    () => {
        "select m.id, m.tenant_id, m.case_id, m.title, m.phase, m.position,
                case when m.reached_on is not null then 'reached'
                     when exists (select from athletics.milestone p
                                   where p.case_id = m.case_id and p.reached_on is null and p.id <> m.id
                                     and (p.position, p.id) < (m.position, m.id)) then 'upcoming'
                     else 'current' end as state,
                m.target_on, m.reached_on, m.rtp_stage, m.version from m"
    };
}

statements! {
    fn list_milestones(case: Uuid) -> MilestoneRow, discloses "athletics.milestone"
        = concat!(school!(), "where m.case_id = $1 order by m.position, m.id");

    fn list_milestones_of_coach(case: Uuid) -> MilestoneRow, discloses "athletics.milestone"
        = concat!(milestone!("athletics_coach", "null::text", "null::integer", "null::integer"),
            "where m.case_id = $1 order by m.position, m.id");

    fn list_milestones_of_family(case: Uuid) -> MilestoneRow, discloses "athletics.milestone"
        = concat!(milestone!("athletics_family", "m.title", "null::integer", "null::integer"),
            "where m.case_id = $1 order by m.position, m.id");

    fn insert_milestone(id: Uuid, case: Option<Uuid>, external_id: Option<String>, columns: Pii<Value>) -> MilestoneRow
        = concat!("with m as (
             insert into athletics.milestone (tenant_id, id, case_id, title, phase, position, target_on)
             select c.tenant_id, $1, c.id, r.title, r.phase,
                    coalesce(r.position, (select coalesce(max(p.position), 0) + 1 from athletics.milestone p
                                           where p.tenant_id = c.tenant_id and p.case_id = c.id)), r.target_on
               from athletics.injury_case c, jsonb_populate_record(null::athletics.milestone, $4) r
              where c.id = coalesce($2, (select x.id from athletics.injury_case x where x.external_id = $3))
             returning *) ", written!());

    fn move_milestone(id: Uuid, columns: Value, reason: Option<Pii<String>>, expected: Option<i32>) -> MilestoneRow
        = concat!("with told as materialized (
             select set_config('app.step_note', coalesce($3::text, ''), true), a.id
               from athletics.athlete a
              where a.id = (select c.athlete_id from athletics.milestone p
                              join athletics.injury_case c on c.tenant_id = p.tenant_id and c.id = p.case_id
                             where p.id = $1) for no key update),
           m as (
             update athletics.milestone m set (target_on, reached_on)
                 = (select r.target_on, r.reached_on from jsonb_populate_record(m, $2) r)
               from told
              where m.id = $1 and kernel.expect_version(m.version, $4) returning m.*) ", written!());
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "RV719",
        problem: || {
            let detail =
                "what is reached stays reached, and a stage of a return to play moves with it";
            Problem::conflict("milestone_fixed", detail).refusing("milestone:write")
        },
    }]
}
