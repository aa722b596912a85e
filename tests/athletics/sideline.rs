//! Three taps at the sideline: found or opened, once, whatever the network did.

use futures::future::join_all;
use testkit::{run, run_with};

use super::*;

#[test]
fn r055_an_entry_opens_a_case_and_the_next_of_the_same_body_part_is_found_in_it() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let reply = school.trainer().post(SIDELINE, &seen(&sam, "Left Ankle", "moderate")).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let first = reply.json();
        let case = text(&first["case_id"]);
        let timeline = format!("/api/v1/cases/{case}/timeline");
        assert_eq!(reply.header("location"), Some(timeline.as_str()));
        assert_eq!(first["athlete_id"], sam);
        assert_eq!(first["school_id"], school.id().to_string());
        assert_eq!(first["athlete"], "Sam Reyes");
        assert_eq!((&first["case_opened"], &first["severity"]), (&json!(true), &json!("moderate")));
        for same in ["left_ankle", "left  ankle", " LEFT ANKLE "] {
            let again = school.entry(&seen(&sam, same, "mild")).await;
            assert_eq!(
                (&again["case_id"], &again["case_opened"]),
                (&json!(case), &json!(false)),
                "{same}"
            );
        }
        let other = school.entry(&seen(&sam, "right ankle", "mild")).await;
        assert_ne!(other["case_id"], case);
        let events = school.timeline(school.trainer(), &case).await;
        assert_eq!(events.len(), 4);
        assert!(events.iter().any(|event| event["id"] == first["event_id"]));
        // The case's severity is as it was found; the later entries say their own.
        assert_eq!(school.case_of(&sam, &case).await["severity"], "moderate");
    });
}

#[test]
fn a_case_that_was_resolved_is_not_found_again_but_a_new_one_opened() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let old = school.case(&sam, "knee").await;
        hand.advance(hours(48));
        school.clear(&old).await;
        hand.advance(hours(24));
        let new = school.entry(&seen(&sam, "knee", "mild")).await;
        assert_eq!(new["case_opened"], true);
        assert_ne!(new["case_id"], old);
    });
}

#[test]
fn a_late_entry_belongs_to_the_case_that_was_open_then_whatever_is_open_now() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let old = school.case(&sam, "knee").await;
        hand.advance(hours(48));
        school.clear(&old).await;
        hand.advance(hours(24));
        let new = school.case(&sam, "knee").await;
        let late = with(seen(&sam, "knee", "severe"), &json!({"occurred_at": after(60)}));
        let late = school.entry(&late).await;
        assert_eq!(late["athlete_status"], "restricted", "by the case of today");
        assert_eq!((&late["case_id"], &late["case_opened"]), (&json!(old), &json!(false)));
        assert_eq!(school.case_of(&sam, &old).await["status"], "resolved");
        assert_eq!(school.case_of(&sam, &new).await["availability"], "restricted");
    });
}

#[test]
fn a_late_entry_of_a_resolved_case_leaves_who_is_cleared_cleared() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        hand.advance(hours(48));
        school.clear(&case).await;
        hand.advance(hours(1));
        let late = with(seen(&sam, "knee", "severe"), &json!({"occurred_at": after(60)}));
        let late = school.entry(&late).await;
        assert_eq!((&late["case_id"], &late["athlete_status"]), (&json!(case), &json!("cleared")));
        assert_eq!(school.status(&sam).await, "cleared");
        assert_eq!(school.timeline(school.trainer(), &case).await.len(), 3);
    });
}

#[test]
fn who_was_removed_is_hurt_badly_or_in_the_head_is_out_and_everybody_else_restricted() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let nothing = json!({});
        for (part, severity, more, status) in [
            ("knee", "mild", &nothing, "restricted"),
            ("knee", "moderate", &nothing, "restricted"),
            ("knee", "severe", &nothing, "out"),
            ("knee", "mild", &json!({"removed_from_play": true}), "out"),
            ("head", "mild", &nothing, "out"),
            ("Head", "moderate", &nothing, "out"),
            ("head", "mild", &json!({"suspected_concussion": true}), "out"),
            ("jaw", "mild", &json!({"suspected_concussion": true}), "out"),
        ] {
            let sam = school.athlete().await;
            let entry = school.entry(&with(seen(&sam, part, severity), more)).await;
            assert_eq!(entry["athlete_status"], status, "{part} {severity} {more}");
            assert_eq!(school.status(&sam).await, status, "{part} {severity} {more}");
        }
    });
}

#[test]
fn an_entry_that_is_sent_again_is_answered_with_the_first_and_taken_once() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let (sam, kim) = (school.athlete().await, school.athlete().await);
        let body = with(seen(&sam, "knee", "mild"), &json!({"client_id": "phone-1"}));
        let first = school.trainer().post(SIDELINE, &body).await;
        assert_eq!(first.status, 201, "{}", first.text);
        let again = school.trainer().post(SIDELINE, &body).await;
        assert_eq!((again.status, again.json()), (200, first.json()));
        for other in [
            json!({"athlete_id": kim}),
            json!({"body_part": "ankle"}),
            json!({"severity": "severe"}),
        ] {
            let reply = school.trainer().post(SIDELINE, &with(body.clone(), &other)).await;
            assert_eq!(reply.problem(), "409 client_id_taken", "{other}");
        }
        assert_eq!(list(school.trainer(), "/api/v1/events").await.len(), 1);
        assert_eq!(list(school.trainer(), &format!("/api/v1/cases/{kim}")).await, [] as [Value; 0]);
        // Another school's phones may use the same names.
        let south = School::new(app, "south").await;
        let theirs = south.athlete().await;
        south.entry(&with(seen(&theirs, "knee", "mild"), &json!({"client_id": "phone-1"}))).await;
    });
}

#[test]
fn the_same_entry_sent_ten_times_at_once_is_one_event() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let body = with(seen(&sam, "knee", "mild"), &json!({"client_id": "phone-1"}));
        let replies = join_all((0..10).map(|_| school.trainer().post(SIDELINE, &body))).await;
        let new = replies.iter().filter(|reply| reply.status == 201).count();
        assert_eq!(new, 1, "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
        for reply in &replies {
            assert!([200, 201].contains(&reply.status), "{}", reply.text);
            assert_eq!(reply.json()["event_id"], replies[0].json()["event_id"]);
        }
        assert_eq!(list(school.trainer(), "/api/v1/events").await.len(), 1);
    });
}

/// the two of them meet no case and both would open one.
#[test]
fn s12_two_phones_that_sync_at_once_make_one_case_and_lose_no_event() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let second = school.another(app, "athletic_trainer", "trainer2").await;
        hand.advance(hours(2));
        for round in 0..4 {
            let sam = school.athlete().await;
            let queue = |phone: usize| {
                let sam = sam.clone();
                (0..6).map(move |n| {
                    // The last in time leaves the athlete out; it is sent first.
                    let (minute, severity) = if n == 0 { (90, "severe") } else { (10 * i64::from(n), "mild") };
                    with(
                        seen(&sam, ["Knee", "knee"][phone], severity),
                        &json!({"client_id": format!("{round}-{phone}-{n}"), "occurred_at": after(minute)}),
                    )
                })
            };
            let bodies: Vec<_> = queue(0).zip(queue(1)).collect();
            let both = bodies.iter().flat_map(|(one, two)| {
                [school.trainer().post(SIDELINE, one), second.post(SIDELINE, two)]
            });
            for reply in join_all(both).await {
                assert_eq!(reply.status, 201, "{}", reply.text);
            }
            let cases = list(school.trainer(), &format!("/api/v1/cases/{sam}")).await;
            assert_eq!(cases.len(), 1, "round {round}: {cases:?}");
            let case = text(&cases[0]["id"]);
            let events = school.timeline(school.trainer(), &case).await;
            assert_eq!(events.len(), 12);
            let mut times = each(&events, "occurred_at");
            times.reverse();
            assert!(times.is_sorted(), "{times:?}");
            assert_eq!(cases[0]["availability"], "out", "the latest by the time of the event");
            assert_eq!(school.status(&sam).await, "out");
        }
    });
}

#[test]
fn a_queue_that_arrives_in_any_order_comes_to_the_same_case() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        hand.advance(hours(2));
        let minutes_and_severity = [(0, "severe"), (20, "mild"), (40, "severe"), (60, "mild")];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [3, 0, 1, 2], [1, 3, 0, 2]] {
            let sam = school.athlete().await;
            for n in order {
                let (minute, severity) = minutes_and_severity[n];
                let body = with(
                    seen(&sam, "knee", severity),
                    &json!({"client_id": format!("{sam}-{n}"), "timestamp": after(minute)}),
                );
                school.entry(&body).await;
                // The network failed before the answer came: the phone sends it again.
                assert_eq!(school.trainer().post(SIDELINE, &body).await.status, 200);
            }
            let cases = list(school.trainer(), &format!("/api/v1/cases/{sam}")).await;
            assert_eq!(cases.len(), 1);
            assert_eq!(cases[0]["availability"], "restricted", "{order:?}");
            assert_eq!(school.status(&sam).await, "restricted", "{order:?}");
            let case = text(&cases[0]["id"]);
            let events = school.timeline(school.trainer(), &case).await;
            assert_eq!(
                each(&events, "severity"),
                ["mild", "severe", "mild", "severe"],
                "{order:?}"
            );
        }
    });
}

#[test]
fn a_phone_may_be_five_minutes_ahead_and_no_more() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let at = |time: &str| with(seen(&sam, "knee", "mild"), &json!({"occurred_at": time}));
        let ahead = school.entry(&at("2026-03-02T17:05:00Z")).await;
        let taken: Timestamp = text(&ahead["occurred_at"]).parse().unwrap();
        assert_eq!(taken, BEGIN.parse::<Timestamp>().unwrap(), "it counts as now");
        let reply = school.trainer().post(SIDELINE, &at("2026-03-02T17:05:01Z")).await;
        assert_eq!(reply.problem(), "422 invalid", "{}", reply.text);
        assert_eq!(reply.fields(), ["body.occurred_at"]);
    });
}

#[test]
fn c23_an_entry_names_every_field_at_fault_and_repeats_no_value() {
    run(async |app| {
        let (school, south) = (School::new(app, "central").await, School::new(app, "south").await);
        let (sam, theirs) = (school.athlete().await, south.athlete().await);
        let reply = school.trainer().post(SIDELINE, &json!({})).await;
        assert_eq!(reply.problem(), "422 invalid");
        let mut fields = reply.fields();
        fields.sort();
        assert_eq!(fields, ["body.athlete_id", "body.body_part", "body.severity"]);
        for (more, field) in [
            (json!({"severity": "CANARY"}), "body.severity"),
            (json!({"severity": ""}), "body.severity"),
            (json!({"body_part": "   "}), "body.body_part"),
            (json!({"visibility": ["at", "CANARY"]}), "body.visibility"),
            (json!({"athlete_id": Uuid::now_v7()}), "body.athlete_id"),
            (json!({"athlete_id": "ath_CANARY"}), "body.athlete_id"),
            (json!({"athlete_id": theirs}), "body.athlete_id"),
            (json!({"school_id": south.id()}), "body.school_id"),
            (json!({"school_id": "CANARY"}), "body.school_id"),
        ] {
            let body = with(seen(&sam, "knee", "mild"), &more);
            let reply = school.trainer().post(SIDELINE, &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{more}: {}", reply.text);
            assert_eq!(reply.fields(), [field], "{more}");
            assert!(!reply.text.contains("CANARY"), "{}", reply.text);
        }
        assert_eq!(list(school.trainer(), "/api/v1/cases").await, [] as [Value; 0]);
        let own = with(seen(&sam, "knee", "mild"), &json!({"school_id": school.id()}));
        school.entry(&own).await;
    });
}

#[test]
fn nobody_but_a_trainer_records_at_the_sideline() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        for (role, who) in school.everybody() {
            let reply = who.post(SIDELINE, &seen(&sam, "knee", "mild")).await;
            let expected = if role == "athletic_trainer" { 201 } else { 403 };
            assert_eq!(reply.status, expected, "{role}: {}", reply.text);
        }
    });
}

#[test]
fn r031_an_entry_is_for_trainers_unless_it_says_more() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let entry = with(seen(&sam, "knee", "mild"), &json!({"note": "fell"}));
        let case = text(&school.entry(&entry).await["case_id"]);
        let all = school.timeline(school.trainer(), &case).await;
        assert_eq!(all[0]["visibility"], json!(["at"]));
        for who in [school.coach(), school.parent()] {
            assert_eq!(school.timeline(who, &case).await, [] as [Value; 0]);
        }
        let wider = with(entry, &json!({"visibility": ["coach"], "client_id": "x"}));
        school.entry(&wider).await;
        let all = school.timeline(school.trainer(), &case).await;
        let visible = all[0]["visibility"].as_array().unwrap();
        assert!(visible.contains(&json!("at")) && visible.contains(&json!("coach")), "{visible:?}");
        assert_eq!(school.timeline(school.coach(), &case).await.len(), 1);
        assert_eq!(school.timeline(school.parent(), &case).await, [] as [Value; 0]);
    });
}
