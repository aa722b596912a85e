//! Requests on athletes' records.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission, Shown, Sight},
    http::{Body, List, Named, Page, Paging, Patch, Problem, Purpose, Query, Reference},
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, AthleteRow},
};
use crate::{
    ferpa::{ATHLETE, by_slice},
    permissions::{ReadAthlete, WriteAthlete},
    schools::place,
};

/// An athlete as a client sends one, whole or in part.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AthleteBody {
    /// What other systems call the athlete, such as `ath_102938`; every route takes it as an id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub external_id: Patch<String>,
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub first_name: Patch<String>,
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub last_name: Patch<String>,
    /// Required on creation: whose rights they are follows from it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub date_of_birth: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub grade: Patch<String>,
    /// Codes of the school's `sport_names`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub sports: Patch<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Uuid>>)]
    pub team_ids: Patch<Vec<Uuid>>,
}

/// A team of an athlete's.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct TeamRef {
    pub id: Uuid,
    pub name: String,
    pub sport: String,
}

/// What an athlete may not do now.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Restriction {
    /// The event that set it.
    id: Uuid,
    case_id: Uuid,
    restriction: String,
    /// The last day.
    until: Option<String>,
}

/// An athlete's record.
#[derive(Serialize, ToSchema)]
pub struct Athlete {
    id: Uuid,
    external_id: Option<String>,
    school_id: Uuid,
    first_name: String,
    last_name: String,
    #[schema(value_type = Option<String>, format = Date)]
    date_of_birth: Option<Date>,
    grade: Option<String>,
    sports: Vec<String>,
    /// The first of the teams.
    team: Option<String>,
    teams: Vec<TeamRef>,
    /// Accounts of the parents.
    parent_ids: Vec<Uuid>,
    /// `cleared`, `restricted` or `out`: the worst over the active cases.
    current_status: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    status_changed_at: Option<Timestamp>,
    restrictions: Vec<Restriction>,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

fn view(row: AthleteRow, reveal: &Reveal, sight: Sight, school_id: Uuid) -> Shown<Athlete> {
    let teams = row.teams.0;
    let athlete = Athlete {
        id: row.id,
        external_id: row.external_id,
        school_id,
        first_name: row.first_name.reveal(reveal),
        last_name: row.last_name.reveal(reveal),
        date_of_birth: row.date_of_birth.map(|born| born.reveal(reveal)),
        grade: row.grade.map(|grade| grade.reveal(reveal)),
        sports: row.sports,
        team: teams.first().map(|team| team.name.clone()),
        teams,
        parent_ids: row.parent_ids.unwrap_or_default(),
        current_status: row.current_status,
        status_changed_at: row.status_changed_at,
        restrictions: row.restrictions.reveal(reveal).0,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    sight.show(&ATHLETE, athlete)
}

fn current(row: AthleteRow, reveal: &Reveal, sight: Sight, school: Uuid) -> Answer<Shown<Athlete>> {
    match row.version {
        Some(version) => Answer::ok(view(row, reveal, sight, school)).version(version),
        None => Answer::ok(view(row, reveal, sight, school)),
    }
}

pub async fn create(
    act: Authorized<WriteAthlete>,
    Body(body): Body<AthleteBody>,
) -> Result<Committed<Shown<Athlete>>, Problem> {
    let today = place(&act).await?.local(act.now()).date();
    let (columns, teams) = rules::parse(body, Purpose::Create, today)?;
    let (sight, school) = (act.sight(), act.caller().tenant);
    let insert = sql::insert_athlete(act.new_id(), columns, teams.unwrap_or_default());
    act.write(insert, move |row, reveal| {
        let location = format!("/api/v1/athletes/{}", row.id);
        Answer::created(view(row, reveal, sight, school), location)
    })
    .await
}

pub async fn change(
    act: Authorized<WriteAthlete>,
    (Named(athlete), Body(body)): (Named, Body<AthleteBody>),
) -> Result<Committed<Shown<Athlete>>, Problem> {
    let today = place(&act).await?.local(act.now()).date();
    let expected = act.expected_version()?;
    let (columns, teams) = rules::parse(body, Purpose::Change, today)?;
    let (sight, school) = (act.sight(), act.caller().tenant);
    let update = sql::update_athlete(athlete.id, athlete.external_id, columns, teams, expected);
    act.write(update, move |row, reveal| current(row, reveal, sight, school)).await
}

pub async fn end(
    act: Authorized<WriteAthlete>,
    Named(athlete): Named,
) -> Result<Committed<()>, Problem> {
    let end = sql::end_athlete(athlete.id, athlete.external_id, act.expected_version()?);
    act.write(end, |_, _| Answer::gone()).await
}

pub async fn read(
    act: Authorized<ReadAthlete>,
    Named(athlete): Named,
) -> Result<Disclosed<Shown<Athlete>>, Problem> {
    let (find, school) = (finding(&act), act.caller().tenant);
    let found = act.disclose_one(find.0(athlete.id, athlete.external_id), |row, reveal| {
        current(row, reveal, act.sight(), school)
    });
    found.await
}

/// Where a page ended.
type Last = (String, Uuid);

pub async fn list(
    act: Authorized<ReadAthlete>,
    Query(paging): Query<Paging>,
) -> Result<Disclosed<List<Shown<Athlete>>>, Problem> {
    let limit = paging.limit;
    let (name, id): Last = match &paging.cursor {
        Some(cursor) => act.unseal("athletes", cursor)?,
        None => Last::default(),
    };
    let (list, school) = (finding(&act).1, act.caller().tenant);
    act.disclose(list(Pii::new(name), id, limit + 1), |rows, reveal| {
        let seal =
            |last: &AthleteRow| act.seal("athletes", &(last.last_name_key.peek(reveal), last.id));
        let page = Page::cut(rows, limit, seal)?;
        Ok(Answer::list(page.map(|row| view(row, reveal, act.sight(), school))))
    })
    .await
}

type Find = fn(Option<Uuid>, Option<String>) -> kernel::db::Disclosing<AthleteRow>;
type ListOf = fn(Pii<String>, Uuid, i64) -> kernel::db::Disclosing<AthleteRow>;

/// The school's statements or the family's; a coach has the roster.
fn finding(act: &Authorized<ReadAthlete>) -> (Find, ListOf) {
    let family: (Find, ListOf) = (sql::find_athlete_of_family, sql::list_athletes_of_family);
    let school: (Find, ListOf) = (sql::find_athlete, sql::list_athletes);
    by_slice!(act; school, family, family)
}

/// The athlete of this reference, if the caller's slice has them.
///
/// # Errors
/// 404, and what [`Problem`] says of the database's failure.
pub async fn known<P: Permission>(
    act: &Authorized<P>,
    Reference { id, external_id }: Reference,
) -> Result<Uuid, Problem> {
    let find = by_slice!(act; sql::find_reference,
        sql::find_reference_of_coach,
        sql::find_reference_of_family,
    );
    let found = act.look_up(find(id, external_id)).await?.into_iter().next();
    found.map(|row| row.id).ok_or_else(Problem::not_found)
}
