//! What participants go through: cohorts, goals, sessions, and those who lead them.

use super::*;

#[test]
fn k091_ending_an_enrollment_twice_is_a_conflict_and_the_first_end_stands() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let manager = north.role("program_manager");
        let participant = north.participant("2013-05-10").await;
        let body = json!({"participant_id": participant, "cohort_id": north.cohort});
        let id = created(manager, "/enrollments", &body).await;
        assert_eq!(manager.post("/enrollments", &body).await.problem(), "409 already_enrolled");
        let end = format!("/enrollments/{id}/end");
        let early = json!({"status": "completed", "ended_on": "2026-03-01"});
        assert_eq!(manager.patch(&end, &early).await.fields(), ["body.ended_on"]);
        assert_eq!(
            south.role("admin").patch(&end, &json!({"status": "completed"})).await.status,
            404
        );
        let first = json!({"status": "withdrawn", "ended_on": "2026-03-02", "reason": "Moved."});
        let reply = manager.patch(&end, &first).await;
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (200, &json!("withdrawn")),
            "{}",
            reply.text
        );
        let list = format!("/enrollments?participant_id={participant}");
        let kept = manager.get(&list).await.json();
        assert_eq!(kept[0]["reason"], "Moved.");
        let other = json!({"status": "completed", "ended_on": "2026-03-02"});
        for second in [&first, &other] {
            assert_eq!(manager.patch(&end, second).await.problem(), "409 enrollment_ended");
            let stale =
                manager.request(Method::PATCH, &end).header("If-Match", "\"1\"").json(second);
            assert_eq!(manager.send(stale).await.problem(), "409 enrollment_ended");
        }
        assert_eq!(manager.get(&list).await.json(), kept);
        // Who left may come back, and only into what there is.
        created(manager, "/enrollments", &body).await;
        let foreign = json!({"participant_id": participant, "cohort_id": south.cohort});
        assert_eq!(manager.post("/enrollments", &foreign).await.fields(), ["body.cohort_id"]);
        let foreign = json!({"participant_id": south.participant("2013-01-01").await, "cohort_id": north.cohort});
        assert_eq!(manager.post("/enrollments", &foreign).await.fields(), ["body.participant_id"]);
    });
}

#[test]
fn k040_of_twenty_at_once_one_gets_the_last_place_and_the_counts_are_exact() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let manager = north.role("program_manager");
        let small = json!({"program_id": north.program, "name": "Small", "capacity": 2});
        let small = created(manager, "/cohorts", &small).await;
        let mut bodies = vec![];
        for _ in 0..21 {
            let participant = north.participant("2013-05-10").await;
            bodies.push(json!({"participant_id": participant, "cohort_id": small}));
        }
        let early = created(manager, "/enrollments", &bodies.pop().unwrap()).await;
        let replies = join_all(bodies.iter().map(|body| manager.post("/enrollments", body))).await;
        assert_eq!((status_of(&replies, 201), status_of(&replies, 409)), (1, 19));
        for reply in replies.iter().filter(|reply| reply.status == 409) {
            assert_eq!(reply.problem(), "409 cohort_full");
        }
        // The same person twice at once into another cohort is there once.
        let body =
            json!({"participant_id": bodies[0]["participant_id"], "cohort_id": north.cohort});
        let replies = join_all((0..8).map(|_| manager.post("/enrollments", &body))).await;
        assert_eq!((status_of(&replies, 201), status_of(&replies, 409)), (1, 7));
        // Who ends makes room for one.
        let end = json!({"status": "completed"});
        let ends = join_all((0..6).map(|_| {
            let path = format!("/enrollments/{early}/end");
            let end = &end;
            async move { manager.patch(&path, end).await }
        }));
        let ends = ends.await;
        assert_eq!((status_of(&ends, 200), status_of(&ends, 409)), (1, 5));
        let replies = join_all(bodies.iter().map(|body| manager.post("/enrollments", body))).await;
        assert_eq!(status_of(&replies, 201), 1);
        let counts = manager.get("/enrollments/cohorts").await;
        let found = counts.json();
        let small =
            found.as_array().unwrap().iter().find(|c| c["cohort_id"] == small.as_str()).unwrap();
        assert_eq!(
            *small,
            json!({"cohort_id": small["cohort_id"], "program_id": north.program, "name": "Small", "capacity": 2,
                   "active": 2, "completed": 1, "withdrawn": 0})
        );
        assert!(!counts.text.contains("participant"));
    });
}

#[test]
fn a_goal_keeps_every_step_with_its_note_and_what_is_achieved_is_complete() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let who = north.role("case_manager");
        let participant = north.participant("2013-05-10").await;
        let body = json!({"participant_id": participant, "title": "Yellow belt", "target_date": "2027-01-01"});
        let id = created(who, "/goals", &body).await;
        let path = format!("/goals/{id}");
        for change in [
            json!({"progress": 20, "note": "Falls well."}),
            json!({"note": "Was ill."}),
            json!({"status": "on_hold"}),
            json!({"title": "Yellow belt in judo"}),
            json!({"status": "achieved", "note": "Done!"}),
        ] {
            let reply = who.patch(&path, &change).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            assert!(reply.json().get("history").is_none());
        }
        let goal = who.get(&path).await.json();
        assert_eq!(
            (&goal["progress"], &goal["title"]),
            (&json!(100), &json!("Yellow belt in judo"))
        );
        let steps: Vec<_> = goal["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| {
                (s["status"].as_str().unwrap(), s["progress"].as_i64().unwrap(), s["note"].as_str())
            })
            .collect();
        assert_eq!(
            steps,
            [
                ("active", 0, None),
                ("active", 20, Some("Falls well.")),
                ("active", 20, Some("Was ill.")),
                ("on_hold", 20, None),
                ("achieved", 100, Some("Done!")),
            ]
        );
        for (wrong, field) in [
            (json!({"progress": 50}), "progress"),
            (json!({"status": "achieved", "progress": 99}), "progress"),
            (json!({"progress": 101}), "progress"),
            (json!({"progress": 1.5}), "progress"),
            (json!({"status": "won"}), "status"),
            (json!({"participant_id": participant}), "participant_id"),
            (json!({"history": []}), "history"),
        ] {
            assert_eq!(
                who.patch(&path, &wrong).await.fields(),
                [format!("body.{field}")],
                "{wrong}"
            );
        }
        assert_eq!(who.get(&path).await.json(), goal);
        assert_eq!(
            who.patch(&path, &json!({"status": "active", "progress": 90})).await.status,
            200
        );
        // Others' goals, and goals of nobody.
        let other =
            json!({"participant_id": north.participant("2013-01-01").await, "title": "Swim"});
        created(who, "/goals", &other).await;
        assert_eq!(walked(who, "/goals").await.len(), 2);
        assert_eq!(walked(who, &format!("/goals?participant_id={participant}")).await.len(), 1);
        assert_eq!(walked(who, "/goals?status=active").await.len(), 2);
        assert_eq!(
            walked(who, &format!("/goals?participant_id={participant}&status=achieved"))
                .await
                .len(),
            0
        );
        let (foreign, nothing) =
            (south.role("case_manager"), format!("/goals/{}", uuid::Uuid::now_v7()));
        assert_eq!(foreign.get(&path).await.essence(), foreign.get(&nothing).await.essence());
        assert_eq!(foreign.patch(&path, &json!({"progress": 1})).await.status, 404);
        assert_eq!(foreign.post("/goals", &body).await.fields(), ["body.participant_id"]);
        assert_eq!(walked(foreign, "/goals").await.len(), 0);
    });
}

#[test]
fn what_is_offered_has_a_name_of_its_own_and_stands_where_it_exists() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let manager = north.role("program_manager");
        for (path, body, code) in [
            ("/programs", json!({"name": "Judo"}), "program_name_taken"),
            (
                "/cohorts",
                json!({"program_id": north.program, "name": "Mondays"}),
                "cohort_name_taken",
            ),
        ] {
            assert_eq!(manager.post(path, &body).await.problem(), format!("409 {code}"));
        }
        let location = json!({"name": "Gym", "county": "Franklin"});
        created(manager, "/locations", &location).await;
        assert_eq!(
            manager.post("/locations", &location).await.problem(),
            "409 location_name_taken"
        );
        created(south.role("program_manager"), "/locations", &location).await;
        for program in
            [south.program.clone(), uuid::Uuid::now_v7().to_string(), uuid::Uuid::nil().to_string()]
        {
            let reply =
                manager.post("/cohorts", &json!({"program_id": program, "name": "Tuesdays"})).await;
            assert_eq!(reply.fields(), ["body.program_id"], "{}", reply.text);
        }
        let late = json!({"name": "X", "starts_on": "2027-01-02", "ends_on": "2027-01-01"});
        assert_eq!(manager.post("/programs", &late).await.fields(), ["body.ends_on"]);
        let crowd = json!({"program_id": north.program, "name": "X", "capacity": 0});
        assert_eq!(manager.post("/cohorts", &crowd).await.fields(), ["body.capacity"]);
        let odd = json!({"name": "X", "consent_purposes": ["a", "a; drop table x"]});
        assert_eq!(manager.post("/programs", &odd).await.fields(), ["body.consent_purposes"]);
        let second = created(manager, "/programs", &json!({"name": "judo"})).await;
        created(manager, "/cohorts", &json!({"program_id": second, "name": "Mondays"})).await;
        assert_eq!(walked(manager, "/cohorts").await.len(), 2);
        assert_eq!(walked(manager, &format!("/cohorts?program_id={second}")).await.len(), 1);
        assert_eq!(
            walked(manager, &format!("/cohorts?program_id={}", south.program)).await.len(),
            0
        );
    });
}

#[test]
fn an_instructor_is_changed_under_a_version_and_has_an_account_of_the_same_organisation() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let admin = north.role("admin");
        let body = json!({"full_name": "Jordan Wells", "email": "J@Example.org", "concussion_trained_on": "2025-09-01"});
        let made = admin.post("/instructors", &body).await;
        assert_eq!(
            (made.status, &made.json()["email"]),
            (201, &json!("j@example.org")),
            "{}",
            made.text
        );
        let path = format!("/instructors/{}", made.id());
        let etag = made.header("etag").unwrap();
        let patch = async |etag: &str, body: Value| {
            admin
                .send(admin.request(Method::PATCH, &path).header("If-Match", etag).json(&body))
                .await
        };
        let reply =
            patch(etag, json!({"email": null, "activity_permit_until": "2027-01-01"})).await;
        assert_eq!((reply.status, &reply.json()["email"]), (200, &Value::Null), "{}", reply.text);
        assert_eq!(reply.json()["concussion_trained_on"], "2025-09-01");
        assert_eq!(patch(etag, json!({"email": "x@example.org"})).await.status, 412);
        let stranger = south.person(app, "instructor").await;
        let me = stranger.get("/auth/me").await.json();
        let account =
            me["id"].as_str().or(me["sub"].as_str()).map_or_else(|| panic!("{me}"), str::to_owned);
        for account in [account, uuid::Uuid::now_v7().to_string()] {
            let reply = admin.patch(&path, &json!({"account_id": account})).await;
            assert_eq!(reply.fields(), ["body.account_id"], "{}", reply.text);
        }
        assert_eq!(
            admin.patch(&path, &json!({"full_name": null})).await.fields(),
            ["body.full_name"]
        );
        assert_eq!(south.role("admin").patch(&path, &json!({"email": null})).await.status, 404);
        assert_eq!(
            north.role("instructor").post("/instructors", &body).await.problem(),
            "403 forbidden"
        );
    });
}

#[test]
fn k035_sessions_are_listed_by_a_half_open_range_and_attendance_is_corrected_later() {
    let (options, _) = at("2026-03-10T17:00:00Z");
    run_with(options, async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let who = north.role("instructor");
        let (ava, ben) = (north.consented("2013-05-10").await, north.consented("2013-05-11").await);
        let other = json!({"program_id": north.program, "name": "Tuesdays"});
        let other = created(north.role("admin"), "/cohorts", &other).await;
        let mut ids = vec![];
        for (cohort, day) in
            [(&north.cohort, 2), (&other, 3), (&north.cohort, 4), (&north.cohort, 4), (&other, 5)]
        {
            let starts_at = format!("2026-03-0{day}T17:00:00Z");
            let made =
                who.post("/sessions", &session(cohort, &starts_at, &[(&ava, "present")])).await;
            assert_eq!((made.status, &made.json()["present"]), (201, &json!(1)), "{}", made.text);
            assert_eq!(made.json()["program_id"], north.program.as_str());
            ids.push(made.id());
        }
        let list = async |query: &str| -> Vec<usize> {
            let rows = walked(who, &format!("/sessions{query}")).await;
            rows.iter()
                .map(|s| ids.iter().position(|id| *id == s["id"].as_str().unwrap()).unwrap())
                .collect()
        };
        assert_eq!(list("").await, [0, 1, 2, 3, 4]);
        assert_eq!(list("?from=2026-03-03T17:00:00Z&to=2026-03-05T17:00:00Z").await, [1, 2, 3]);
        assert_eq!(list("?from=2026-03-04T17:00:00.000001Z").await, [4]);
        assert_eq!(
            list("?from=2026-03-04T12:00:00-05:00&to=2026-03-04T12:00:00.000001-05:00").await,
            [2, 3]
        );
        assert_eq!(
            list("?from=2026-03-05T17:00:00Z&to=2026-03-02T17:00:00Z").await,
            Vec::<usize>::new()
        );
        assert_eq!(list(&format!("?cohort_id={other}")).await, [1, 4]);
        assert_eq!(
            list(&format!("?program_id={}&to=2026-03-04T17:00:00Z", north.program)).await,
            [0, 1]
        );
        assert_eq!(list(&format!("?program_id={}", south.program)).await, Vec::<usize>::new());
        for bad in ["?from=yesterday", "?cohort_id=1", "?from=2026-03-04", "?from="] {
            assert_eq!(who.get(&format!("/sessions{bad}")).await.status, 422, "{bad}");
        }
        // Corrected, added, and never twice.
        let path = format!("/sessions/{}/attendance", ids[0]);
        let entries = json!([{"participant_id": ava, "status": "excused", "note": "Ill."},
                             {"participant_id": ben, "status": "late"}]);
        let reply = who.patch(&path, &json!({"attendance": entries})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let now = who.get(&format!("/sessions/{}", ids[0])).await.json();
        assert_eq!(
            (&now["present"], &now["absent"], &now["attendance"]),
            (&json!(1), &json!(1), &reply.json()["attendance"])
        );
        assert_eq!(now["attendance"].as_array().unwrap().len(), 2);
        let twice = json!([{"participant_id": ava, "status": "absent"}, {"participant_id": ava, "status": "absent"}]);
        assert_eq!(
            who.patch(&path, &json!({"attendance": twice})).await.fields(),
            ["body.attendance.1.participant_id"]
        );
        assert_eq!(
            south.role("instructor").patch(&path, &json!({"attendance": []})).await.status,
            404
        );
        let stranger = south.consented("2013-05-10").await;
        for (body, field) in [
            (session(&north.cohort, "2026-03-10T17:00:01Z", &[(&ava, "present")]), "starts_at"),
            (
                session(
                    &north.cohort,
                    "2026-03-02T17:00:00Z",
                    &[(&ava, "present"), (&ava, "late")],
                ),
                "attendance.1.participant_id",
            ),
            (
                session(&north.cohort, "2026-03-02T17:00:00Z", &[(&ava, "there")]),
                "attendance.0.status",
            ),
            (
                session(&north.cohort, "2026-03-02T17:00:00Z", &[(&stranger, "absent")]),
                "attendance",
            ),
            (session(&south.cohort, "2026-03-02T17:00:00Z", &[]), "cohort_id"),
            (json!({"starts_at": "2026-03-02T17:00:00Z"}), "program_id"),
            (
                json!({"cohort_id": north.cohort, "starts_at": "2026-03-02T17:00:00Z", "ends_at": "2026-03-02T17:00:00Z"}),
                "ends_at",
            ),
            (
                json!({"cohort_id": north.cohort, "starts_at": "2026-03-02T17:00:00Z", "location_id": north.cohort}),
                "location_id",
            ),
            (
                json!({"cohort_id": north.cohort, "starts_at": "2026-03-02T17:00:00Z", "instructor_id": north.cohort}),
                "instructor_id",
            ),
            (
                json!({"program_id": south.program, "starts_at": "2026-03-02T17:00:00Z"}),
                "program_id",
            ),
        ] {
            let reply = who.post("/sessions", &body).await;
            assert_eq!(
                reply.fields(),
                [format!("body.{field}")],
                "{} {}",
                reply.status,
                reply.text
            );
        }
        let planned = created(
            who,
            "/sessions",
            &session(&north.cohort, "2026-03-11T17:00:00Z", &[(&ava, "excused")]),
        )
        .await;
        let body = json!({"attendance": [{"participant_id": ava, "status": "present"}]});
        assert_eq!(
            who.patch(&format!("/sessions/{planned}/attendance"), &body).await.problem(),
            "409 session_not_begun"
        );
    });
}

#[test]
fn a_session_is_not_of_one_programme_and_of_a_cohort_of_another() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let admin = north.role("admin");
        let other = json!({"name": "Counselling", "consent_purposes": ["mental_health"]});
        let other = created(admin, "/programs", &other).await;
        let cohort =
            created(admin, "/cohorts", &json!({"program_id": other, "name": "Talks"})).await;
        // The cohort's programme asks for a consent that the other does not ask for.
        let ava = north.consented("2013-05-10").await;
        let mut body = session(&cohort, "2026-03-02T17:00:00Z", &[(&ava, "present")]);
        assert_eq!(admin.post("/sessions", &body).await.problem(), "409 consent_required");
        body["program_id"] = json!(north.program);
        let reply = admin.post("/sessions", &body).await;
        assert!([409, 422].contains(&reply.status), "{} {}", reply.status, reply.text);
    });
}
