//! Participants and what surrounds them: kept as sent, changed only whole, listed without loss.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use testkit::{Reply, run, run_with};

use super::*;

/// What people really have as names, and what they should not be able to do with them.
const HOSTILE: [&str; 8] = [
    "=cmd|' /C calc'!A0",
    "+1-@SUM(A1)",
    "👩‍👧‍👦 Zoë 🥋",
    "\u{202e}evil\u{202c} مريم بنت عمر",
    "'; drop table programs.participant; --",
    "<script>alert(1)</script>",
    "${jndi:ldap://x} {{7*7}} %00 \\u0000",
    "line one\n\tline two",
];

fn status_of(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

/// All pages of a list, two at a time, each found by the Link of the one before.
async fn walked(who: &Persona, path: &str) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let (mut next, mut seen) = (Some(format!("{path}{separator}limit=2")), vec![]);
    while let Some(page) = next {
        let reply = who.get(&page).await;
        assert_eq!(reply.status, 200, "{page}: {}", reply.text);
        let rows = reply.json().as_array().unwrap().clone();
        assert!(rows.len() <= 2, "{page}");
        next = reply.header("link").map(|link| {
            assert!(link.starts_with('<') && link.ends_with(">; rel=\"next\""), "{link}");
            link[1..link.find('>').unwrap()].to_owned()
        });
        assert!(next.is_none() || rows.len() == 2, "{page}: a page that is not the last is full");
        seen.extend(rows);
        assert!(seen.len() < 500, "{path} does not end");
    }
    let distinct: BTreeSet<_> = seen.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), seen.len(), "{path}: a record twice");
    seen
}

fn named(last: &str) -> Value {
    json!({"first_name": "Ava", "last_name": last, "date_of_birth": "2013-05-10"})
}

/// A session of this cohort with this attendance.
fn session(cohort: &str, starts_at: &str, attendance: &[(&str, &str)]) -> Value {
    let entry = |(who, status): &(&str, &str)| json!({"participant_id": who, "status": status});
    let attendance: Vec<_> = attendance.iter().map(entry).collect();
    json!({"cohort_id": cohort, "starts_at": starts_at, "attendance": attendance})
}

#[test]
fn k032_a_participant_is_kept_with_children_as_sent_and_a_list_is_replaced_whole() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let admin = north.role("admin");
        let body = json!({
            "first_name": "Ava", "last_name": "Reyes", "dob": "2013-05-10", "external_id": "E-1",
            "preferred_name": "Avi", "gender": "f", "school": "North", "grade": "6", "medical_notes": "Nuts.",
            "guardians": [{"full_name": "Zed", "relation": "other"},
                          {"full_name": "Dana", "relation": "parent", "email": "D@Example.org",
                           "phone": "+1 614 555 0142", "is_primary": true}],
            "contacts": [{"full_name": "Second", "priority": 2}, {"full_name": "First"}],
            "addresses": [{"line1": "12 Elm", "city": "Columbus", "state": "OH", "postal_code": "43004"}],
        });
        let made = admin.post("/participants", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/participants/{}", made.id());
        assert_eq!(made.header("location"), Some(&*path));
        let read = admin.get(&path).await;
        assert_eq!((read.json(), read.header("etag")), (made.json(), made.header("etag")));
        let kept = read.json();
        assert_eq!(kept["guardians"][0]["full_name"], "Dana");
        assert_eq!(kept["guardians"][0]["email"], "d@example.org");
        assert_eq!(
            (&kept["contacts"][0]["full_name"], &kept["contacts"][0]["priority"]),
            (&json!("First"), &json!(1))
        );
        assert_eq!(kept["addresses"][0]["kind"], "home");
        assert_eq!(
            (&kept["date_of_birth"], &kept["status"]),
            (&json!("2013-05-10"), &json!("active"))
        );
        // One list is replaced, another emptied, the third stays with its ids.
        let change =
            json!({"guardians": [{"full_name": "Lee", "relation": "guardian"}], "contacts": []});
        let changed = admin.patch(&path, &change).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let after = changed.json();
        assert_eq!(after["guardians"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&after["guardians"][0]["full_name"], &after["contacts"]),
            (&json!("Lee"), &json!([]))
        );
        assert_eq!(after["addresses"], kept["addresses"]);
        assert_eq!(after["medical_notes"], "Nuts.");
        assert_eq!(admin.get(&path).await.json(), after);
        for list in ["guardians", "contacts", "addresses"] {
            let reply = admin.patch(&path, &json!({list: null})).await;
            assert_eq!(reply.fields(), [format!("body.{list}")]);
        }
        assert_eq!(admin.get(&path).await.json(), after);
        assert_eq!(south.role("admin").get(&path).await.status, 404);
        assert_eq!(south.role("admin").patch(&path, &json!({"school": "x"})).await.status, 404);
    });
}

#[test]
fn a_change_under_an_old_version_is_412_and_changes_nothing() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let admin = north.role("admin");
        let path = format!("/participants/{}", north.participant("2013-05-10").await);
        let first = admin.get(&path).await;
        let etag = first.header("etag").unwrap().to_owned();
        let patch = async |etag: &str, body: Value| {
            admin
                .send(admin.request(Method::PATCH, &path).header("If-Match", etag).json(&body))
                .await
        };
        let taken = patch(&etag, json!({"school": "South"})).await;
        assert_eq!(taken.status, 200, "{}", taken.text);
        assert_ne!(taken.header("etag"), Some(&*etag));
        let stale = patch(&etag, json!({"school": "West", "guardians": []})).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        let now = admin.get(&path).await;
        assert_eq!((now.json(), now.header("etag")), (taken.json(), taken.header("etag")));
        // Of ten who saw the same version, one changes it.
        let etag = now.header("etag").unwrap().to_owned();
        let replies =
            join_all((0..10).map(|n| patch(&etag, json!({"grade": n.to_string()})))).await;
        assert_eq!((status_of(&replies, 200), status_of(&replies, 412)), (1, 9));
    });
}

#[test]
fn what_cannot_be_a_participant_is_422_and_a_taken_external_id_409() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let admin = north.role("admin");
        let with = |field: &str, value: Value| {
            let mut body = named("Reyes");
            body[field] = value;
            body
        };
        for (field, value) in [
            ("date_of_birth", json!("2999-01-01")),
            ("date_of_birth", json!("2023-02-29")),
            ("date_of_birth", json!(20130510)),
            ("nickname", json!("A")),
            ("deid_id", json!("00000000-0000-7000-8000-000000000001")),
            ("tenant_id", json!(south.tenant.id.to_string())),
            ("first_name", json!("a\u{0}b")),
            ("last_name", json!("x".repeat(101))),
            ("last_name", json!("\u{a0}")),
            ("medical_notes", json!("x".repeat(10_001))),
            ("status", json!("deleted")),
        ] {
            let reply = admin.post("/participants", &with(field, value.clone())).await;
            assert_eq!(
                reply.fields(),
                [format!("body.{field}")],
                "{} {}",
                reply.status,
                reply.text
            );
        }
        let raw =
            admin.request(Method::POST, "/participants").header("content-type", "application/json");
        let lone = r#"{"first_name": "\ud800", "last_name": "R", "date_of_birth": "2013-05-10"}"#;
        let reply = admin.send(raw.body(lone)).await;
        assert!((400..500).contains(&reply.status), "{}", reply.text);
        assert_eq!(app.ask("select count(*) from programs.participant").await, ["0"]);
        let first = created(admin, "/participants", &with("external_id", json!("E-1"))).await;
        let second = created(admin, "/participants", &with("external_id", json!("E-2"))).await;
        let taken = with("external_id", json!("E-1"));
        assert_eq!(admin.post("/participants", &taken).await.problem(), "409 external_id_taken");
        let change =
            admin.patch(&format!("/participants/{second}"), &json!({"external_id": "E-1"})).await;
        assert_eq!(change.problem(), "409 external_id_taken");
        created(south.role("admin"), "/participants", &taken).await;
        let found = admin.get("/participants?external_id=E-1").await.json();
        assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &json!(first)));
        assert_eq!(admin.get("/participants?external_id=E-1&name=x").await.json(), json!([]));
    });
}

#[test]
fn d07_hostile_text_is_kept_and_given_back_to_the_letter() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let admin = north.role("admin");
        let long = "🥋".repeat(10_000);
        for text in HOSTILE {
            let mut body = named(text);
            body["medical_notes"] = json!(long);
            body["roster_name"] = json!(text);
            body["guardians"] = json!([{"full_name": text, "relation": "parent"}]);
            let id = created(admin, "/participants", &body).await;
            let kept = admin.get(&format!("/participants/{id}")).await.json();
            assert_eq!(
                (&kept["last_name"], &kept["guardians"][0]["full_name"]),
                (&json!(text), &json!(text))
            );
            assert_eq!(kept["medical_notes"], json!(long));
            let start: String = text.chars().take(3).collect();
            let query = [("name", start)];
            let found = admin.send(admin.request(Method::GET, "/participants").query(&query)).await;
            assert!(found.text.contains(&id), "{text}");
        }
        let roster = walked(admin, "/participants/roster").await;
        let names: BTreeSet<_> =
            roster.iter().map(|line| line["roster_name"].as_str().unwrap()).collect();
        assert_eq!(names, HOSTILE.into());
    });
}

#[test]
fn a_name_is_found_by_how_it_begins_in_any_case_and_any_script() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let admin = north.role("admin");
        for last in [
            "De la Cruz",
            "Delacroix",
            "DELL",
            "del Río",
            "Émile",
            "ÉMILIEN",
            "Emil",
            "Ñandú",
            "Ōtani",
            "Œuvre",
            "Иванова",
            "王",
            "O'Brien",
            "Obrien",
            "100%",
            "Under_score",
            "Zz\u{10ffff}top",
        ] {
            created(admin, "/participants", &named(last)).await;
        }
        for (prefix, wanted) in [
            ("del", vec!["DELL", "Delacroix", "del Río"]),
            ("DE ", vec!["De la Cruz"]),
            ("émi", vec!["ÉMILIEN", "Émile"]),
            ("ÉMI", vec!["ÉMILIEN", "Émile"]),
            ("emi", vec!["Emil"]),
            ("ñ", vec!["Ñandú"]),
            ("ō", vec!["Ōtani"]),
            ("œu", vec!["Œuvre"]),
            ("ИВАН", vec!["Иванова"]),
            ("王", vec!["王"]),
            ("o'", vec!["O'Brien"]),
            ("ob", vec!["Obrien"]),
            ("%", vec![]),
            ("100%", vec!["100%"]),
            ("under-", vec![]),
            ("_", vec![]),
            ("zz", vec!["Zz\u{10ffff}top"]),
        ] {
            let request = admin.request(Method::GET, "/participants").query(&[("name", prefix)]);
            let reply = admin.send(request).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            let found = reply.json();
            let mut found: Vec<_> = found
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["last_name"].as_str().unwrap())
                .collect();
            found.sort_unstable();
            assert_eq!(found, wanted, "{prefix}");
        }
        assert_eq!(walked(admin, "/participants").await.len(), 17);
        assert_eq!(walked(admin, "/participants?name=D").await.len(), 4);
        for bad in [
            "?name=",
            "?name=%00",
            "?status=gone",
            "?colour=red",
            "?limit=0",
            "?limit=201",
            "?cursor=x",
        ] {
            let reply = admin.get(&format!("/participants{bad}")).await;
            assert_eq!(reply.status, 422, "{bad} {}", reply.text);
        }
    });
}

#[test]
fn k033_the_roster_has_five_things_to_say_and_loses_nobody_while_others_come() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let (admin, instructor) = (north.role("admin"), north.role("instructor"));
        let mut known = BTreeSet::new();
        for n in 0..13 {
            known.insert(north.participant(&format!("201{}-01-01", n % 8)).await);
        }
        let first = known.first().unwrap().clone();
        let enrollment = json!({"participant_id": first, "cohort_id": north.cohort});
        created(admin, "/enrollments", &enrollment).await;
        let (mut next, mut seen) = (Some("/participants/roster?limit=3".to_owned()), vec![]);
        while let Some(page) = next {
            let reply = instructor.get(&page).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            for line in reply.json().as_array().unwrap() {
                let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(keys, ["id", "roster_name", "age_band", "status", "cohorts"]);
                assert!(line["roster_name"].as_str().unwrap().starts_with("P-"));
                seen.push(line["id"].as_str().unwrap().to_owned());
            }
            assert!(
                !reply.text.contains("Reyes")
                    && !reply.text.contains("5550142")
                    && !reply.text.contains("-01-01")
            );
            next = reply.header("link").map(|l| l[1..l.find('>').unwrap()].to_owned());
            if seen.len() < 30 {
                north.participant("2012-01-01").await;
            }
        }
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len());
        assert!(known.is_subset(&distinct));
        let cohort = instructor
            .get(&format!("/participants/roster?cohort_id={}", north.cohort))
            .await
            .json();
        assert_eq!((cohort.as_array().unwrap().len(), &cohort[0]["id"]), (1, &json!(first)));
        assert_eq!(cohort[0]["cohorts"], json!([{"cohort_id": north.cohort, "name": "Mondays"}]));
        // The static segment wins over an id; who may see the roster alone sees nobody's record.
        let manager = north.role("program_manager");
        assert_eq!(manager.get("/participants/roster").await.status, 200);
        assert_eq!(manager.get(&format!("/participants/{first}")).await.problem(), "403 forbidden");
        assert_eq!(manager.get("/participants").await.problem(), "403 forbidden");
    });
}

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

#[test]
fn c01_a_retry_under_one_key_gets_the_first_answer_and_another_body_422() {
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
