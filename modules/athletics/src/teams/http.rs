//! Requests on teams.

use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, List, Named, Page, Paging, Patch, Problem, Purpose, Query},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, TeamRow},
};
use crate::{
    ferpa::by_slice,
    permissions::{ReadTeam, WriteTeam},
};

/// A team as a client sends it, whole or in part.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamBody {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub external_id: Patch<String>,
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    /// A code of the school's `sport_names`. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub sport: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub season: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub is_active: Patch<bool>,
    /// Accounts of coaches.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Uuid>>)]
    pub coach_ids: Patch<Vec<Uuid>>,
}

/// A team.
#[derive(Serialize, ToSchema)]
pub struct Team {
    id: Uuid,
    external_id: Option<String>,
    school_id: Uuid,
    name: String,
    sport: String,
    season: Option<String>,
    is_active: bool,
    /// For those who run the school.
    #[serde(skip_serializing_if = "Option::is_none")]
    coach_ids: Option<Vec<Uuid>>,
}

fn view(row: TeamRow, school_id: Uuid) -> Team {
    Team {
        id: row.id,
        external_id: row.external_id,
        school_id,
        name: row.name,
        sport: row.sport,
        season: row.season,
        is_active: row.is_active,
        coach_ids: row.coach_ids,
    }
}

fn current(row: TeamRow, school: Uuid) -> Answer<Team> {
    match row.version {
        Some(version) => Answer::ok(view(row, school)).version(version),
        None => Answer::ok(view(row, school)),
    }
}

pub async fn create(
    act: Authorized<WriteTeam>,
    Body(body): Body<TeamBody>,
) -> Result<Committed<Team>, Problem> {
    let (columns, coaches) = rules::parse(body, Purpose::Create)?;
    let school = act.caller().tenant;
    let insert = sql::insert_team(act.new_id(), columns, coaches.unwrap_or_default());
    act.write(insert, move |row, _| {
        let location = format!("/api/v1/teams/{}", row.id);
        Answer::created(view(row, school), location)
    })
    .await
}

pub async fn read(act: Authorized<ReadTeam>, Named(team): Named) -> Result<Fetched<Team>, Problem> {
    // Families have no team:read; their slice has no teams to read.
    let find = by_slice!(act; sql::find_team, sql::find_team_of_coach, sql::find_team_of_coach);
    let school = act.caller().tenant;
    act.fetch_one(find(team.id, team.external_id), |row| current(row, school)).await
}

pub async fn change(
    act: Authorized<WriteTeam>,
    (Named(team), Body(body)): (Named, Body<TeamBody>),
) -> Result<Committed<Team>, Problem> {
    let (expected, school) = (act.expected_version()?, act.caller().tenant);
    let (columns, coaches) = rules::parse(body, Purpose::Change)?;
    let update = sql::update_team(team.id, team.external_id, columns, coaches, expected);
    act.write(update, move |row, _| current(row, school)).await
}

pub async fn list(
    act: Authorized<ReadTeam>,
    Query(paging): Query<Paging>,
) -> Result<Fetched<List<Team>>, Problem> {
    let limit = paging.limit;
    let (name, id): (String, Uuid) = match &paging.cursor {
        Some(cursor) => act.unseal("teams", cursor)?,
        None => Default::default(),
    };
    let list = by_slice!(act; sql::list_teams, sql::list_teams_of_coach, sql::list_teams_of_coach);
    let school = act.caller().tenant;
    act.fetch(list(name, id, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal("teams", &(&last.name, last.id)))?;
        Ok(Answer::list(page.map(|row| view(row, school))))
    })
    .await
}
