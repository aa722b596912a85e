//! Statements on teams.

use kernel::{
    http::{Constraint, Problem},
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A team; its coaches and its version are there for those who run the school.
    pub struct TeamRow {
        id: Uuid,
        external_id: Option<String>,
        name: String,
        sport: String,
        season: Option<String>,
        is_active: bool,
        coach_ids: Option<Vec<Uuid>>,
        version: Option<i32>,
    }
}

macro_rules! team {
    ($coaches:expr) => {
        concat!(
            "t.id, t.external_id, t.name, t.sport, t.season, t.is_active, ",
            $coaches,
            " as coach_ids, t.version "
        )
    };
}

/// The coaches that are kept.
macro_rules! kept {
    () => {
        "array(select c.account_id from athletics.team_coach c
                where c.tenant_id = t.tenant_id and c.team_id = t.id and c.deleted_at is null)"
    };
}

/// A coach's own team.
macro_rules! own {
    () => {
        "select t.id, t.external_id, t.name, t.sport, t.season, t.is_active, null::uuid[] as coach_ids,
                null::integer as version from athletics_coach.team t "
    };
}

statements! {
    fn insert_team(id: Uuid, columns: Value, coaches: Vec<Uuid>) -> TeamRow
        = concat!("with t as (
             insert into athletics.team (tenant_id, id, external_id, name, sport, season, is_active)
             select kernel.tenant(), $1, r.external_id, r.name, r.sport, r.season, r.is_active
               from jsonb_populate_record(null::athletics.team, $2) r returning *),
           coaching as (
             insert into athletics.team_coach (tenant_id, team_id, account_id)
             select distinct kernel.tenant(), t.id, account from t, unnest($3::uuid[]) account returning account_id)
           select ", team!("array(select account_id from coaching)"), "from t");

    fn find_team(id: Option<Uuid>, external_id: Option<String>) -> TeamRow
        = concat!("select ", team!(kept!()), "from athletics.team t
            where t.id = coalesce($1, (select x.id from athletics.team x where x.external_id = $2 and x.deleted_at is null))
              and t.deleted_at is null");

    fn find_team_of_coach(id: Option<Uuid>, external_id: Option<String>) -> TeamRow
        = concat!(own!(), "where t.id = coalesce($1, (select x.id from athletics_coach.team x where x.external_id = $2))");

    /// Who coaches already stays as they are; a list that is sent ends the others.
    fn update_team(id: Option<Uuid>, external_id: Option<String>, columns: Value, coaches: Option<Vec<Uuid>>,
                   expected: Option<i32>) -> TeamRow
        = concat!("with t as (
             update athletics.team t set (external_id, name, sport, season, is_active)
                 = (select r.external_id, r.name, r.sport, r.season, r.is_active from jsonb_populate_record(t, $3) r)
              where t.id = coalesce($1, (select x.id from athletics.team x where x.external_id = $2 and x.deleted_at is null))
                and t.deleted_at is null and kernel.expect_version(t.version, $5) returning *),
           ended as (
             update athletics.team_coach c set deleted_at = now() from t
              where $4::uuid[] is not null and c.team_id = t.id and c.deleted_at is null and c.account_id <> all ($4)),
           begun as (
             insert into athletics.team_coach (tenant_id, team_id, account_id)
             select distinct kernel.tenant(), t.id, account from t, unnest($4::uuid[]) account
              where not exists (select from athletics.team_coach c
                                 where c.team_id = t.id and c.account_id = account and c.deleted_at is null))
           select ", team!(concat!("case when $4::uuid[] is null then ", kept!(), " else $4 end")), "from t");

    fn list_teams(after: String, after_id: Uuid, limit: i64) -> TeamRow
        = concat!("select ", team!(kept!()), "from athletics.team t
            where (t.name, t.id) > ($1, $2) and t.deleted_at is null order by t.name, t.id limit $3");

    fn list_teams_of_coach(after: String, after_id: Uuid, limit: i64) -> TeamRow
        = concat!(own!(), "where (t.name, t.id) > ($1, $2) order by t.name, t.id limit $3");
}

pub fn constraints() -> Vec<Constraint> {
    let coach = || {
        let msg = "each must be an account of this school with the role coach";
        Problem::field(&["body", "coach_ids"], "unknown", msg)
    };
    vec![
        Constraint {
            name: "team_external_id_taken",
            problem: || {
                Problem::conflict("external_id_taken", "there is a team with this external_id")
            },
        },
        Constraint {
            name: "team_name_taken",
            problem: || Problem::conflict("name_taken", "there is a team of this name"),
        },
        Constraint { name: "team_coach_known", problem: coach },
        Constraint {
            name: "team_coach_once",
            problem: || {
                let detail = "somebody changed this team's coaches at the same moment: try again";
                Problem::conflict("changed_meanwhile", detail)
            },
        },
        Constraint {
            name: "RV704",
            problem: || {
                let detail = "an account is linked as what it is: a coach to a team, a parent to a child, a \
                              student to themselves, a trainer to a case; change its role, or choose another account";
                Problem::conflict("account_role", detail)
            },
        },
    ]
}
