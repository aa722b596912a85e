//! A word in every text column of one programme is nowhere that another can see.

use ::kernel::http::Method;
use serde_json::json;
use testkit::run;

use super::*;
use crate::{
    conformance::routes::{all, call},
    kernel::privacy::plant,
};

const WORD: &str = "CANARY-of-the-north";

/// A row in each table of the module.
async fn records_of_every_kind(at: &Programme) -> Vec<String> {
    let (admin, clinician) = (at.role("admin"), at.role("clinician"));
    let mut person = participant("2011-05-10");
    person["contacts"] = json!([{"full_name": "Lee"}]);
    person["addresses"] = json!([{"line1": "1 Oak Street"}]);
    let who = created(admin, "/participants", &person).await;
    created(admin, "/consent", &consent(&who)).await;
    let own = at.own_consent(&who, "2026-01-05T15:00:00Z").await;
    let path = format!("/consent/{own}/record-session");
    assert_eq!(clinician.post(&path, &json!({})).await.status, 200);
    let told = json!({"ground": "minor_agreement", "minor_informed_at": "2026-02-01T10:00:00Z"});
    created(clinician, &format!("/consent/{own}/guardian-disclosures"), &told).await;
    let location = created(admin, "/locations", &json!({"name": "Dojo"})).await;
    let instructor = created(admin, "/instructors", &json!({"full_name": "Kim"})).await;
    let body = json!({"participant_id": who, "cohort_id": at.cohort, "started_on": "2026-01-05"});
    let enrollment = created(admin, "/enrollments", &body).await;
    let body = json!({"cohort_id": at.cohort, "location_id": location, "instructor_id": instructor,
                      "starts_at": "2026-02-02T22:00:00Z",
                      "attendance": [{"participant_id": who, "status": "present"}]});
    let session = created(admin, "/sessions", &body).await;
    let body = json!({"incident_type": "injury_concussion", "participant_id": who});
    let incident = at.incident(&body).await;
    let crisis = at.incident(&json!({"incident_type": "crisis"})).await;
    let report = json!({"agency_type": "pcsa", "agency_name": "County", "reported_at": "2026-02-02T22:00:00Z"});
    created(admin, &format!("/incidents/{crisis}/reports"), &report).await;
    let goal = created(admin, "/goals", &json!({"participant_id": who, "title": "Belt"})).await;
    let document = json!({"title": "Handbook", "citation": "Ours", "text": "How we fall."});
    let document = created(admin, "/knowledge/documents", &document).await;
    let settings = admin.patch("/programs/settings", &json!({"cell_threshold": 12})).await;
    assert_eq!(settings.status, 200, "{}", settings.text);
    vec![who, own, location, instructor, enrollment, session, incident, crisis, goal, document]
}

#[test]
fn canaries_in_every_text_column_of_one_programme_are_nowhere_that_another_can_see() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let theirs = records_of_every_kind(&north).await;
        records_of_every_kind(&south).await;
        let kept = ["programs.intervention", "programs.consent_for_guardian"];
        let which = |table: &str| {
            (table.starts_with("programs.") && !kept.contains(&table)) || table == "kernel.consent"
        };
        assert_eq!(plant(app, north.tenant.id, WORD, which).await, FIXED);
        for route in all().iter().filter(|route| route.realm == Some("programs")) {
            let mut paths: Vec<_> =
                theirs.iter().map(|id| route.path.replace("{id}", id)).collect();
            paths.dedup();
            if route.method == Method::Get && !route.path.contains('{') {
                paths.push(format!("{}?limit=200", route.path));
                paths.push(format!("{}?q=canary+north", route.path));
                paths.push(format!("{}?participant_id={}", route.path, theirs[0]));
            }
            for role in south.keys.keys() {
                for path in &paths {
                    let reply = call(south.role(role), route, path).await;
                    assert!(!reply.text.contains(WORD), "{path} as {role}: {}", reply.text);
                    assert!(!format!("{:?}", reply.headers).contains(WORD), "{path} as {role}");
                    assert!(reply.status < 500, "{path} as {role}: {}", reply.text);
                }
            }
        }
        assert!(!testkit::logged().contains(WORD), "a canary is in the log");
        let alive = north.role("admin").get(&format!("/participants/{}", theirs[0])).await;
        assert!(alive.text.contains(WORD), "the canaries were alive: {}", alive.text);
    });
}

/// Columns whose few words are fixed by a constraint have no room for a canary.
const FIXED: &[&str] = &[
    "kernel.consent.basis",
    "kernel.consent.channel",
    "kernel.consent.grantor",
    "kernel.consent.language",
    "kernel.consent.lawful_basis",
    "kernel.consent.purpose",
    "kernel.consent.revoked_channel",
    "kernel.consent.text_hash",
    "programs.address.kind",
    "programs.attendance.status",
    "programs.enrollment.status",
    "programs.goal.status",
    "programs.guardian.relation",
    "programs.guardian_disclosure.ground",
    "programs.incident.incident_type",
    "programs.incident.severity",
    "programs.incident.status",
    "programs.incident_report.agency_type",
    "programs.incident_report.channel",
    "programs.incident_report.duty",
    "programs.participant.last_name_key",
    "programs.participant.status",
    "programs.program.setting",
    "programs.return_to_play.protocol",
    "programs.return_to_play.setting",
    "programs.return_to_play_step.action",
    "programs.settings.rtp_protocol",
];
