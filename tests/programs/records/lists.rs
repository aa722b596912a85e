//! Retries and lists, of every noun.

use super::*;

#[test]
fn a_retry_under_one_key_gets_the_first_answer_and_another_body_422() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let admin = north.role("admin");
        let participant = north.participant("2013-05-10").await;
        let injury = json!({"incident_type": "injury", "participant_id": participant});
        for (path, body, other, table) in [
            (
                "/participants",
                named("Reyes"),
                named("Lee"),
                "programs.participant where last_name = 'Reyes' and first_name = 'Ava' and date_of_birth = '2013-05-10' and school is null",
            ),
            (
                "/sessions",
                session(&north.cohort, "2026-03-02T17:00:00Z", &[]),
                session(&north.cohort, "2026-03-03T17:00:00Z", &[]),
                "programs.training_session",
            ),
            (
                "/incidents",
                injury.clone(),
                json!({"incident_type": "illness"}),
                "programs.incident",
            ),
            ("/incidents", json!({"incident_type": "crisis"}), injury, "programs.escalation"),
            ("/consent", consent(&participant), json!({}), "kernel.consent"),
        ] {
            let count = async || {
                app.ask(&format!("select count(*) from {table}")).await[0].parse::<i64>().unwrap()
            };
            let before = count().await;
            let key = uuid::Uuid::now_v7().to_string();
            let send = async |body: &Value| {
                let request = admin.request(Method::POST, path).header("Idempotency-Key", &key);
                admin.send(request.json(body)).await
            };
            let replies = join_all((0..6).map(|_| send(&body))).await;
            for reply in replies.iter().filter(|reply| reply.status != 201) {
                assert_eq!(reply.problem(), "409 idempotency_in_flight", "{path}");
            }
            let first = replies
                .iter()
                .find(|r| r.status == 201)
                .unwrap_or_else(|| panic!("{path}: {}", replies[0].text));
            let replay = send(&body).await;
            assert_eq!(
                (replay.status, replay.header("idempotent-replayed")),
                (201, Some("true")),
                "{path}"
            );
            assert_eq!(
                (&replay.text, replay.header("location"), replay.header("etag")),
                (&first.text, first.header("location"), first.header("etag")),
                "{path}"
            );
            let another = send(&other).await;
            assert_eq!(another.status, 422, "{path}: {}", another.text);
            assert_eq!(count().await, before + 1, "{path}");
        }
    });
}

#[test]
fn every_list_ends_and_its_link_leads_to_the_next_page() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let admin = north.role("admin");
        let ava = north.participant("2013-05-10").await;
        for n in 0..5 {
            let name = json!(format!("N {}", n / 2));
            let program = created(admin, "/programs", &json!({"name": format!("P {n}")})).await;
            // Cohorts of two programmes may have one name, instructors and participants too.
            let cohort =
                created(admin, "/cohorts", &json!({"program_id": program, "name": name})).await;
            created(
                admin,
                "/cohorts",
                &json!({"program_id": north.program, "name": format!("C {n}")}),
            )
            .await;
            created(admin, "/locations", &json!({"name": format!("L {n}")})).await;
            created(admin, "/instructors", &json!({"full_name": name})).await;
            let mut body = named("Same");
            body["roster_name"] = name.clone();
            let participant = created(admin, "/participants", &body).await;
            created(
                admin,
                "/enrollments",
                &json!({"participant_id": participant, "cohort_id": north.cohort}),
            )
            .await;
            created(admin, "/enrollments", &json!({"participant_id": ava, "cohort_id": cohort}))
                .await;
            created(admin, "/sessions", &session(&north.cohort, BEGIN, &[])).await;
            created(admin, "/goals", &json!({"participant_id": ava, "title": name})).await;
            created(
                admin,
                "/incidents",
                &json!({"incident_type": "injury", "participant_id": ava}),
            )
            .await;
            let mut given = consent(&ava);
            given["purpose"] = json!(format!("purpose_{n}"));
            created(admin, "/consent", &given).await;
            created(
                admin,
                "/knowledge/documents",
                &json!({"title": format!("T {n}"), "citation": "c", "text": "x"}),
            )
            .await;
            hand.advance(hours(i64::from(n % 2)));
        }
        let (cohort, program) = (&north.cohort, &north.program);
        for (path, count) in [
            ("/programs".to_owned(), 6),
            ("/cohorts".into(), 11),
            (format!("/cohorts?program_id={program}"), 6),
            ("/locations".into(), 5),
            ("/instructors".into(), 5),
            ("/participants".into(), 6),
            ("/participants?name=sa&status=active".into(), 5),
            ("/participants/roster".into(), 6),
            (format!("/participants/roster?cohort_id={cohort}"), 5),
            ("/enrollments".into(), 10),
            (format!("/enrollments?participant_id={ava}"), 5),
            (format!("/enrollments?cohort_id={cohort}"), 5),
            ("/enrollments?status=active".into(), 10),
            ("/enrollments/cohorts".into(), 11),
            (format!("/enrollments/cohorts?program_id={program}"), 6),
            ("/sessions".into(), 5),
            (format!("/sessions?cohort_id={cohort}"), 5),
            (format!("/sessions?program_id={program}"), 5),
            ("/goals".into(), 5),
            (format!("/goals?participant_id={ava}"), 5),
            ("/goals?status=active".into(), 5),
            ("/incidents".into(), 5),
            ("/incidents?status=open".into(), 5),
            ("/incidents?incident_type=injury".into(), 5),
            (format!("/incidents?participant_id={ava}"), 5),
            (format!("/consent?participant_id={ava}"), 5),
            ("/knowledge/documents".into(), 5),
        ] {
            assert_eq!(walked(admin, &path).await.len(), count, "{path}");
            let elsewhere =
                walked(south.role("admin"), &path.replace(&ava, &uuid::Uuid::now_v7().to_string()))
                    .await;
            let own = if ["/programs", "/cohorts", "/enrollments/cohorts"].contains(&&*path) {
                1
            } else {
                0
            };
            assert_eq!(elsewhere.len(), own, "{path}");
        }
        // A cursor is its question's own.
        let first = admin.get("/goals?limit=2").await;
        let link = first.header("link").unwrap();
        let cursor = link.split("cursor=").nth(1).unwrap().split('>').next().unwrap();
        for other in ["/goals?status=active&", "/participants?", "/incidents?"] {
            let reply = admin.get(&format!("{other}limit=2&cursor={cursor}")).await;
            assert_eq!(reply.fields(), ["query.cursor"], "{other}");
        }
        let stranger = south.role("admin").get(&format!("/goals?limit=2&cursor={cursor}")).await;
        assert_eq!(stranger.fields(), ["query.cursor"]);
    });
}
