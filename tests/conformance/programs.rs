//! Every route of programmes, with a key of every role. What belongs to people is in `people.rs`.

use ::kernel::http::{Method, Route};
use serde_json::json;
use testkit::{TestApp, run};
use uuid::Uuid;

use super::routes::{all, call};
use crate::programs::{Programme, created};

/// The record that examples speak of.
const FIRST: &str = "00000000-0000-7000-8000-000000000001";
const SECOND: &str = "00000000-0000-7000-8000-000000000002";

fn routes() -> Vec<Route> {
    all().into_iter().filter(|route| route.realm == Some("programs")).collect()
}

/// An organisation that has the records of the examples.
async fn organisation(app: &TestApp, name: &str) -> Programme {
    let made = Programme::new(app, name).await;
    let id = made.tenant.id;
    let records = format!(
        "set session_replication_role = replica;
         insert into programs.program (tenant_id, id, name) values ('{id}', '{FIRST}', 'Of the examples');
         insert into programs.cohort (tenant_id, id, program_id, name) values ('{id}', '{SECOND}', '{FIRST}', 'Theirs');
         insert into programs.participant (tenant_id, id, roster_name, first_name, last_name, date_of_birth)
         values ('{id}', '{FIRST}', 'P-1', 'Ava', 'Reyes', '2012-05-10')"
    );
    app.database.session("reeve_admin").await.batch_execute(&records).await.unwrap();
    made
}

/// The route's path with a record of its own that it can work on. A new noun fails here until it has one.
async fn path(at: &Programme, route: &Route) -> String {
    if !route.path.contains("{id}") {
        return route.path.replace("/knowledge/search", "/knowledge/search?q=circle");
    }
    let admin = at.role("admin");
    let minor = async || {
        let participant = at.participant("2011-05-10").await;
        at.own_consent(&participant, "2026-01-05T15:00:00Z").await
    };
    let id = match route.path {
        p if p.starts_with("/participants/") => at.participant("2012-05-10").await,
        p if p.starts_with("/consent/participant/") => at.participant("2012-05-10").await,
        p if p.starts_with("/consent/") => minor().await,
        p if p.starts_with("/programs/") => at.program.clone(),
        p if p.starts_with("/cohorts/") => at.cohort.clone(),
        p if p.starts_with("/locations/") => {
            let name = format!("Dojo {}", Uuid::now_v7());
            created(admin, "/locations", &json!({"name": name})).await
        }
        p if p.starts_with("/instructors/") => {
            created(admin, "/instructors", &json!({"full_name": "Kim Lee"})).await
        }
        p if p.starts_with("/enrollments/") => {
            let participant = at.participant("2012-05-10").await;
            let body = json!({"participant_id": participant, "cohort_id": at.cohort, "started_on": "2026-01-05"});
            created(admin, "/enrollments", &body).await
        }
        p if p.starts_with("/goals/") => {
            let participant = at.participant("2012-05-10").await;
            created(
                admin,
                "/goals",
                &json!({"participant_id": participant, "title": "Yellow belt"}),
            )
            .await
        }
        p if p.starts_with("/sessions/") => {
            let body = json!({"program_id": at.program, "starts_at": "2026-03-02T21:00:00Z"});
            created(admin, "/sessions", &body).await
        }
        p if p.starts_with("/knowledge/documents/") => {
            let title = format!("Handbook {}", Uuid::now_v7());
            let body = json!({"title": title, "citation": "Ours", "text": "How we fall."});
            created(admin, "/knowledge/documents", &body).await
        }
        "/incidents/{id}/rtp" => at.concussion().await,
        p if p.starts_with("/incidents/") => at.incident(&json!({"incident_type": "injury"})).await,
        p => panic!("{p}: say which record a test may use"),
    };
    if route.path == "/incidents/{id}/reopen" {
        let reply = admin.patch(&format!("/incidents/{id}/close"), &json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    route.path.replace("{id}", &id)
}

#[test]
fn each_role_of_programmes_reaches_exactly_what_the_matrix_gives_it() {
    run(async |app| {
        let north = organisation(app, "north").await;
        let matrix = reeve::registry().unwrap().matrix;
        for route in &routes() {
            for role in matrix.names("programs") {
                let permitted = matrix.permits(matrix.role("programs", role), route.permission);
                // Who is refused is refused whatever they name.
                let path = match permitted {
                    true => path(&north, route).await,
                    false => route.path.replace("{id}", FIRST),
                };
                let reply = call(north.role(role), route, &path).await;
                let refusals = format!(
                    "select reason from audit.entry where outcome = 'refused' and request_id = '{}'",
                    reply.header("x-request-id").unwrap()
                );
                let recorded = app.ask(&refusals).await;
                if permitted {
                    assert!(
                        ![401, 403].contains(&reply.status),
                        "{role} {}: {}",
                        route.name,
                        reply.text
                    );
                } else {
                    assert_eq!(reply.problem(), "403 forbidden", "{role} {}", route.name);
                    assert_eq!(recorded, ["forbidden"], "{role} {}", route.name);
                }
            }
        }
    });
}

#[test]
fn every_example_of_programmes_works_and_leaves_the_entries_that_its_effect_demands() {
    run(async |app| {
        let north = organisation(app, "north").await;
        let admin = north.role("admin");
        for route in &routes() {
            let path = path(&north, route).await;
            let reply = call(admin, route, &path).await;
            assert_eq!(reply.status, route.docs.status, "{}: {}", route.name, reply.text);
            assert!(
                route.method == Method::Get || route.docs.example.is_some() || reply.status == 204
            );
            let entries = app
                .ask(&format!(
                    "select operation from audit.entry where request_id = '{}' and actor_id = '{}'
                        and permission = '{}' and outcome = 'allowed'",
                    reply.header("x-request-id").unwrap(),
                    admin.id,
                    route.permission
                ))
                .await;
            let writes = !entries.is_empty() && !entries.contains(&"READ".into());
            match route.effect {
                "read" => assert!(entries.is_empty(), "{}: {entries:?}", route.name),
                // A list that showed nobody has nobody to name.
                "disclose" => assert!(
                    entries == ["READ"] || reply.text == "[]",
                    "{}: {entries:?}",
                    route.name
                ),
                "deidentify" => {
                    assert!(entries.is_empty() || entries == ["CREATE"], "{}", route.name)
                }
                // Attendance of nobody changes nothing.
                _ => assert!(
                    writes || route.path.ends_with("/attendance"),
                    "{}: {entries:?}",
                    route.name
                ),
            }
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", route.name);
        }
    });
}

#[test]
fn a_record_of_another_programme_is_not_there() {
    run(async |app| {
        let (north, south) = (organisation(app, "north").await, organisation(app, "south").await);
        for route in routes().iter().filter(|route| route.path.contains("{id}")) {
            let real = path(&north, route).await;
            let there = call(south.role("admin"), route, &real).await;
            let nowhere = route.path.replace("{id}", &Uuid::now_v7().to_string());
            let random = call(south.role("admin"), route, &nowhere).await;
            assert_eq!(there.essence(), random.essence(), "{}", route.name);
            assert_eq!(there.status, 404, "{}: {}", route.name, there.text);
        }
    });
}
