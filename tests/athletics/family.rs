//! The family: whose rights a record's are, until when, and what they may ask for (34 CFR 99.5, 99.10,
//! 99.31, 99.32).

use testkit::{run, run_with};

use super::*;

const NOTES: &str = "HAEMARTHROSIS";

/// What of an athlete somebody sees: how many surfaces show something.
async fn sees(who: &Persona, athlete: &str, case: &str) -> usize {
    let mut count = 0;
    for path in [
        format!("/api/v1/athletes/{athlete}"),
        format!("/api/v1/cases/{athlete}"),
        format!("/api/v1/cases/{case}/timeline"),
        format!("/api/v1/cases/{case}/milestones"),
        format!("/api/v1/athletes/{athlete}/disclosures"),
    ] {
        let reply = who.get(&path).await;
        assert!([200, 404].contains(&reply.status), "{path}: {}", reply.text);
        count += usize::from(reply.status == 200);
    }
    for path in ["/api/v1/athletes", "/api/v1/cases", "/api/v1/events"] {
        count += usize::from(!list(who, path).await.is_empty());
    }
    count + usize::from(!snapshot(&mut who.follow(LIVE, None).await).await.is_empty())
}

const EVERYWHERE: usize = 9;

/// An athlete of this birth date with parent, own account and a case that both may see: athlete, case and
/// the parent's link.
async fn family(school: &School, born: &str) -> (String, String, String) {
    let sam = school.athlete_of(&school.football, born).await;
    let link = school.link(&sam, school.parent(), "parent").await;
    school.link(&sam, school.student(), "self").await;
    let entry = with(
        seen(&sam, "knee", "mild"),
        &json!({"visibility": ["parent"], "note": "Fell.", "clinical_notes": NOTES}),
    );
    let case = text(&school.entry(&entry).await["case_id"]);
    (sam, case, link)
}

async fn in_ohio(app: &TestApp) -> School {
    let school = School::new(app, "central").await;
    let place = json!({"time_zone": "America/New_York"});
    let reply = school.admin().patch("/api/v1/school", &place).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    school
}

#[test]
fn the_rights_pass_to_the_student_at_midnight_of_the_eighteenth_birthday() {
    // A second before 10 March in Ohio, whose clocks went forward on the eighth.
    let (options, hand) = at("2026-03-10T03:59:59Z");
    run_with(options, async |app| {
        let school = in_ohio(app).await;
        let (sam, case, _) = family(&school, "2008-03-10").await;
        assert_eq!(sees(school.parent(), &sam, &case).await, EVERYWHERE, "a minor's parent");
        assert_eq!(sees(school.student(), &sam, &case).await, 0, "a minor");
        hand.advance(SignedDuration::from_secs(1));
        assert_eq!(sees(school.parent(), &sam, &case).await, 0, "the parent of somebody of age");
        assert_eq!(sees(school.student(), &sam, &case).await, EVERYWHERE, "of age");
    });
}

#[test]
fn who_was_born_on_a_leap_day_is_of_age_on_the_first_of_march() {
    // A second before 1 March in Ohio.
    let (options, hand) = at("2026-03-01T04:59:59Z");
    run_with(options, async |app| {
        let school = in_ohio(app).await;
        let (sam, case, _) = family(&school, "2008-02-29").await;
        assert_eq!(sees(school.parent(), &sam, &case).await, EVERYWHERE);
        assert_eq!(sees(school.student(), &sam, &case).await, 0);
        hand.advance(SignedDuration::from_secs(1));
        assert_eq!(sees(school.parent(), &sam, &case).await, 0);
        assert_eq!(sees(school.student(), &sam, &case).await, EVERYWHERE);
    });
}

#[test]
fn the_calendar_is_the_schools() {
    let (options, _) = at("2026-03-10T03:59:59Z");
    run_with(options, async |app| {
        let school = in_ohio(app).await;
        let (sam, case, _) = family(&school, "2008-03-10").await;
        assert_eq!(sees(school.student(), &sam, &case).await, 0);
        let moved = json!({"time_zone": "Europe/Berlin"});
        assert_eq!(school.admin().patch("/api/v1/school", &moved).await.status, 200);
        assert_eq!(sees(school.student(), &sam, &case).await, EVERYWHERE, "there it is the tenth");
        assert_eq!(sees(school.parent(), &sam, &case).await, 0);
    });
}

#[test]
fn a_parent_is_kept_with_a_basis_and_no_longer_without() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case, link) = family(&school, "2007-05-10").await;
        let path = format!("/api/v1/guardians/{link}");
        assert_eq!(sees(school.parent(), &sam, &case).await, 0);
        for basis in ["student_consent", "tax_dependent"] {
            let reply = school.admin().patch(&path, &json!({"kept_basis": basis})).await;
            assert_eq!(reply.json()["kept_basis"], basis, "{}", reply.text);
            assert_eq!(reply.json()["kept_on"], "2026-03-02");
            assert_eq!(sees(school.parent(), &sam, &case).await, EVERYWHERE, "{basis}");
            assert_eq!(
                sees(school.student(), &sam, &case).await,
                EVERYWHERE,
                "the rights are theirs"
            );
            let reply = school.admin().patch(&path, &json!({"kept_basis": null})).await;
            assert_eq!(reply.json()["kept_on"], json!(null), "{}", reply.text);
            assert_eq!(sees(school.parent(), &sam, &case).await, 0, "{basis} taken away");
        }
        let reply = school.admin().patch(&path, &json!({"kept_basis": "habit"})).await;
        assert_eq!(reply.fields(), ["body.kept_basis"]);
    });
}

#[test]
fn who_is_no_parent_any_more_sees_nothing_and_neither_does_an_other_adult() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case, link) = family(&school, "2010-05-10").await;
        assert_eq!(sees(school.parent(), &sam, &case).await, EVERYWHERE);
        assert_eq!(school.admin().delete(&format!("/api/v1/guardians/{link}")).await.status, 204);
        assert_eq!(sees(school.parent(), &sam, &case).await, 0);
        assert_eq!(school.admin().delete(&format!("/api/v1/guardians/{link}")).await.status, 404);
        let links = list(school.admin(), &format!("/api/v1/athletes/{sam}/guardians")).await;
        assert!(links.iter().all(|one| one["id"] != link));
        // Who is linked again sees again.
        school.link(&sam, school.parent(), "guardian").await;
        assert_eq!(sees(school.parent(), &sam, &case).await, EVERYWHERE);
    });
}

#[test]
fn a_request_to_inspect_is_due_in_forty_five_days_of_the_schools_calendar() {
    // 2 March, 23:30 in Ohio.
    let (options, _) = at("2026-03-03T04:30:00Z");
    run_with(options, async |app| {
        let school = in_ohio(app).await;
        let (sam, ..) = family(&school, "2010-05-10").await;
        let ask = json!({"athlete_id": sam, "reason": "A second opinion."});
        let reply = school.parent().post("/api/v1/inspections", &ask).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let location = format!("/api/v1/inspections/{}", reply.id());
        assert_eq!(reply.header("location"), Some(location.as_str()));
        assert_eq!(
            (&reply.json()["due_on"], &reply.json()["status"]),
            (&json!("2026-04-16"), &json!("requested"))
        );
        let reply = school.student().post("/api/v1/inspections", &ask).await;
        assert_eq!(reply.fields(), ["body.athlete_id"], "a minor has no rights in it yet");
        for who in [school.trainer(), school.admin(), school.coach()] {
            assert_eq!(who.post("/api/v1/inspections", &ask).await.problem(), "403 forbidden");
        }
        assert_eq!(list(school.trainer(), "/api/v1/inspections").await.len(), 1);
    });
}

#[test]
fn r051_an_inspection_shows_the_trainers_words_and_nothing_else_does() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let (sam, case, _) = family(&school, "2012-05-10").await;
        let secret =
            json!({"kind": "note", "note": "ABOUT-KIM", "clinical_notes": "ABOUT-KIM too"});
        let secret = school.event(&case, &secret).await;
        let hidden = json!({"kind": "evaluation", "note": "for trainers", "clinical_notes": "lax"});
        let hidden = school.event(&case, &hidden).await;
        let ask = json!({"athlete_id": sam, "reason": "A second opinion."});
        let id = created(school.parent(), "/api/v1/inspections", &ask).await;
        let record = format!("/api/v1/inspections/{id}/record");
        assert_eq!(school.parent().get(&record).await.status, 404, "not released yet");
        let release = json!({"note": "Reviewed.", "withheld": [
            {"event_id": secret["id"], "reason": "It is about another student."}]});
        let path = format!("/api/v1/inspections/{id}/release");
        for who in [school.parent(), school.admin(), school.coach()] {
            assert_eq!(who.post(&path, &release).await.problem(), "403 forbidden");
        }
        let reply = school.trainer().post(&path, &release).await;
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (200, &json!("released")),
            "{}",
            reply.text
        );
        assert_eq!(school.trainer().post(&path, &release).await.status, 409, "once");
        school
            .event(&case, &json!({"kind": "note", "note": "LATER", "clinical_notes": "LATER"}))
            .await;
        let reply = school.parent().get(&record).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let shown = reply.json();
        assert_eq!(shown["withheld"], json!(["It is about another student."]));
        let events = shown["events"].as_array().unwrap();
        let words: BTreeSet<_> =
            events.iter().filter_map(|event| event["words"].as_str()).collect();
        assert_eq!(words, [NOTES, "lax"].into());
        assert!(events.iter().any(|event| event["id"] == hidden["id"]), "whatever its visibility");
        assert!(
            !reply.text.contains("ABOUT-KIM") && !reply.text.contains("LATER"),
            "{}",
            reply.text
        );
        // The live view keeps the words back as before.
        for path in [
            "/api/v1/events".into(),
            format!("/api/v1/cases/{case}/timeline"),
            "/api/v1/inspections".into(),
        ] {
            let reply = school.parent().get(&path).await;
            assert!(!reply.text.contains(NOTES) && !reply.text.contains("words"), "{path}");
        }
        // It is in the log of disclosures, which its family reads.
        for who in [school.parent(), school.trainer(), school.admin()] {
            let log = list(who, &format!("/api/v1/athletes/{sam}/disclosures")).await;
            assert_eq!(each(&log, "basis"), ["inspection"]);
            assert!(!log[0].to_string().contains(NOTES));
        }
    });
}

#[test]
fn a_release_holds_all_that_was_recorded_whichever_clock_is_ahead() {
    // The server's clock is months behind the database's.
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, ..) = family(&school, "2010-05-10").await;
        hand.advance(hours(1));
        let ask = json!({"athlete_id": sam, "reason": "x"});
        let id = created(school.parent(), "/api/v1/inspections", &ask).await;
        let path = format!("/api/v1/inspections/{id}");
        let reply = school.trainer().post(&format!("{path}/release"), &json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let record = school.parent().get(&format!("{path}/record")).await;
        assert_eq!(record.json()["events"].as_array().unwrap().len(), 1, "{}", record.text);
    });
}

#[test]
fn a_released_record_is_for_who_asked_as_long_as_the_rights_are_theirs() {
    let (options, hand) = at("2026-03-08T17:00:00Z");
    run_with(options, async |app| {
        let school = in_ohio(app).await;
        let (sam, ..) = family(&school, "2008-03-10").await;
        let mother = school.another(app, "parent", "mother").await;
        school.link(&sam, &mother, "parent").await;
        let ask = json!({"athlete_id": sam, "reason": "x"});
        let id = created(school.parent(), "/api/v1/inspections", &ask).await;
        let one = format!("/api/v1/inspections/{id}");
        let release = school.trainer().post(&format!("{one}/release"), &json!({})).await;
        assert_eq!(release.status, 200, "{}", release.text);
        assert_eq!(school.parent().get(&format!("{one}/record")).await.status, 200);
        assert_eq!(mother.get(&format!("{one}/record")).await.status, 404, "another's request");
        for who in [school.trainer(), school.admin(), school.coach()] {
            assert_eq!(who.get(&format!("{one}/record")).await.problem(), "403 forbidden");
        }
        hand.advance(hours(48));
        assert_eq!(
            school.parent().get(&format!("{one}/record")).await.status,
            404,
            "of age since today"
        );
        assert_eq!(
            school.student().get(&format!("{one}/record")).await.status,
            404,
            "not who asked"
        );
        let own = created(school.student(), "/api/v1/inspections", &ask).await;
        let release = format!("/api/v1/inspections/{own}/release");
        assert_eq!(school.trainer().post(&release, &json!({})).await.status, 200);
        let own = school.student().get(&format!("/api/v1/inspections/{own}/record")).await;
        assert_eq!(own.status, 200, "{}", own.text);
    });
}

#[test]
fn a_refused_inspection_says_why_and_shows_nothing() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let (sam, ..) = family(&school, "2012-05-10").await;
        let ask = json!({"athlete_id": sam, "reason": "x"});
        let id = created(school.parent(), "/api/v1/inspections", &ask).await;
        let refuse = format!("/api/v1/inspections/{id}/refuse");
        assert_eq!(school.trainer().post(&refuse, &json!({})).await.fields(), ["body.reason"]);
        let reason = json!({"reason": "A court order ended your rights."});
        assert_eq!(school.trainer().post(&refuse, &reason).await.status, 200);
        let release = format!("/api/v1/inspections/{id}/release");
        assert_eq!(school.trainer().post(&release, &json!({})).await.status, 409);
        let seen = school.parent().get(&format!("/api/v1/inspections/{id}")).await.json();
        assert_eq!((&seen["status"], &seen["review_note"]), (&json!("refused"), &reason["reason"]));
        assert_eq!(
            school.parent().get(&format!("/api/v1/inspections/{id}/record")).await.status,
            404
        );
        let log = list(school.parent(), &format!("/api/v1/athletes/{sam}/disclosures")).await;
        assert_eq!(log, [] as [Value; 0], "nothing was disclosed");
    });
}

#[test]
fn only_an_event_of_the_record_is_withheld_from_it_and_with_a_reason() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let (sam, case, _) = family(&school, "2012-05-10").await;
        let kim = school.athlete().await;
        let other = school.entry(&seen(&kim, "knee", "mild")).await;
        let own = school.timeline(school.trainer(), &case).await[0]["id"].clone();
        let ask = json!({"athlete_id": sam, "reason": "x"});
        let id = created(school.parent(), "/api/v1/inspections", &ask).await;
        let path = format!("/api/v1/inspections/{id}/release");
        for (event, reason) in
            [(other["event_id"].clone(), "x"), (json!(Uuid::now_v7()), "x"), (own.clone(), " ")]
        {
            let body = json!({"withheld": [{"event_id": event, "reason": reason}]});
            let reply = school.trainer().post(&path, &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{body}: {}", reply.text);
        }
        let inspection = school.parent().get(&format!("/api/v1/inspections/{id}")).await;
        assert_eq!(inspection.json()["status"], "requested");
    });
}
