//! Every mounted route with somebody of every role of every realm, and with nobody: no credential,
//! one that has expired, another tenant's, one that was taken back.

use std::time::{Duration, Instant};

use ::kernel::http::{Method, Route};
use testkit::{Organisation, PASSWORD, Persona, TestApp, run};
use uuid::Uuid;

use super::routes::{all, call, expect_refusals, open, recorded_as, walk};

const REALMS: [&str; 6] = ["clinic", "programs", "athletics", "civic", "platform", "studio"];

async fn organisations(app: &TestApp) -> Vec<Organisation> {
    let mut made = vec![];
    for realm in REALMS {
        made.push(app.organisation(realm, &format!("the {realm}")).await);
    }
    made
}

/// The route at a record that is nobody's.
fn nowhere(route: &Route) -> String {
    route.path.replace("{id}", &Uuid::now_v7().to_string())
}

fn closed() -> Vec<Route> {
    all().into_iter().filter(|route| !open(route)).collect()
}

/// Ends of sessions and of passwords come last: they would end the walk.
fn ends_the_caller(route: &Route) -> bool {
    ["self:sign_out", "data_rights:erase"].contains(&route.permission)
        || route.path == "/auth/password"
}

/// Whose people's requests are themselves on record.
const REALMS_ON_RECORD: &[&str] = &["studio"];

#[test]
fn each_person_reaches_exactly_what_the_matrix_gives_their_role_in_their_realm() {
    run(async |app| {
        app.without_limits().await;
        let matrix = reeve::registry().unwrap().matrix;
        let closed = closed();
        let mut refused = vec![];
        for at in organisations(app).await {
            for (name, person) in &at.people {
                let role = matrix.role(&at.realm, name);
                let (held, others): (Vec<_>, Vec<_>) =
                    closed.iter().filter(|route| !ends_the_caller(route)).partition(|route| {
                        route.serves(&at.realm) && matrix.permits(role, route.permission)
                    });
                // One after the other: two changes may meet, and that is another test.
                for route in held {
                    let reply = call(person, route, &nowhere(route)).await;
                    let what = format!("{} {name}: {} {}", at.realm, route.name, reply.text);
                    assert!(![401, 403].contains(&reply.status), "{what}");
                    assert!(reply.status < 500, "{what}");
                    // Z-053: there a change that fails is on record whatever the reason.
                    let calls = REALMS_ON_RECORD.contains(&&*at.realm);
                    if calls && route.method != Method::Get && reply.status >= 400 {
                        refused.push(reply);
                    }
                }
                for (route, reply) in walk(person, &others).await {
                    let what = format!("{} {name}: {}", at.realm, route.name);
                    assert_eq!(reply.problem(), "403 forbidden", "{what}");
                    refused.push(reply);
                }
            }
        }
        expect_refusals(app, &refused).await;
    });
}

/// The person's token with its times moved, and so no longer signed.
fn without_signature(token: &str) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.")
}

#[test]
fn no_route_takes_a_token_of_nobody_of_another_or_of_the_past() {
    run(async |app| {
        app.without_limits().await;
        let (organisations, closed) = (organisations(app).await, closed());
        let closed: Vec<_> = closed.iter().collect();
        for at in &organisations {
            let person = at.people.values().next().unwrap();
            let unsigned = without_signature(person.token.as_deref().unwrap());
            let with = |token: Option<String>| person.with_token(token);
            let past = taken_back(at).await;
            let mut nobody = vec![
                ("no credential", with(None)),
                ("unsigned", with(Some(unsigned))),
                ("a word", with(Some("token".into()))),
                ("a refresh token", with(Some(person.refresh.clone().unwrap_or("x".into())))),
                ("taken back", past),
            ];
            nobody.push(("expired", expired(app, at).await));
            for (what, caller) in nobody {
                for (route, reply) in walk(&caller, &closed).await {
                    let said = format!("{what} {}: {} {}", at.realm, route.name, reply.text);
                    assert_eq!(reply.problem(), "401 unauthenticated", "{said}");
                    assert!(reply.header("www-authenticate").is_some(), "{said}");
                }
            }
        }
    });
}

/// Somebody who signed in and out again.
async fn taken_back(at: &Organisation) -> Persona {
    let (role, person) = at.people.iter().next().unwrap();
    let reply = person.sign_in(&at.id.to_string(), &at.email(role), PASSWORD).await;
    let gone = person.with_tokens(&reply);
    assert_eq!(gone.get("/auth/me").await.status, 200);
    assert_eq!(gone.post("/auth/logout", &serde_json::Value::Null).await.status, 204);
    until_refused(&gone).await;
    gone
}

/// Somebody whose session has run out.
async fn expired(app: &TestApp, at: &Organisation) -> Persona {
    let (role, person) = at.people.iter().last().unwrap();
    let reply = person.sign_in(&at.id.to_string(), &at.email(role), PASSWORD).await;
    let gone = person.with_tokens(&reply);
    let sessions = format!(
        "set session_replication_role = replica;
         update kernel.session set expires_at = now() - interval '1 second' where id =
            (select id from kernel.session where tenant_id = '{}' order by id desc limit 1)",
        at.id
    );
    app.database.session("reeve_admin").await.batch_execute(&sessions).await.unwrap();
    assert_eq!(gone.get("/auth/me").await.status, 401);
    gone
}

async fn until_refused(person: &Persona) {
    let begun = Instant::now();
    while person.get("/auth/me").await.status != 401 {
        assert!(begun.elapsed() < Duration::from_secs(1), "felt within a second");
    }
}

#[test]
fn another_tenants_people_are_not_there() {
    run(async |app| {
        let (north, south) =
            (app.organisation("civic", "north").await, app.organisation("civic", "south").await);
        let theirs = south.role("citizen").id;
        for route in closed().iter().filter(|r| r.path.starts_with("/auth/users/{id}")) {
            let real = route.path.replace("{id}", &theirs.to_string());
            let there = call(north.role("admin"), route, &real).await;
            let random = call(north.role("admin"), route, &nowhere(route)).await;
            assert_eq!(there.essence(), random.essence(), "{}", route.name);
            assert_eq!(there.status, 404, "{}", route.name);
        }
        let list = north.role("admin").get("/auth/users").await;
        assert!(!list.text.contains(&theirs.to_string()));
        assert_eq!(list.json()["items"].as_array().unwrap().len(), north.people.len());
        let mine = south.role("citizen").get("/auth/sessions").await.json()[0]["id"].clone();
        let path = format!("/auth/sessions/{}", mine.as_str().unwrap());
        assert_eq!(north.role("admin").delete(&path).await.status, 404);
        assert_eq!(south.role("admin").delete(&path).await.status, 404, "nor a colleague's");
        assert_eq!(south.role("citizen").get("/auth/me").await.status, 200);
    });
}

/// A job that waits and one that is dead.
async fn jobs(app: &TestApp, at: &Organisation) -> (Uuid, Uuid) {
    let (waits, dead) = (Uuid::now_v7(), Uuid::now_v7());
    let owner = at.role("org_owner").id;
    let sql = format!(
        "set session_replication_role = replica;
         insert into kernel.job (tenant_id, id, kind, payload, state, max_attempts, finished_at, actor_kind, created_by, request_id)
         select '{}', id, 'a.b', '{{}}', state, 1, case when state = 'dead' then now() end, 'user', '{owner}', id
           from (values ('{waits}'::uuid, 'queued'), ('{dead}', 'dead')) job (id, state)",
        at.id
    );
    app.database.session("reeve_admin").await.batch_execute(&sql).await.unwrap();
    (waits, dead)
}

#[test]
fn every_change_and_disclosure_of_people_leaves_its_entry_under_their_name() {
    run(async |app| {
        let at = app.organisation("studio", "acme").await;
        let owner = at.role("org_owner");
        let mut routes: Vec<_> = closed()
            .into_iter()
            .filter(|r| r.realm.is_none() && !ends_the_caller(r) && !r.path.contains("api-keys"))
            .collect();
        routes.sort_by_key(|route| (route.method == Method::Delete, route.path.len()));
        let policy = "/api/v1/policies";
        let (waits, dead) = jobs(app, &at).await;
        let (destinations, hook) = (
            "/api/v1/event-destinations",
            serde_json::json!({"url": "https://hooks.example.org/", "events": ["*"]}),
        );
        let destination = owner.post(destinations, &hook).await.id();
        let test = format!("{destinations}/{destination}/test");
        let delivery = owner.post(&test, &serde_json::json!({})).await.id();
        for route in &routes {
            let id = match route.path {
                p if p.starts_with(policy) => owner.get(policy).await.json()[0]["id"].clone(),
                p if p.starts_with(destinations) => serde_json::json!(destination),
                p if p.starts_with("/api/v1/event-deliveries") => serde_json::json!(delivery),
                p if p.ends_with("/replay") => serde_json::json!(dead),
                p if p.starts_with("/api/v1/jobs") => serde_json::json!(waits),
                _ => serde_json::json!(at.role("viewer").id),
            };
            let path = route.path.replace("{id}", id.as_str().unwrap());
            let mut request = owner.request(route.method.name().parse().unwrap(), &path);
            if let Some(example) = route.docs.example {
                let mut body = example();
                if body["role"] == "reader" {
                    body["role"] = "viewer".into();
                }
                request = request.json(&body);
            }
            let reply = owner.send(request).await;
            assert!(reply.status < 300, "{}: {}", route.name, reply.text);
            let entries = app
                .ask(&format!(
                    "select operation from audit.entry where request_id = '{}' and actor_kind = 'user'
                        and actor_id = '{}' and permission = '{}'",
                    reply.header("x-request-id").unwrap(),
                    owner.id,
                    recorded_as(route)
                ))
                .await;
            match route.effect {
                "read" => assert!(entries.is_empty(), "{}: {entries:?}", route.name),
                "disclose" | "follow" => assert_eq!(entries, ["READ"], "{}", route.name),
                // None for nobody, and for an earlier release told again.
                "deidentify" => assert!(
                    entries.is_empty() || entries == ["CREATE"],
                    "{}: {entries:?}",
                    route.name
                ),
                _ => assert!(!entries.is_empty(), "{}", route.name),
            }
        }
    });
}
