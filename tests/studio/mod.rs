//! Studio: organizations, what they build, and where it runs.

mod agents;
mod canaries;
mod canvas;
mod canvas_hostile;
mod deployments;
mod record;
mod workspaces;

use serde_json::{Value, json};
use testkit::{Options, TestApp};
use uuid::Uuid;

/// An agent of this organization's; its id.
pub(crate) async fn agent(app: &TestApp, tenant: Uuid) -> String {
    let id = Uuid::now_v7().to_string();
    let insert = format!(
        "select set_config('app.tenant_id', '{tenant}', false), set_config('app.actor_kind', 'system', false),
                set_config('app.actor_id', gen_random_uuid()::text, false),
                set_config('app.request_id', gen_random_uuid()::text, false);
         insert into studio.agent (tenant_id, id, name) values ('{tenant}', '{id}', 'triage')"
    );
    app.database.session("reeve_admin").await.batch_execute(&insert).await.expect("an agent");
    id
}

fn node(id: &str) -> Value {
    json!({"id": id, "type": "input", "position": {"x": 0, "y": 0}, "data": {"label": id}})
}

pub(crate) fn put(id: &str) -> Value {
    json!({"type": "node.put", "node": node(id)})
}

fn edge(id: &str, source: &str, target: &str) -> Value {
    json!({"type": "edge.put", "edge": {"id": id, "source": source, "target": target}})
}

/// A server whose pings come each second.
fn quick() -> Options {
    let settings = [("STREAM_COMMENT_SECONDS".to_owned(), "1".to_owned())].into();
    Options { settings, ..Options::default() }
}
