//! Every route of municipalities: its example works and leaves its entries, and what is another's is not there. Who
//! reaches what is walked for all realms in `people.rs`.

use ::kernel::http::{Method, Route};
use serde_json::{Value, json};
use testkit::{Options, Organisation, Persona, Reply, TestApp, run_with};
use uuid::Uuid;

use super::routes::all;

fn routes() -> Vec<Route> {
    all().into_iter().filter(|route| route.realm == Some("civic")).collect()
}

/// A municipality, and those above it.
struct Place {
    kwa: Organisation,
    platform: Organisation,
}

impl Place {
    async fn new(app: &TestApp, name: &str) -> Self {
        let kwa = app.organisation("civic", name).await;
        let platform = app.organisation("platform", &format!("above {name}")).await;
        Self { kwa, platform }
    }

    fn role(&self, role: &str) -> &Persona {
        self.kwa.role(role)
    }

    /// Somebody who holds the permission, a citizen first.
    fn holder(&self, app: &TestApp, route: &Route) -> Persona {
        if route.is_open() {
            return app.anonymous();
        }
        let matrix = reeve::registry().unwrap().matrix;
        let holds = |role: &&str| matrix.permits(matrix.role("civic", role), route.permission);
        let roles = ["citizen", "saps_liaison", "field_worker", "manager", "admin"];
        match roles.into_iter().find(holds) {
            Some(role) => self.role(role).clone(),
            None => self.platform.role("platform_admin").clone(),
        }
    }

    async fn made(&self, role: &str, path: &str, body: Value) -> Reply {
        let reply = self.role(role).post(path, &body).await;
        assert!(reply.status < 300, "{path}: {}", reply.text);
        reply
    }

    async fn request(&self, role: &str) -> Reply {
        let leak =
            json!({"category": "water", "description": "It leaks.", "address": "12 Long Street"});
        self.made(role, "/api/v1/service-requests", leak).await
    }

    /// The path with a record of its own. A new noun fails here until it has one.
    async fn path(&self, app: &TestApp, route: &Route) -> String {
        if !route.path.contains("{id}") {
            return route.path.to_owned();
        }
        let id = match route.path {
            "/api/v1/service-requests/{id}/reopen" => {
                let id = self.request("citizen").await.id();
                let status = json!({"status": "resolved"});
                let path = format!("/api/v1/service-requests/{id}/status");
                assert_eq!(self.role("manager").patch(&path, &status).await.status, 200);
                id
            }
            "/api/v1/service-requests/{id}/words" => self.request("field_worker").await.id(),
            "/open311/v2/requests/{id}" => {
                format!("{}.json", self.request("citizen").await.json()["number"].as_str().unwrap())
            }
            "/open311/v2/services/{id}" => "water.json".into(),
            p if p.starts_with("/api/v1/service-requests/") => self.request("citizen").await.id(),
            p if p.starts_with("/api/v1/consent/") => {
                let consent = json!({"purpose": "contact", "consented": true});
                self.made("citizen", "/api/v1/consent", consent).await.id()
            }
            p if p.starts_with("/api/v1/categories/") => {
                let code = format!("c{}", Uuid::now_v7().simple());
                let body =
                    json!({"code": code, "name": "x", "response_hours": 1, "resolution_hours": 2});
                self.made("manager", "/api/v1/categories", body).await.id()
            }
            p if p.starts_with("/api/v1/data-rights/requests/") => {
                let body = json!({"kind": "correction", "statement": "It is wrong."});
                self.made("citizen", "/api/v1/data-rights/requests", body).await.id()
            }
            p if p.starts_with("/api/v1/gbv-reports/") => {
                self.violence(app).await;
                let list = self.role("saps_liaison").get("/api/v1/gbv-reports").await.json();
                list[0]["id"].as_str().unwrap().to_owned()
            }
            p if p.starts_with("/api/v1/municipalities/") => self.kwa.id.to_string(),
            p if p.starts_with("/api/v1/users/") => self.role("field_worker").id.to_string(),
            p => panic!("{p}: say which record a test may use"),
        };
        route.path.replace("{id}", &id)
    }

    async fn violence(&self, app: &TestApp) -> Reply {
        let body = json!({"municipality_code": self.kwa.id, "kind": "other", "description": "x"});
        let reply = app.anonymous().post("/api/v1/gbv-reports", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply
    }

    /// The route's example, with what it names made real.
    async fn example(&self, app: &TestApp, route: &Route) -> Option<Value> {
        let mut body = (route.docs.example?)();
        let of_place = ["municipality_code", "jurisdiction_id"];
        for name in of_place {
            if body.get(name).is_none() {
                continue;
            }
            body[name] = json!(self.kwa.id);
        }
        if body.get("assigned_to").is_some() {
            body["assigned_to"] = json!(self.role("field_worker").id);
        }
        if route.path == "/api/v1/gbv-reports/follow" {
            let report = self.violence(app).await.json();
            body["reference"] = report["reference"].clone();
            body["code"] = report["code"].clone();
        }
        if body.get("api_key").is_some() {
            let key = json!({"name": "portal", "role": "citizen"});
            let made = self.made("admin", "/v1/auth/api-keys", key).await;
            body["api_key"] = made.json()["api_key"].clone();
        }
        Some(body)
    }

    async fn call(&self, app: &TestApp, route: &Route, persona: &Persona, path: &str) -> Reply {
        let path = match (route.method, route.is_open()) {
            (Method::Get, true) if route.path.starts_with("/open311") => {
                format!("{path}?jurisdiction_id={}", self.kwa.id)
            }
            (Method::Get, true)
                if route.path.starts_with("/api/v1/public/")
                    && !path.ends_with("municipalities") =>
            {
                format!("{path}?municipality_code={}", self.kwa.id)
            }
            _ => path.to_owned(),
        };
        let path = path.replace("discovery.json?jurisdiction_id", "discovery.json?x");
        let path = path.split("?x=").next().unwrap().to_owned();
        let request = persona.request(route.method.name().parse().unwrap(), &path);
        let request = match self.example(app, route).await {
            Some(body) if route.path.starts_with("/open311") => request.form(&body),
            Some(body) => request.json(&body),
            None => request,
        };
        persona.send(request).await
    }
}

#[test]
fn every_example_of_municipalities_works_and_leaves_the_entries_that_its_effect_demands() {
    run_with(Options::default(), async |app| {
        app.without_limits().await;
        let place = Place::new(app, "kwa").await;
        let mut routes = routes();
        // Erasures come last: they would end the walk.
        routes.sort_by_key(|route| {
            (route.path.ends_with("erasure"), route.path.ends_with("delete-account"))
        });
        for route in &routes {
            let path = place.path(app, route).await;
            let persona = place.holder(app, route);
            let reply = place.call(app, route, &persona, &path).await;
            assert_eq!(reply.status, route.docs.status, "{}: {}", route.name, reply.text);
            let told = route.docs.example.is_some()
                || [Method::Get, Method::Delete].contains(&route.method);
            assert!(told, "{}: give an example", route.name);
            let entries = app
                .ask(&format!(
                    "select operation || ' ' || coalesce(permission, '') from audit.entry
                      where request_id = '{}' and outcome = 'allowed'",
                    reply.header("x-request-id").unwrap()
                ))
                .await;
            let read = format!("READ {}", route.permission);
            match route.effect {
                "read" => assert!(entries.is_empty(), "{}: {entries:?}", route.name),
                "disclose" => assert!(
                    entries == [read] || reply.text == "[]" || route.path.ends_with("history"),
                    "{}: {entries:?}",
                    route.name
                ),
                "deidentify" => {}
                // Who reports violence is nobody, under an id of its own.
                _ if route.path == "/api/v1/gbv-reports" => {}
                _ => assert!(
                    !entries.is_empty() && !entries.contains(&read),
                    "{}: {entries:?}",
                    route.name
                ),
            }
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", route.name);
        }
        assert!(routes.len() >= 45, "{}", routes.len());
    });
}

#[test]
fn a_record_of_another_municipality_is_not_there() {
    run_with(Options::default(), async |app| {
        app.without_limits().await;
        let (north, south) = (Place::new(app, "north").await, Place::new(app, "south").await);
        let ours = |route: &&Route| {
            route.path.contains("{id}") && !route.path.starts_with("/api/v1/municipalities")
        };
        for route in routes().iter().filter(ours) {
            // Both have the service.
            if route.path.starts_with("/open311/v2/services") {
                continue;
            }
            let real = north.path(app, route).await;
            let persona = south.holder(app, route);
            let there = south.call(app, route, &persona, &real).await;
            let ending = if route.path.starts_with("/open311") { ".json" } else { "" };
            let nowhere = route.path.replace("{id}", &format!("{}{ending}", Uuid::now_v7()));
            let random = south.call(app, route, &persona, &nowhere).await;
            assert_eq!(there.essence(), random.essence(), "{}", route.name);
            assert_eq!(there.status, 404, "{}: {}", route.name, there.text);
        }
    });
}
