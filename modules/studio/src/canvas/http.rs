//! Requests on canvases, and the canvas as a document of a room.

use kernel::{
    authz::{Answer, Authorized, Committed, Fetched, Joined},
    db::Bound,
    http::{Body, Item, Problem, Query},
    sockets::{After, AppliedRow, Document, OperationRow, SnapshotRow, Ticket, Upgrade},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{rules, sql};
use crate::permissions::{JoinCanvas, ReadAgent, TakeTicket, UpdateAgent};

/// The document of a room: operations of [`rules::check`], kept by `studio.apply_operation`.
struct Canvas;

impl Document for Canvas {
    const PROTOCOL: &'static str = "reeve.canvas";
    const TOPIC: &'static str = "studio.canvas";
    type Edit = UpdateAgent;

    fn check(operation: &Value) -> Result<(), Problem> {
        rules::check(operation)
    }

    fn snapshot(id: Uuid) -> Bound<SnapshotRow> {
        sql::find_canvas(id)
    }

    fn list(id: Uuid, after: i64, most: i64) -> Bound<OperationRow> {
        sql::list_operations(id, after, most)
    }

    fn apply(id: Uuid, name: Uuid, operation: Value) -> Bound<AppliedRow> {
        sql::apply_operation(id, name, operation)
    }
}

/// A frame. What each kind holds is in docs/canvas.md.
#[derive(ToSchema)]
#[allow(dead_code, reason = "for the document alone")]
pub struct Frame {
    /// `operation`, `snapshot`, `presence`, `cursor`, `error`, `resume`, or a client's own.
    r#type: Option<String>,
}

pub async fn join(
    act: Authorized<JoinCanvas>,
    (Item(id), (Query(after), upgrade)): (Item<Uuid>, (Query<After>, Upgrade)),
) -> Result<Joined<Frame>, Problem> {
    act.join::<Canvas, Frame>(id, after, upgrade).await
}

/// Does one operation without a socket, for the demo's loader. It is told to whoever is there.
///
/// # Errors
/// What a member's operation would be answered.
pub async fn draw(
    act: &Authorized<UpdateAgent>,
    agent: Uuid,
    operation: Value,
) -> Result<(), Problem> {
    rules::check(&operation)?;
    let apply = sql::apply_operation(agent, act.new_id(), operation);
    act.write(apply, |_, _| Answer::<()>::gone()).await.map(drop)
}

/// For which canvas.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketBody {
    /// The id of the agent whose canvas it is.
    session_id: Uuid,
}

pub async fn take_ticket(
    act: Authorized<TakeTicket>,
    Body(body): Body<TicketBody>,
) -> Result<Committed<Ticket>, Problem> {
    if act.look_up(sql::find_agent(body.session_id)).await?.is_empty() {
        return Err(Problem::not_found());
    }
    act.ticket(body.session_id).await
}

/// A canvas as it is.
#[derive(Serialize, ToSchema)]
pub struct CanvasView {
    seq: i64,
    #[schema(value_type = Vec<Object>)]
    nodes: Vec<Value>,
    #[schema(value_type = Vec<Object>)]
    edges: Vec<Value>,
    /// `sha256:` and 64 hexadecimal digits.
    hash: String,
}

pub async fn find(
    act: Authorized<ReadAgent>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<CanvasView>, Problem> {
    act.fetch_one(sql::find_canvas(id), |row| {
        let (nodes, edges) = rules::sorted(row.document);
        let hash = rules::hash(&nodes, &edges);
        Answer::ok(CanvasView { seq: row.seq, nodes, edges, hash })
    })
    .await
}
