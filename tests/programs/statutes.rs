//! Statutes as dated data: one request, two dates, two verdicts; and the floors that nobody lowers.

use ::kernel::statutes;
use policy::statutes::BUILT_IN;
use testkit::{run, run_with};

use super::{
    consent::{as_server, sqlstate, until},
    *,
};

/// Ohio's pack as it would be after a repeal of ORC 5122.04 from the first of July on.
fn repealed() -> String {
    let from = "effective_from = \"1989-07-01\"";
    let text = BUILT_IN[0].replace("us-oh/2026-11", "us-oh/2027-01");
    assert_eq!(text.matches(from).count(), 1);
    text.replace(from, &format!("{from}\neffective_until = \"2026-07-01\""))
}

/// Loads a pack as an operator would, while the servers run, and waits until each has heard of it.
async fn load(app: &TestApp, replicas: usize, text: &str) {
    let loaded = statutes::load(&mut app.platform().await, &Clock::default(), text).await.unwrap();
    assert!(loaded.is_new);
    for replica in 0..replicas {
        until("a server hears of a new law", async || {
            let known = app.core(replica).statutes();
            known.packs().any(|pack| pack.version == loaded.newest)
        })
        .await;
    }
}

fn own(participant: &str) -> Value {
    json!({
        "participant_id": participant, "purpose": "mental_health", "basis": "orc_5122_04", "grantor": "self",
        "grantor_name": "Ava", "text": "I ask.", "text_version": "1",
    })
}

/// Midnight in Ohio between the last day of the law and the first without it.
const LAST: &str = "2026-07-01T03:59:59Z";
const REPEALED: &str = "2026-07-01T04:00:00Z";

#[test]
fn the_same_request_before_and_after_a_repeal_gets_two_verdicts_without_a_restart() {
    let (options, hand) = at(LAST);
    let second = options.clone();
    run_with(options, async |app| {
        let other = app.add_replica(&second).await;
        let north = Programme::new(app, "north").await;
        let clinicians =
            [north.role("clinician").clone(), north.role("clinician").at(app.url(other))];
        let minor = north.participant("2010-05-10").await;
        let consent = created(&clinicians[0], "/consent", &own(&minor)).await;
        let spend = format!("/consent/{consent}/record-session");
        let gate = format!("/consent/participant/{minor}/status?purpose=mental_health");

        // Before the newer pack is there, the law holds on both days.
        for now in [REPEALED, LAST] {
            hand.set(time(now));
            let status = clinicians[0].get(&gate).await.json();
            assert_eq!(status["open"], true, "{now}: {status}");
            assert_eq!(status["reasons"][0]["pack"], "us-oh/2026-11");
        }
        load(app, 2, &repealed()).await;
        for (replica, clinician) in clinicians.iter().enumerate() {
            // As of the last day: the law holds, and the newer pack says so.
            hand.set(time(LAST));
            let before = clinician.get(&gate).await.json();
            assert_eq!(before["open"], true, "{before}");
            assert_eq!(before["reasons"][0]["statute"], "ORC 5122.04");
            assert_eq!(before["reasons"][0]["pack"], "us-oh/2027-01");
            let spent = clinician.post(&spend, &json!({})).await;
            assert_eq!(spent.status, 200, "{}", spent.text);
            assert_eq!(clinician.post("/consent", &own(&minor)).await.status, 201);
            // A second later: the same three requests.
            hand.set(time(REPEALED));
            let after = clinician.get(&gate).await.json();
            assert_eq!(after["open"], false, "{after}");
            assert!(after.to_string().contains("basis_not_in_force"), "{after}");
            assert_eq!(after["reasons"][0]["pack"], "us-oh/2027-01");
            let refused = clinician.post(&spend, &json!({})).await;
            assert_eq!(refused.problem(), "409 gate_blocked", "{}", refused.text);
            assert!(
                missing(&refused).contains(&"basis_not_in_force".to_owned()),
                "{}",
                refused.text
            );
            assert_eq!(refused.json()["statute"], "ORC 5122.04");
            assert_eq!(refused.json()["pack"], "us-oh/2027-01");
            let refused = clinician.post("/consent", &own(&minor)).await;
            assert!([409, 422].contains(&refused.status), "{}", refused.text);
            // The event counts, not the day on which it is entered.
            let late = clinician.post(&spend, &json!({"held_at": LAST})).await;
            assert_eq!(late.status, 200, "replica {replica}: {}", late.text);
        }
        assert_eq!(app.ask("select count(*) from programs.consent_session").await, ["4"]);
        // And by plain SQL: the trigger reads the same pack.
        let server = as_server(app, north.tenant.id).await;
        for (held_at, held_on, expected) in
            [(REPEALED, "2026-07-01", "RV608"), (LAST, "2026-06-30", "ok 1")]
        {
            let sql = format!(
                "insert into programs.consent_session (tenant_id, id, consent_id, held_at, held_on)
                 values (kernel.tenant(), gen_random_uuid(), '{consent}', '{held_at}', '{held_on}')"
            );
            assert_eq!(sqlstate(&server, &sql).await, expected, "{held_at}");
        }
    });
}

#[test]
fn attendance_of_counselling_after_a_repeal_needs_the_guardian() {
    let (options, hand) = at(LAST);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        load(app, 1, &repealed()).await;
        let body = json!({"name": "Counselling", "consent_purposes": ["mental_health"]});
        let program = created(north.role("admin"), "/programs", &body).await;
        let minor = north.participant("2010-05-10").await;
        created(north.role("clinician"), "/consent", &own(&minor)).await;
        hand.set(time(REPEALED));
        let meet = async |starts_at: &str| {
            let body = json!({"program_id": program, "starts_at": starts_at,
                              "attendance": [{"participant_id": minor, "status": "present"}]});
            north.role("instructor").post("/sessions", &body).await
        };
        let refused = meet(REPEALED).await;
        assert_eq!(refused.problem(), "409 consent_required", "{}", refused.text);
        assert!(refused.text.contains("us-oh/2027-01"), "names the pack: {}", refused.text);
        assert_eq!(
            meet(LAST).await.status,
            201,
            "the session of the last day, entered a second later"
        );
        let mut parents = consent(&minor);
        parents["purpose"] = json!("mental_health");
        created(north.role("clinician"), "/consent", &parents).await;
        let reply = meet(REPEALED).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    });
}

#[test]
fn one_kind_of_incident_on_two_dates_is_refused_under_the_law_of_each() {
    // From July on a report may go to a peace officer alone.
    let text = BUILT_IN[0].replace("us-oh/2026-11", "us-oh/2027-01");
    let (head, tail) = text.split_once("citation = \"ORC 2151.421\"").unwrap();
    let now = format!("citation = \"ORC 2151.421\"\neffective_until = \"2026-07-01\"{tail}");
    let later = "[[rule]]\ncitation = \"ORC 2151.499\"\neffective_from = \"2026-07-01\"\nnote = \"A test's.\"\n\
                 [rule.law.mandated_report]\nchild_under = 18\nchild_under_if_disabled = 21\n\
                 recipients = [\"peace_officer\"]\n";
    let pack = format!("{head}{now}\n{later}");
    let (options, hand) = at(LAST);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        load(app, 1, &pack).await;
        let report = json!({"incident_type": "mandated_report", "report_basis": "Bruises."});
        let before = north.incident(&report).await;
        hand.set(time("2026-07-02T16:00:00Z"));
        let after = north.incident(&report).await;
        let close = json!({"recipient": {"agency_type": "pcsa", "agency_name": "County",
                           "reported_at": "2026-07-02T15:00:00Z", "channel": "phone"}});
        for (id, citation) in [(&before, "ORC 2151.421"), (&after, "ORC 2151.499")] {
            let reply =
                north.role("admin").patch(&format!("/incidents/{id}/close"), &json!({})).await;
            assert_eq!(reply.problem(), "409 gate_blocked");
            assert_eq!(reply.json()["statute"], citation);
            assert_eq!(reply.json()["pack"], "us-oh/2027-01");
        }
        let reply = north.role("admin").patch(&format!("/incidents/{after}/close"), &close).await;
        assert!(
            (400..500).contains(&reply.status),
            "no recipient of the later law: {}",
            reply.text
        );
        let reply = north.role("admin").patch(&format!("/incidents/{before}/close"), &close).await;
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (200, &json!("closed")),
            "{}",
            reply.text
        );
    });
}

#[test]
fn s14_no_setting_goes_below_its_statutory_floor() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let admin = north.role("admin");
        let path = "/programs/settings";
        let row = "select coalesce(string_agg(s::text, ';'), 'none') from programs.settings s";
        for prepared in [false, true] {
            if prepared {
                let reply = admin.patch(path, &json!({"cell_threshold": 12})).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
            let (before, stored) = (admin.get(path).await, app.ask(row).await);
            assert_eq!(before.json()["statute_pack"], "us-oh/2026-11");
            for (field, value) in [
                ("cell_threshold", json!(4)),
                ("cell_threshold", json!(1)),
                ("cell_threshold", json!(0)),
                ("cell_threshold", json!(-11)),
                ("cell_threshold", json!(null)),
                ("jurisdiction", json!("us-xx")),
                ("jurisdiction", json!("US-OH")),
                ("jurisdiction", json!("us-oh ' or true")),
                ("jurisdiction", json!("")),
                ("jurisdiction", json!(null)),
            ] {
                let mut body = json!({"time_zone": "America/Chicago"});
                body[field] = value.clone();
                let reply = admin.patch(path, &body).await;
                let what = format!("{field} {value}: {}", reply.text);
                // A null threshold may also be a fault of the body; a null jurisdiction is no law at all.
                if field == "cell_threshold" && value.is_null() {
                    assert!([403, 422].contains(&reply.status), "{what}");
                } else {
                    assert_eq!(reply.problem(), "403 statutory_floor", "{what}");
                    let refused = format!(
                        "select outcome || ' ' || permission || ' ' || reason from audit.entry
                          where request_id = '{}'",
                        reply.header("x-request-id").unwrap()
                    );
                    assert_eq!(
                        app.ask(&refused).await,
                        ["refused setting:write statutory_floor"],
                        "{what}"
                    );
                }
                assert_eq!(admin.get(path).await.json(), before.json(), "{what}");
                assert_eq!(app.ask(row).await, stored, "{what}");
            }
            for (field, value) in [
                ("cell_threshold", json!(5.5)),
                ("cell_threshold", json!("5")),
                ("cell_threshold", json!(4_294_967_307_i64)),
                ("time_zone", json!("Mars/Olympus")),
                ("time_zone", json!(null)),
                ("rtp_protocol", json!("none")),
                ("rtp_protocol", json!(null)),
                ("gates", json!(false)),
                ("age_of_majority", json!(14)),
            ] {
                let reply = admin.patch(path, &json!({field: value.clone()})).await;
                assert!([403, 422].contains(&reply.status), "{field} {value}: {}", reply.text);
                assert_eq!(app.ask(row).await, stored, "{field} {value}");
            }
        }
        // The floor itself is allowed.
        let reply = admin.patch(path, &json!({"cell_threshold": 5})).await;
        assert_eq!(
            (reply.status, &reply.json()["cell_threshold"]),
            (200, &json!(5)),
            "{}",
            reply.text
        );
        // Nobody else may; and not by SQL.
        for role in ["program_manager", "instructor", "clinician", "case_manager", "analyst"] {
            let reply = north.role(role).patch(path, &json!({"cell_threshold": 20})).await;
            assert_eq!(reply.problem(), "403 forbidden", "{role}");
        }
        let stored = app.ask(row).await;
        let server = as_server(app, north.tenant.id).await;
        for (sql, expected) in [
            ("update programs.settings set cell_threshold = 4", "23514"),
            ("update programs.settings set cell_threshold = null", "23502"),
            ("update programs.settings set jurisdiction = 'us-xx'", "RV602"),
            ("update programs.settings set jurisdiction = ''", "RV602"),
            ("update programs.settings set jurisdiction = null", "RV602"),
            ("update programs.settings set time_zone = 'Mars/Olympus'", "RV614"),
            ("update programs.settings set rtp_protocol = 'none'", "23514"),
            ("alter table programs.settings drop constraint settings_threshold_floor", "42501"),
            ("alter table programs.settings disable trigger all", "42501"),
            ("truncate programs.settings", "42501"),
            ("delete from programs.settings", "42501"),
            ("insert into kernel.statute_rule select * from kernel.statute_rule", "42501"),
            ("update kernel.statute_rule set parameters = '{}'", "42501"),
            ("delete from kernel.statute_pack", "42501"),
            (
                "create or replace function kernel.guard_place() returns trigger language plpgsql
              as 'begin return new; end'",
                "42501",
            ),
            ("set session_replication_role = replica", "42501"),
        ] {
            assert_eq!(sqlstate(&server, sql).await, expected, "{sql}");
        }
        assert_eq!(app.ask(row).await, stored);
    });
}

#[test]
fn the_settings_of_one_tenant_are_not_another_tenants() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let path = "/programs/settings";
        let reply = north.role("admin").patch(path, &json!({"cell_threshold": 50})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(south.role("admin").get(path).await.json()["cell_threshold"], 11);
        let server = as_server(app, south.tenant.id).await;
        let steal = format!(
            "update programs.settings set cell_threshold = 5 where tenant_id = '{}'",
            north.tenant.id
        );
        assert_eq!(sqlstate(&server, &steal).await, "ok 0");
    });
}
