//! Requests on who is in a workspace.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed},
    http::{Body, FromQuery, Item, List, Page, Paging, Problem, Query, QueryReader, demanded},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sql;
use crate::{
    permissions::{ReadMember, UpdateWorkspace},
    workspaces,
};

/// Who joins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    /// An account of the organization.
    pub user_id: Uuid,
}

/// Somebody in a workspace.
#[derive(Serialize, ToSchema)]
pub struct Member {
    user_id: Uuid,
    full_name: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// That somebody is in a workspace.
#[derive(Serialize, ToSchema)]
pub struct Membership {
    user_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// Who leaves.
pub struct Leaving(Uuid);

impl FromQuery for Leaving {
    fn read(query: &mut QueryReader) -> Self {
        Self(query.demand("user_id", "the id of an account"))
    }

    fn parameters() -> Vec<Value> {
        let id = json!({"type": "string", "format": "uuid"});
        vec![demanded("user_id", id, "who is taken out")]
    }
}

pub async fn list(
    act: Authorized<ReadMember>,
    (Item(workspace), Query(paging)): (Item<Uuid>, Query<Paging>),
) -> Result<Disclosed<List<Member>>, Problem> {
    let question = format!("members of {workspace}");
    let after: Uuid = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::nil(),
    };
    let seen = act.look_up(workspaces::sql::find_workspace(workspace)).await?;
    seen.first().ok_or_else(Problem::not_found)?;
    let limit = paging.limit;
    act.disclose(sql::list_members(workspace, after, limit + 1), |rows, reveal| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &last.id))?;
        Ok(Answer::list(page.map(|row| Member {
            user_id: row.id,
            full_name: row.full_name.reveal(reveal),
            since: row.since,
        })))
    })
    .await
}

pub async fn add(
    act: Authorized<UpdateWorkspace>,
    (Item(workspace), Body(body)): (Item<Uuid>, Body<MemberBody>),
) -> Result<Committed<Membership>, Problem> {
    let done = act.write(sql::insert_member(workspace, body.user_id), move |row, _| {
        let location = format!("/api/v1/workspaces/{workspace}/members");
        Answer::created(Membership { user_id: row.account_id, since: row.since }, location)
    });
    let done = done.await?;
    act.forget(body.user_id);
    Ok(done)
}

pub async fn take_out(
    act: Authorized<UpdateWorkspace>,
    (Item(workspace), Query(Leaving(user))): (Item<Uuid>, Query<Leaving>),
) -> Result<Committed<()>, Problem> {
    let done = act.write(sql::end_membership(workspace, user), |_, _| Answer::gone()).await?;
    act.forget(user);
    Ok(done)
}
