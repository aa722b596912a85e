//! Statements on canvases.

use kernel::{
    http::{Constraint, Problem},
    row,
    sockets::{AppliedRow, OperationRow, SnapshotRow},
    statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// An agent that the caller may see.
    pub struct AgentRow { id: Uuid }
}

statements! {
    fn find_agent(id: Uuid) -> AgentRow
        = "select id from studio.agent where tenant_id = kernel.tenant() and id = $1 and deleted_at is null";

    fn find_canvas(id: Uuid) -> SnapshotRow
        = "select coalesce(c.seq, 0) as seq, jsonb_build_object(
                  'nodes', coalesce((select jsonb_agg(e.value) from studio.canvas_element e
                      where e.tenant_id = a.tenant_id and e.agent_id = a.id and e.kind = 'node'
                        and e.deleted_at is null), '[]'),
                  'edges', coalesce((select jsonb_agg(e.value) from studio.canvas_element e
                      where e.tenant_id = a.tenant_id and e.agent_id = a.id and e.kind = 'edge'
                        and e.deleted_at is null), '[]')) as document
             from studio.agent a
             left join studio.canvas c on c.tenant_id = a.tenant_id and c.agent_id = a.id
            where a.tenant_id = kernel.tenant() and a.id = $1 and a.deleted_at is null";

    fn list_operations(agent: Uuid, after: i64, most: i64) -> OperationRow
        = "select o.seq, o.id, o.author_kind, o.author_id, o.operation
             from studio.canvas_operation o
             join studio.agent a on a.tenant_id = o.tenant_id and a.id = o.agent_id and a.deleted_at is null
            where o.tenant_id = kernel.tenant() and o.agent_id = $1 and o.seq > $2
            order by o.seq limit $3";

    fn apply_operation(agent: Uuid, id: Uuid, operation: Value) -> AppliedRow
        = "select seq, id, author_kind, author_id, operation, fresh from studio.apply_operation($1, $2, $3)";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "RV850",
            problem: || {
                Problem::conflict(
                    "unknown_node",
                    "there is no node of this id: it may have just been removed",
                )
            },
        },
        Constraint {
            name: "RV851",
            problem: || {
                Problem::conflict(
                    "unknown_edge",
                    "there is no edge of this id: it may have just been removed",
                )
            },
        },
        Constraint {
            name: "RV852",
            problem: || {
                Problem::conflict(
                    "canvas_full",
                    "a canvas has 500 nodes and 2,000 edges at the most",
                )
            },
        },
        Constraint {
            name: "RV853",
            problem: || {
                let detail = "this agent is archived: set its status to active first";
                Problem::conflict("agent_archived", detail)
            },
        },
        Constraint {
            name: "canvas_element_size",
            problem: || {
                Problem::field(&["operation"], "size", "a node or an edge has 32 KiB at the most")
            },
        },
    ]
}
