//! Requests on the roster.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Disclosed, Followed, Shown, Sight},
    db::Disclosing,
    http::{
        FromQuery, List, Named, Page, Paging, Problem, Query, QueryReader, Resume, choice,
        parameter,
    },
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sql::{self, RosterRow, StatusRow};
use crate::{
    athletes::{Restriction, TeamRef},
    ferpa::{ROSTER, STATUS, by_slice},
    permissions::{ReadRoster, WatchRoster},
};

const STATUSES: &[&str] = &["cleared", "restricted", "out"];

/// A line of the roster.
#[derive(Serialize, ToSchema)]
pub struct RosterEntry {
    id: Uuid,
    external_id: Option<String>,
    school_id: Uuid,
    first_name: String,
    last_name: String,
    grade: Option<String>,
    sports: Vec<String>,
    /// The first of the teams.
    team: Option<String>,
    teams: Vec<TeamRef>,
    parent_ids: Vec<Uuid>,
    /// `cleared`, `restricted` or `out`: the worst over the active cases.
    current_status: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    status_changed_at: Option<Timestamp>,
    restrictions: Vec<Restriction>,
    /// The last target among the milestones of the active cases.
    #[schema(value_type = Option<String>, format = Date)]
    expected_return_on: Option<Date>,
    active_case_ids: Vec<Uuid>,
    /// The most urgent of the active cases.
    attention_level: Option<String>,
}

fn view(row: RosterRow, reveal: &Reveal, sight: Sight, school_id: Uuid) -> Shown<RosterEntry> {
    let teams = row.teams.0;
    let entry = RosterEntry {
        id: row.id,
        external_id: row.external_id,
        school_id,
        first_name: row.first_name.reveal(reveal),
        last_name: row.last_name.reveal(reveal),
        grade: row.grade.map(|grade| grade.reveal(reveal)),
        sports: row.sports,
        team: teams.first().map(|team| team.name.clone()),
        teams,
        parent_ids: row.parent_ids.unwrap_or_default(),
        current_status: row.current_status,
        status_changed_at: row.status_changed_at,
        restrictions: row.restrictions.reveal(reveal).0,
        expected_return_on: row.expected_return_on,
        active_case_ids: row.active_case_ids.unwrap_or_default(),
        attention_level: row.attention_level,
    };
    sight.show(&ROSTER, entry)
}

pub async fn read(
    act: Authorized<ReadRoster>,
    Named(athlete): Named,
) -> Result<Disclosed<Shown<RosterEntry>>, Problem> {
    // Families have no roster:read.
    let find = by_slice!(act; sql::find_line, sql::find_line_of_coach, sql::find_line_of_coach);
    let school = act.caller().tenant;
    act.disclose_one(find(athlete.id, athlete.external_id), |row, reveal| {
        Answer::ok(view(row, reveal, act.sight(), school))
    })
    .await
}

/// Who of the roster, and from where on.
pub struct Filter {
    school_id: Option<String>,
    team: Option<String>,
    sport: Option<String>,
    grade: Option<String>,
    status: Option<String>,
    name: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            school_id: query.text("school_id", 100),
            team: query.text("team", 100),
            sport: query.text("sport", 60),
            grade: query.text("grade", 20),
            status: choice(query, "status", STATUSES),
            name: query.text("name", 100),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        let mut all = vec![
            parameter("school_id", text(), "the caller's own; of another there is nobody"),
            parameter("team", text(), "of this team: its id, external id or name"),
            parameter(
                "sport",
                text(),
                "of this sport: its code, or the name that the school gives it",
            ),
            parameter("grade", text(), "of this grade"),
            parameter("status", json!({"type": "string", "enum": STATUSES}), "of this status"),
            parameter("name", text(), "how the last name begins"),
        ];
        all.extend(Paging::parameters());
        all
    }
}

/// What was asked, and where a page ended.
#[derive(Clone, Serialize, Deserialize)]
struct Place {
    school_id: Option<String>,
    team: Option<String>,
    sport: Option<String>,
    grade: Option<String>,
    status: Option<String>,
    name: String,
    after: String,
    id: Uuid,
}

pub async fn list(
    act: Authorized<ReadRoster>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<Shown<RosterEntry>>>, Problem> {
    let Filter { school_id, team, sport, grade, status, name, paging } = filter;
    let (limit, school) = (paging.limit, act.caller().tenant);
    // A name does not belong into a link (D10): the cursor holds what was asked.
    let asked: Place = match &paging.cursor {
        Some(cursor) => act.unseal("roster", cursor)?,
        None => {
            let name = name.unwrap_or_default();
            let (after, id) = (name.clone(), Uuid::nil());
            Place { school_id, team, sport, grade, status, name, after, id }
        }
    };
    let list =
        by_slice!(act; sql::list_roster, sql::list_roster_of_coach, sql::list_roster_of_coach);
    let of = asked.clone();
    let (after, prefix) = (Pii::new(of.after), Pii::new(of.name));
    let more = limit + 1;
    let list =
        list(after, of.id, prefix, more, of.school_id, of.team, of.sport, of.grade, of.status);
    act.disclose(list, |rows, reveal| {
        let seal = |last: &RosterRow| {
            let after = last.last_name_key.peek(reveal).clone();
            act.seal("roster", &Place { after, id: last.id, ..asked })
        };
        let page = Page::cut(rows, limit, seal)?;
        let page = page.map(|row| view(row, reveal, act.sight(), school));
        Ok(Answer::list_by_cursor_alone(page))
    })
    .await
}

/// Whether an athlete may play.
#[derive(Serialize, ToSchema)]
pub struct Status {
    id: Uuid,
    external_id: Option<String>,
    first_name: String,
    last_name: String,
    current_status: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    status_changed_at: Option<Timestamp>,
    restrictions: Vec<Restriction>,
}

pub async fn watch(
    act: Authorized<WatchRoster>,
    ((), resume): ((), Resume),
) -> Result<Followed<Shown<Status>>, Problem> {
    let read: fn(Option<Vec<Uuid>>) -> Disclosing<StatusRow> = by_slice!(act; sql::list_status,
        sql::list_status_of_coach,
        sql::list_status_of_family,
    );
    let sight = act.sight();
    act.follow("athletics.roster", resume, read, move |row: StatusRow, reveal: &Reveal| {
        let status = Status {
            id: row.id,
            external_id: row.external_id,
            first_name: row.first_name.reveal(reveal),
            last_name: row.last_name.reveal(reveal),
            current_status: row.current_status,
            status_changed_at: row.status_changed_at,
            restrictions: row.restrictions.reveal(reveal).0,
        };
        sight.show(&STATUS, status)
    })
    .await
}
