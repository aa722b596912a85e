//! A word in every text column of one municipality is nowhere that another, or the public, can see.

use ::kernel::http::Method;
use testkit::run;

use super::*;
use crate::{
    conformance::routes::{all, call},
    kernel::privacy::plant,
};

const WORD: &str = "CANARY-of-the-north";

/// A row in each table of the module; the ids.
async fn records_of_every_kind(app: &TestApp, there: &Organisation) -> Vec<String> {
    let (citizen, admin) = (there.role("citizen"), there.role("admin"));
    let made = async |who: &Persona, path: &str, body: Value| {
        let reply = who.post(path, &body).await;
        assert!(reply.status < 300, "{path}: {}", reply.text);
        reply
    };
    let leak = json!({"category": "water", "description": "It leaks.", "address": "12 Long Street",
                      "photo_url": "https://photos.example/1.jpg"});
    let request = made(citizen, "/api/v1/service-requests", leak).await.id();
    let path = format!("/api/v1/service-requests/{request}/status");
    let status = admin.patch(&path, &json!({"status": "resolved", "note": "Mended."})).await;
    assert_eq!(status.status, 200, "{}", status.text);
    let consent = json!({"purpose": "contact", "consented": true});
    let consent = made(citizen, "/api/v1/consent", consent).await.id();
    let asked = json!({"kind": "correction", "statement": "It is wrong."});
    let asked = made(citizen, "/api/v1/data-rights/requests", asked).await.id();
    let decision = json!({"decision": "upheld", "reason": "It was."});
    made(admin, &format!("/api/v1/data-rights/requests/{asked}/decision"), decision).await;
    let born = json!({"date_of_birth": "1990-05-10"});
    made(admin, &format!("/api/v1/users/{}/date-of-birth", citizen.id), born).await;
    let violence = json!({"municipality_code": there.id, "kind": "other", "description": "x", "place": "y",
                          "safe_contact": "z"});
    made(&app.anonymous(), "/api/v1/gbv-reports", violence).await;
    let report = there.role("saps_liaison").get("/api/v1/gbv-reports").await.json();
    let report = report[0]["id"].as_str().unwrap().to_owned();
    let referred = json!({"status": "referred", "saps_case_number": "CAS 1"});
    let path = format!("/api/v1/gbv-reports/{report}");
    assert_eq!(there.role("saps_liaison").patch(&path, &referred).await.status, 200);
    vec![request, consent, asked, report, citizen.id.to_string(), there.id.to_string()]
}

#[test]
fn canaries_in_every_text_column_of_one_municipality_are_nowhere_that_another_can_see() {
    run(async |app| {
        app.without_limits().await;
        let (north, south) =
            (app.organisation("civic", "north").await, app.organisation("civic", "south").await);
        let theirs = records_of_every_kind(app, &north).await;
        records_of_every_kind(app, &south).await;
        // What is public of a municipality is told to everybody.
        let which = |table: &str| table.starts_with("civic.") && table != "civic.municipality";
        assert_eq!(plant(app, north.id, WORD, which).await, FIXED);
        let anonymous = app.anonymous();
        let of_south = format!("municipality_code={0}&jurisdiction_id={0}", south.id);
        for route in all().iter().filter(|route| route.realm == Some("civic")) {
            if route.permission == "data_rights:erase" || route.path.ends_with("erasure") {
                continue;
            }
            let mut paths: Vec<_> =
                theirs.iter().map(|id| route.path.replace("{id}", id)).collect();
            paths.dedup();
            if route.method == Method::Get && !route.path.contains('{') {
                paths.push(format!("{}?limit=200", route.path));
                paths.push(format!("{}?{of_south}", route.path));
                paths.push(format!("{}?user_id={}", route.path, theirs[4]));
            }
            for (role, who) in
                south.people.iter().map(|(r, p)| (*r, p)).chain([("nobody", &anonymous)])
            {
                for path in &paths {
                    let reply = call(who, route, path).await;
                    assert!(!reply.text.contains(WORD), "{path} as {role}: {}", reply.text);
                    assert!(!format!("{:?}", reply.headers).contains(WORD), "{path} as {role}");
                    assert!(reply.status < 500, "{path} as {role}: {}", reply.text);
                }
            }
        }
        assert!(!testkit::logged().contains(WORD), "a canary is in the log");
        let path = format!("/api/v1/service-requests/{}", theirs[0]);
        let alive = north.role("admin").get(&path).await;
        assert!(alive.text.contains(WORD), "the canaries were alive: {}", alive.text);
    });
}

/// Columns whose few words are fixed by a constraint have no room for a canary.
const FIXED: &[&str] = &[
    "civic.category.code",
    "civic.gbv_report.kind",
    "civic.gbv_report.status",
    "civic.request_event.kind",
    "civic.rights_request.kind",
    "civic.rights_request.purpose",
    "civic.rights_request.status",
    "civic.service_request.channel",
    "civic.service_request.status",
];
