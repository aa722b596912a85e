//! Every route of athletics, with a key of every role. Which fields each sees is in `athletics/ferpa.rs`.

use std::collections::BTreeMap;

use ::kernel::{
    Clock,
    http::{Method, Route},
    tenant::{self, NewTenant, Tenant},
};
use serde_json::json;
use testkit::{Persona, Reply, TestApp, run};
use uuid::Uuid;

use super::routes::{all, call};

/// The athlete of whom examples speak.
const ATHLETE: &str = "00000000-0000-7000-8000-000000000005";

fn routes() -> Vec<Route> {
    all().into_iter().filter(|route| route.realm == Some("athletics")).collect()
}

/// A school that has the athlete of the examples, whose parent is the key of parents.
struct School {
    tenant: Tenant,
    keys: BTreeMap<&'static str, Persona>,
}

impl School {
    async fn new(app: &TestApp, name: &str) -> Self {
        let (registry, clock) = (reeve::registry().unwrap(), Clock::default());
        let mut platform = app.platform().await;
        let new =
            NewTenant { name: name.into(), realm: "athletics".into(), ..NewTenant::default() };
        let tenant = tenant::create(&mut platform, &clock, &registry, new).await.unwrap();
        let id = tenant.id.to_string();
        let mut keys = BTreeMap::new();
        for role in registry.matrix.names("athletics") {
            let key = tenant::create_key(&mut platform, &clock, &id, role, role).await.unwrap();
            keys.insert(role, app.persona(Some(key.1.as_str().to_owned()), key.0.id));
        }
        let parent = keys["parent"].id;
        let records = format!(
            "set session_replication_role = replica;
             select set_config('app.tenant_id', '{id}', false);
             insert into athletics.athlete (tenant_id, id, first_name, last_name, date_of_birth)
             values ('{id}', '{ATHLETE}', 'Sam', 'Reyes', current_date - 5000);
             insert into kernel.account (tenant_id, id, email, email_index, full_name, role)
             values ('{id}', '{parent}', kernel.seal('{parent}', 'dana@example.org'), kernel.blind('dana@example.org'),
                     kernel.seal('{parent}', 'Dana Reyes'), 'parent');
             insert into athletics.guardian (tenant_id, id, athlete_id, account_id, full_name, relation)
             values ('{id}', gen_random_uuid(), '{ATHLETE}', '{parent}', 'Dana Reyes', 'parent')"
        );
        app.database.session("reeve_admin").await.batch_execute(&records).await.unwrap();
        Self { tenant, keys }
    }

    fn role(&self, role: &str) -> &Persona {
        &self.keys[role]
    }

    /// Somebody who holds the permission.
    fn holder(&self, permission: &str) -> &Persona {
        let matrix = reeve::registry().unwrap().matrix;
        let holds = |role: &&str| matrix.permits(matrix.role("athletics", role), permission);
        let role = ["athletic_trainer", "school_admin", "parent", "coach"].into_iter().find(holds);
        self.role(role.unwrap_or_else(|| panic!("{permission}: who holds it?")))
    }

    async fn made(&self, path: &str, body: serde_json::Value) -> Reply {
        let reply = self.role("athletic_trainer").post(path, &body).await;
        assert!(reply.status < 300, "{path}: {}", reply.text);
        reply
    }

    /// A case of its own, of a body part that nobody else has hurt.
    async fn case(&self, part: &str) -> String {
        let entry = json!({"athlete_id": ATHLETE, "body_part": part, "severity": "mild"});
        let reply = self.made("/api/v1/events/sideline-entry", entry).await;
        reply.json()["case_id"].as_str().unwrap().to_owned()
    }

    async fn inspection(&self, app: &TestApp, status: &str) -> String {
        let (id, tenant, parent) = (Uuid::now_v7(), self.tenant.id, self.role("parent").id);
        let reviewed = if status == "released" { "now() + interval '1 day'" } else { "null" };
        let insert = format!(
            "set session_replication_role = replica;
             insert into athletics.inspection (tenant_id, id, athlete_id, requested_by, requested_at, due_on, status, reviewed_at)
             values ('{tenant}', '{id}', '{ATHLETE}', '{parent}', now(), current_date + 45, '{status}', {reviewed})"
        );
        app.database.session("reeve_admin").await.batch_execute(&insert).await.unwrap();
        id.to_string()
    }

    /// The route's path with a record of its own that it can work on. A new noun fails here until it
    /// has one.
    async fn path(&self, app: &TestApp, route: &Route) -> String {
        if !route.path.contains("{id}") {
            return route.path.to_owned();
        }
        let own = format!("knee {}", Uuid::now_v7());
        let id = match route.path {
            "/api/v1/cases/{id}" if route.method == Method::Get => ATHLETE.to_owned(),
            "/api/v1/cases/{id}/rtp" => self.case("head").await,
            "/api/v1/cases/{id}/reopen" => {
                let case = self.case(&own).await;
                let cleared = format!(
                    "set session_replication_role = replica;
                     update athletics.injury_case set status = 'resolved', availability = 'cleared', resolved_at = now()
                      where id = '{case}';
                     insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at, availability)
                     values ('{}', gen_random_uuid(), '{case}', '{ATHLETE}', 'clearance_granted', now(), 'cleared')",
                    self.tenant.id
                );
                app.database.session("reeve_admin").await.batch_execute(&cleared).await.unwrap();
                case
            }
            p if p.starts_with("/api/v1/cases/") => self.case(&own).await,
            "/api/v1/athletes/{id}" if route.method == Method::Delete => {
                let who = json!({"first_name": "Lee", "last_name": "Park", "date_of_birth": "2010-05-10"});
                self.made("/api/v1/athletes", who).await.id()
            }
            p if p.starts_with("/api/v1/athletes/") || p.starts_with("/api/v1/roster/") => {
                ATHLETE.to_owned()
            }
            p if p.starts_with("/api/v1/teams/") => {
                let team = json!({"name": format!("Team {}", Uuid::now_v7()), "sport": "fb"});
                self.made("/api/v1/teams", team).await.id()
            }
            p if p.starts_with("/api/v1/guardians/") => {
                let guardian = json!({"full_name": "Lee Park", "relation": "guardian"});
                self.made(&format!("/api/v1/athletes/{ATHLETE}/guardians"), guardian).await.id()
            }
            p if p.starts_with("/api/v1/milestones/") => {
                let path = format!("/api/v1/cases/{}/milestones", self.case(&own).await);
                self.made(&path, json!({"title": "Jogging", "phase": "recovery"})).await.id()
            }
            "/api/v1/inspections/{id}/record" => self.inspection(app, "released").await,
            p if p.starts_with("/api/v1/inspections/") => self.inspection(app, "requested").await,
            p => panic!("{p}: say which record a test may use"),
        };
        route.path.replace("{id}", &id)
    }
}

#[test]
fn each_role_of_athletics_reaches_exactly_what_the_matrix_gives_it() {
    run(async |app| {
        let north = School::new(app, "north").await;
        let matrix = reeve::registry().unwrap().matrix;
        for route in &routes() {
            for role in matrix.names("athletics") {
                let permitted = matrix.permits(matrix.role("athletics", role), route.permission);
                // Who is refused is refused whatever they name.
                let path = match permitted {
                    true => north.path(app, route).await,
                    false => route.path.replace("{id}", ATHLETE),
                };
                let reply = call(north.role(role), route, &path).await;
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
fn every_example_of_athletics_works_and_leaves_the_entries_that_its_effect_demands() {
    run(async |app| {
        let north = School::new(app, "north").await;
        north.case("left wrist").await;
        for route in &routes() {
            let path = north.path(app, route).await;
            let persona = north.holder(route.permission);
            let reply = call(persona, route, &path).await;
            assert_eq!(reply.status, route.docs.status, "{}: {}", route.name, reply.text);
            let told = route.docs.example.is_some() || reply.status == 204;
            assert!(route.method == Method::Get || told, "{}: give an example", route.name);
            let entries = app
                .ask(&format!(
                    "select operation || ' ' || permission from audit.entry where request_id = '{}' and actor_id = '{}'
                        and outcome = 'allowed'",
                    reply.header("x-request-id").unwrap(),
                    persona.id
                ))
                .await;
            // The trainer's timeline is read under the permission that opens the clinical notes.
            let permission =
                match (route.permission, persona.id == north.role("athletic_trainer").id) {
                    ("event:read", true) => "clinical_note:read",
                    (permission, _) => permission,
                };
            let read = format!("READ {permission}");
            match route.effect {
                "read" => assert!(entries.is_empty(), "{}: {entries:?}", route.name),
                "disclose" | "follow" => {
                    assert!(entries == [read] || reply.text == "[]", "{}: {entries:?}", route.name);
                }
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
fn a_record_of_another_school_is_not_there() {
    run(async |app| {
        let (north, south) = (School::new(app, "north").await, School::new(app, "south").await);
        for route in routes().iter().filter(|route| route.path.contains("{id}")) {
            let real = north.path(app, route).await;
            // Both schools have the athlete of the examples.
            if real.contains(ATHLETE) {
                continue;
            }
            let persona = south.holder(route.permission);
            let there = call(persona, route, &real).await;
            let nowhere = route.path.replace("{id}", &Uuid::now_v7().to_string());
            let random = call(persona, route, &nowhere).await;
            assert_eq!(there.essence(), random.essence(), "{}", route.name);
            assert_eq!(there.status, 404, "{}: {}", route.name, there.text);
        }
    });
}
