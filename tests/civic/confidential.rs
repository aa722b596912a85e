//! Reports of violence: the ledger tells nobody that they are there but who may read them.

use ::kernel::audit::Checkpoints;
use testkit::run;

use super::*;

const REPORTS: &str = "/api/v1/gbv-reports";

async fn report(app: &TestApp, there: &Organisation, request: &str) -> Reply {
    let body =
        json!({"municipality_code": there.id, "kind": "physical", "description": "Every night."});
    let stranger = app.anonymous();
    let sent = stranger.request(reqwest::Method::POST, REPORTS).json(&body);
    let reply = stranger.send(sent.header("X-Request-Id", request)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply
}

#[test]
fn the_ledger_shows_reports_of_violence_to_nobody_who_sees_no_personal_values() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        let platform = app.organisation("platform", "salga").await;
        report(app, &kwa, &Uuid::now_v7().to_string()).await;
        let seen = kwa.role("saps_liaison").get(REPORTS).await.json();
        let id = seen[0]["id"].as_str().expect("a report").to_owned();
        let above = "municipality=kwa&reason=ticket";
        let questions =
            ["resource=civic.gbv_report".to_owned(), format!("record_id={id}"), "limit=200".into()];
        for question in questions {
            let manager = format!("/api/v1/audit?{question}");
            let plain = kwa.role("manager").get(&format!("/v1/audit?{question}")).await;
            let ours = kwa.role("manager").get(&manager).await;
            let theirs = platform.role("platform_admin").get(&format!("{manager}&{above}")).await;
            for reply in [plain, ours, theirs] {
                assert_eq!(reply.status, 200, "{}", reply.text);
                assert!(!reply.text.contains("gbv_report\""), "{question}: {}", reply.text);
            }
            let admin = kwa.role("admin").get(&manager).await;
            for operation in ["CREATE", "READ"] {
                let found = admin.json().as_array().unwrap().iter().any(|entry| {
                    entry["table_name"] == "civic.gbv_report" && entry["operation"] == operation
                });
                assert!(found, "{operation}: {}", admin.text);
            }
        }
        let own = "select count(*) from audit.entry where resource = 'audit.entry' and permission = 'audit:read_personal'";
        assert_ne!(one(app, own).await, "0", "under which permission the admin looked");
    });
}

#[test]
fn a_checkpoint_covers_what_the_ledger_shows_to_few() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        report(app, &kwa, &Uuid::now_v7().to_string()).await;
        let made = Checkpoints::new(app.core(0).clone(), None).make(kwa.id).await;
        let size = made.expect("a checkpoint").expect("news").claims.tree_size;
        let all = format!("select count(*) from audit.entry where tenant_id = '{}'", kwa.id);
        let confidential = format!("{all} and resource = 'civic.gbv_report'");
        assert_eq!(one(app, &confidential).await, "1");
        assert_eq!(one(app, &all).await, size.to_string());
    });
}

#[test]
fn no_id_that_the_client_chose_ties_a_report_to_its_session() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        let chosen = Uuid::now_v7().to_string();
        let made = report(app, &kwa, &chosen).await;
        assert_eq!(made.header("x-request-id"), Some(chosen.as_str()));
        assert_eq!(recorded(app, &made).await, [""; 0]);
    });
}
