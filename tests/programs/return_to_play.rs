//! Return to play over HTTP: one step a day, back with symptoms, cleared in writing by a clinician.

use serde_json::json;
use testkit::run_with;

use super::*;

async fn step(who: &Persona, incident: &str, body: &Value) -> testkit::Reply {
    who.patch(&format!("/incidents/{incident}/rtp"), body).await
}

fn advance() -> Value {
    json!({"action": "advance", "symptoms": false})
}

/// Goes on until this stage, a day a stage.
async fn reach(who: &Persona, hand: &Hand, incident: &str, stage: i64) {
    loop {
        let now = who.get(&format!("/incidents/{incident}")).await.json();
        let at = now["return_to_play"]["stage"].as_i64().unwrap();
        if at == stage {
            return;
        }
        hand.advance(hours(24));
        let reply = step(who, incident, &advance()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

#[test]
fn a_concussion_goes_from_report_to_clearance_and_only_then_closes() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, key) = (north.concussion().await, north.role("clinician"));
        reach(key, &hand, &id, 3).await;
        // Amsterdam: nobody trains with the team without a clearance.
        hand.advance(hours(24));
        let reply = step(key, &id, &advance()).await;
        assert_eq!(
            (reply.problem(), missing(&reply)),
            ("409 gate_blocked".into(), vec!["not_cleared".into()])
        );
        let doctor = north.person(app, "clinician").await;
        let clear = json!({"action": "clear", "symptoms": false, "clinician": physician()});
        let reply = step(&doctor, &id, &clear).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let rtp = &reply.json()["return_to_play"];
        assert_eq!(rtp["clearance"]["clinician"], "Dr. Mina Okafor");
        assert_eq!(rtp["clearance"]["licence_number"], "35.123456");
        let again = step(&doctor, &id, &clear).await;
        assert_eq!(missing(&again), ["already_cleared"]);
        let reply = north
            .role("program_manager")
            .patch(&format!("/incidents/{id}/close"), &json!({}))
            .await;
        assert_eq!(reply.json()["status"], "closed", "{}", reply.text);
        // Cleared and closed, the steps go on to the last.
        reach(key, &hand, &id, 6).await;
        hand.advance(hours(24));
        assert_eq!(missing(&step(key, &id, &advance()).await), ["last_stage"]);
        let steps = key.get(&format!("/incidents/{id}")).await.json();
        let actions: Vec<_> = steps["return_to_play"]["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["action"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            actions,
            ["open", "advance", "advance", "clear", "advance", "advance", "advance"]
        );
    });
}

#[test]
fn s04_stages_come_in_order_a_day_apart_and_never_on_the_day_of_removal() {
    let (options, hand) = at("2026-03-02T14:00:00Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, key) = (north.concussion().await, north.role("clinician"));
        let jump = json!({"action": "advance", "to_stage": 5, "symptoms": false});
        let reply = step(key, &id, &jump).await;
        assert_eq!(reply.problem(), "409 gate_blocked");
        assert_eq!(missing(&reply), ["stage_skipped", "too_soon", "same_day"]);
        assert_eq!(reply.json()["protocol"], "amsterdam_2022");
        assert_eq!(reply.json()["statute"], "ORC 3707.511");
        hand.advance(hours(24) - SignedDuration::from_secs(1));
        assert_eq!(missing(&step(key, &id, &advance()).await), ["too_soon"]);
        hand.advance(SignedDuration::from_secs(1));
        assert_eq!(missing(&step(key, &id, &jump).await), ["stage_skipped"]);
        let worse = json!({"action": "advance", "symptoms": ["headache"]});
        assert_eq!(missing(&step(key, &id, &worse).await), ["symptoms_present"]);
        assert_eq!(step(key, &id, &advance()).await.json()["return_to_play"]["stage"], 2);
        let back = json!({"action": "regress", "symptoms": "dizzy", "note": "after running"});
        let reply = step(key, &id, &back).await;
        assert_eq!((reply.status, &reply.json()["return_to_play"]["stage"]), (200, &json!(1)));
        assert_eq!(reply.json()["return_to_play"]["symptomatic"], true);
        // A word about symptoms holds until another is said.
        hand.advance(hours(24));
        let unsaid = step(key, &id, &json!({"action": "advance"})).await;
        assert_eq!(missing(&unsaid), ["symptoms_present"]);
        let entries = app.ask("select after ->> 'note' from audit.entry where resource = 'programs.return_to_play_step'
                                and after ->> 'action' = 'regress'").await;
        assert_eq!(entries, ["[masked]"]);
    });
}

#[test]
fn s03_a_clearance_is_a_clinicians_in_person_with_name_licence_and_paper() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let id = north.concussion().await;
        reach(north.role("clinician"), &hand, &id, 3).await;
        let clear = |clinician: Value| json!({"action": "clear", "symptoms": false, "clinician": clinician});
        let good = clear(physician());
        for role in ["admin", "instructor", "program_manager", "case_manager", "analyst"] {
            let reply = step(north.role(role), &id, &good).await;
            assert_eq!(reply.problem(), "403 forbidden", "{role}");
        }
        let admin = north.person(app, "admin").await;
        assert_eq!(step(&admin, &id, &good).await.problem(), "403 forbidden");
        assert_eq!(
            step(north.role("clinician"), &id, &good).await.problem(),
            "403 person_required"
        );
        let (doctor, stranger) =
            (north.person(app, "clinician").await, south.person(app, "clinician").await);
        assert_eq!(step(&stranger, &id, &good).await.status, 404);
        for (taken, field) in [
            ("name", "name"),
            ("licence_number", "licence_number"),
            ("profession", "licence_number"),
            ("document_reference", "document_reference"),
        ] {
            for blank in [json!(null), json!(" ")] {
                let mut clinician = physician();
                match taken {
                    "name" => clinician[taken] = json!(blank.as_str().unwrap_or_default()),
                    _ => clinician[taken] = blank,
                }
                let reply = step(&doctor, &id, &clear(clinician)).await;
                assert_eq!(reply.problem(), "422 invalid", "{taken}: {}", reply.text);
                assert_eq!(reply.fields(), [format!("body.clinician.{field}")], "{taken}");
                assert_eq!(reply.json()["statute"], "ORC 3707.511", "{taken}");
            }
        }
        let nobody = step(&doctor, &id, &json!({"action": "clear", "symptoms": false})).await;
        assert_eq!(nobody.fields(), ["body.clinician.name"]);
        let mut psychologist = physician();
        psychologist["profession"] = json!("psychologist");
        let reply = step(&doctor, &id, &clear(psychologist.clone())).await;
        assert_eq!(reply.fields(), ["body.clinician.physician"]);
        // On the day of the removal, before it, or not yet given, no paper clears.
        for (at, code) in [
            ("2026-03-02T22:00:00Z", "same_day"),
            ("2026-03-01T22:00:00Z", "clearance_outdated"),
            ("2026-03-09T22:00:00Z", "clearance_in_future"),
        ] {
            let mut clinician = physician();
            clinician["cleared_at"] = json!(at);
            let reply = step(&doctor, &id, &clear(clinician)).await;
            assert_eq!(
                (reply.problem(), missing(&reply)),
                ("409 gate_blocked".into(), vec![code.into()])
            );
        }
        psychologist["physician"] = json!({"relation": "consultation", "name": "Dr. Lee"});
        let reply = step(&doctor, &id, &clear(psychologist)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.json()["return_to_play"]["clearance"]["physician"], "Dr. Lee");
        assert_eq!(
            app.ask("select clinician_name from programs.return_to_play").await,
            ["Dr. Mina Okafor"]
        );
    });
}

#[test]
fn symptoms_void_a_clearance_and_open_the_incident_again() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, key) = (north.concussion().await, north.role("clinician"));
        reach(key, &hand, &id, 3).await;
        let doctor = north.person(app, "clinician").await;
        let clear = json!({"action": "clear", "symptoms": false, "clinician": physician()});
        assert_eq!(step(&doctor, &id, &clear).await.status, 200);
        assert_eq!(key.patch(&format!("/incidents/{id}/close"), &json!({})).await.status, 200);
        let back = json!({"action": "regress", "symptoms": true});
        let reply = step(key, &id, &back).await.json();
        assert_eq!(
            (&reply["status"], &reply["return_to_play"]["cleared"]),
            (&json!("open"), &json!(false))
        );
        let close = key.patch(&format!("/incidents/{id}/close"), &json!({})).await;
        assert_eq!(missing(&close), ["rtp_not_cleared"]);
        // A paper from before the symptoms does not clear again.
        hand.advance(hours(24));
        assert_eq!(step(key, &id, &advance()).await.status, 200);
        let doctor = north.again(&doctor, "clinician").await;
        let mut old = physician();
        old["cleared_at"] = json!("2026-03-04T17:00:00Z");
        let reply =
            step(&doctor, &id, &json!({"action": "clear", "symptoms": false, "clinician": old}))
                .await;
        assert_eq!(missing(&reply), ["clearance_outdated"], "{}", reply.text);
    });
}

#[test]
fn each_case_keeps_the_protocol_it_was_opened_under() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (old, key) = (north.concussion().await, north.role("clinician"));
        let settings = json!({"rtp_protocol": "zurich_2012"});
        let reply = north.role("admin").patch("/programs/settings", &settings).await;
        assert_eq!(reply.json()["rtp_protocol"], "zurich_2012", "{}", reply.text);
        let new = north.concussion().await;
        let protocol = async |id: &str| {
            key.get(&format!("/incidents/{id}")).await.json()["return_to_play"].clone()
        };
        assert_eq!(protocol(&old).await["protocol"], "amsterdam_2022");
        let zurich = protocol(&new).await;
        assert_eq!(
            (&zurich["protocol"], &zurich["stage_name"]),
            (&json!("zurich_2012"), &json!("No activity"))
        );
        // Zurich clears before full contact, and not before stage 4.
        reach(key, &hand, &new, 3).await;
        let doctor = north.person(app, "clinician").await;
        let clear = json!({"action": "clear", "symptoms": false, "clinician": physician()});
        assert_eq!(missing(&step(&doctor, &new, &clear).await), ["clearance_too_early"]);
        reach(key, &hand, &new, 4).await;
        hand.advance(hours(24));
        assert_eq!(missing(&step(key, &new, &advance()).await), ["not_cleared"]);
    });
}

#[test]
fn of_two_who_advance_at_once_one_does() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, key) = (north.concussion().await, north.role("clinician"));
        hand.advance(hours(24));
        let body = advance();
        let replies = futures::future::join_all((0..8).map(|_| step(key, &id, &body))).await;
        let took = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(took, 1, "{:?}", replies.iter().map(|r| r.problem()).collect::<Vec<_>>());
        assert_eq!(app.ask("select stage from programs.return_to_play").await, ["2"]);
    });
}

#[test]
fn an_incident_without_a_concussion_has_no_steps() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.incident(&json!({"incident_type": "injury"})).await;
        let key = north.role("clinician");
        assert_eq!(step(key, &id, &advance()).await.problem(), "409 no_return_to_play");
        let reply = step(key, &id, &json!({"action": "leap"})).await;
        assert_eq!(reply.fields(), ["body.action"]);
    });
}

#[test]
fn a_step_that_only_the_database_refuses_is_the_steps_own_refusal_on_record() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, key) = (north.concussion().await, north.role("clinician"));
        // This server's clock is years ahead of PostgreSQL's.
        hand.advance(hours(20 * 365 * 24));
        let reply = step(key, &id, &advance()).await;
        assert_eq!(reply.problem(), "409 gate_blocked", "{}", reply.text);
        let refused = format!(
            "select outcome || ' ' || permission || ' ' || reason from audit.entry
              where request_id = '{}'",
            reply.header("x-request-id").unwrap()
        );
        assert_eq!(app.ask(&refused).await, ["refused incident:escalate gate_blocked"]);
        assert_eq!(app.ask("select stage from programs.return_to_play").await, ["1"]);
    });
}
