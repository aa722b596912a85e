//! Requests on milestones.

use jiff::civil::Date;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Shown, Sight},
    http::{Body, Item, List, Named, Page, Patch, Problem, words_or_none},
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, MilestoneRow},
};
use crate::{
    cases,
    ferpa::{MILESTONE, by_slice},
    permissions::{ReadMilestone, WriteMilestone},
    schools::place,
};

/// A milestone to be added.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MilestoneBody {
    #[serde(default)]
    #[schema(value_type = String)]
    pub title: Patch<String>,
    /// `acute`, `recovery`, `strengthening`, `sport_specific` or `return`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub phase: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    pub position: Patch<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub target_on: Patch<String>,
}

/// What becomes of a milestone, and why.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub target_on: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub reached_on: Patch<String>,
    #[serde(default)]
    reason: String,
}

/// A milestone.
#[derive(Serialize, ToSchema)]
pub struct Milestone {
    id: Uuid,
    school_id: Uuid,
    case_id: Uuid,
    title: Option<String>,
    phase: String,
    position: i32,
    /// `reached`, `current` or `upcoming`.
    state: String,
    #[schema(value_type = Option<String>, format = Date)]
    target_on: Option<Date>,
    #[schema(value_type = Option<String>, format = Date)]
    reached_on: Option<Date>,
    /// The stage of the return to play that it stands for.
    rtp_stage: Option<i32>,
}

fn view(row: MilestoneRow, reveal: &Reveal, sight: Sight) -> Shown<Milestone> {
    let milestone = Milestone {
        id: row.id,
        school_id: row.tenant_id,
        case_id: row.case_id,
        title: row.title.map(|title| title.reveal(reveal)),
        phase: row.phase,
        position: row.position,
        state: row.state,
        target_on: row.target_on,
        reached_on: row.reached_on,
        rtp_stage: row.rtp_stage,
    };
    sight.show(&MILESTONE, milestone)
}

/// A case has few: they are one page.
pub async fn list(
    act: Authorized<ReadMilestone>,
    Named(case): Named,
) -> Result<Disclosed<List<Shown<Milestone>>>, Problem> {
    let case = cases::known(&act, case).await?;
    let list = by_slice!(act; sql::list_milestones,
        sql::list_milestones_of_coach,
        sql::list_milestones_of_family,
    );
    act.disclose(list(case), |rows, reveal| {
        let items = rows.into_iter().map(|row| view(row, reveal, act.sight())).collect();
        Ok(Answer::list(Page { items, limit: 0, next_cursor: None }))
    })
    .await
}

pub async fn create(
    act: Authorized<WriteMilestone>,
    (Named(case), Body(body)): (Named, Body<MilestoneBody>),
) -> Result<Committed<Shown<Milestone>>, Problem> {
    let (columns, sight) = (rules::parse(body)?, act.sight());
    let insert = sql::insert_milestone(act.new_id(), case.id, case.external_id, columns);
    act.write(insert, move |row, reveal| {
        let location = format!("/api/v1/cases/{}/milestones", row.case_id);
        Answer::created(view(row, reveal, sight), location)
    })
    .await
}

pub async fn change(
    act: Authorized<WriteMilestone>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ChangeBody>),
) -> Result<Committed<Shown<Milestone>>, Problem> {
    let (expected, sight) = (act.expected_version()?, act.sight());
    let today = place(&act).await?.local(act.now()).date();
    let columns = rules::parse_change(&body, today)?;
    let reason = words_or_none("reason", 500, body.reason)?.map(Pii::new);
    act.write(sql::move_milestone(id, columns, reason, expected), move |row, reveal| {
        let version = row.version.unwrap_or_default();
        Answer::ok(view(row, reveal, sight)).version(version)
    })
    .await
}
