//! A word in every text column of one school is nowhere that another can see.

use ::kernel::http::Method;
use testkit::run;

use super::*;
use crate::{
    conformance::routes::{all, call},
    kernel::privacy::plant,
};

const WORD: &str = "CANARY-of-the-north";

/// A row in each table of the module; the ids.
async fn records_of_every_kind(school: &School) -> Vec<String> {
    let (trainer, sam) = (school.trainer(), school.child().await);
    let told = json!({"clinical_notes": "lax", "visibility": ["coach", "parent"]});
    let head = school.entry(&with(seen(&sam, "head", "mild"), &told)).await;
    let case = text(&head["case_id"]);
    let path = format!("/api/v1/cases/{case}/milestones");
    let milestone = json!({"title": "Return to class", "phase": "acute"});
    let milestone = created(trainer, &path, &milestone).await;
    let asked = json!({"athlete_id": sam});
    let inspection = created(school.parent(), "/api/v1/inspections", &asked).await;
    let withheld = json!({"withheld": [{"event_id": head["event_id"], "reason": "of another"}]});
    let release = format!("/api/v1/inspections/{inspection}/release");
    assert_eq!(trainer.post(&release, &withheld).await.status, 200);
    let disclosure =
        json!({"recipient": "EMS", "interest": "treatment", "basis": "consent", "what": "all"});
    let path = format!("/api/v1/athletes/{sam}/disclosures");
    let disclosure = created(trainer, &path, &disclosure).await;
    let event = text(&head["event_id"]);
    vec![sam, case, milestone, inspection, disclosure, event, school.football.clone()]
}

#[test]
fn canaries_in_every_text_column_of_one_school_are_nowhere_that_another_can_see() {
    run(async |app| {
        let (north, south) = (School::new(app, "north").await, School::new(app, "south").await);
        let theirs = records_of_every_kind(&north).await;
        records_of_every_kind(&south).await;
        let views = ["athletics.enrolled", "athletics.membership", "athletics.restriction"];
        let which = |table: &str| table.starts_with("athletics.") && !views.contains(&table);
        assert_eq!(plant(app, north.id(), WORD, which).await, FIXED);
        for route in all().iter().filter(|route| route.realm == Some("athletics")) {
            let mut paths: Vec<_> =
                theirs.iter().map(|id| route.path.replace("{id}", id)).collect();
            paths.dedup();
            if route.method == Method::Get && !route.path.contains('{') && route.effect != "follow"
            {
                paths.push(format!("{}?limit=200", route.path));
                paths.push(format!("{}?q=canary+north", route.path));
            }
            for (role, who) in south.everybody() {
                for path in &paths {
                    let reply = call(who, route, path).await;
                    assert!(!reply.text.contains(WORD), "{path} as {role}: {}", reply.text);
                    assert!(!format!("{:?}", reply.headers).contains(WORD), "{path} as {role}");
                    assert!(reply.status < 500, "{path} as {role}: {}", reply.text);
                }
            }
        }
        assert!(!testkit::logged().contains(WORD), "a canary is in the log");
        let alive = north.trainer().get(&format!("/api/v1/athletes/{}", theirs[0])).await;
        assert!(alive.text.contains(WORD), "the canaries were alive: {}", alive.text);
    });
}

/// Columns whose few words are fixed by a constraint, or follow from others, have no room for a canary.
const FIXED: &[&str] = &[
    "athletics.athlete.current_status",
    "athletics.athlete.last_name_key",
    "athletics.disclosure.basis",
    "athletics.event.availability",
    "athletics.event.kind",
    "athletics.event.restriction",
    "athletics.event.severity",
    "athletics.event.visibility",
    "athletics.guardian.kept_basis",
    "athletics.guardian.relation",
    "athletics.injury_case.attention_level",
    "athletics.injury_case.availability",
    "athletics.injury_case.body_part_key",
    "athletics.injury_case.severity",
    "athletics.injury_case.status",
    "athletics.inspection.status",
    "athletics.milestone.phase",
    "athletics.return_to_play.protocol",
    "athletics.return_to_play.setting",
    "athletics.return_to_play_step.action",
    "athletics.school.rtp_protocol",
];
