//! A word in every text column of one organization is nowhere that another can see.

use ::kernel::http::Method;
use serde_json::json;
use testkit::{Organisation, TestApp, run};

use super::{agents::publish, put};
use crate::{
    conformance::routes::{all, call},
    kernel::privacy::plant,
};

const WORD: &str = "CANARY-of-the-north";

/// A row in each table of the module; the ids.
async fn records_of_every_kind(app: &TestApp, there: &Organisation) -> Vec<String> {
    let (owner, developer) = (there.role("org_owner"), there.role("developer"));
    let path = format!("/api/v1/organizations/{}", there.id);
    assert_eq!(owner.patch(&path, &json!({"description": "We build."})).await.status, 200);
    let workspace = owner.post("/api/v1/workspaces", &json!({"name": "Front desk"})).await.id();
    let members = format!("/api/v1/workspaces/{workspace}/members");
    assert_eq!(owner.post(&members, &json!({"user_id": developer.id})).await.status, 201);
    let agent = super::agent(app, there.id).await;
    let mut canvas = developer.canvas(&agent).await;
    canvas.done(put("a")).await;
    publish(developer, &agent, "Good morning, {{input.name}}.").await;
    let gateway = json!({"name": "g", "url": "https://gateway.example.org", "environment": "staging",
                         "secret": "a-secret-of-32-characters-or-more"});
    let gateway = owner.post("/api/v1/gateways", &gateway).await.id();
    let deploy = format!("/api/v1/agents/{agent}/deploy");
    let queued = developer.post(&deploy, &json!({"gateway_id": gateway})).await.json();
    let id = |name: &str| queued[name].as_str().unwrap().to_owned();
    // It has never answered: whatever the job made of it, the row stays.
    owner.post(&format!("/api/v1/jobs/{}/cancel", id("job_id")), &json!({})).await;
    vec![agent, workspace, gateway, id("deployment_id"), id("job_id"), there.id.to_string()]
}

#[test]
fn canaries_in_every_text_column_of_one_organization_are_nowhere_that_another_can_see() {
    run(async |app| {
        app.without_limits().await;
        let (north, south) =
            (app.organisation("studio", "north").await, app.organisation("studio", "south").await);
        let theirs = records_of_every_kind(app, &north).await;
        records_of_every_kind(app, &south).await;
        let unfilled = plant(app, north.id, WORD, |table| table.starts_with("studio.")).await;
        assert_eq!(unfilled, FIXED);
        for route in all().iter().filter(|route| route.realm == Some("studio")) {
            let mut paths: Vec<_> =
                theirs.iter().map(|id| route.path.replace("{id}", id)).collect();
            paths.dedup();
            if route.method == Method::Get && !route.path.contains('{') {
                paths.push(format!("{}?limit=200", route.path));
                paths.push(format!("{}?agent_id={}", route.path, theirs[0]));
                paths.push(format!("{}?gateway_id={}", route.path, theirs[2]));
            }
            for (role, who) in &south.people {
                for path in &paths {
                    let reply = call(who, route, path).await;
                    assert!(!reply.text.contains(WORD), "{path} as {role}: {}", reply.text);
                    assert!(!format!("{:?}", reply.headers).contains(WORD), "{path} as {role}");
                    assert!(reply.status < 500, "{path} as {role}: {}", reply.text);
                }
            }
        }
        assert!(!testkit::logged().contains(WORD), "a canary is in the log");
        let alive = north.role("org_owner").get(&format!("/api/v1/agents/{}", theirs[0])).await;
        assert!(alive.text.contains(WORD), "the canaries were alive: {}", alive.text);
        let versions = format!("/api/v1/agents/{}/versions", theirs[0]);
        let shown = north.role("developer").get(&versions).await;
        assert!(shown.text.contains(WORD), "in the versions as well: {}", shown.text);
    });
}

/// Columns whose few words are fixed by a constraint have no room for a canary.
const FIXED: &[&str] = &[
    "studio.agent.status",
    "studio.agent_version.hash",
    "studio.canvas_element.kind",
    "studio.deployment.status",
    "studio.gateway.environment",
    "studio.gateway.status",
    "studio.gateway.url",
];
