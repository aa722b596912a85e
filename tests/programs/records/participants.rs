//! Participants: kept as sent, changed only whole, found by name.

use super::*;

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
fn hostile_text_is_kept_and_given_back_to_the_letter() {
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
fn the_roster_has_five_things_to_say_and_loses_nobody_while_others_come() {
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
