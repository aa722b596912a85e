//! Every mounted route, whoever mounted it.

use std::{collections::BTreeSet, sync::LazyLock};

use ::kernel::http::{Method, Route};
use futures::{StreamExt, stream};
use policy::Matrix;
use testkit::{Persona, Reply, TestApp, TestTenant, run};
use uuid::Uuid;

/// Records of one tenant, for the routes that name one.
pub struct Ids {
    patient: String,
    appointment: String,
    practitioner: String,
    /// Sealed for the administrator: the state and the files of an export, by their routes.
    exported: Vec<(String, String)>,
    key: String,
    user: String,
    connection: String,
    destination: String,
    delivery: String,
}

impl Ids {
    pub async fn new(tenant: &TestTenant) -> Self {
        let made = tenant
            .admin
            .post("/v1/auth/api-keys", &serde_json::json!({"name": "to be ended"}))
            .await;
        let connection = serde_json::json!({"name": "to be ended", "base_url": "https://ehr.example.org/", "direction": "both"});
        let connection = tenant.admin.post("/v1/ehr-connections", &connection).await.id();
        let user = serde_json::json!({"email": "to.be@ended.example", "full_name": "To Be", "role": "reader"});
        let hook =
            serde_json::json!({"url": "https://hooks.example.org/", "events": ["destination.*"]});
        let destination = tenant.admin.post("/api/v1/event-destinations", &hook).await.id();
        let test = format!("/api/v1/event-destinations/{destination}/test");
        let (admin, times) = (&tenant.admin, ["2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z"]);
        let appointment = admin.new_appointment("9", times[0], times[1]).await;
        // The doctor stays whatever becomes of the first.
        admin.new_appointment("9", "2030-01-02T09:00:00Z", "2030-01-02T10:00:00Z").await;
        let doctors = admin.get("/fhir/r4/Practitioner").await.json();
        let patient = admin.new_patient("777").await;
        let consent = serde_json::json!({"habeasData": true});
        admin.patch(&format!("/v1/patients/{patient}"), &consent).await;
        Self {
            delivery: tenant.admin.post(&test, &serde_json::json!({})).await.id(),
            destination,
            exported: export(admin).await,
            patient,
            appointment,
            practitioner: doctors["entry"][0]["resource"]["id"].as_str().unwrap().to_owned(),
            key: made.id(),
            user: tenant.admin.post("/auth/users", &user).await.id(),
            connection,
        }
    }

    /// The path with the id of a record that exists. A new noun fails here until it has one.
    pub fn path(&self, template: &str) -> String {
        let id = match template {
            t if !t.contains("{id}") => return t.to_owned(),
            t if t.starts_with("/v1/patients/") => &self.patient,
            t if t.starts_with("/v1/appointments/") => &self.appointment,
            t if t.starts_with("/fhir/r4/Patient/") => &self.patient,
            t if t.starts_with("/fhir/r4/Appointment/") => &self.appointment,
            t if t.starts_with("/fhir/r4/Consent/") => &self.patient,
            t if t.starts_with("/fhir/r4/Practitioner/") => &self.practitioner,
            t if t.starts_with("/fhir/r4/export-") => {
                match self.exported.iter().find(|(route, _)| *route == t) {
                    Some((_, sealed)) => sealed,
                    None => panic!("{t}: no export has such a file"),
                }
            }
            t if t.starts_with("/v1/auth/api-keys/") => &self.key,
            t if t.starts_with("/auth/users/") => &self.user,
            t if t.starts_with("/v1/ehr-connections/") => &self.connection,
            t if t.starts_with("/api/v1/event-destinations/") => &self.destination,
            t if t.starts_with("/api/v1/event-deliveries/") => &self.delivery,
            t => panic!("{t}: say in Ids which record a test may use"),
        };
        template.replace("{id}", id)
    }
}

/// Orders an export; what is sealed of it, by its routes.
async fn export(admin: &Persona) -> Vec<(String, String)> {
    let sealed = |url: &str| {
        let (place, sealed) = url[url.find("/fhir/").unwrap()..].rsplit_once('/').unwrap();
        (format!("{place}/{{id}}"), sealed.to_owned())
    };
    let order = admin.get("/fhir/r4/$export").await;
    let status = sealed(order.header("content-location").unwrap());
    let manifest = admin.get(&status.0.replace("{id}", &status.1)).await.json();
    let files = manifest["output"].as_array().unwrap().iter();
    let files = files.map(|file| sealed(file["url"].as_str().unwrap()));
    std::iter::once(status).chain(files).collect()
}

/// Every operation there is.
pub fn all() -> Vec<Route> {
    reeve::registry().unwrap().routes
}

/// Whether somebody without a credential may call it; the matrix and the document agree.
pub fn open(route: &Route) -> bool {
    static MATRIX: LazyLock<Matrix> = LazyLock::new(|| reeve::registry().unwrap().matrix);
    let permitted = MATRIX.permits(MATRIX.role("kernel", "anonymous"), route.permission);
    assert_eq!(permitted, route.is_open(), "{}", route.name);
    permitted
}

/// Under which permission the ledger has it where the caller holds everything: who sees the ledger's personal values
/// reads it as that.
pub fn recorded_as(route: &Route) -> &'static str {
    match (route.permission, route.effect) {
        ("audit:read", "disclose") => "audit:read_personal",
        (permission, _) => permission,
    }
}

/// Those that a clinic's API keys may call: the records and what governs them. What belongs to a
/// person is in `people.rs`.
pub fn of_keys() -> Vec<Route> {
    let personal = ["self:sessions", "self:sign_out", "self:read", "self:write"];
    let matrix = reeve::registry().unwrap().matrix;
    let held: BTreeSet<_> = matrix
        .names("clinic")
        .into_iter()
        .flat_map(|role| matrix.permissions(matrix.role("clinic", role)))
        .collect();
    let keys = |route: &Route| {
        route.realm.is_none_or(|realm| realm == "clinic")
            && held.contains(route.permission)
            && !personal.contains(&route.permission)
    };
    all().into_iter().filter(|route| !open(route) && keys(route)).collect()
}

/// The route called as it is documented, with its own example as body.
pub async fn call(persona: &Persona, route: &Route, path: &str) -> Reply {
    let mut request = persona.request(route.method.name().parse().unwrap(), path);
    if let Some(example) = route.docs.example {
        request = request.json(&example());
    }
    persona.send(request).await
}

/// How many requests a walk has under way.
const AT_ONCE: usize = 8;

/// Calls the routes, each at a path that is nobody's, some at once; what each was answered.
pub async fn walk<'r>(caller: &Persona, routes: &[&'r Route]) -> Vec<(&'r Route, Reply)> {
    let ask = async |route: &'r Route| {
        let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
        (route, call(caller, route, &path).await)
    };
    stream::iter(routes).map(|route| ask(route)).buffer_unordered(AT_ONCE).collect().await
}

/// Each of these requests has one refusal in the ledger, and no other request has.
pub async fn expect_refusals(app: &TestApp, replies: &[Reply]) {
    let kept = "select request_id::text from audit.entry where outcome = 'refused' order by 1";
    let id = |reply: &Reply| reply.header("x-request-id").expect("an id").to_owned();
    let kept = app.ask(kept).await;
    let lost: Vec<_> = replies.iter().filter(|reply| !kept.contains(&id(reply))).collect();
    assert_eq!(lost.iter().map(|reply| reply.problem()).collect::<Vec<_>>(), Vec::<String>::new());
    let asked: Vec<_> = replies.iter().map(id).collect();
    if let Some(request) = kept.iter().find(|request| !asked.contains(request)) {
        let which = "select resource || ' ' || reason from audit.entry where request_id::text =";
        panic!("nobody was refused: {:?}", app.ask(&format!("{which} '{request}'")).await);
    }
    assert_eq!(kept.len(), replies.len(), "each once");
}

#[test]
fn no_route_answers_without_a_credential_and_each_refusal_is_recorded() {
    run(async |app| {
        app.without_limits().await;
        let all = all();
        let closed: Vec<_> = all.iter().filter(|route| !open(route)).collect();
        let mut replies = vec![];
        for (route, reply) in walk(&app.anonymous(), &closed).await {
            assert_eq!(reply.problem(), "401 unauthenticated", "{}", route.name);
            assert!(reply.header("www-authenticate").is_some());
            replies.push(reply);
        }
        expect_refusals(app, &replies).await;
    });
}

#[test]
fn each_role_reaches_exactly_what_the_matrix_gives_it() {
    run(async |app| {
        let north = app.tenant("north").await;
        let ids = Ids::new(&north).await;
        let matrix = reeve::registry().unwrap().matrix;
        let mut refused = vec![];
        for route in of_keys().iter().filter(|route| route.method != Method::Delete) {
            let personas = [
                ("admin", &north.admin),
                ("integration", &north.integration),
                ("reader", &north.reader),
                ("auditor", &north.auditor),
            ];
            for (role, persona) in personas {
                let reply = call(persona, route, &ids.path(route.path)).await;
                if matrix.permits(matrix.role("clinic", role), route.permission) {
                    assert!(
                        ![401, 403].contains(&reply.status),
                        "{role} {}: {}",
                        route.name,
                        reply.text
                    );
                } else {
                    assert_eq!(reply.problem(), "403 forbidden", "{role} {}", route.name);
                    refused.push(reply);
                }
            }
        }
        expect_refusals(app, &refused).await;
    });
}

#[test]
fn every_change_and_every_disclosure_leaves_its_entry_under_its_request() {
    run(async |app| {
        let north = app.tenant("north").await;
        let ids = Ids::new(&north).await;
        let mut all = of_keys();
        // What deletes comes last, so that there is something to read before.
        all.sort_by_key(|route| route.method == Method::Delete);
        for route in &all {
            let reply = call(&north.admin, route, &ids.path(route.path)).await;
            assert!(reply.status < 300, "{}: {}", route.name, reply.text);
            let request = reply.header("x-request-id").unwrap();
            let entries = app.ask(&format!(
                "select operation from audit.entry where request_id = '{request}' and actor_id = '{}'
                   and permission = '{}' and address = '127.0.0.1' and outcome = 'allowed'",
                north.admin.id, recorded_as(route),
            )).await;
            match route.effect {
                "read" => assert!(entries.is_empty(), "{}: {entries:?}", route.name),
                "disclose" | "follow" => assert_eq!(entries, ["READ"], "{}", route.name),
                // None for nobody, and for an earlier release told again.
                "deidentify" => assert!(
                    entries.is_empty() || entries == ["CREATE"],
                    "{}: {entries:?}",
                    route.name
                ),
                _ => {
                    assert!(
                        !entries.is_empty() && !entries.contains(&"READ".into()),
                        "{}: {entries:?}",
                        route.name
                    );
                }
            }
        }
    });
}

#[test]
fn every_answer_names_its_request_and_is_not_stored() {
    run(async |app| {
        let north = app.tenant("north").await;
        for route in of_keys().iter().filter(|route| route.method == Method::Get) {
            let id = Uuid::now_v7();
            let path = route.path.replace("{id}", &id.to_string());
            let request = north
                .admin
                .request(reqwest::Method::GET, &path)
                .header("X-Request-Id", id.to_string());
            let reply = north.admin.send(request).await;
            assert_eq!(
                reply.header("x-request-id"),
                Some(id.to_string().as_str()),
                "{}",
                route.name
            );
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", route.name);
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{}", route.name);
        }
    });
}
