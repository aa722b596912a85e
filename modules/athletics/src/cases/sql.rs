//! Statements on cases.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    return_to_play::RtpFact,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use crate::athletes::Restriction;

row! {
    /// A case, as far as the slice goes.
    pub struct CaseRow {
        id: Uuid,
        tenant_id: Uuid,
        external_id: Option<String>,
        athlete_id: Uuid,
        title: Option<Pii<String>>,
        body_part: Option<Pii<String>>,
        severity: Option<String>,
        attention_level: Option<String>,
        head_injury: Option<bool>,
        status: String,
        availability: String,
        restrictions: Pii<Json<Vec<Restriction>>>,
        expected_return_on: Option<Date>,
        rtp: Option<Pii<Json<RtpFact>>>,
        opened_at: Timestamp,
        resolved_at: Option<Timestamp>,
        reopened_at: Option<Timestamp>,
        primary_at_id: Option<Uuid>,
        jurisdiction: Option<String>,
        version: Option<i32>,
        created_at: Option<Timestamp>,
    }
}

row! {
    /// A case that was found.
    pub struct Known { id: Uuid }
}

row! {
    /// A case that was changed.
    pub struct Changed { id: Uuid, version: i32 }
}

/// What case `c` forbids now, and when it is expected to be over.
macro_rules! outlook {
    ($schema:literal, $expected:expr) => {
        concat!(
            "coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'case_id', r.case_id, 'restriction', r.restriction,
                      'until', r.restriction_until) order by r.occurred_at, r.id)
                from ", $schema, ".restriction r where r.case_id = c.id), '[]') as restrictions, ",
            $expected, " as expected_return_on, "
        )
    };
}

macro_rules! case {
    () => {
        concat!(
            "select c.id, c.tenant_id, c.external_id, c.athlete_id, c.title, c.body_part, c.severity, c.attention_level,
                    c.head_injury, c.status, c.availability, ", outlook!("athletics", "(select max(m.target_on) from athletics.milestone m
                where m.tenant_id = c.tenant_id and m.case_id = c.id)"),
            "(select to_jsonb(t) || jsonb_build_object('steps', (
                        select coalesce(jsonb_agg(jsonb_build_object('action', s.action, 'from_stage', s.from_stage,
                                   'to_stage', s.to_stage, 'taken_at', s.taken_at, 'note', s.note)
                                   order by s.taken_at, s.created_at, s.id), '[]'::jsonb)
                          from athletics.return_to_play_step s
                         where s.tenant_id = t.tenant_id and s.return_to_play_id = t.id))
               from athletics.return_to_play t where t.tenant_id = c.tenant_id and t.case_id = c.id) as rtp,
             c.opened_at, c.resolved_at, c.reopened_at, c.primary_at_id, c.jurisdiction, c.version, c.created_at
             from athletics.injury_case c where c.tenant_id = kernel.tenant() "
        )
    };
}

macro_rules! coach {
    () => {
        concat!(
            "select c.id, kernel.tenant() as tenant_id, null::text as external_id, c.athlete_id, null::text as title,
                    null::text as body_part, null::text as severity, null::text as attention_level,
                    null::boolean as head_injury, c.status, c.availability, ", outlook!("athletics_coach", "c.expected_return_on"),
            "null::jsonb as rtp, c.opened_at, null::timestamptz as resolved_at, null::timestamptz as reopened_at,
             null::uuid as primary_at_id, null::text as jurisdiction, null::integer as version,
             null::timestamptz as created_at
             from athletics_coach.injury_case c where true "
        )
    };
}

macro_rules! family {
    () => {
        concat!(
            "select c.id, kernel.tenant() as tenant_id, c.external_id, c.athlete_id, c.title, c.body_part, c.severity,
                    null::text as attention_level, c.head_injury, c.status, c.availability, ", outlook!("athletics_family", "c.expected_return_on"),
            "(select to_jsonb(t) || '{\"symptomatic\": false, \"steps\": []}'
                from athletics_family.return_to_play t where t.case_id = c.id) as rtp,
             c.opened_at, c.resolved_at, c.reopened_at, null::uuid as primary_at_id, null::text as jurisdiction,
             null::integer as version, null::timestamptz as created_at
             from athletics_family.injury_case c where true "
        )
    };
}

/// Newest first, with the filters that are not the index's own.
macro_rules! newest {
    ($where:literal, $attention:literal) => {
        concat!(
            "and (c.opened_at, c.id) < ($1, $2) ",
            $where,
            " and ($4::uuid is null or c.athlete_id = $4) and ($5::text is null or c.status = $5)
              and ($6::text is null or ",
            $attention,
            ") order by c.opened_at desc, c.id desc limit $3"
        )
    };
}

statements! {
    /// As the transaction that writes it sees it.
    fn find_case(id: Uuid) -> CaseRow = concat!(case!(), "and c.id = $1");

    fn find_reference(id: Option<Uuid>, external_id: Option<String>) -> Known
        = "select c.id from athletics.injury_case c
            where c.id = coalesce($1, (select x.id from athletics.injury_case x where x.external_id = $2))";

    fn find_reference_of_family(id: Option<Uuid>, external_id: Option<String>) -> Known
        = "select c.id from athletics_family.injury_case c
            where c.id = coalesce($1, (select x.id from athletics_family.injury_case x where x.external_id = $2))";

    fn find_reference_of_coach(id: Option<Uuid>) -> Known
        = "select c.id from athletics_coach.injury_case c where c.id = $1";

    fn list_cases(before: Timestamp, before_id: Uuid, limit: i64, athlete: Option<Uuid>, status: Option<String>,
                  attention: Option<String>) -> CaseRow, discloses "athletics.injury_case"
        = concat!(case!(), newest!("", "c.attention_level = $6"));

    fn list_cases_of_athlete(before: Timestamp, before_id: Uuid, limit: i64, athlete: Option<Uuid>,
                             status: Option<String>, attention: Option<String>)
        -> CaseRow, discloses "athletics.injury_case"
        = concat!(case!(), newest!("and c.athlete_id = $4", "c.attention_level = $6"));

    fn list_coach_cases(before: Timestamp, before_id: Uuid, limit: i64, athlete: Option<Uuid>, status: Option<String>,
                        attention: Option<String>) -> CaseRow, discloses "athletics.injury_case"
        = concat!(coach!(), newest!("", "false"));

    fn list_coach_cases_of_athlete(before: Timestamp, before_id: Uuid, limit: i64, athlete: Option<Uuid>,
                                   status: Option<String>, attention: Option<String>)
        -> CaseRow, discloses "athletics.injury_case"
        = concat!(coach!(), newest!("and c.athlete_id = $4", "false"));

    fn list_family_cases(before: Timestamp, before_id: Uuid, limit: i64, athlete: Option<Uuid>, status: Option<String>,
                         attention: Option<String>) -> CaseRow, discloses "athletics.injury_case"
        = concat!(family!(), newest!("", "false"));

    fn list_family_cases_of_athlete(before: Timestamp, before_id: Uuid, limit: i64, athlete: Option<Uuid>,
                                    status: Option<String>, attention: Option<String>)
        -> CaseRow, discloses "athletics.injury_case"
        = concat!(family!(), newest!("and c.athlete_id = $4", "false"));

    fn update_case(id: Option<Uuid>, external_id: Option<String>, columns: Pii<Value>, expected: Option<i32>) -> Changed
        = "update athletics.injury_case c set (external_id, title, attention_level, primary_at_id)
              = (select r.external_id, r.title, r.attention_level, r.primary_at_id from jsonb_populate_record(c, $3) r)
            where c.id = coalesce($1, (select x.id from athletics.injury_case x where x.external_id = $2))
              and kernel.expect_version(c.version, $4) returning c.id, c.version";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "case_external_id_taken",
            problem: || {
                Problem::conflict("external_id_taken", "there is a case with this external_id")
            },
        },
        Constraint {
            name: "case_trainer_known",
            problem: || {
                Problem::field(&["body", "primary_at_id"], "unknown", "there is no such account")
            },
        },
        Constraint {
            name: "case_active_once",
            problem: || {
                let detail = "there is an active case of this body part: it holds what happens now";
                Problem::conflict("case_active", detail)
            },
        },
        Constraint {
            name: "RV716",
            problem: || {
                let detail = "what was found is not rewritten, and the state of a case follows from its events";
                Problem::conflict("case_state", detail).refusing("case:write")
            },
        },
        Constraint {
            name: "RV717",
            problem: || {
                let detail = "the status of an athlete follows from the cases";
                Problem::conflict("athlete_status", detail).refusing("athlete:write")
            },
        },
    ]
}
