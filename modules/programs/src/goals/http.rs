//! Requests on goals: what they bring, what they get.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed},
    http::{
        Body, FromQuery, Item, List, Page, Paging, Patch, Problem, Query, QueryReader, choice,
        parameter,
    },
    privacy::Reveal,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, STATUSES},
    sql::{self, GoalRow, GoalWithHistory},
};
use crate::permissions::{ReadGoal, WriteGoal};

/// A goal as a client sets it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalBody {
    #[serde(default)]
    #[schema(value_type = String, format = Uuid)]
    pub participant_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub title: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub category: Patch<String>,
    /// `active` (when not said), `on_hold`, `achieved` or `abandoned`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<String>,
    /// 0 (when not said) to 100.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    pub progress: Patch<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub target_date: Patch<String>,
}

/// A change of a goal.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalChange {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub title: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub category: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    pub progress: Patch<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub target_date: Patch<String>,
    /// What there is to say of this step, for the history.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Patch<String>,
}

/// A goal.
#[derive(Serialize, ToSchema)]
pub struct Goal {
    id: Uuid,
    participant_id: Uuid,
    title: String,
    description: Option<String>,
    category: Option<String>,
    status: String,
    progress: i32,
    #[schema(value_type = Option<String>, format = Date)]
    target_date: Option<Date>,
    /// In order; `GET /goals/{id}` alone has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<GoalStep>>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Where a goal stood at a time.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct GoalStep {
    status: String,
    progress: i32,
    note: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    noted_at: Timestamp,
}

impl Goal {
    fn of(row: GoalRow, reveal: &Reveal) -> Self {
        Self {
            id: row.id,
            participant_id: row.participant_id,
            title: row.title.reveal(reveal),
            description: row.description.map(|text| text.reveal(reveal)),
            category: row.category,
            status: row.status,
            progress: row.progress,
            target_date: row.target_date.map(|day| day.reveal(reveal)),
            history: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }

    fn with_history(row: GoalWithHistory, reveal: &Reveal) -> Self {
        Self {
            id: row.id,
            participant_id: row.participant_id,
            title: row.title.reveal(reveal),
            description: row.description.map(|text| text.reveal(reveal)),
            category: row.category,
            status: row.status,
            progress: row.progress,
            target_date: row.target_date.map(|day| day.reveal(reveal)),
            history: Some(row.history.reveal(reveal).0),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub async fn create(
    act: Authorized<WriteGoal>,
    Body(body): Body<GoalBody>,
) -> Result<Committed<Goal>, Problem> {
    let columns = rules::parse(body)?;
    act.write(sql::insert_goal(act.new_id(), columns), |row, reveal| {
        let (location, version) = (format!("/goals/{}", row.id), row.version);
        Answer::created(Goal::of(row, reveal), location).version(version)
    })
    .await
}

pub async fn read(
    act: Authorized<ReadGoal>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Goal>, Problem> {
    act.disclose_one(sql::find_goal(id), |row, reveal| {
        let version = row.version;
        Answer::ok(Goal::with_history(row, reveal)).version(version)
    })
    .await
}

pub async fn change(
    act: Authorized<WriteGoal>,
    (Item(id), Body(body)): (Item<Uuid>, Body<GoalChange>),
) -> Result<Committed<Goal>, Problem> {
    let expected = act.expected_version()?;
    let change = rules::parse_change(body)?;
    act.write(sql::update_goal(id, expected, change.columns, change.note), |row, reveal| {
        let version = row.version;
        Answer::ok(Goal::of(row, reveal)).version(version)
    })
    .await
}

/// Which goals, and from where on.
pub struct Filter {
    participant_id: Option<Uuid>,
    status: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            participant_id: query.parse("participant_id", "a UUID"),
            status: choice(query, "status", STATUSES),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let id = json!({"type": "string", "format": "uuid"});
        let mut all = vec![
            parameter("participant_id", id, "those of this participant"),
            parameter(
                "status",
                json!({"type": "string", "enum": STATUSES}),
                "those of this status",
            ),
        ];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadGoal>,
    Query(Filter { participant_id, status, paging }): Query<Filter>,
) -> Result<Disclosed<List<Goal>>, Problem> {
    let question = format!("{participant_id:?} {status:?}");
    let after: Uuid = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::nil(),
    };
    let list = match (participant_id, &status) {
        (Some(_), _) => sql::list_goals_of_participant,
        (None, Some(_)) => sql::list_goals_in_status,
        (None, None) => sql::list_goals,
    };
    act.disclose(list(after, paging.limit + 1, participant_id, status), |rows, reveal| {
        let page = Page::cut(rows, paging.limit, |last| act.seal(&question, &last.id))?;
        Ok(Answer::list(page.map(|row| Goal::of(row, reveal))))
    })
    .await
}
