//! Incidents: what opens with them, and every way to "closed" that there is.

use serde_json::json;
use testkit::{run, run_with};

use super::*;

#[test]
fn s01_a_concussion_and_its_return_to_play_are_one_or_none() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let participant = north.participant("2012-05-10").await;
        let body = json!({"incident_type": "injury_concussion", "participant_id": participant,
                          "description": "Head on the mat."});
        let reply = north.role("instructor").post("/incidents", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let rtp = &reply.json()["return_to_play"];
        assert_eq!((rtp["stage"].as_i64(), rtp["cleared"].as_bool()), (Some(1), Some(false)));
        assert_eq!(rtp["protocol"], "amsterdam_2022");
        assert_eq!(rtp["removed_on"], "2026-03-02");
        assert_eq!(rtp["earliest_next"], "2026-03-03T17:00:00Z");
        assert_eq!(rtp["steps"][0]["action"], "open");
        // Now the return to play cannot be written.
        let session = app.database.session("reeve_admin").await;
        session
            .batch_execute(
                "create function programs.broken() returns trigger language plpgsql as
                    $$ begin raise exception 'broken'; end $$;
                 create trigger a_broken before insert on programs.return_to_play
                    for each row execute function programs.broken();",
            )
            .await
            .unwrap();
        let before = app.ask("select count(*) from programs.incident").await;
        let reply = north.role("instructor").post("/incidents", &body).await;
        assert_eq!(reply.status, 500, "{}", reply.text);
        assert_eq!(app.ask("select count(*) from programs.incident").await, before);
        session
            .batch_execute(
                "drop trigger a_broken on programs.return_to_play; drop function programs.broken()",
            )
            .await
            .unwrap();
    });
}

#[test]
fn s02_a_concussion_stays_open_until_it_is_cleared_and_the_refusal_says_what_is_missing() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.concussion().await;
        let reply = north.role("admin").patch(&format!("/incidents/{id}/close"), &json!({})).await;
        assert_eq!(reply.problem(), "409 gate_blocked");
        assert_eq!(missing(&reply), ["rtp_not_cleared"]);
        assert_eq!(reply.json()["statute"], "ORC 3707.511");
        assert_eq!(reply.json()["pack"], "us-oh/2026-11");
        let now = north.role("clinician").get(&format!("/incidents/{id}")).await.json();
        assert_eq!((now["status"].as_str(), now["version"].as_i64()), (Some("open"), Some(1)));
        let refused = format!(
            "select reason from audit.entry where outcome = 'refused' and permission = 'incident:write'
               and request_id = '{}'",
            reply.header("x-request-id").unwrap()
        );
        assert_eq!(app.ask(&refused).await, ["gate_blocked"]);
    });
}

#[test]
fn s05_a_mandated_report_needs_its_basis_to_open_and_a_recipient_to_close() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let case = north.role("instructor");
        for basis in [json!(null), json!(""), json!("  \n ")] {
            let body = json!({"incident_type": "mandated_report", "report_basis": basis});
            let reply = case.post("/incidents", &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{basis}");
            assert_eq!(reply.fields(), ["body.report_basis"]);
        }
        let without = case.post("/incidents", &json!({"incident_type": "mandated_report"})).await;
        assert_eq!(without.fields(), ["body.report_basis"]);
        let body =
            json!({"incident_type": "mandated_report", "report_basis": "Bruises on both arms."});
        let id = north.incident(&body).await;
        let close = format!("/incidents/{id}/close");
        let reply = case.patch(&close, &json!({})).await;
        assert_eq!(
            (reply.problem(), missing(&reply)),
            ("409 gate_blocked".into(), vec!["recipient_missing".into()])
        );
        assert_eq!(reply.json()["statute"], "ORC 2151.421");
        // A recipient without an agency, without a time, or told in the future is none.
        let agency = json!({"agency_type": "pcsa", "agency_name": "Franklin County Children Services",
                            "reported_at": "2026-03-02T16:30:00Z", "channel": "phone"});
        for (field, value) in [
            ("agency_name", json!(" ")),
            ("agency_type", json!("newspaper")),
            ("reported_at", json!("2026-03-02T17:00:01Z")),
            ("reported_at", json!(null)),
        ] {
            let mut recipient = agency.clone();
            recipient[field] = value;
            let reply = case.patch(&close, &json!({"recipient": recipient})).await;
            assert_eq!(reply.fields(), [format!("body.recipient.{field}")], "{}", reply.text);
        }
        let reply = case.patch(&close, &json!({"recipient": agency})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.json()["status"], "closed");
        assert_eq!(reply.json()["reports"][0]["agency_name"], "Franklin County Children Services");
    });
}

#[test]
fn s06_a_crisis_escalates_itself_whatever_is_sent() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let body = json!({"incident_type": "crisis", "status": "open", "escalated": false});
        let reply = north.role("instructor").post("/incidents", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let made = reply.json();
        assert_eq!(
            (made["status"].as_str(), made["escalated"].as_bool()),
            (Some("escalated"), Some(true))
        );
        assert_eq!(made["escalations"].as_array().unwrap().len(), 1);
        // It has no close gate (K-025).
        let reply = north
            .role("admin")
            .patch(&format!("/incidents/{}/close", reply.id()), &json!({}))
            .await;
        assert_eq!(reply.json()["status"], "closed");
    });
}

#[test]
fn k027_no_body_sets_a_status_a_stage_a_clearance_or_another_type() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.concussion().await;
        let who = north.role("admin");
        for (field, value) in [
            ("status", json!("closed")),
            ("rtp_stage", json!(6)),
            ("return_to_play", json!({"stage": 6})),
            ("cleared_at", json!(BEGIN)),
            ("closed_at", json!(BEGIN)),
        ] {
            let mut body = json!({"incident_type": "other"});
            body[field] = value.clone();
            let reply = who.post("/incidents", &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{field}");
            for path in ["close", "reopen", "rtp"] {
                let mut body = json!({});
                body[field] = value.clone();
                let reply = who.patch(&format!("/incidents/{id}/{path}"), &body).await;
                assert_eq!(reply.problem(), "422 invalid", "{path} {field}: {}", reply.text);
            }
        }
        let typed =
            who.patch(&format!("/incidents/{id}/close"), &json!({"incident_type": "other"})).await;
        assert_eq!(typed.fields(), ["body.incident_type"]);
    });
}

#[test]
fn s07_every_way_to_closed_goes_through_the_gate() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.concussion().await;
        let admin = north.role("admin");
        for method in [
            reqwest::Method::PUT,
            reqwest::Method::PATCH,
            reqwest::Method::POST,
            reqwest::Method::DELETE,
        ] {
            for path in
                [format!("/incidents/{id}"), "/incidents/bulk".into(), "/incidents/import".into()]
            {
                for kind in [
                    "application/json",
                    "application/merge-patch+json",
                    "application/json-patch+json",
                ] {
                    let request = admin.request(method.clone(), &path).header("content-type", kind);
                    let reply = admin.send(request.body(r#"{"status": "closed"}"#)).await;
                    assert!(
                        (400..500).contains(&reply.status),
                        "{method} {path} {kind}: {}",
                        reply.status
                    );
                }
            }
        }
        assert_eq!(app.ask("select status from programs.incident").await, ["open"]);
        // And by plain SQL under the server's own login, with no check of the program in between.
        let session = app.database.session("reeve_app").await;
        let context = format!(
            "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'system', false),
                    set_config('app.actor_id', gen_random_uuid()::text, false),
                    set_config('app.request_id', gen_random_uuid()::text, false)",
            north.tenant.id
        );
        session.batch_execute(&context).await.unwrap();
        let report =
            north.incident(&json!({"incident_type": "mandated_report", "report_basis": "x"})).await;
        let other = north.participant("2012-05-11").await;
        for (what, sql, code) in [
            ("close", format!("update programs.incident set status = 'closed', closed_at = now() where id = '{id}'"), "RV611"),
            ("close", format!("update programs.incident set status = 'closed', closed_at = now() where id = '{report}'"), "RV611"),
            ("retype", format!("update programs.incident set incident_type = 'other' where id = '{id}'"), "RV610"),
            ("unbase", format!("update programs.incident set report_basis = 'y' where id = '{report}'"), "RV610"),
            ("move", format!("update programs.incident set jurisdiction = 'xx' where id = '{report}'"), "RV610"),
            ("skip", format!("update programs.return_to_play set stage = 5 where incident_id = '{id}'"), "RV613"),
            ("advance at once", format!("update programs.return_to_play set stage = 2, entered_at = now() where incident_id = '{id}'"), "RV613"),
            ("advance tomorrow", format!("update programs.return_to_play set stage = 2, entered_at = now() + interval '2 days' where incident_id = '{id}'"), "RV613"),
            ("clear at stage 1", format!("update programs.return_to_play set cleared_at = now(), recorded_clear_at = now(), clinician_name = 'Dr A', clinician_profession = 'physician', licence_number = '1', clearance_document = 'd' where incident_id = '{id}'"), "RV613"),
            ("change the protocol", format!("update programs.return_to_play set protocol = 'zurich_2012' where incident_id = '{id}'"), "RV613"),
            ("give it to another", format!("update programs.return_to_play set participant_id = '{other}' where incident_id = '{id}'"), "RV613"),
            ("hang it on another", format!("update programs.return_to_play set incident_id = '{report}' where incident_id = '{id}'"), "RV613"),
            ("forget the report", format!("insert into programs.incident select tenant_id, gen_random_uuid(), 'mandated_report', null, null, null, null, 'closed', false, now(), null, 'x', 'us-oh', null, now() from kernel.tenant where id = '{}'", north.tenant.id), "RV610"),
            ("open without return to play", format!("insert into programs.incident (tenant_id, id, incident_type, participant_id, status, escalated, occurred_at, jurisdiction) select tenant_id, gen_random_uuid(), 'injury_concussion', participant_id, 'open', false, now(), 'us-oh' from programs.incident where id = '{id}'"), "RV610"),
            ("calm a crisis", "insert into programs.incident (tenant_id, id, incident_type, status, escalated, occurred_at, jurisdiction) values (kernel.tenant(), gen_random_uuid(), 'crisis', 'open', false, now(), 'us-oh')".into(), "RV610"),
        ] {
            let error = session.batch_execute(&sql).await.expect_err(what);
            assert_eq!(error.as_db_error().unwrap().code().code(), code, "{what}: {error:?}");
        }
        for sql in [
            format!("delete from programs.incident where id = '{id}'"),
            format!("delete from programs.return_to_play where incident_id = '{id}'"),
            "truncate programs.incident".into(),
            "alter table programs.incident disable trigger guard_incident".into(),
        ] {
            let error = session.batch_execute(&sql).await.expect_err(&sql);
            assert_eq!(error.as_db_error().unwrap().code().code(), "42501", "{sql}");
        }
        assert_eq!(app.ask("select distinct status from programs.incident").await, ["open"]);
    });
}

#[test]
fn closing_twice_and_closing_another_tenants_incident_are_refused() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let id =
            north.incident(&json!({"incident_type": "injury", "description": "A knee."})).await;
        let close = format!("/incidents/{id}/close");
        let foreign = south.role("admin").patch(&close, &json!({})).await;
        let nothing = format!("/incidents/{}/close", uuid::Uuid::now_v7());
        let absent = south.role("admin").patch(&nothing, &json!({})).await;
        assert_eq!(foreign.status, 404);
        assert_eq!(foreign.essence(), absent.essence());
        // No body at all is an empty one.
        let admin = north.role("admin");
        let reply = admin.send(admin.request(reqwest::Method::PATCH, &close)).await;
        assert_eq!(reply.json()["status"], "closed", "{}", reply.text);
        assert_eq!(admin.patch(&close, &json!({})).await.problem(), "409 incident_closed");
    });
}

#[test]
fn s11_a_closed_incident_opens_again_within_thirty_days_and_not_a_second_later() {
    let (options, hand) = at("2026-03-02T17:00:00Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let admin = north.role("admin");
        let id = north.incident(&json!({"incident_type": "injury"})).await;
        let (close, reopen) = (format!("/incidents/{id}/close"), format!("/incidents/{id}/reopen"));
        let why = json!({"reason": "The knee swells again."});
        assert_eq!(admin.patch(&reopen, &why).await.problem(), "409 incident_open");
        admin.patch(&close, &json!({})).await;
        hand.set(time("2026-04-01T16:59:59Z"));
        let reply = admin.patch(&reopen, &why).await;
        assert_eq!(
            (reply.status, reply.json()["status"].as_str()),
            (200, Some("open")),
            "{}",
            reply.text
        );
        admin.patch(&close, &json!({})).await;
        hand.set(time("2026-05-01T17:00:00Z"));
        assert_eq!(admin.patch(&reopen, &why).await.problem(), "409 reopen_window_over");
        assert_eq!(app.ask("select status from programs.incident").await, ["closed"]);
    });
}

#[test]
fn who_may_not_read_incidents_gets_their_state_and_not_their_words() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let body = json!({"incident_type": "mandated_report", "report_basis": "CANARY-basis",
                          "description": "CANARY-words"});
        let id = north.incident(&body).await;
        let report = json!({"agency_type": "pcsa", "agency_name": "County", "reported_at": "2026-01-02T10:00:00Z",
                            "reporter_name": "CANARY-reporter"});
        let path = format!("/incidents/{id}/reports");
        let reply = north.role("program_manager").post(&path, &report).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert!(!reply.text.contains("CANARY"), "{}", reply.text);
        let managers = north.role("program_manager").get(&format!("/incidents/{id}")).await;
        assert_eq!(managers.problem(), "403 forbidden");
        let case_managers = north.role("case_manager").get(&format!("/incidents/{id}")).await;
        assert!(
            case_managers.text.contains("CANARY-words")
                && !case_managers.text.contains("CANARY-reporter")
        );
        let clinicians = north.role("clinician").get(&format!("/incidents/{id}")).await;
        assert!(clinicians.text.contains("CANARY-reporter"));
        // The ledger holds neither, not even for those who read it with personal values.
        let ledger = app
            .ask("select coalesce(before::text, '') || coalesce(after::text, '') from audit.entry")
            .await;
        assert!(!ledger.concat().contains("CANARY"));
    });
}

#[test]
fn incidents_are_listed_newest_first_by_status_type_participant_and_time() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let participant = north.participant("2012-05-10").await;
        let mut ids = vec![];
        for kind in ["injury", "behavioral", "injury"] {
            ids.push(
                north
                    .incident(&json!({"incident_type": kind, "participant_id": participant}))
                    .await,
            );
            hand.advance(hours(1));
        }
        let clinician = north.role("clinician");
        let list = async |query: &str| -> Vec<String> {
            let reply = clinician.get(&format!("/incidents{query}")).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            reply
                .json()
                .as_array()
                .unwrap()
                .iter()
                .map(|i| i["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let newest: Vec<_> = ids.iter().rev().cloned().collect();
        assert_eq!(list("").await, newest);
        assert_eq!(list("?incident_type=injury").await, [ids[2].clone(), ids[0].clone()]);
        assert_eq!(list(&format!("?participant_id={participant}&status=open")).await, newest);
        assert_eq!(list("?status=closed").await, Vec::<String>::new());
        assert_eq!(
            list("?from=2026-03-02T18:00:00Z&to=2026-03-02T19:00:00Z").await,
            [ids[1].clone()]
        );
        // A page goes on where its Link says.
        let first = clinician.get("/incidents?limit=2").await;
        let link = first.header("link").unwrap().to_owned();
        let next = link.trim_start_matches('<').split('>').next().unwrap();
        assert!(link.ends_with("rel=\"next\"") && next.contains("limit=2"), "{link}");
        let second = clinician.get(next).await;
        assert_eq!(second.json()[0]["id"], ids[0].as_str());
        assert_eq!(second.header("link"), None);
    });
}
