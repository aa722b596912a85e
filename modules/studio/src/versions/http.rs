//! Requests on versions.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched, TenantTx},
    db::Bound,
    http::{
        Body, FromQuery, Item, List, Page, Paging, Problem, Query, QueryReader, demanded,
        parameter, words,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, ContentRow, VersionRow},
};
use crate::{
    agents, canvas,
    permissions::{ReadAgent, UpdateAgent},
};

/// What is published.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionBody {
    /// `nodes` and `edges`; what is on the canvas when it is not said.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub workflow: Option<Value>,
    /// What is new, for people.
    #[serde(default)]
    pub note: Option<String>,
}

/// Which version becomes the current one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    pub number: i32,
}

/// A version.
#[derive(Serialize, ToSchema)]
pub struct Version {
    id: Uuid,
    agent_id: Uuid,
    /// 1, 2, … within the agent.
    number: i32,
    /// `sha256:` and the hash of its canonical content (RFC 8785).
    hash: String,
    note: Option<String>,
    is_current: bool,
    created_by: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A version with its content.
#[derive(Serialize, ToSchema)]
pub struct WholeVersion {
    #[serde(flatten)]
    version: Version,
    #[schema(value_type = Object)]
    workflow: Value,
}

/// What one version has that another has not.
#[derive(Serialize, ToSchema)]
pub struct Comparison {
    from: Version,
    to: Version,
    /// `nodes` and `edges`, each with `added`, `removed` and `changed`.
    #[schema(value_type = Object)]
    diff: Value,
}

/// Which version.
pub struct Which {
    number: Option<i32>,
    hash: Option<String>,
}

impl FromQuery for Which {
    fn read(query: &mut QueryReader) -> Self {
        let number = query.parse("number", "the number of a version");
        let hash = query.text("hash", 71);
        if number.is_some() && hash.is_some() {
            query.fault("hash", "conflict", "give `number` or `hash`, not both");
        }
        Self { number, hash }
    }

    fn parameters() -> Vec<Value> {
        vec![
            parameter("number", json!({"type": "integer"}), "the version of this number"),
            parameter("hash", json!({"type": "string"}), "the version of this content"),
        ]
    }
}

/// Two versions, by their numbers.
pub struct Two {
    from: i32,
    to: Option<i32>,
}

impl FromQuery for Two {
    fn read(query: &mut QueryReader) -> Self {
        let number = "the number of a version";
        Self { from: query.demand("from", number), to: query.parse("to", number) }
    }

    fn parameters() -> Vec<Value> {
        let number = || json!({"type": "integer"});
        vec![
            demanded("from", number(), "the earlier one"),
            parameter("to", number(), "the later one; the current one when it is not said"),
        ]
    }
}

fn view(row: VersionRow, agent_id: Uuid) -> Version {
    Version {
        id: row.id,
        agent_id,
        number: row.number,
        hash: row.hash,
        note: row.note,
        is_current: row.is_current,
        created_by: row.created_by,
        created_at: row.created_at,
    }
}

fn whole(row: ContentRow, agent_id: Uuid) -> WholeVersion {
    let version = Version {
        id: row.id,
        agent_id,
        number: row.number,
        hash: row.hash,
        note: row.note,
        is_current: row.is_current,
        created_by: row.created_by,
        created_at: row.created_at,
    };
    WholeVersion { version, workflow: row.workflow }
}

fn find(agent: Uuid, number: Option<i32>, hash: Option<String>) -> Bound<ContentRow> {
    match (number, hash) {
        (Some(number), _) => sql::read_by_number(agent, number),
        (None, Some(hash)) => sql::read_by_hash(agent, hash),
        (None, None) => sql::read_current(agent),
    }
}

/// What is on the agent's canvas.
async fn drawn(tx: &mut TenantTx<'_>, agent: Uuid) -> Result<Value, Problem> {
    let canvas = tx.run(canvas::sql::find_canvas(agent)).await?.into_iter().next();
    Ok(canvas.ok_or_else(Problem::not_found)?.document)
}

pub async fn publish(
    act: Authorized<UpdateAgent>,
    (Item(agent), Body(body)): (Item<Uuid>, Body<VersionBody>),
) -> Result<Committed<Version>, Problem> {
    let note = body.note.map(|note| words("note", 500, note)).transpose()?;
    let id = act.new_id();
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(agents::sql::hold_agent(agent)).await?.into_iter().next();
            agents::require_in_use(&held.ok_or_else(Problem::not_found)?.status)?;
            let drawn = match body.workflow {
                Some(workflow) => workflow,
                None => drawn(tx, agent).await?,
            };
            let hash = workflow::hash(&rules::parse(&drawn)?);
            let known = tx.run(sql::find_by_hash(agent, hash.clone())).await?.into_iter().next();
            let is_new = known.is_none();
            let row = match known {
                Some(known) => known,
                None => {
                    let insert = sql::insert_version(id, agent, hash, drawn, note);
                    tx.run(insert).await?.into_iter().next().ok_or_else(Problem::not_found)?
                }
            };
            tx.run(sql::make_current(agent, row.id)).await?;
            let location = format!("/api/v1/agents/{agent}/version?number={}", row.number);
            let version = Version { is_current: true, ..view(row, agent) };
            Ok(if is_new { Answer::created(version, location) } else { Answer::ok(version) })
        })
    })
    .await
}

pub async fn roll_back(
    act: Authorized<UpdateAgent>,
    (Item(agent), Body(body)): (Item<Uuid>, Body<RollbackBody>),
) -> Result<Committed<Version>, Problem> {
    act.transact(move |tx| {
        Box::pin(async move {
            let held = tx.run(agents::sql::hold_agent(agent)).await?.into_iter().next();
            agents::require_in_use(&held.ok_or_else(Problem::not_found)?.status)?;
            let row = tx.run(sql::find_by_number(agent, body.number)).await?.into_iter().next();
            let msg = "this agent has no version of this number";
            let unknown = || Problem::field(&["body", "number"], "unknown", msg);
            let row = row.ok_or_else(unknown)?;
            tx.run(sql::make_current(agent, row.id)).await?;
            Ok(Answer::ok(Version { is_current: true, ..view(row, agent) }))
        })
    })
    .await
}

/// The version of this number, or the agent's current one, for a deployment.
///
/// # Errors
/// 422 where there is none of this number, 409 `not_published` where there is none at all.
pub(crate) async fn pinned(
    tx: &mut TenantTx<'_>,
    agent: Uuid,
    number: Option<i32>,
) -> Result<Uuid, Problem> {
    let find = match number {
        Some(number) => sql::find_by_number(agent, number),
        None => sql::find_current(agent),
    };
    let found = tx.run(find).await?.into_iter().next();
    found.map(|version| version.id).ok_or_else(|| match number {
        Some(_) => {
            Problem::field(&["body", "version"], "unknown", "this agent has no such version")
        }
        None => {
            let detail = "this agent was never published: publish a version of it first";
            Problem::conflict("not_published", detail)
        }
    })
}

pub async fn read(
    act: Authorized<ReadAgent>,
    (Item(agent), Query(which)): (Item<Uuid>, Query<Which>),
) -> Result<Fetched<WholeVersion>, Problem> {
    let find = find(agent, which.number, which.hash);
    act.fetch_one(find, |row| Answer::ok(whole(row, agent))).await
}

pub async fn compare(
    act: Authorized<ReadAgent>,
    (Item(agent), Query(two)): (Item<Uuid>, Query<Two>),
) -> Result<Fetched<Comparison>, Problem> {
    let from = act.look_up(sql::read_by_number(agent, two.from)).await?.into_iter().next();
    let from = whole(from.ok_or_else(Problem::not_found)?, agent);
    act.fetch(find(agent, two.to, None), |rows| {
        let to = whole(rows.into_iter().next().ok_or_else(Problem::not_found)?, agent);
        let (earlier, later) = (rules::published(&from.workflow)?, rules::published(&to.workflow)?);
        let diff = serde_json::to_value(workflow::diff(&earlier, &later));
        let diff = diff.map_err(Problem::internal)?;
        Ok(Answer::ok(Comparison { from: from.version, to: to.version, diff }))
    })
    .await
}

pub async fn list(
    act: Authorized<ReadAgent>,
    (Item(agent), Query(paging)): (Item<Uuid>, Query<Paging>),
) -> Result<Fetched<List<Version>>, Problem> {
    let (limit, question) = (paging.limit, format!("versions of {agent}"));
    let before: i32 = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => i32::MAX,
    };
    act.fetch(sql::list_versions(agent, before, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &last.number))?;
        Ok(Answer::list(page.map(|row| view(row, agent))))
    })
    .await
}
