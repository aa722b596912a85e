//! Statements on athletes' records.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::{Restriction, TeamRef};

row! {
    /// An athlete, as far as the slice goes.
    pub struct AthleteRow {
        id: Uuid,
        external_id: Option<String>,
        first_name: Pii<String>,
        last_name: Pii<String>,
        last_name_key: Pii<String>,
        date_of_birth: Option<Pii<Date>>,
        grade: Option<Pii<String>>,
        sports: Vec<String>,
        teams: Json<Vec<TeamRef>>,
        parent_ids: Option<Vec<Uuid>>,
        current_status: String,
        status_changed_at: Option<Timestamp>,
        restrictions: Pii<Json<Vec<Restriction>>>,
        version: Option<i32>,
        created_at: Option<Timestamp>,
        updated_at: Option<Timestamp>,
    }
}

row! {
    /// That there is one.
    pub struct Known { id: Uuid }
}

/// What of an athlete's row a slice has not: birth, parents, version, times.
macro_rules! athlete {
    ($schema:literal, $birth:expr, $teams:expr, $parents:expr, $version:expr, $created:expr, $updated:expr) => {
        concat!(
            "a.id, a.external_id, a.first_name, a.last_name, a.last_name_key, ",
            $birth,
            " as date_of_birth, a.grade,
             a.sports, ",
            $teams,
            " as teams, ",
            $parents,
            " as parent_ids, a.current_status, a.status_changed_at, ",
            restrictions_of!($schema),
            " as restrictions, ",
            $version,
            " as version, ",
            $created,
            " as created_at, ",
            $updated,
            " as updated_at "
        )
    };
}

/// What athlete `a` may not do now, as JSON.
macro_rules! restrictions_of {
    ($schema:literal) => {
        concat!(
            "coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'case_id', r.case_id, 'restriction', r.restriction,
                      'until', r.restriction_until) order by r.occurred_at, r.id)
                from ", $schema, ".restriction r where r.athlete_id = a.id), '[]')"
        )
    };
}

/// The teams of athlete `a`, as JSON.
macro_rules! teams_of {
    ($schema:literal) => {
        concat!(
            "coalesce((select jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'sport', t.sport) order by t.name, t.id)
                from ", $schema, ".membership t where t.athlete_id = a.id), '[]')"
        )
    };
}

/// The accounts of athlete `a`'s parents.
macro_rules! parents_of {
    () => {
        "array(select g.account_id from athletics.guardian g
                where g.tenant_id = a.tenant_id and g.athlete_id = a.id and g.deleted_at is null
                  and g.relation <> 'self' and g.account_id is not null)"
    };
}

macro_rules! school {
    ($teams:expr) => {
        athlete!(
            "athletics",
            "a.date_of_birth",
            $teams,
            parents_of!(),
            "a.version",
            "a.created_at",
            "a.updated_at"
        )
    };
}

macro_rules! family {
    () => {
        concat!(
            "select ",
            athlete!(
                "athletics_family",
                "null::date",
                teams_of!("athletics_family"),
                "null::uuid[]",
                "null::integer",
                "null::timestamptz",
                "null::timestamptz"
            ),
            "from athletics_family.enrolled a "
        )
    };
}

/// The athlete of a reference, of its id in `$1` or its external id in `$2`.
macro_rules! referred {
    ($schema:literal) => {
        concat!(
            "coalesce($1, (select x.id from ",
            $schema,
            ".enrolled x where x.external_id = $2)) "
        )
    };
}

/// The teams after a change that may bring a list in `$4`.
macro_rules! changed_teams {
    () => {
        concat!("case when $4::uuid[] is null then ", teams_of!("athletics"), " else
            coalesce((select jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'sport', t.sport) order by t.name, t.id)
                from athletics.team t where t.id = any ($4) and t.deleted_at is null and t.is_active), '[]') end")
    };
}

statements! {
    fn insert_athlete(id: Uuid, columns: Pii<Value>, teams: Vec<Uuid>) -> AthleteRow
        = concat!("with a as (
             insert into athletics.athlete (tenant_id, id, external_id, first_name, last_name, date_of_birth, grade, sports)
             select kernel.tenant(), $1, r.external_id, r.first_name, r.last_name, r.date_of_birth, r.grade, r.sports
               from jsonb_populate_record(null::athletics.athlete, $2) r returning *),
           joined as (
             insert into athletics.team_member (tenant_id, team_id, athlete_id)
             select distinct kernel.tenant(), team, a.id from a, unnest($3::uuid[]) team returning team_id)
           select ", school!("coalesce((select jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'sport', t.sport)
                order by t.name, t.id) from athletics.team t where t.id = any ($3) and t.is_active), '[]')"), "from a");

    fn update_athlete(id: Option<Uuid>, external_id: Option<String>, columns: Pii<Value>, teams: Option<Vec<Uuid>>,
                      expected: Option<i32>) -> AthleteRow
        = concat!("with a as (
             update athletics.athlete a set (external_id, first_name, last_name, date_of_birth, grade, sports)
                 = (select r.external_id, r.first_name, r.last_name, r.date_of_birth, r.grade, r.sports
                      from jsonb_populate_record(a, $3) r)
              where a.id = ", referred!("athletics"), " and a.deleted_at is null
                and kernel.expect_version(a.version, $5) returning *),
           left_team as (
             update athletics.team_member m set deleted_at = now() from a
              where $4::uuid[] is not null and m.athlete_id = a.id and m.deleted_at is null and m.team_id <> all ($4)),
           joined as (
             insert into athletics.team_member (tenant_id, team_id, athlete_id)
             select distinct kernel.tenant(), team, a.id from a, unnest($4::uuid[]) team
              where not exists (select from athletics.team_member m
                                 where m.team_id = team and m.athlete_id = a.id and m.deleted_at is null))
           select ", school!(changed_teams!()), "from a");

    fn end_athlete(id: Option<Uuid>, external_id: Option<String>, expected: Option<i32>) -> Known
        = concat!("update athletics.athlete a set deleted_at = kernel.now()
            where a.id = ", referred!("athletics"), " and a.deleted_at is null and kernel.expect_version(a.version, $3)
           returning a.id");

    fn find_athlete(id: Option<Uuid>, external_id: Option<String>) -> AthleteRow, discloses "athletics.athlete"
        = concat!("select ", school!(teams_of!("athletics")), "from athletics.enrolled a where a.id = ", referred!("athletics"));

    fn find_athlete_of_family(id: Option<Uuid>, external_id: Option<String>) -> AthleteRow, discloses "athletics.athlete"
        = concat!(family!(), "where a.id = ", referred!("athletics_family"));

    fn list_athletes(after: Pii<String>, after_id: Uuid, limit: i64) -> AthleteRow, discloses "athletics.athlete"
        = concat!("select ", school!(teams_of!("athletics")), "from athletics.enrolled a
            where (a.last_name_key, a.id) > ($1, $2) order by a.last_name_key, a.id limit $3");

    fn list_athletes_of_family(after: Pii<String>, after_id: Uuid, limit: i64) -> AthleteRow, discloses "athletics.athlete"
        = concat!(family!(), "where (a.last_name_key, a.id) > ($1, $2) order by a.last_name_key, a.id limit $3");

    fn find_reference(id: Option<Uuid>, external_id: Option<String>) -> Known
        = concat!("select a.id from athletics.enrolled a where a.id = ", referred!("athletics"));

    fn find_reference_of_coach(id: Option<Uuid>, external_id: Option<String>) -> Known
        = concat!("select a.id from athletics_coach.enrolled a where a.id = ", referred!("athletics_coach"));

    fn find_reference_of_family(id: Option<Uuid>, external_id: Option<String>) -> Known
        = concat!("select a.id from athletics_family.enrolled a where a.id = ", referred!("athletics_family"));
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "athlete_external_id_taken",
            problem: || {
                Problem::conflict("external_id_taken", "there is an athlete with this external_id")
            },
        },
        Constraint {
            name: "team_member_once",
            problem: || {
                let detail = "somebody changed this athlete's teams at the same moment: try again";
                Problem::conflict("changed_meanwhile", detail)
            },
        },
        Constraint {
            name: "team_member_team_known",
            problem: || Problem::field(&["body", "team_ids"], "unknown", "there is no such team"),
        },
        Constraint {
            name: "RV718",
            problem: || {
                let loc = &["body", "date_of_birth"];
                Problem::field(loc, "date", "a date of birth has come")
            },
        },
    ]
}
