//! Workspaces: who is in one sees what is in it, and nobody else of the organization's developers.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Organisation, run};

async fn workspace(acme: &Organisation, name: &str) -> String {
    let reply = acme.role("org_owner").post("/api/v1/workspaces", &json!({"name": name})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.id()
}

#[test]
fn what_is_in_a_workspace_is_there_for_its_members_and_for_those_who_run_the_organization() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let workspace = workspace(&acme, "Front desk").await;
        let within = json!({"name": "Triage", "workspace_id": workspace});
        let agent = owner.post("/api/v1/agents", &within).await.id();
        let paths = [
            format!("/api/v1/workspaces/{workspace}"),
            format!("/api/v1/agents/{agent}"),
            format!("/api/v1/agents/{agent}/versions"),
        ];
        for path in &paths {
            assert_eq!(developer.get(path).await.status, 404, "{path}");
            assert_eq!(acme.role("org_admin").get(path).await.status, 200, "{path}");
        }
        for list in ["/api/v1/agents", "/api/v1/workspaces"] {
            assert_eq!(developer.get(list).await.text, "[]", "{list}");
        }
        // Nor may they put an agent there.
        let refused = developer.post("/api/v1/agents", &within).await;
        assert_eq!((refused.status, refused.fields()), (422, vec!["body.workspace_id".to_owned()]));

        let members = format!("/api/v1/workspaces/{workspace}/members");
        assert_eq!(developer.get(&members).await.status, 404);
        let joined = owner.post(&members, &json!({"user_id": developer.id})).await;
        assert_eq!(joined.status, 201, "{}", joined.text);
        for path in &paths {
            assert_eq!(developer.get(path).await.status, 200, "{path}");
        }
        let list = developer.get(&members).await.json();
        assert_eq!(
            list.as_array().map(Vec::len),
            Some(2),
            "the owner, who made it, and they: {list}"
        );

        let gone = owner.delete(&format!("{members}?user_id={}", developer.id)).await;
        assert_eq!(gone.status, 204, "{}", gone.text);
        for path in &paths {
            assert_eq!(developer.get(path).await.status, 404, "{path}");
        }
    });
}

#[test]
fn the_database_itself_shows_a_stranger_nothing_of_a_workspace() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let workspace = workspace(&acme, "Front desk").await;
        let within = json!({"name": "Triage", "workspace_id": workspace});
        acme.role("org_owner").post("/api/v1/agents", &within).await;
        let session = app.database.session("reeve_app").await;
        let look = async |actor| {
            let context = format!(
                "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'user', false),
                        set_config('app.actor_id', '{actor}', false)",
                acme.id
            );
            session.batch_execute(&context).await.unwrap();
            let counts = "select (select count(*) from studio.workspace) + (select count(*) from studio.agent)";
            session.query_one(counts, &[]).await.unwrap().get::<_, i64>(0)
        };
        assert_eq!(look(acme.role("developer").id).await, 0);
        assert_eq!(look(acme.role("org_owner").id).await, 2);
        let insert = format!(
            "insert into studio.agent (tenant_id, id, name, workspace_id)
             values ('{}', gen_random_uuid(), 'sneaked in', '{workspace}')",
            acme.id
        );
        look(acme.role("viewer").id).await;
        let refused = session.batch_execute(&insert).await.unwrap_err();
        assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
    });
}

#[test]
fn leaving_a_workspace_is_felt_on_every_replica_within_a_second() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let second = app.add_replica(&testkit::Options::default()).await;
        let (owner, viewer) = (acme.role("org_owner"), acme.role("viewer"));
        let workspace = workspace(&acme, "Front desk").await;
        let members = format!("/api/v1/workspaces/{workspace}/members");
        owner.post(&members, &json!({"user_id": viewer.id})).await;
        let (elsewhere, path) =
            (viewer.at(app.url(second)), format!("/api/v1/workspaces/{workspace}"));
        assert_eq!(elsewhere.get(&path).await.status, 200);
        owner.delete(&format!("{members}?user_id={}", viewer.id)).await;
        let begun = Instant::now();
        while elsewhere.get(&path).await.status != 404 {
            assert!(begun.elapsed() < Duration::from_secs(1), "felt within a second");
        }
    });
}

#[test]
fn a_workspace_with_agents_stays_and_an_empty_one_goes() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let owner = acme.role("org_owner");
        let workspace = workspace(&acme, "Front desk").await;
        let within = json!({"name": "Triage", "workspace_id": workspace});
        let agent = owner.post("/api/v1/agents", &within).await.id();
        let path = format!("/api/v1/workspaces/{workspace}");
        assert_eq!(owner.delete(&path).await.problem(), "409 workspace_not_empty");
        assert_eq!(owner.delete(&format!("/api/v1/agents/{agent}")).await.status, 204);
        assert_eq!(owner.delete(&path).await.status, 204);
        assert_eq!(owner.get(&path).await.status, 404);
        let taken = owner.post("/api/v1/workspaces", &json!({"name": "front DESK"})).await;
        assert_eq!(taken.status, 201, "the name is free again: {}", taken.text);
        let twice = owner.post("/api/v1/workspaces", &json!({"name": "Front desk"})).await;
        assert_eq!(twice.problem(), "409 name_taken");
    });
}
