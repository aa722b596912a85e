//! Every route of Studio, with a key of every role.

use std::collections::BTreeMap;

use ::kernel::{
    Clock,
    http::Route,
    tenant::{self, NewTenant, Tenant},
};
use serde_json::{Value, json};
use testkit::{Persona, Reply, TestApp, run};
use uuid::Uuid;

use super::routes::{all, call};

/// The account, the gateway and the agent of which examples speak.
const MEMBER: &str = "00000000-0000-7000-8000-000000000007";
const AGENT: &str = "00000000-0000-7000-8000-000000000009";
const GATEWAY: &str = "00000000-0000-7000-8000-000000000008";

fn routes() -> Vec<Route> {
    all().into_iter().filter(|route| route.realm == Some("studio")).collect()
}

/// An organization that has the account of the examples.
struct Organization {
    tenant: Tenant,
    keys: BTreeMap<&'static str, Persona>,
}

impl Organization {
    async fn new(app: &TestApp, name: &str) -> Self {
        let (registry, clock) = (reeve::registry().unwrap(), Clock::default());
        let mut platform = app.platform().await;
        let new = NewTenant { name: name.into(), realm: "studio".into(), ..NewTenant::default() };
        let tenant = tenant::create(&mut platform, &clock, &registry, new).await.unwrap();
        let id = tenant.id.to_string();
        let mut keys = BTreeMap::new();
        for role in registry.matrix.names("studio") {
            let key = tenant::create_key(&mut platform, &clock, &id, role, role).await.unwrap();
            keys.insert(role, app.persona(Some(key.1.as_str().to_owned()), key.0.id));
        }
        let member = format!(
            "set session_replication_role = replica;
             select set_config('app.tenant_id', '{id}', false);
             insert into kernel.account (tenant_id, id, email, email_index, full_name, role)
             values ('{id}', '{MEMBER}', kernel.seal('{MEMBER}', 'dana@example.org'), kernel.blind('dana@example.org'),
                     kernel.seal('{MEMBER}', 'Dana Reyes'), 'developer');
             insert into studio.gateway (tenant_id, id, name, url, environment, secret)
             values ('{id}', '{GATEWAY}', 'Front desk', 'https://gateway.example.org', 'production',
                     kernel.seal('{GATEWAY}', 'a-secret-of-32-characters-or-more'));
             insert into studio.agent (tenant_id, id, name) values ('{id}', '{AGENT}', 'Triage')"
        );
        app.database.session("reeve_admin").await.batch_execute(&member).await.unwrap();
        Self { tenant, keys }
    }

    fn role(&self, role: &str) -> &Persona {
        &self.keys[role]
    }

    /// Somebody who holds the permission.
    fn holder(&self, permission: &str) -> &Persona {
        let matrix = reeve::registry().unwrap().matrix;
        let holds = |role: &&str| matrix.permits(matrix.role("studio", role), permission);
        let role = ["developer", "org_admin", "org_owner"].into_iter().find(holds);
        self.role(role.unwrap_or_else(|| panic!("{permission}: who holds it?")))
    }

    async fn made(&self, path: &str, body: Value) -> Reply {
        let reply = self.role("org_owner").post(path, &body).await;
        assert!(reply.status < 300, "{path}: {}", reply.text);
        reply
    }

    /// An agent with one published version.
    async fn agent(&self) -> String {
        let agent = self.made("/api/v1/agents", json!({"name": "Triage"})).await.id();
        let publish = all().into_iter().find(|r| r.name == "POST /api/v1/agents/{id}/versions");
        let example = publish.unwrap().docs.example.unwrap()();
        self.made(&format!("/api/v1/agents/{agent}/versions"), example).await;
        agent
    }

    async fn workspace(&self) -> String {
        let body = json!({"name": format!("Workspace {}", Uuid::now_v7())});
        self.made("/api/v1/workspaces", body).await.id()
    }

    /// The route's path with a record of its own that it can work on. A new noun fails here until it
    /// has one.
    async fn path(&self, route: &Route) -> String {
        if !route.path.contains("{id}") {
            return route.path.to_owned();
        }
        let id = match route.path {
            "/api/v1/organizations/{id}" => self.tenant.id.to_string(),
            "/ws/canvas/{id}" => self.agent().await,
            "/api/v1/agents/{id}/versions" if route.effect == "write" => {
                self.made("/api/v1/agents", json!({"name": "Fresh"})).await.id()
            }
            p if p.starts_with("/api/v1/agents/") => self.agent().await,
            p if p.starts_with("/api/v1/deployments/") => {
                let path = format!("/api/v1/agents/{}/deploy", self.agent().await);
                let queued = self.made(&path, json!({"gateway_id": GATEWAY})).await.json();
                queued["deployment_id"].as_str().unwrap().to_owned()
            }
            "/api/v1/workspaces/{id}/members" if route.docs.status != 201 => {
                let id = self.workspace().await;
                let members = format!("/api/v1/workspaces/{id}/members");
                self.made(&members, json!({"user_id": MEMBER})).await;
                id
            }
            p if p.starts_with("/api/v1/workspaces/") => self.workspace().await,
            p if p.starts_with("/api/v1/gateways/") => {
                let body = json!({"name": format!("Gateway {}", Uuid::now_v7()), "url": "https://gateway.example.org",
                                  "environment": "staging", "secret": "a-secret-of-32-characters-or-more"});
                self.made("/api/v1/gateways", body).await.id()
            }
            p => panic!("{p}: say which record a test may use"),
        };
        let question = match route.name {
            "DELETE /api/v1/workspaces/{id}/members" => format!("?user_id={MEMBER}"),
            "GET /api/v1/agents/{id}/diff" => "?from=1".to_owned(),
            _ => String::new(),
        };
        route.path.replace("{id}", &id) + &question
    }
}

#[test]
fn each_role_of_organizations_reaches_exactly_what_the_matrix_gives_it() {
    run(async |app| {
        let acme = Organization::new(app, "acme").await;
        let matrix = reeve::registry().unwrap().matrix;
        for route in &routes() {
            for role in matrix.names("studio") {
                let permitted = matrix.permits(matrix.role("studio", role), route.permission);
                // Who is refused is refused whatever they name.
                let path = match permitted {
                    true => acme.path(route).await,
                    false => route.path.replace("{id}", MEMBER),
                };
                let reply = call(acme.role(role), route, &path).await;
                if permitted {
                    assert!(
                        ![401, 403].contains(&reply.status),
                        "{role} {}: {}",
                        route.name,
                        reply.text
                    );
                } else {
                    assert_eq!(reply.problem(), "403 forbidden", "{role} {}", route.name);
                }
            }
        }
    });
}

#[test]
fn every_example_of_organizations_works_and_leaves_the_entries_that_its_effect_demands() {
    run(async |app| {
        let acme = Organization::new(app, "acme").await;
        for route in &routes() {
            let path = acme.path(route).await;
            let persona = acme.holder(route.permission);
            let reply = call(persona, route, &path).await;
            // Who says no handshake does not come in (tests/studio/canvas.rs).
            let status = if route.effect == "join" { 426 } else { route.docs.status };
            assert_eq!(reply.status, status, "{}: {}", route.name, reply.text);
            let told = route.docs.example.is_some() || route.docs.status == 204;
            assert!(route.effect != "write" || told, "{}: give an example", route.name);
            let entries = app
                .ask(&format!(
                    "select operation || ' ' || permission from audit.entry where request_id = '{}' and actor_id = '{}'
                        and outcome = 'allowed'",
                    reply.header("x-request-id").unwrap(),
                    persona.id
                ))
                .await;
            let read = format!("READ {}", route.permission);
            match route.effect {
                "read" | "join" => assert!(entries.is_empty(), "{}: {entries:?}", route.name),
                "disclose" => assert_eq!(entries, [read], "{}", route.name),
                _ => assert!(
                    !entries.is_empty() && !entries.contains(&read),
                    "{}: {entries:?}",
                    route.name
                ),
            }
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", route.name);
        }
    });
}

#[test]
fn a_record_of_another_organization_is_not_there() {
    run(async |app| {
        let (acme, other) =
            (Organization::new(app, "acme").await, Organization::new(app, "other").await);
        for route in routes().iter().filter(|route| route.path.contains("{id}")) {
            let real = acme.path(route).await;
            let (path, question) = real.split_once('?').unwrap_or((&real, ""));
            let persona = other.holder(route.permission);
            let there = call(persona, route, &real).await;
            let nowhere = route.path.replace("{id}", &Uuid::now_v7().to_string());
            let nowhere = real.replacen(path, &nowhere, 1);
            let random = call(persona, route, &nowhere).await;
            assert_eq!(there.essence(), random.essence(), "{} {question}", route.name);
            // Of a list there is nothing.
            let nothing = there.status == 404 || there.text == "[]";
            assert!(nothing, "{}: {}", route.name, there.text);
        }
    });
}

#[test]
fn no_list_shows_what_the_policies_deny() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let owner = acme.role("org_owner");
        let secret = "a-secret-of-32-characters-or-more";
        let gateway = json!({"name": "g", "url": "https://gateway.example.org", "environment": "staging", "secret": secret});
        for (path, body) in [
            ("/api/v1/agents", json!({"name": "a"})),
            ("/api/v1/workspaces", json!({"name": "w"})),
            ("/api/v1/gateways", gateway),
        ] {
            assert_eq!(owner.post(path, &body).await.status, 201, "{path}");
            assert_eq!(owner.get(path).await.json().as_array().unwrap().len(), 1, "{path}");
        }
        for kind in ["agent", "workspace", "gateway"] {
            let no = json!({"name": format!("No {kind}"), "effect": "deny", "resource": kind, "actions": ["read"]});
            assert_eq!(owner.post("/api/v1/policies", &no).await.status, 201);
        }
        // Every list of a kind that policies speak of.
        let kinds = reeve::registry().unwrap().vocabulary;
        let mut seen = 0;
        for route in routes().iter().filter(|r| r.effect == "read" && !r.path.contains('{')) {
            let (kind, _) = route.permission.split_once(':').unwrap();
            if kinds.kind(kind).is_some() {
                let reply = owner.get(route.path).await;
                assert_eq!((reply.status, &*reply.text), (200, "[]"), "{}", route.name);
                seen += 1;
            }
        }
        assert!(seen >= 3, "{seen}");
    });
}

#[test]
fn no_change_is_made_that_the_policies_deny() {
    run(async |app| {
        let acme = Organization::new(app, "acme").await;
        let kinds = reeve::registry().unwrap().vocabulary;
        let mut seen = 0;
        for route in routes().iter().filter(|route| route.effect == "write") {
            let (kind, action) = route.permission.split_once(':').unwrap();
            // A ticket changes nothing; the canvas asks who may.
            if kinds.kind(kind).is_none() || action == "read" {
                continue;
            }
            let path = acme.path(route).await;
            let no = json!({"name": "No", "effect": "deny", "resource": kind, "actions": [action]});
            let rule = acme.made("/api/v1/policies", no).await.id();
            let reply = call(acme.holder(route.permission), route, &path).await;
            assert_eq!(reply.problem(), "403 denied_by_policy", "{}: {}", route.name, reply.text);
            let lifted = acme.role("org_owner").delete(&format!("/api/v1/policies/{rule}")).await;
            assert_eq!(lifted.status, 204, "{}", lifted.text);
            seen += 1;
        }
        assert!(seen >= 12, "{seen}");
    });
}
