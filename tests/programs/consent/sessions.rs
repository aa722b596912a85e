//! No attendance without consent.

use super::*;

#[test]
fn s10_attendance_without_consent_is_refused_by_name_and_leaves_no_session() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (clinician, born) = (north.role("clinician"), "2012-05-10");
        let good = north.consented(born).await;
        let mut bad = vec![("missing", north.participant(born).await)];
        for (what, field, value) in [
            ("expired", "expires_at", json!("2026-03-02T16:00:00Z")),
            ("expired at the very start", "expires_at", json!("2026-03-02T17:00:00Z")),
            ("given later", "granted_at", json!("2026-03-02T16:59:59Z")),
            ("other purpose", "purpose", json!("mental_health")),
            ("revoked", "relation", json!("aunt")),
        ] {
            let id = north.participant(born).await;
            let mut body = consent(&id);
            body[field] = value;
            let given = created(clinician, "/consent", &body).await;
            if what == "revoked" {
                let reply = clinician.patch(&format!("/consent/{given}/revoke"), &json!({})).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
            bad.push((what, id));
        }
        // Another person: the twin has a consent, this one has none.
        north.consented(born).await;
        bad.push(("other person", north.participant(born).await));
        // A parent does not speak for who is of age.
        bad.push(("of age", north.consented("2008-03-02").await));
        hand.set(time("2026-03-02T17:00:00Z"));
        for (what, id) in &bad {
            let starts = if *what == "given later" { "2026-03-02T16:59:58Z" } else { BEGIN };
            for status in ["present", "late"] {
                let there = [(good.as_str(), "present"), (id.as_str(), status)];
                let reply = meet(&north, &north.program, starts, &there).await;
                assert_eq!(
                    reply.problem(),
                    "409 consent_required",
                    "{what} {status}: {}",
                    reply.text
                );
                assert!(reply.text.contains(id.as_str()), "{what}: names nobody: {}", reply.text);
                assert!(
                    !reply.text.contains(good.as_str()),
                    "{what}: names another: {}",
                    reply.text
                );
            }
        }
        for table in ["training_session", "attendance", "consent_session"] {
            let count = format!("select count(*) from programs.{table}");
            assert_eq!(app.ask(&count).await, ["0"], "{table}");
        }
        // Nor afterwards, by way of who was said to be absent.
        let absent: Vec<_> = bad.iter().map(|(_, id)| (id.as_str(), "absent")).collect();
        let reply = meet(&north, &north.program, BEGIN, &absent).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let attend = format!("/sessions/{}/attendance", reply.id());
        for (what, id) in bad.iter().filter(|(what, _)| *what != "given later") {
            let body = json!({"attendance": [{"participant_id": id, "status": "present"}]});
            let reply = north.role("instructor").patch(&attend, &body).await;
            assert_eq!(reply.problem(), "409 consent_required", "{what}: {}", reply.text);
        }
        let statuses = "select distinct status from programs.attendance";
        assert_eq!(app.ask(statuses).await, ["absent"]);
    });
}

#[test]
fn a_session_is_held_to_the_purposes_of_its_cohorts_programme() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let body = json!({"program_id": program, "name": "Talks"});
        let talks = created(north.role("admin"), "/cohorts", &body).await;
        let minor = north.consented(FIFTEEN).await;
        // Said to be of another programme, which asks for less.
        let body = json!({"program_id": north.program, "cohort_id": talks, "starts_at": BEGIN,
                          "attendance": [{"participant_id": minor, "status": "present"}]});
        let reply = north.role("instructor").post("/sessions", &body).await;
        assert!([409, 422].contains(&reply.status), "a way round the gate: {}", reply.text);
        assert_eq!(app.ask("select count(*) from programs.training_session").await, ["0"]);
    });
}

#[test]
fn no_programme_asks_for_no_consent_at_all() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        for purposes in [
            json!([]),
            json!([""]),
            json!([" "]),
            json!(["Participation!"]),
            json!("participation"),
        ] {
            let body = json!({"name": "Open house", "consent_purposes": purposes});
            let reply = north.role("program_manager").post("/programs", &body).await;
            assert_eq!(reply.status, 422, "{purposes}: {}", reply.text);
        }
        let body = json!({"name": "Usual", "consent_purposes": null});
        let reply = north.role("admin").post("/programs", &body).await;
        if reply.status == 201 {
            assert_eq!(reply.json()["consent_purposes"], json!(["participation"]));
        }
    });
}

#[test]
fn a_session_sent_again_under_its_idempotency_key_is_spent_once() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let clinician = north.role("clinician");
        let mut texts = vec![];
        for _ in 0..3 {
            let request =
                clinician.request(reqwest::Method::POST, &spend_of(&consent)).json(&json!({}));
            let reply = clinician.send(request.header("Idempotency-Key", "one-afternoon")).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            texts.push(reply.text);
        }
        texts.dedup();
        assert_eq!((texts.len(), held(app).await.as_str()), (1, "1"), "{texts:?}");
    });
}

#[test]
fn nobody_attends_tomorrow_and_nobody_twice() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.consented("2012-05-10").await;
        let reply = meet(&north, &north.program, "2026-03-03T17:00:00Z", &[(&id, "present")]).await;
        assert!((400..500).contains(&reply.status), "tomorrow: {}", reply.text);
        let twice = [(id.as_str(), "absent"), (id.as_str(), "present")];
        let reply = meet(&north, &north.program, BEGIN, &twice).await;
        assert!((400..500).contains(&reply.status), "twice: {}", reply.text);
        assert_eq!(app.ask("select count(*) from programs.training_session").await, ["0"]);
    });
}

#[test]
fn attendance_by_plain_sql_without_consent_is_refused_by_the_database() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let id = north.participant("2012-05-10").await;
        let reply = meet(&north, &north.program, BEGIN, &[(&id, "absent")]).await;
        let held = reply.id();
        let server = as_server(app, north.tenant.id).await;
        let other = north.participant("2012-05-10").await;
        for sql in [
            "update programs.attendance set status = 'present'".to_owned(),
            format!("update programs.attendance set participant_id = '{other}'"),
            format!(
                "insert into programs.attendance (tenant_id, id, session_id, participant_id, status)
                 values (kernel.tenant(), gen_random_uuid(), '{held}', '{other}', 'late')"
            ),
        ] {
            assert_eq!(sqlstate(&server, &sql).await, "RV609", "{sql}");
        }
    });
}

#[test]
fn attendance_of_counselling_spends_the_budget_once_a_session_and_ends_with_it() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        let other = north.participant(FIFTEEN).await;
        north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let left = async || {
            gate(&north, &minor, "mental_health").await["budgets"][0]["sessions_remaining"].clone()
        };
        // Who is not there spends nothing.
        for status in ["absent", "excused"] {
            let reply = meet(&north, &program, BEGIN, &[(&minor, status)]).await;
            assert_eq!((reply.status, left().await), (201, json!(6)), "{}", reply.text);
        }
        // One refused for another's sake spends nothing either.
        let both = [(minor.as_str(), "present"), (other.as_str(), "present")];
        let reply = meet(&north, &program, BEGIN, &both).await;
        assert_eq!((reply.problem().as_str(), left().await), ("409 consent_required", json!(6)));
        for (n, status) in
            ["present", "late", "present", "present", "present", "late"].iter().enumerate()
        {
            let reply = meet(&north, &program, BEGIN, &[(&minor, status)]).await;
            assert_eq!(reply.status, 201, "{n}: {}", reply.text);
            assert_eq!(held(app).await, (n + 1).to_string());
        }
        hand.advance(hours(1));
        let before = app.ask("select count(*) from programs.training_session").await;
        let reply = meet(&north, &program, "2026-03-02T18:00:00Z", &[(&minor, "present")]).await;
        assert_eq!(reply.problem(), "409 consent_required", "{}", reply.text);
        assert!(
            reply.text.contains(&minor) && reply.text.contains("sessions_spent"),
            "{}",
            reply.text
        );
        assert_eq!(app.ask("select count(*) from programs.training_session").await, before);
        // With the guardian's consent it goes on, and spends no budget.
        let mut body = consent(&minor);
        body["purpose"] = json!("mental_health");
        created(north.role("clinician"), "/consent", &body).await;
        let reply = meet(&north, &program, "2026-03-02T18:00:00Z", &[(&minor, "present")]).await;
        assert_eq!((reply.status, held(app).await.as_str()), (201, "6"), "{}", reply.text);
    });
}

#[test]
fn attendance_under_a_minors_own_consent_can_be_corrected_and_is_spent_once() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let reply = meet(&north, &program, BEGIN, &[(&minor, "present")]).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let path = format!("/sessions/{}/attendance", reply.id());
        for again in ["late", "present", "absent"] {
            let body = json!({"attendance": [{"participant_id": minor, "status": again}]});
            let reply = north.role("instructor").patch(&path, &body).await;
            assert_eq!(reply.status, 200, "{again}: {}", reply.text);
            assert_eq!(reply.json()["attendance"][0]["status"], again);
            assert_eq!(held(app).await, "1", "{again}");
        }
    });
}

#[test]
fn a_guardians_consent_saves_the_minors_own_budget() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let mut body = consent(&minor);
        body["purpose"] = json!("mental_health");
        created(north.role("clinician"), "/consent", &body).await;
        let reply = meet(&north, &program, BEGIN, &[(&minor, "present")]).await;
        assert_eq!((reply.status, held(app).await.as_str()), (201, "0"), "{}", reply.text);
    });
}
