//! Agents, their versions, and the gateways they are to run on.

use serde_json::{Value, json};
use testkit::{Organisation, Persona, run};

const SECRET: &str = "CANARY-gateway-secret-0123456789ab";

/// A workflow that greets with these words.
fn workflow(words: &str) -> Value {
    json!({
        "nodes": [
            {"id": "in", "type": "input", "position": {"x": 0, "y": 0},
             "data": {"fields": [{"name": "name", "type": "text"}]}},
            {"id": "greet", "type": "template", "position": {"x": 200, "y": 0}, "data": {"text": words}},
            {"id": "out", "type": "output", "position": {"x": 400, "y": 0}, "data": {"name": "greeting"}},
        ],
        "edges": [
            {"id": "e1", "source": "in", "target": "greet", "targetHandle": "input"},
            {"id": "e2", "source": "greet", "target": "out"},
        ],
    })
}

pub async fn agent(persona: &Persona) -> String {
    let reply = persona.post("/api/v1/agents", &json!({"name": "Triage"})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(reply.json()["status"], "draft");
    reply.id()
}

pub async fn publish(persona: &Persona, agent: &str, words: &str) -> Value {
    let body = json!({"workflow": workflow(words)});
    let reply = persona.post(&format!("/api/v1/agents/{agent}/versions"), &body).await;
    assert!([200, 201].contains(&reply.status), "{}", reply.text);
    reply.json()
}

#[test]
fn a_version_is_named_by_its_content_and_the_same_content_is_the_same_version() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let id = agent(developer).await;
        let (agent, versions) =
            (format!("/api/v1/agents/{id}"), format!("/api/v1/agents/{id}/versions"));
        let first = publish(developer, &id, "Good morning, {{input.name}}.").await;
        assert_eq!((&first["number"], &first["is_current"]), (&json!(1), &json!(true)));
        let now = developer.get(&agent).await.json();
        assert_eq!((&now["status"], &now["current_version_id"]), (&json!("active"), &first["id"]));
        let second = publish(developer, &id, "Good evening, {{input.name}}.").await;
        assert_eq!(second["number"], 2);

        // Where a node was drawn is no content; the order of members is none either.
        let mut moved = workflow("Good morning, {{input.name}}.");
        moved["nodes"][1]["position"] = json!({"y": 7, "x": -40});
        let again = developer.post(&versions, &json!({"workflow": moved})).await;
        assert_eq!((again.status, &again.json()["id"]), (200, &first["id"]));
        assert_eq!(developer.get(&versions).await.json().as_array().unwrap().len(), 2);

        let diff = developer.get(&format!("{agent}/diff?from=1&to=2")).await.json();
        assert_eq!(
            diff["diff"]["nodes"]["changed"],
            json!([{"id": "greet", "fields": ["/data/text"]}])
        );
        let rolled = developer.post(&format!("{agent}/rollback"), &json!({"number": 2})).await;
        assert_eq!(rolled.json()["id"], second["id"]);
        let by_hash = format!("{agent}/version?hash={}", first["hash"].as_str().unwrap());
        assert_eq!(developer.get(&by_hash).await.json()["workflow"]["nodes"][1]["id"], "greet");
        let none = developer.post(&format!("{agent}/rollback"), &json!({"number": 3})).await;
        assert_eq!(none.fields(), ["body.number"]);
    });
}

#[test]
fn what_is_wrong_with_a_workflow_is_told_all_at_once_with_its_place() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let versions = format!("/api/v1/agents/{}/versions", agent(developer).await);
        let mut wrong = workflow("{{input.name}}");
        wrong["nodes"][1]["type"] = "teapot".into();
        wrong["edges"][1]["target"] = "nowhere".into();
        let reply = developer.post(&versions, &json!({"workflow": wrong})).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        let fields = reply.fields();
        for place in ["body.workflow.nodes.1.type", "body.workflow.edges.1.target"] {
            assert!(fields.iter().any(|field| field == place), "{place} in {fields:?}");
        }
        let mut round = workflow("{{input.name}}");
        round["edges"][1] =
            json!({"id": "e2", "source": "greet", "target": "greet", "targetHandle": "input"});
        assert_eq!(developer.post(&versions, &json!({"workflow": round})).await.status, 422);
        assert_eq!(developer.get(&versions).await.text, "[]");
    });
}

#[test]
fn nobody_rewrites_what_was_published() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(acme.role("developer")).await;
        publish(acme.role("developer"), &id, "{{input.name}}").await;
        let session = app.database.session("reeve_app").await;
        let change = format!(
            "select set_config('app.tenant_id', '{}', false);
             update studio.agent_version set workflow = '{{}}'",
            acme.id
        );
        let refused = session.batch_execute(&change).await.unwrap_err();
        assert_eq!(refused.code().map(|code| code.code()), Some("RV731"));
        let gone = session.batch_execute("delete from studio.agent_version").await.unwrap_err();
        assert_eq!(gone.code().map(|code| code.code()), Some("42501"));
    });
}

#[test]
fn an_archived_agent_is_left_as_it_is_until_it_is_taken_back() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let id = agent(developer).await;
        let path = format!("/api/v1/agents/{id}");
        let early = developer.patch(&path, &json!({"status": "active"})).await;
        assert_eq!(early.problem(), "409 illegal_transition", "it was never published");
        publish(developer, &id, "{{input.name}}").await;
        let back = developer.patch(&path, &json!({"status": "draft"})).await;
        assert_eq!(back.problem(), "409 illegal_transition");
        assert_eq!(developer.patch(&path, &json!({"status": "archived"})).await.status, 200);
        let body = json!({"workflow": workflow("{{input.name}}!")});
        let refused = developer.post(&format!("{path}/versions"), &body).await;
        assert_eq!(refused.problem(), "409 agent_archived");
        assert_eq!(developer.patch(&path, &json!({"status": "active"})).await.status, 200);
        assert_eq!(developer.post(&format!("{path}/versions"), &body).await.status, 201);
        assert_eq!(developer.delete(&path).await.problem(), "403 forbidden");
        assert_eq!(acme.role("org_admin").delete(&path).await.status, 204);
        assert_eq!(developer.get(&path).await.status, 404);
    });
}

fn gateway(url: &str) -> Value {
    json!({"name": "Front desk", "url": url, "environment": "production", "secret": SECRET})
}

#[test]
fn j10_a_gateways_secret_is_shown_nowhere() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let owner = acme.role("org_owner");
        let made = owner.post("/api/v1/gateways", &gateway("https://gateway.example.org/")).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json()["url"], "https://gateway.example.org");
        let path = format!("/api/v1/gateways/{}", made.id());
        let rotated = SECRET.replace("0123", "4567");
        let changed = owner.patch(&path, &json!({"secret": rotated})).await;
        let replies = [changed, owner.get(&path).await, owner.get("/api/v1/gateways").await, made];
        let ledger = owner.get("/v1/audit").await;
        assert_eq!(ledger.status, 200, "{}", ledger.text);
        for reply in replies.iter().chain([&ledger]) {
            assert!(!reply.text.contains("CANARY"), "{}", reply.text);
        }
        let stored =
            "select g::text from studio.gateway g union all select e::text from audit.entry e";
        assert!(!app.ask(stored).await.iter().any(|row| row.contains("CANARY")));
        assert!(!testkit::logged().contains("CANARY-gateway"));
        let opened = format!(
            "select kernel.open(secret) from (select set_config('app.tenant_id', '{}', true)) c, studio.gateway",
            acme.id
        );
        assert_eq!(app.ask(&opened).await, [rotated], "who deploys reads it");
        assert_eq!(owner.delete(&path).await.status, 204);
        assert_eq!(app.ask(&opened).await, ["null"], "it goes with the gateway");
    });
}

async fn refused(acme: &Organisation, url: &str) -> bool {
    let reply = acme.role("org_owner").post("/api/v1/gateways", &gateway(url)).await;
    reply.status == 422 && reply.fields() == ["body.url"]
}

#[test]
fn j04_a_gateway_within_our_own_network_is_refused() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        for url in [
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://192.168.0.1/",
            "https://172.16.0.1/",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://192.0.0.1/",
            "https://[::1]/",
            "https://[fc00::1]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://gateway.example.org./",
            "https://user@gateway.example.org/",
            "http://gateway.example.org/",
            "ftp://gateway.example.org/",
            "https://localhost/",
            "gateway",
        ] {
            assert!(refused(&acme, url).await, "{url}");
        }
        assert!(!refused(&acme, "https://gateway.example.org:8443/agents").await);
    });
}

#[test]
fn a_policy_that_denies_names_itself() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let id = agent(developer).await;
        let no = json!({"name": "Hands off triage", "effect": "deny", "resource": "agent", "actions": ["update"],
            "conditions": [{"field": "resource.name", "operator": "eq", "value": "Triage"}]});
        assert_eq!(owner.post("/api/v1/policies", &no).await.status, 201);
        let refused =
            developer.patch(&format!("/api/v1/agents/{id}"), &json!({"name": "Mine"})).await;
        assert_eq!(refused.problem(), "403 denied_by_policy");
        let body = refused.json();
        assert_eq!(body["detail"], "Access denied by policy");
        assert_eq!(body["policies"][0]["name"], "Hands off triage");
        // What would be made is judged too, by what its body says of it.
        let no = json!({"name": "No drafts of that name", "effect": "deny", "resource": "agent", "actions": ["create"],
            "conditions": [{"field": "resource.name", "operator": "eq", "value": "Shadow"}]});
        assert_eq!(owner.post("/api/v1/policies", &no).await.status, 201);
        let refused = developer.post("/api/v1/agents", &json!({"name": "Shadow"})).await;
        assert_eq!(refused.json()["policies"][0]["name"], "No drafts of that name");
        let wrong = developer.post("/api/v1/agents", &json!({"name": 5})).await;
        assert_eq!((wrong.status, wrong.fields()), (422, vec!["body.name".to_owned()]));
    });
}

#[test]
fn a_policy_is_about_what_would_be_stored_however_it_was_written() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let workspace = owner.post("/api/v1/workspaces", &json!({"name": "Closed"})).await.id();
        let members = format!("/api/v1/workspaces/{workspace}/members");
        owner.post(&members, &json!({"user_id": developer.id})).await;
        let held = agent(developer).await;
        let rule = |name: &str, field: &str, value: &str| {
            json!({"name": name, "effect": "deny", "resource": "agent", "actions": ["create", "update"],
                   "conditions": [{"field": field, "operator": "eq", "value": value}]})
        };
        for rule in [
            rule("Closed to all", "resource.workspace_id", &workspace),
            rule("That name is kept", "resource.name", "prod"),
            rule("Hands off", "resource.id", &held),
        ] {
            let reply = owner.post("/api/v1/policies", &rule).await;
            assert_eq!(reply.status, 201, "{}", reply.text);
        }
        let plain = workspace.replace('-', "");
        for body in [
            json!({"name": "x", "workspace_id": workspace}),
            json!({"name": "x", "workspace_id": workspace.to_uppercase()}),
            json!({"name": "x", "workspace_id": plain}),
            json!({"name": " prod "}),
            json!({"name": "prod\u{a0}"}),
        ] {
            let refused = developer.post("/api/v1/agents", &body).await;
            assert_eq!(refused.problem(), "403 denied_by_policy", "{body}");
        }
        let list = json!(["x", null, workspace, "draft"]);
        assert_eq!(developer.post("/api/v1/agents", &list).await.status, 422);
        // Nor by a change of what was made elsewhere.
        let other = agent(developer).await;
        let path = format!("/api/v1/agents/{other}");
        for change in [json!({"workspace_id": workspace}), json!({"name": "prod"})] {
            let refused = developer.patch(&path, &change).await;
            assert_eq!(refused.problem(), "403 denied_by_policy", "{change}");
        }
        assert_eq!(developer.get(&path).await.json()["name"], "Triage");
        for id in [held.clone(), held.to_uppercase(), held.replace('-', "")] {
            let refused =
                developer.patch(&format!("/api/v1/agents/{id}"), &json!({"name": "y"})).await;
            assert_eq!(refused.problem(), "403 denied_by_policy", "{id}");
        }
    });
}

#[test]
fn a_gateways_secret_does_not_follow_it_to_another_address() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let owner = acme.role("org_owner");
        let made = owner.post("/api/v1/gateways", &gateway("https://gateway.example.org")).await;
        let path = format!("/api/v1/gateways/{}", made.id());
        let moved = owner.patch(&path, &json!({"url": "https://elsewhere.example.org"})).await;
        assert_eq!((moved.status, moved.fields()), (422, vec!["body.secret".to_owned()]));
        let both = json!({"url": "https://elsewhere.example.org", "secret": SECRET});
        assert_eq!(owner.patch(&path, &both).await.status, 200);
        let long = format!("https://example.org/{}", "é".repeat(200));
        assert!(refused(&acme, &long).await, "an address that is too long once it is written out");
    });
}
