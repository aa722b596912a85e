//! Roles: where the boundary of personal data runs, and the trace that each look across it leaves.

use std::collections::{BTreeMap, BTreeSet};

use ::kernel::http::{Method, Route};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use testkit::{Reply, run, run_with};
use uuid::Uuid;

use super::{consent::sqlstate, *};
use crate::conformance::routes::call;

/// The routes of the module.
fn ours() -> Vec<Route> {
    let all = reeve::registry().unwrap().routes;
    all.into_iter().filter(|route| route.realm == Some("programs")).collect()
}

/// Names, guardians and a birth date that are nowhere else.
const PLANTED: [&str; 7] = [
    "CANARYFIRST",
    "CANARYLAST",
    "CANARYPREFERRED",
    "CANARYGUARDIAN",
    "CANARYCONTACT",
    "CANARYSTREET",
    "2011-07-19",
];

fn planted() -> Value {
    json!({
        "first_name": "CANARYFIRST", "last_name": "CANARYLAST", "preferred_name": "CANARYPREFERRED",
        "date_of_birth": "2011-07-19", "roster_name": "Number 7", "external_id": "CANARYEXTERNAL",
        "guardians": [{"full_name": "CANARYGUARDIAN Reyes", "relation": "parent", "email": "canary@guardian.example",
                       "phone": "+1 614 555 7391", "is_primary": true}],
        "contacts": [{"full_name": "CANARYCONTACT Park", "relation": "aunt", "phone": "+1 614 555 7391", "priority": 1}],
        "addresses": [{"kind": "home", "line1": "7 CANARYSTREET", "city": "Columbus", "state": "OH",
                       "postal_code": "43215", "county": "Franklin"}],
    })
}

/// One record of each kind about one person.
struct World {
    participant: String,
    ids: BTreeMap<&'static str, String>,
}

impl World {
    async fn new(north: &Programme) -> Self {
        let (admin, clinician) = (north.role("admin"), north.role("clinician"));
        let participant = created(admin, "/participants", &planted()).await;
        let mut ids = BTreeMap::from([("/participants", participant.clone())]);
        let mut given = consent(&participant);
        given["grantor_name"] = json!("CANARYGUARDIAN Reyes");
        ids.insert("/consent", created(clinician, "/consent", &given).await);
        let body = json!({"participant_id": participant, "cohort_id": north.cohort, "started_on": "2026-01-05"});
        ids.insert("/enrollments", created(admin, "/enrollments", &body).await);
        let body = json!({"full_name": "Ike Brown"});
        ids.insert("/instructors", created(admin, "/instructors", &body).await);
        let body = json!({"cohort_id": north.cohort, "starts_at": "2026-02-09T22:00:00Z",
                          "attendance": [{"participant_id": participant, "status": "present"}]});
        ids.insert("/sessions", created(admin, "/sessions", &body).await);
        let body = json!({"participant_id": participant, "title": "A belt", "description": "Yellow by June."});
        ids.insert("/goals", created(admin, "/goals", &body).await);
        let body = json!({"incident_type": "injury_concussion", "participant_id": participant});
        ids.insert("/incidents", north.incident(&body).await);
        Self { participant, ids }
    }

    /// A route's path with the record that it is about.
    fn path(&self, route: &Route) -> String {
        let noun = route.path.split("/{id}").next().unwrap();
        let id = match noun {
            "/consent/participant" => Some(&self.participant),
            noun => self.ids.get(noun),
        };
        route
            .path
            .replace("{id}", id.map_or("00000000-0000-7000-8000-000000000000", String::as_str))
    }
}

fn everything(reply: &Reply) -> String {
    format!("{} {:?} {}", reply.status, reply.headers, reply.text)
}

fn finds_nobody(reply: &Reply, what: &str) {
    let all = everything(reply);
    for word in PLANTED {
        assert!(!all.contains(word), "{word} in {what}: {all}");
    }
    for word in ["date_of_birth", "first_name", "last_name", "guardians", "7391", "canary@guardian"]
    {
        assert!(!reply.text.contains(&format!("\"{word}\":")), "{word} in {what}: {all}");
    }
}

/// What the ledger says of the request that this answers.
async fn recorded(app: &TestApp, reply: &Reply) -> Vec<String> {
    let id = reply.header("x-request-id").unwrap();
    app.ask(&format!(
        "select concat_ws(' ', outcome, operation, permission, reason, actor_id) from audit.entry where request_id = '{id}'"
    ))
    .await
}

const QUERIES: [&str; 12] = [
    "",
    "?expand=participant",
    "?expand=participant,guardians,contacts,addresses",
    "?include=guardians",
    "?fields=first_name,last_name,date_of_birth",
    "?sort=last_name",
    "?order_by=date_of_birth",
    "?name=CANARY",
    "?external_id=CANARYEXTERNAL",
    "?last_name=CANARYLAST",
    "?q=CANARY",
    "?format=csv&export=true",
];

#[test]
fn z02_an_analyst_and_a_program_manager_never_see_a_name_a_guardian_or_a_birth_date() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let world = World::new(&north).await;
        let matrix = reeve::registry().unwrap().matrix;
        let seen = north.role("admin").get(&format!("/participants/{}", world.participant)).await;
        assert!(PLANTED.iter().all(|word| seen.text.contains(word)), "{}", seen.text);
        let mut leaks = BTreeSet::new();
        for role in ["analyst", "program_manager"] {
            let who = north.role(role);
            for route in ours().iter().filter(|route| route.method == Method::Get) {
                let held = matrix.permits(matrix.role("programs", role), route.permission);
                let mut queries: Vec<_> = QUERIES.iter().map(|query| (*query).to_owned()).collect();
                queries.push(format!("?participant_id={}", world.participant));
                queries.push(format!(
                    "?participant_id={}&audience=staff&expand=participant",
                    world.participant
                ));
                // Who is refused is refused before the query is read.
                for query in queries.iter().take(if held { queries.len() } else { 3 }) {
                    let path = format!("{}{query}", world.path(route));
                    let reply = who.get(&path).await;
                    if held {
                        assert_ne!(reply.status, 403, "{role} {path}");
                    } else {
                        assert_eq!(reply.problem(), "403 forbidden", "{role} {path}");
                        let expected =
                            format!("refused READ {} forbidden {}", route.permission, who.id);
                        assert_eq!(recorded(app, &reply).await, [expected], "{role} {path}");
                    }
                    // All that leaks is told at once.
                    let all = everything(&reply);
                    let found = PLANTED.iter().filter(|word| all.contains(**word));
                    leaks.extend(found.map(|word| format!("{role} {} {word}", route.name)));
                }
            }
        }
        assert_eq!(leaks, BTreeSet::new());
    });
}

#[test]
fn what_a_program_manager_writes_is_answered_without_a_name() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let world = World::new(&north).await;
        let (manager, id) = (north.role("program_manager"), &world.participant);
        let incident = json!({"incident_type": "crisis", "participant_id": id});
        let session = json!({"cohort_id": north.cohort, "starts_at": "2026-02-16T22:00:00Z",
                             "attendance": [{"participant_id": id, "status": "present"}]});
        for (path, body) in [("/incidents", incident), ("/sessions", session)] {
            let reply = manager.post(path, &body).await;
            assert_eq!(reply.status, 201, "{path}: {}", reply.text);
            finds_nobody(&reply, path);
        }
        // A refused attendance names the participant, and not by name.
        let other = created(north.role("admin"), "/participants", &planted_again()).await;
        let body = json!({"cohort_id": north.cohort, "starts_at": "2026-02-16T22:00:00Z",
                          "attendance": [{"participant_id": other, "status": "present"}]});
        let reply = manager.post("/sessions", &body).await;
        assert_eq!(reply.problem(), "409 consent_required");
        finds_nobody(&reply, "a refusal");
        let path = format!("/enrollments/{}/end", world.ids["/enrollments"]);
        let reply =
            manager.patch(&path, &json!({"status": "completed", "ended_on": "2026-03-01"})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        finds_nobody(&reply, &path);
        let path = format!("/incidents/{}/close", world.ids["/incidents"]);
        finds_nobody(&manager.patch(&path, &json!({})).await, &path);
    });
}

fn planted_again() -> Value {
    let mut again = planted();
    again["external_id"] = json!("CANARYEXTERNAL2");
    again
}

#[test]
fn k007_in_the_whole_matrix_neither_role_holds_what_reads_a_person() {
    let matrix = reeve::registry().unwrap().matrix;
    for role in matrix.roles() {
        let held = matrix.permissions(Some(role));
        assert!(!held.iter().any(|name| name.contains('*')), "{role:?} holds a wildcard: {held:?}");
        if ["analyst", "program_manager"].contains(&role.name) {
            for never in [
                "participant:read_pii",
                "participant:write",
                "incident:read",
                "audit:read",
                "audit:read_personal",
                "consent:write",
                "goal:write",
                "key:write",
                "user:write",
            ] {
                assert!(!matrix.permits(Some(role), never), "{role:?} holds {never}");
            }
        }
        let reads = matrix.permits(Some(role), "participant:read_pii");
        let may =
            role.realm == "programs" && ["admin", "clinician", "case_manager"].contains(&role.name);
        assert_eq!(reads, may, "{role:?}");
        assert!(
            role.realm == "programs" || !held.iter().any(|name| name.starts_with("participant:")),
            "{role:?}"
        );
    }
    let analyst = matrix.permissions(matrix.role("programs", "analyst"));
    let beyond: Vec<_> = analyst
        .iter()
        .filter(|name| !name.starts_with("self:"))
        .filter(|name| !["analytics:read_deid", "knowledge:read", "program:read"].contains(*name))
        .collect();
    assert!(beyond.is_empty(), "{beyond:?}");
}

#[test]
fn k058_the_fifteen_names_of_the_document_are_on_its_own_routes() {
    let document = [
        ("POST /participants", "participant:write"),
        ("GET /participants/roster", "participant:read_roster"),
        ("GET /participants/{id}", "participant:read_pii"),
        ("POST /sessions", "session:write"),
        ("GET /sessions", "session:read"),
        ("POST /enrollments", "enrollment:write"),
        ("PATCH /enrollments/{id}/end", "enrollment:write"),
        ("GET /enrollments", "enrollment:read"),
        ("GET /enrollments/cohorts", "enrollment:read"),
        ("POST /incidents", "incident:write"),
        ("PATCH /incidents/{id}/close", "incident:write"),
        ("PATCH /incidents/{id}/rtp", "incident:escalate"),
        ("POST /consent", "consent:write"),
        ("GET /consent", "consent:read"),
        ("GET /consent/participant/{id}/status", "consent:read"),
        ("POST /consent/{id}/record-session", "consent:write"),
        ("PATCH /consent/{id}/revoke", "consent:write"),
        ("POST /goals", "goal:write"),
        ("GET /goals", "goal:read"),
        ("PATCH /goals/{id}", "goal:write"),
        ("GET /knowledge/interventions", "knowledge:read"),
        ("GET /analytics/participation", "analytics:read_deid"),
    ];
    let routes = ours();
    for (name, permission) in document {
        let found: Vec<_> = routes.iter().filter(|route| route.name == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].permission, permission, "{name}");
    }
    let fifteen: BTreeSet<_> = document.iter().map(|(_, permission)| *permission).collect();
    assert_eq!(fifteen.len(), 15);
    // Every other name is one that operating it needs, and shares no spelling with the fifteen.
    let more: BTreeSet<_> = routes
        .iter()
        .map(|route| route.permission)
        .filter(|name| !fifteen.contains(name))
        .collect();
    let known = BTreeSet::from([
        "incident:read",
        "instructor:read",
        "instructor:write",
        "knowledge:write",
        "program:read",
        "program:write",
        "setting:read",
        "setting:write",
    ]);
    assert_eq!(more, known);
}

#[test]
fn k059_the_roles_are_these_six() {
    let registry = reeve::registry().unwrap();
    let mut names = registry.matrix.names("programs");
    names.sort_unstable();
    assert_eq!(
        names,
        ["admin", "analyst", "case_manager", "clinician", "instructor", "program_manager"]
    );
}

#[test]
fn k081_without_a_token_401_and_without_the_permission_403_on_every_route() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let matrix = reeve::registry().unwrap().matrix;
        let nobody = app.anonymous();
        let forged = nobody.with_token(Some("eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4ifQ.".into()));
        let mut stranger = nobody.clone();
        stranger.key = Some("rk_00000000000000000000000000000000".into());
        for route in ours() {
            let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
            for who in [&nobody, &forged, &stranger] {
                let reply = call(who, &route, &path).await;
                assert_eq!(reply.problem(), "401 unauthenticated", "{}", route.name);
            }
            for role in matrix.names("programs") {
                let reply = call(north.role(role), &route, &path).await;
                if matrix.permits(matrix.role("programs", role), route.permission) {
                    assert!(
                        ![401, 403].contains(&reply.status),
                        "{role} {}: {}",
                        route.name,
                        reply.text
                    );
                } else {
                    assert_eq!(reply.problem(), "403 forbidden", "{role} {}", route.name);
                    let entries = recorded(app, &reply).await;
                    assert_eq!(entries.len(), 1, "{role} {}: {entries:?}", route.name);
                    assert!(entries[0].starts_with("refused "), "{entries:?}");
                }
            }
        }
    });
}

#[test]
fn people_who_sign_in_are_held_to_the_same_boundary_as_keys() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let id = created(north.role("admin"), "/participants", &planted()).await;
        for (role, expected) in
            [("analyst", 403), ("program_manager", 403), ("instructor", 403), ("case_manager", 200)]
        {
            let who = north.person(app, role).await;
            for path in [
                format!("/participants/{id}"),
                "/participants".into(),
                "/participants?name=CANARY".into(),
            ] {
                let reply = who.get(&path).await;
                assert_eq!(reply.status, expected, "{role} {path}: {}", reply.text);
                if expected == 403 {
                    finds_nobody(&reply, &path);
                }
            }
        }
    });
}

#[test]
fn k033_the_roster_is_not_somebody_whose_id_is_roster() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.participant("2012-05-10").await;
        for role in ["admin", "program_manager", "instructor", "clinician", "case_manager"] {
            let reply = north.role(role).get("/participants/roster").await;
            assert_eq!(reply.status, 200, "{role}: {}", reply.text);
            assert_eq!(reply.json()[0]["id"], id.as_str());
            assert_eq!(reply.json()[0].get("last_name"), None, "{role}");
        }
        assert_eq!(
            north.role("analyst").get("/participants/roster").await.problem(),
            "403 forbidden"
        );
        let admin = north.role("admin");
        for path in [
            "/participants/Roster",
            "/participants/roster%2f",
            "/participants/roster/",
            "/participants/rosters",
            "/participants/%72oster/x",
            "//participants/roster",
        ] {
            let reply = admin.get(path).await;
            assert!((400..500).contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
        }
        for method in ["PATCH", "PUT", "DELETE", "POST"] {
            let request = admin
                .request(method.parse().unwrap(), "/participants/roster")
                .json(&json!({"status": "inactive"}));
            let reply = admin.send(request).await;
            assert!([404, 405, 422].contains(&reply.status), "{method}: {}", reply.status);
        }
        assert_eq!(app.ask("select status from programs.participant").await, ["active"]);
    });
}

#[test]
fn k082_a_roster_row_holds_a_name_for_the_roster_a_band_a_state_and_cohorts_alone() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let world = World::new(&north).await;
        let mut unnamed = planted_again();
        unnamed.as_object_mut().unwrap().remove("roster_name");
        created(north.role("admin"), "/participants", &unnamed).await;
        for role in ["admin", "program_manager", "instructor", "clinician", "case_manager"] {
            for query in QUERIES
                .iter()
                .map(|query| (*query).to_owned())
                .chain([format!("?cohort_id={}", north.cohort)])
            {
                let reply = north.role(role).get(&format!("/participants/roster{query}")).await;
                assert!([200, 422].contains(&reply.status), "{role} {query}: {}", reply.text);
                finds_nobody(&reply, &query);
                if reply.status != 200 {
                    continue;
                }
                let rows = reply.json();
                assert!(!rows.as_array().unwrap().is_empty(), "{query}");
                for row in rows.as_array().unwrap() {
                    let keys: BTreeSet<_> =
                        row.as_object().unwrap().keys().map(String::as_str).collect();
                    assert_eq!(
                        keys,
                        BTreeSet::from(["id", "roster_name", "age_band", "status", "cohorts"])
                    );
                    for cohort in row["cohorts"].as_array().unwrap() {
                        let keys: BTreeSet<_> =
                            cohort.as_object().unwrap().keys().map(String::as_str).collect();
                        assert_eq!(keys, BTreeSet::from(["cohort_id", "name"]));
                    }
                    // Who has no roster name gets one that tells nothing of the name.
                    let name = row["roster_name"].as_str().unwrap();
                    assert!(!name.is_empty() && !name.to_uppercase().contains("CANARY"), "{name}");
                    // Five digits of the id may look like initials.
                    let code = name.strip_prefix("P-").is_some_and(|code| {
                        code.len() == 5 && code.bytes().all(|digit| digit.is_ascii_hexdigit())
                    });
                    assert!(
                        code || !name.contains("C. C")
                            && !name.contains("CC")
                            && !name.contains("2011"),
                        "{name}"
                    );
                }
            }
        }
        let rows = north.role("instructor").get("/participants/roster").await.json();
        let row = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == world.participant.as_str())
            .unwrap()
            .clone();
        assert_eq!(
            (&row["roster_name"], &row["age_band"], &row["status"]),
            (&json!("Number 7"), &json!("14-15"), &json!("active"))
        );
        assert_eq!(row["cohorts"], json!([{"cohort_id": north.cohort, "name": "Mondays"}]));
    });
}

#[test]
fn d10_answers_about_people_are_not_stored_and_no_link_tells_of_them() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let world = World::new(&north).await;
        let admin = north.role("admin");
        let again = admin.post("/participants", &planted_again()).await;
        assert_eq!(again.status, 201, "{}", again.text);
        let mut faults = BTreeSet::new();
        let mut look = |reply: &Reply, what: &str| {
            if reply.header("cache-control") != Some("no-store") {
                faults.insert(format!("{what} may be stored: {:?}", reply.header("cache-control")));
            }
            for name in ["location", "link", "content-location", "refresh", "content-disposition"] {
                let Some(url) = reply.header(name) else { continue };
                let mut texts = vec![url.to_owned()];
                for part in url.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
                {
                    texts.extend(
                        URL_SAFE_NO_PAD
                            .decode(part)
                            .map(|b| String::from_utf8_lossy(&b).into_owned()),
                    );
                }
                for word in ["CANARY", "Reyes", "2011-07-19", "7391"] {
                    if texts.iter().any(|text| text.to_uppercase().contains(&word.to_uppercase())) {
                        faults.insert(format!("{what}: {name} has {word}: {url}"));
                    }
                }
            }
        };
        look(&again, "POST /participants");
        for route in
            ours().iter().filter(|route| route.method == Method::Get && route.effect == "disclose")
        {
            for query in [
                "",
                "?limit=1",
                "?limit=1&name=CANARYLAST",
                "?limit=1&external_id=CANARYEXTERNAL",
                "?sort=last_name",
            ] {
                let reply = admin.get(&format!("{}{query}", world.path(route))).await;
                look(&reply, &format!("{}{query}", route.name));
            }
        }
        for role in ["analyst", "program_manager"] {
            look(
                &north.role(role).get(&format!("/participants/{}", world.participant)).await,
                "a refusal",
            );
        }
        let change = admin
            .patch(&format!("/participants/{}", world.participant), &json!({"grade": "8"}))
            .await;
        look(&change, "PATCH /participants/{id}");
        assert_eq!(faults, BTreeSet::new());
    });
}

#[test]
fn u04_a_look_at_people_leaves_one_entry_that_names_them_or_shows_nothing() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let world = World::new(&north).await;
        let admin = north.role("admin");
        let other = created(admin, "/participants", &planted_again()).await;
        let reads: Vec<_> = ours().into_iter().filter(|route| route.effect == "disclose").collect();
        assert!(reads.len() >= 12, "{}", reads.len());
        let mut shown = vec![];
        for route in &reads {
            let path = world.path(route);
            let reply = admin.get(&path).await;
            let permitted = ![403, 404].contains(&reply.status);
            assert!(permitted && reply.status == 200, "{path}: {} {}", reply.status, reply.text);
            let id = reply.header("x-request-id").unwrap();
            let entry = format!(
                "select concat_ws(' ', operation, outcome, permission, actor_id) || ' ' || coalesce(record_id::text, '') || ' '
                        || coalesce(array_to_string(record_ids, ' '), '')
                   from audit.entry where request_id = '{id}'"
            );
            let entries = app.ask(&entry).await;
            assert_eq!(entries.len(), 1, "{path}: {entries:?}");
            let expected = format!("READ allowed {} {} ", route.permission, admin.id);
            assert!(entries[0].starts_with(&expected), "{path}: {entries:?}");
            let mut named: Vec<_> = match reply.json() {
                Value::Array(rows) => {
                    rows.iter().map(|row| row["id"].as_str().unwrap_or("-").to_owned()).collect()
                }
                one => vec![one["id"].as_str().unwrap_or(&world.participant).to_owned()],
            };
            named.retain(|id| id != "-");
            if path == "/participants" || path == "/participants/roster" {
                assert!(named.contains(&other));
            }
            for id in &named {
                assert!(entries[0].contains(id), "{path} does not name {id}: {entries:?}");
            }
            shown.push(path);
        }
        // A query that finds nobody, and an absent one, show nobody.
        for path in
            ["/participants?name=Nobody".to_owned(), format!("/participants/{}", Uuid::now_v7())]
        {
            let reply = admin.get(&path).await;
            finds_nobody(&reply, &path);
        }
        let broken = app.database.session("reeve_admin").await;
        broken
            .batch_execute("revoke insert on audit.entry from reeve_app, reeve_search")
            .await
            .unwrap();
        for path in &shown {
            let reply = admin.get(path).await;
            assert!([500, 503].contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
            finds_nobody(&reply, path);
            for id in world.ids.values() {
                assert!(!reply.text.contains(id.as_str()), "{path}: {}", reply.text);
            }
        }
        let mend = "grant insert (operation, resource, record_id, record_ids, before, after, outcome, reason)
                      on audit.entry to reeve_app, reeve_search";
        broken.batch_execute(mend).await.unwrap();
        assert_eq!(admin.get(&shown[0]).await.status, 200);
    });
}

#[test]
fn u05_every_record_that_was_written_is_found_in_the_ledger_by_its_id() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let world = World::new(&north).await;
        let (admin, clinician) = (north.role("admin"), north.role("clinician"));
        // A session of five, an incident with a report, an escalation and a step, a budget, a goal's step.
        let mut there = vec![];
        for n in 0..5 {
            let id = north.consented("2012-05-10").await;
            there.push(
                json!({"participant_id": id, "status": if n < 3 { "present" } else { "absent" }}),
            );
        }
        let body = json!({"program_id": north.program, "starts_at": "2026-02-16T22:00:00Z", "attendance": there});
        created(admin, "/sessions", &body).await;
        let incident = &world.ids["/incidents"];
        let report = json!({"agency_type": "pcsa", "agency_name": "County", "reported_at": "2026-03-01T10:00:00Z"});
        created(admin, &format!("/incidents/{incident}/reports"), &report).await;
        hand.advance(hours(25));
        let step = clinician
            .patch(&format!("/incidents/{incident}/rtp"), &json!({"action": "advance"}))
            .await;
        assert_eq!(step.status, 200, "{}", step.text);
        let why = json!({"reason": "They ask for the director."});
        assert_eq!(
            clinician.patch(&format!("/incidents/{incident}/escalate"), &why).await.status,
            200
        );
        let own =
            north.own_consent(&north.participant("2010-05-10").await, "2026-03-02T15:00:00Z").await;
        assert_eq!(
            clinician.post(&format!("/consent/{own}/record-session"), &json!({})).await.status,
            200
        );
        let told =
            json!({"ground": "minor_agreement", "minor_informed_at": "2026-03-02T16:00:00Z"});
        created(clinician, &format!("/consent/{own}/guardian-disclosures"), &told).await;
        let goal = format!("/goals/{}", world.ids["/goals"]);
        assert_eq!(admin.patch(&goal, &json!({"progress": 50, "note": "Half."})).await.status, 200);
        assert_eq!(
            admin.patch("/programs/settings", &json!({"cell_threshold": 12})).await.status,
            200
        );
        // The children are replaced: the former ones are written as well.
        let path = format!("/participants/{}", world.participant);
        let change = json!({"guardians": [{"full_name": "Another", "relation": "guardian"}], "contacts": []});
        assert_eq!(admin.patch(&path, &change).await.status, 200);

        let tables = app
            .ask(
                "select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
                  where c.relkind = 'r' and (c.relnamespace = 'programs'::regnamespace or c.oid = 'kernel.consent'::regclass)",
            )
            .await;
        let (mut looked, mut empty, mut lost) = (0, vec![], vec![]);
        for table in &tables {
            let sql =
                format!("select id from {table} where tenant_id = '{}' limit 40", north.tenant.id);
            let ids = app.ask(&sql).await;
            if ids.is_empty() {
                empty.push(table.clone());
            }
            for id in ids {
                looked += 1;
                let reply = admin.get(&format!("/v1/audit?record_id={id}&outcome=allowed")).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
                let entries = reply.json()["items"].as_array().unwrap().clone();
                let created = entries.iter().any(|entry| {
                    ["CREATE", "UPDATE"].contains(&entry["operation"].as_str().unwrap())
                        && !entry["actor_id"].is_null()
                        && (entry["record_id"] == id.as_str()
                            || entry["record_ids"].to_string().contains(&id))
                });
                if !created {
                    lost.push(format!("{table} {id}"));
                }
            }
        }
        assert_eq!(lost, Vec::<String>::new());
        assert!(looked > 40, "{looked}");
        let unused =
            ["programs.location", "programs.knowledge_document", "programs.knowledge_passage"];
        empty.retain(|table| !unused.contains(&table.as_str()));
        assert_eq!(empty, Vec::<String>::new(), "nothing was written there");
        // And nobody writes the ledger over: neither the server's login nor its owner.
        let server = super::consent::as_server(app, north.tenant.id).await;
        for sql in [
            "update audit.entry set reason = 'x'",
            "delete from audit.entry",
            "truncate audit.entry",
        ] {
            assert_eq!(sqlstate(&server, sql).await, "42501", "{sql}");
        }
    });
}
