//! Teams, athletes, guardians, milestones, disclosures and the school itself.

use testkit::{run, run_with};

use super::*;

#[test]
fn r021_a_school_has_its_branding_and_its_names_of_sports() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let body = json!({
            "external_id": "sch_1", "domain": "central.example.org",
            "config": {"primary_color": "#7a1f2b", "logo_url": "https://central.example.org/logo.svg",
                       "sport_names": {"fb": "Football", "xc": "Cross Country"}},
        });
        let reply = school.admin().patch("/api/v1/school", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        for (role, who) in school.everybody() {
            let seen = who.get("/api/v1/school").await.json();
            assert_eq!(seen["config"], body["config"], "{role}");
            assert_eq!(
                (&seen["name"], &seen["external_id"]),
                (&json!("central"), &json!("sch_1")),
                "{role}"
            );
            assert_eq!(seen["id"], school.id().to_string());
            if role != "school_admin" {
                assert_eq!(
                    who.patch("/api/v1/school", &body).await.problem(),
                    "403 forbidden",
                    "{role}"
                );
            }
        }
        for (config, field) in [
            (json!({"primary_color": "red"}), "primary_color"),
            (json!({"logo_url": "http://x.example/logo"}), "logo_url"),
            (json!({"logo_url": "javascript:alert(1)"}), "logo_url"),
            (json!({"sport_names": {"": "x"}}), "sport_names"),
        ] {
            let reply = school.admin().patch("/api/v1/school", &json!({"config": config})).await;
            assert_eq!(reply.problem(), "422 invalid", "{config}: {}", reply.text);
            assert!(reply.fields()[0].contains("config"), "{field}: {:?}", reply.fields());
        }
        for body in [
            json!({"time_zone": "Mars/Olympus"}),
            json!({"rtp_protocol": "none"}),
            json!({"surprise": 1}),
        ] {
            assert_eq!(
                school.admin().patch("/api/v1/school", &body).await.problem(),
                "422 invalid",
                "{body}"
            );
        }
    });
}

#[test]
fn an_athlete_is_made_read_and_changed_by_either_id() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let body =
            with(athlete(&school.football, "2010-05-10"), &json!({"external_id": "ath_102938"}));
        let reply = school.admin().post("/api/v1/athletes", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let id = reply.id();
        let location = format!("/api/v1/athletes/{id}");
        assert_eq!(reply.header("location"), Some(location.as_str()));
        assert_eq!(
            (&reply.json()["current_status"], &reply.json()["team"]),
            (&json!("cleared"), &json!("Varsity Football"))
        );
        for name in [id.as_str(), "ath_102938"] {
            for path in ["athletes", "roster"] {
                let reply = school.trainer().get(&format!("/api/v1/{path}/{name}")).await;
                assert_eq!(
                    (reply.status, reply.json()["id"].as_str()),
                    (200, Some(id.as_str())),
                    "{path}"
                );
            }
        }
        let change = json!({"grade": "11", "sports": ["fb", "vb"], "team_ids": [school.volleyball, school.football]});
        let reply = school.trainer().patch("/api/v1/athletes/ath_102938", &change).await;
        assert_eq!((reply.status, &reply.json()["grade"]), (200, &json!("11")), "{}", reply.text);
        assert_eq!(reply.json()["teams"].as_array().unwrap().len(), 2);
        assert_eq!(reply.json()["last_name"], "Reyes");
        let twin = school.admin().post("/api/v1/athletes", &body).await;
        assert_eq!(twin.status, 409, "{}", twin.text);
        // Another school may call its own the same.
        let south = School::new(app, "south").await;
        created(
            south.admin(),
            "/api/v1/athletes",
            &with(athlete(&south.football, "2010-05-10"), &json!({"external_id": "ath_102938"})),
        )
        .await;
        let reply = south.trainer().get("/api/v1/athletes/ath_102938").await;
        assert_ne!(reply.id(), id);
    });
}

#[test]
fn c17_cases_and_entries_take_the_ids_of_other_systems() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let named = with(athlete(&school.football, "2010-05-10"), &json!({"external_id": "ath_1"}));
        let sam = created(school.admin(), "/api/v1/athletes", &named).await;
        let entry = school.entry(&seen("ath_1", "knee", "mild")).await;
        assert_eq!(entry["athlete_id"], sam);
        let case = text(&entry["case_id"]);
        let name = json!({"external_id": "cas_554433", "title": "Knee sprain"});
        let reply = school.trainer().patch(&format!("/api/v1/cases/{case}"), &name).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(school.timeline(school.trainer(), "cas_554433").await.len(), 1);
        school.event("cas_554433", &json!({"kind": "note", "note": "iced"})).await;
        list(school.trainer(), "/api/v1/cases/cas_554433/milestones").await;
        school.link(&sam, school.parent(), "parent").await;
        assert_eq!(school.timeline(school.parent(), "cas_554433").await, [] as [Value; 0]);
        let other = school.case(&sam, "wrist").await;
        let taken = school.trainer().patch(&format!("/api/v1/cases/{other}"), &name).await;
        assert_eq!(taken.status, 409, "{}", taken.text);
    });
}

#[test]
fn c13_an_id_of_the_wrong_kind_is_nowhere() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let case = school.case(&sam, "knee").await;
        for who in [school.trainer(), school.coach(), school.parent()] {
            assert_eq!(list(who, &format!("/api/v1/cases/{sam}")).await.len(), 1, "an athlete's");
            for path in [
                format!("/api/v1/cases/{case}"),
                format!("/api/v1/cases/{sam}/timeline"),
                format!("/api/v1/cases/{sam}/milestones"),
                "/api/v1/cases/ath_nobody".into(),
                "/api/v1/cases/cas_nobody/timeline".into(),
                format!("/api/v1/cases/{}", "x".repeat(100)),
            ] {
                assert_eq!(who.get(&path).await.problem(), "404 not_found", "{path}");
            }
        }
        let patch = json!({"attention_level": "stable"});
        assert_eq!(
            school.trainer().patch(&format!("/api/v1/cases/{sam}"), &patch).await.status,
            404
        );
    });
}

#[test]
fn r010_the_roster_is_filtered_in_every_way_and_paged_without_a_gap() {
    run(async |app| {
        let school = School::new(app, "central").await;
        for (n, (first, last, grade)) in [
            ("Ana", "Adams", "9"),
            ("Bo", "Baker", "10"),
            ("Cy", "Brown", "10"),
            ("Di", "Diaz", "12"),
            ("Ed", "Éluard", "12"),
        ]
        .into_iter()
        .enumerate()
        {
            let team = if n % 2 == 0 { &school.football } else { &school.volleyball };
            let sport = if n % 2 == 0 { "fb" } else { "vb" };
            let body = with(
                athlete(team, "2010-05-10"),
                &json!({"first_name": first, "last_name": last, "grade": grade, "sports": [sport]}),
            );
            created(school.admin(), "/api/v1/athletes", &body).await;
        }
        let names = async |filter: &str| {
            each(&list(school.trainer(), &format!("/api/v1/roster?{filter}")).await, "last_name")
        };
        assert_eq!(names("").await, ["Adams", "Baker", "Brown", "Diaz", "Éluard"]);
        assert_eq!(names("grade=10").await, ["Baker", "Brown"]);
        assert_eq!(names("sport=vb").await, ["Baker", "Diaz"]);
        assert_eq!(names("name=b").await, ["Baker", "Brown"]);
        assert_eq!(names("name=br").await, ["Brown"]);
        assert_eq!(names(&format!("team={}", school.football)).await, ["Adams", "Brown", "Éluard"]);
        assert_eq!(names("team=Varsity%20Football&grade=12").await, ["Éluard"]);
        assert_eq!(names(&format!("school_id={}", school.id())).await.len(), 5);
        assert_eq!(names(&format!("school_id={}", Uuid::now_v7())).await, Vec::<String>::new());
        assert_eq!(names("name=%25").await, Vec::<String>::new(), "no pattern");
        assert_eq!(names("name=b_").await, Vec::<String>::new(), "no pattern");
        let adams = &list(school.trainer(), "/api/v1/roster?name=adams").await[0];
        school.case(&text(&adams["id"]), "knee").await;
        assert_eq!(names("status=restricted").await, ["Adams"]);
        assert_eq!(names("status=cleared").await.len(), 4);
        assert_eq!(
            school.trainer().get("/api/v1/roster?status=ill").await.problem(),
            "422 invalid"
        );
        assert_eq!(
            school.trainer().get("/api/v1/roster?surprise=1").await.problem(),
            "422 invalid"
        );
        let (mut all, mut path) = (vec![], "/api/v1/roster?limit=2".to_owned());
        loop {
            let reply = school.trainer().get(&path).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            all.extend(each(reply.json().as_array().unwrap(), "last_name"));
            let Some(link) = reply.header("link").filter(|link| link.contains("rel=\"next\""))
            else {
                break;
            };
            path = link[link.find("/api").unwrap()..link.find('>').unwrap()].to_owned();
            assert!(all.len() < 10, "{path}");
        }
        assert_eq!(all, ["Adams", "Baker", "Brown", "Diaz", "Éluard"]);
    });
}

/// A body that names this id.
type Naming = Box<dyn Fn(Value) -> Value>;

#[test]
fn t11_an_id_of_another_school_is_answered_like_one_that_nobody_has() {
    run(async |app| {
        let (school, south) = (School::new(app, "central").await, School::new(app, "south").await);
        let sam = school.athlete().await;
        let theirs = south.athlete().await;
        let case = south.case(&theirs, "knee").await;
        let event = south.timeline(south.trainer(), &case).await[0]["id"].clone();
        let own = school.case(&sam, "knee").await;
        let random = || json!(Uuid::now_v7());
        let base = athlete(&school.football, "2010-05-10");
        let team = json!({"name": "JV", "sport": "fb"});
        let note = json!({"kind": "note", "note": "x"});
        let guardian = json!({"full_name": "Dana", "relation": "parent"});
        let bodies: Vec<(&Persona, String, Naming, Value)> = vec![
            (
                school.admin(),
                "/api/v1/athletes".into(),
                Box::new(move |id| with(base.clone(), &json!({"team_ids": [id]}))),
                json!(south.football),
            ),
            (
                school.admin(),
                "/api/v1/teams".into(),
                Box::new(move |id| with(team.clone(), &json!({"coach_ids": [id]}))),
                json!(south.coach().id),
            ),
            (
                school.admin(),
                format!("/api/v1/athletes/{sam}/guardians"),
                Box::new(move |id| with(guardian.clone(), &json!({"account_id": id}))),
                json!(south.parent().id),
            ),
            (
                school.trainer(),
                SIDELINE.into(),
                Box::new(|id| with(seen("x", "knee", "mild"), &json!({"athlete_id": id}))),
                json!(theirs),
            ),
            (
                school.trainer(),
                format!("/api/v1/cases/{own}/events"),
                Box::new(move |id| {
                    with(note.clone(), &json!({"kind": "correction", "corrects": id}))
                }),
                event.clone(),
            ),
            (
                school.trainer(),
                format!("/api/v1/cases/{own}/events"),
                Box::new(|id| json!({"kind": "restriction_lifted", "lifts": id})),
                event,
            ),
        ];
        let rows = "select (select count(*) from athletics.athlete) + (select count(*) from athletics.team)
                         + (select count(*) from athletics.guardian) + (select count(*) from athletics.event)";
        let before = app.ask(rows).await;
        for (who, path, body, id) in &bodies {
            let (there, nowhere) =
                (who.post(path, &body(id.clone())).await, who.post(path, &body(random())).await);
            assert!([409, 422].contains(&there.status), "{path}: {}", there.text);
            assert_eq!(there.essence(), nowhere.essence(), "{path}");
        }
        let patches = [
            (
                school.admin(),
                format!("/api/v1/athletes/{sam}"),
                "team_ids",
                json!([south.football]),
                json!([Uuid::now_v7()]),
            ),
            (
                school.admin(),
                format!("/api/v1/teams/{}", school.football),
                "coach_ids",
                json!([south.coach().id]),
                json!([Uuid::now_v7()]),
            ),
            (
                school.trainer(),
                format!("/api/v1/cases/{own}"),
                "primary_at_id",
                json!(south.trainer().id),
                random(),
            ),
        ];
        for (who, path, field, id, random) in patches {
            let there = who.patch(&path, &json!({field: id})).await;
            assert!([409, 422].contains(&there.status), "{path}: {}", there.text);
            assert_eq!(
                there.essence(),
                who.patch(&path, &json!({field: random})).await.essence(),
                "{path}"
            );
        }
        assert_eq!(app.ask(rows).await, before);
    });
}

#[test]
fn accounts_are_linked_by_the_role_that_they_have() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let path = format!("/api/v1/athletes/{sam}/guardians");
        for (who, relation) in [
            (school.coach(), "parent"),
            (school.student(), "parent"),
            (school.parent(), "self"),
            (school.trainer(), "self"),
        ] {
            let body = json!({"full_name": "Dana", "relation": relation, "account_id": who.id});
            let reply = school.admin().post(&path, &body).await;
            assert_eq!(reply.problem(), "409 account_role", "{relation}: {}", reply.text);
        }
        let team = json!({"name": "JV", "sport": "fb", "coach_ids": [school.parent().id]});
        let reply = school.admin().post("/api/v1/teams", &team).await;
        assert_eq!(reply.problem(), "409 account_role", "{}", reply.text);
    });
}

#[test]
fn the_trainer_who_has_a_case_is_a_trainer() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        let path = format!("/api/v1/cases/{case}");
        let second = school.another(app, "athletic_trainer", "trainer2").await;
        let reply = school.trainer().patch(&path, &json!({"primary_at_id": second.id})).await;
        assert_eq!(reply.json()["primary_at_id"], second.id.to_string(), "{}", reply.text);
        for who in [school.coach(), school.parent(), school.admin()] {
            let reply = school.trainer().patch(&path, &json!({"primary_at_id": who.id})).await;
            assert!([409, 422].contains(&reply.status), "{}", reply.text);
        }
    });
}

#[test]
fn what_an_athlete_a_team_and_a_guardian_lack_is_named_field_by_field() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let guardians = format!("/api/v1/athletes/{sam}/guardians");
        for (path, expected) in [
            ("/api/v1/athletes", vec!["body.date_of_birth", "body.first_name", "body.last_name"]),
            ("/api/v1/teams", vec!["body.name", "body.sport"]),
            (&guardians, vec!["body.full_name", "body.relation"]),
        ] {
            let reply = school.admin().post(path, &json!({})).await;
            assert_eq!(reply.problem(), "422 invalid", "{path}");
            let mut fields = reply.fields();
            fields.sort();
            assert_eq!(fields, expected, "{path}");
        }
        for born in ["2999-01-01", "yesterday", "2010-02-30"] {
            let reply =
                school.admin().post("/api/v1/athletes", &athlete(&school.football, born)).await;
            assert_eq!(reply.fields(), ["body.date_of_birth"], "{born}");
        }
        let body =
            with(athlete(&school.football, "2010-05-10"), &json!({"current_status": "cleared"}));
        assert_eq!(
            school.admin().post("/api/v1/athletes", &body).await.problem(),
            "422 invalid",
            "R-023: it follows"
        );
        let path = format!("/api/v1/athletes/{sam}");
        let reply = school.admin().patch(&path, &json!({"current_status": "cleared"})).await;
        assert_eq!(reply.problem(), "422 invalid");
    });
}

#[test]
fn r029_a_milestone_moves_and_is_reached_and_both_are_events() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let case = school.case(&sam, "knee").await;
        let path = format!("/api/v1/cases/{case}/milestones");
        let mut ids = vec![];
        for (title, phase, target) in [
            ("Weight-bearing", "acute", "2026-03-10"),
            ("Jogging", "recovery", "2026-03-20"),
            ("Match", "return", "2026-04-01"),
        ] {
            let body = json!({"title": title, "phase": phase, "target_on": target});
            ids.push(created(school.trainer(), &path, &body).await);
        }
        let states = async |who: &Persona| each(&list(who, &path).await, "state");
        assert_eq!(states(school.trainer()).await, ["current", "upcoming", "upcoming"]);
        for who in [school.trainer(), school.coach()] {
            let line = who.get(&format!("/api/v1/roster/{sam}")).await.json();
            assert_eq!(line["expected_return_on"], "2026-04-01", "the last target");
        }
        let events = school.timeline(school.trainer(), &case).await.len();
        hand.advance(hours(1));
        let one = format!("/api/v1/milestones/{}", ids[0]);
        let reply = school
            .trainer()
            .patch(&one, &json!({"reached_on": "2026-03-02", "reason": "Walks."}))
            .await;
        assert_eq!(
            (reply.status, &reply.json()["state"]),
            (200, &json!("reached")),
            "{}",
            reply.text
        );
        for who in [school.trainer(), school.coach(), school.parent()] {
            assert_eq!(states(who).await, ["reached", "current", "upcoming"], "R-054");
        }
        hand.advance(hours(1));
        let last = format!("/api/v1/milestones/{}", ids[2]);
        let reply = school
            .trainer()
            .patch(&last, &json!({"target_on": "2026-04-08", "reason": "Swelling."}))
            .await;
        assert_eq!(reply.json()["target_on"], "2026-04-08", "{}", reply.text);
        assert_eq!(school.timeline(school.trainer(), &case).await.len(), events + 2);
        assert_eq!(school.status(&sam).await, "restricted", "a milestone is no clearance");
        // What is reached stays reached, and nothing is reached tomorrow.
        for (of, body) in [
            (&one, json!({"reached_on": null})),
            (&one, json!({"target_on": "2026-05-01"})),
            (&last, json!({"reached_on": "2026-03-03"})),
        ] {
            let reply = school.trainer().patch(of, &body).await;
            assert!([409, 422].contains(&reply.status), "{body}: {}", reply.text);
        }
        assert_eq!(states(school.trainer()).await, ["reached", "current", "upcoming"]);
        for who in [school.coach(), school.parent(), school.admin()] {
            assert_eq!(
                who.patch(&last, &json!({"target_on": "2026-05-01"})).await.problem(),
                "403 forbidden"
            );
            assert_eq!(
                who.post(&path, &json!({"title": "x", "phase": "acute"})).await.problem(),
                "403 forbidden"
            );
        }
        let bad = json!({"title": " ", "phase": "party"});
        let mut fields = school.trainer().post(&path, &bad).await.fields();
        fields.sort();
        assert_eq!(fields, ["body.phase", "body.title"]);
    });
}

#[test]
fn a_disclosure_is_kept_with_its_basis_and_an_emergency_with_its_threat() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let path = format!("/api/v1/athletes/{sam}/disclosures");
        let body = json!({"recipient": "County EMS", "interest": "treatment", "basis": "health_or_safety_emergency",
                          "what": "allergies", "threat": "unconscious"});
        let reply = school.trainer().post(&path, &body).await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (201, Some(path.as_str())),
            "{}",
            reply.text
        );
        for threat in [json!(null), json!(" ")] {
            let lacking = with(body.clone(), &json!({"threat": threat}));
            let reply = school.admin().post(&path, &lacking).await;
            assert_eq!(reply.fields(), ["body.threat"], "34 CFR 99.32(a)(5)");
        }
        for (more, field) in [
            (json!({"basis": "curiosity"}), "body.basis"),
            (json!({"basis": "inspection"}), "body.basis"),
            (json!({"recipient": ""}), "body.recipient"),
            (json!({"interest": ""}), "body.interest"),
            (json!({"what": ""}), "body.what"),
            (json!({"disclosed_at": "2999-01-01T00:00:00Z"}), "body.disclosed_at"),
        ] {
            let reply = school.admin().post(&path, &with(body.clone(), &more)).await;
            assert_eq!(reply.fields(), [field], "{more}: {}", reply.text);
        }
        for who in [school.trainer(), school.admin(), school.parent()] {
            assert_eq!(each(&list(who, &path).await, "recipient"), ["County EMS"]);
        }
        for who in [school.coach(), school.parent()] {
            assert_eq!(who.post(&path, &body).await.problem(), "403 forbidden");
        }
        assert_eq!(school.coach().get(&path).await.problem(), "403 forbidden");
        assert_eq!(school.student().get(&path).await.status, 404);
    });
}

#[test]
fn the_office_runs_the_roster_and_reads_no_case() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let case = school.case(&sam, "knee").await;
        for path in [
            "/api/v1/cases".into(),
            "/api/v1/events".into(),
            format!("/api/v1/cases/{sam}"),
            format!("/api/v1/cases/{case}/timeline"),
            format!("/api/v1/cases/{case}/milestones"),
        ] {
            assert_eq!(school.admin().get(&path).await.problem(), "403 forbidden", "{path}");
        }
        assert_eq!(list(school.admin(), "/api/v1/roster?status=restricted").await.len(), 1);
        for filter in [
            "attention_level=urgent",
            "body_part=knee",
            "severity=moderate",
            "sort=attention_level",
        ] {
            let reply = school.admin().get(&format!("/api/v1/roster?{filter}")).await;
            assert_eq!(reply.problem(), "422 invalid", "{filter}");
        }
    });
}

/// The ledger is the office's to read; a case in it is not.
#[test]
fn the_ledger_tells_the_office_no_more_of_a_case_than_the_matrix_does() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let case = school.case(&sam, "head").await;
        let change = json!({"attention_level": "urgent", "title": "Concussion"});
        school.trainer().patch(&format!("/api/v1/cases/{case}"), &change).await;
        let reply = school.admin().get("/v1/audit?limit=200&resource=athletics.injury_case").await;
        let entries = reply.json()["items"].as_array().unwrap().clone();
        assert!(!entries.is_empty(), "the changes are on record");
        let mut told = BTreeSet::new();
        for entry in &entries {
            for (field, value) in
                ["before", "after"].iter().filter_map(|side| entry[*side].as_object()).flatten()
            {
                let hidden = value.is_null() || value == "[masked]" || value == "[redacted]";
                if ["severity", "head_injury", "title", "body_part", "attention_level"]
                    .contains(&field.as_str())
                    && !hidden
                {
                    told.insert(format!("{field} {value}"));
                }
            }
        }
        assert_eq!(told, BTreeSet::new(), "R-043 to R-045: the office sees no case");
    });
}
