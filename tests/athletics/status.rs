//! Who may play: the worst over the active cases, each by its latest event.

use jiff::Timestamp;
use testkit::{run, run_with};

use super::*;

#[test]
fn s13_an_athlete_with_two_active_cases_stays_as_the_worse_of_them_when_one_is_cleared() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        assert_eq!(school.status(&sam).await, "cleared");
        let knee = text(&school.entry(&seen(&sam, "knee", "severe")).await["case_id"]);
        let wrist = school.case(&sam, "wrist").await;
        assert_eq!(school.status(&sam).await, "out");
        hand.advance(hours(1));
        school.clear(&wrist).await;
        assert_eq!(school.status(&sam).await, "out", "the knee is still there");
        assert_eq!(school.case_of(&sam, &wrist).await["status"], "resolved");
        let other = school.case(&sam, "wrist").await;
        school.clear(&knee).await;
        assert_eq!(school.status(&sam).await, "restricted", "the wrist again");
        // All who may know are told the same.
        let coach = list(school.coach(), "/api/v1/roster").await;
        let parent = list(school.parent(), "/api/v1/athletes").await;
        assert_eq!(coach[0]["current_status"], "restricted");
        assert_eq!(parent[0]["current_status"], "restricted");
        school.clear(&other).await;
        assert_eq!(school.status(&sam).await, "cleared");
    });
}

#[test]
fn r057_a_clearance_clears_the_athlete_and_resolves_the_case() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        hand.advance(hours(5));
        let cleared =
            school.event(&case, &json!({"kind": "clearance_granted", "note": "fit"})).await;
        assert_eq!(
            (&cleared["kind"], &cleared["case_id"]),
            (&json!("clearance_granted"), &json!(case))
        );
        let now = school.case_of(&sam, &case).await;
        assert_eq!((&now["status"], &now["availability"]), (&json!("resolved"), &json!("cleared")));
        let resolved: Timestamp = text(&now["resolved_at"]).parse().unwrap();
        assert_eq!(resolved, BEGIN.parse::<Timestamp>().unwrap() + hours(5));
        let line = school.line(&sam).await;
        assert_eq!(line["current_status"], "cleared");
        let changed: Timestamp = text(&line["status_changed_at"]).parse().unwrap();
        assert_eq!(changed, resolved);
    });
}

#[test]
fn r056_a_restriction_makes_the_athlete_restricted_or_out_where_it_says_so() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = text(&school.entry(&seen(&sam, "knee", "severe")).await["case_id"]);
        assert_eq!(school.status(&sam).await, "out");
        hand.advance(hours(24));
        let body = json!({"kind": "restriction_added", "restriction": "No running."});
        school.event(&case, &body).await;
        assert_eq!(school.status(&sam).await, "restricted");
        hand.advance(hours(1));
        school.event(&case, &json!({"kind": "evaluation", "availability": "out"})).await;
        assert_eq!(school.status(&sam).await, "out");
        hand.advance(hours(1));
        // Words alone leave the athlete where they are.
        school.event(&case, &json!({"kind": "note", "note": "iced"})).await;
        school.event(&case, &json!({"kind": "evaluation", "note": "swollen"})).await;
        assert_eq!(school.status(&sam).await, "out");
        let refused = json!({"kind": "evaluation", "availability": "cleared"});
        let path = format!("/api/v1/cases/{case}/events");
        let reply = school.trainer().post(&path, &refused).await;
        assert_eq!(
            (reply.problem(), reply.fields()),
            ("422 invalid".into(), vec!["body.availability".into()])
        );
    });
}

#[test]
fn an_event_that_is_told_late_does_not_undo_what_happened_after_it() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        hand.advance(hours(3));
        let at = |minutes: i64, body: Value| with(body, &json!({"occurred_at": after(minutes)}));
        school.event(&case, &at(120, json!({"kind": "evaluation", "availability": "out"}))).await;
        school
            .event(&case, &at(60, json!({"kind": "evaluation", "availability": "restricted"})))
            .await;
        assert_eq!(school.status(&sam).await, "out", "the latest by the time of the event");
        // A clearance of an hour before the evaluation does not hold after it.
        let clear = at(90, json!({"kind": "clearance_granted"}));
        let reply = school.trainer().post(&format!("/api/v1/cases/{case}/events"), &clear).await;
        assert_eq!(reply.problem(), "409 later_events");
        assert_eq!(school.case_of(&sam, &case).await["status"], "active");
        // Words after it are no reason.
        school.event(&case, &at(170, json!({"kind": "note", "note": "walks well"}))).await;
        school.event(&case, &at(150, json!({"kind": "clearance_granted"}))).await;
        assert_eq!(school.status(&sam).await, "cleared");
    });
}

#[test]
fn a_resolved_case_takes_words_and_nothing_that_sets_a_status() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        hand.advance(hours(1));
        school.clear(&case).await;
        hand.advance(hours(1));
        let path = format!("/api/v1/cases/{case}/events");
        for body in [
            json!({"kind": "restriction_added", "restriction": "No running."}),
            json!({"kind": "evaluation", "availability": "out"}),
            json!({"kind": "clearance_granted"}),
        ] {
            let reply = school.trainer().post(&path, &body).await;
            assert_eq!(reply.problem(), "409 case_resolved", "{body}");
        }
        let note = school.event(&case, &json!({"kind": "note", "note": "sent the form"})).await;
        let corrects =
            json!({"kind": "correction", "corrects": note["id"], "note": "sent two forms"});
        school.event(&case, &corrects).await;
        assert_eq!(school.status(&sam).await, "cleared");
        assert_eq!(school.case_of(&sam, &case).await["status"], "resolved");
    });
}

#[test]
fn an_event_that_is_sent_again_is_taken_once() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        let path = format!("/api/v1/cases/{case}/events");
        let body = json!({"kind": "note", "note": "iced", "client_id": "n-1"});
        let first = school.trainer().post(&path, &body).await;
        assert_eq!(first.status, 201, "{}", first.text);
        let again = school.trainer().post(&path, &body).await;
        assert_eq!((again.status, again.json()), (200, first.json()));
        let clear = json!({"kind": "clearance_granted", "client_id": "c-1"});
        assert_eq!(school.trainer().post(&path, &clear).await.status, 201);
        let again = school.trainer().post(&path, &clear).await;
        assert_eq!(again.status, 200, "the phone did not hear the answer: {}", again.text);
        assert_eq!(school.timeline(school.trainer(), &case).await.len(), 3);
    });
}

#[test]
fn r031_a_correction_is_for_trainers_unless_it_says_more_and_what_it_corrects_stays() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let case = school.case(&sam, "knee").await;
        let wrong = json!({"kind": "note", "note": "left knee", "visibility": ["parent"]});
        let wrong = school.event(&case, &wrong).await;
        let correction =
            json!({"kind": "correction", "corrects": wrong["id"], "note": "right knee"});
        assert_eq!(school.event(&case, &correction).await["visibility"], json!(["at"]));
        assert_eq!(each(&school.timeline(school.parent(), &case).await, "note"), ["left knee"]);
        school.event(&case, &with(correction, &json!({"visibility": ["parent"]}))).await;
        let seen = school.timeline(school.parent(), &case).await;
        let notes: std::collections::BTreeSet<_> = each(&seen, "note").into_iter().collect();
        assert_eq!(notes, ["left knee".to_owned(), "right knee".to_owned()].into());
        assert_eq!(school.timeline(school.coach(), &case).await, [] as [Value; 0]);
        // Of another case, or of nothing, there is nothing to correct.
        let other = school.case(&sam, "wrist").await;
        let path = format!("/api/v1/cases/{other}/events");
        for id in [wrong["id"].clone(), json!(Uuid::now_v7())] {
            let body = json!({"kind": "correction", "corrects": id, "note": "x"});
            let reply = school.trainer().post(&path, &body).await;
            assert_eq!(
                (reply.problem(), reply.fields()),
                ("422 invalid".into(), vec!["body.corrects".into()]),
                "{}",
                reply.text
            );
        }
    });
}

#[test]
fn r053_restrictions_are_told_to_coach_and_family_until_they_are_lifted() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let case = school.case(&sam, "knee").await;
        hand.advance(hours(1));
        let body = json!({"kind": "restriction_added", "restriction": "No running.", "note": "CANARY",
                          "visibility": ["at"]});
        let added = school.event(&case, &body).await;
        let told = json!([{"id": added["id"], "case_id": case, "restriction": "No running.", "until": null}]);
        let surfaces = [
            (school.trainer(), format!("/api/v1/roster/{sam}")),
            (school.trainer(), format!("/api/v1/athletes/{sam}")),
            (school.coach(), format!("/api/v1/roster/{sam}")),
            (school.parent(), format!("/api/v1/athletes/{sam}")),
        ];
        for (who, path) in &surfaces {
            let reply = who.get(path).await;
            assert_eq!(reply.json()["restrictions"], told, "{path}: {}", reply.text);
            assert!(!reply.text.contains("CANARY"));
        }
        for who in [school.trainer(), school.coach(), school.parent()] {
            let cases = list(who, &format!("/api/v1/cases/{sam}")).await;
            assert_eq!(cases[0]["restrictions"], told);
        }
        for who in [school.coach(), school.parent()] {
            assert_eq!(
                school.timeline(who, &case).await,
                [] as [Value; 0],
                "its event is the trainer's"
            );
        }
        hand.advance(hours(1));
        let lift = json!({"kind": "restriction_lifted", "lifts": added["id"]});
        school.event(&case, &lift).await;
        for (who, path) in &surfaces {
            assert_eq!(who.get(path).await.json()["restrictions"], json!([]), "{path}");
        }
        let reply = school.trainer().post(&format!("/api/v1/cases/{case}/events"), &lift).await;
        assert!([409, 422].contains(&reply.status), "lifted already: {}", reply.text);
    });
}

#[test]
fn a_restriction_holds_through_its_last_day_in_the_schools_calendar() {
    // 23:00 in Ohio of 4 March is 04:00 UTC of the fifth.
    let (options, hand) = at("2026-03-05T04:00:00Z");
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let case = school.case(&sam, "knee").await;
        let body = json!({"kind": "restriction_added", "restriction": "No running.",
                          "restriction_until": "2026-03-04"});
        school.event(&case, &body).await;
        let told = async || {
            let coach = school.coach().get(&format!("/api/v1/roster/{sam}")).await.json();
            let parent = school.parent().get(&format!("/api/v1/athletes/{sam}")).await.json();
            let cases = list(school.coach(), &format!("/api/v1/cases/{sam}")).await;
            [coach, parent, cases[0].clone()].map(|of| of["restrictions"].as_array().unwrap().len())
        };
        assert_eq!(told().await, [1, 1, 1]);
        hand.advance(SignedDuration::from_mins(59));
        assert_eq!(told().await, [1, 1, 1]);
        hand.advance(SignedDuration::from_mins(1));
        assert_eq!(told().await, [0, 0, 0]);
        // Its end is no clearance.
        assert_eq!(school.status(&sam).await, "restricted");
    });
}

#[test]
fn r026_the_severity_of_a_case_stays_as_it_was_found_and_its_attention_is_for_the_day() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        let path = format!("/api/v1/cases/{case}");
        for severity in ["severe", "moderate", "nonsense"] {
            let reply = school.trainer().patch(&path, &json!({"severity": severity})).await;
            assert_eq!(reply.problem(), "422 invalid", "{}", reply.text);
            assert_eq!(reply.fields(), ["body.severity"]);
        }
        for level in ["urgent", "warning", "stable"] {
            let reply = school.trainer().patch(&path, &json!({"attention_level": level})).await;
            assert_eq!((reply.status, &reply.json()["attention_level"]), (200, &json!(level)));
        }
        let urgent = "/api/v1/cases?status=active&attention_level=urgent";
        assert_eq!(list(school.trainer(), urgent).await, [] as [Value; 0]);
        school.trainer().patch(&path, &json!({"attention_level": "urgent"})).await;
        assert_eq!(list(school.trainer(), urgent).await.len(), 1);
        assert_eq!(school.line(&sam).await.get("attention_level"), None, "the office sees none");
        let reply = school.trainer().patch(&path, &json!({"attention_level": "calm"})).await;
        assert_eq!(reply.fields(), ["body.attention_level"]);
        let now = school.case_of(&sam, &case).await;
        assert_eq!(
            (&now["severity"], &now["attention_level"]),
            (&json!("moderate"), &json!("urgent"))
        );
        for who in [school.coach(), school.parent()] {
            let reply = who.get(urgent).await;
            assert_eq!(reply.problem(), "422 invalid", "{}", reply.text);
        }
    });
}

/// A school whose case was resolved at [`BEGIN`].
async fn resolved(app: &TestApp) -> (School, String, String) {
    let school = School::new(app, "central").await;
    let sam = school.athlete().await;
    let case = school.case(&sam, "knee").await;
    school.clear(&case).await;
    assert_eq!(school.case_of(&sam, &case).await["status"], "resolved");
    (school, sam, case)
}

#[test]
fn s11_a_case_opens_again_for_thirty_days_the_last_instant_among_them() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let (mut school, sam, case) = resolved(app).await;
        let path = format!("/api/v1/cases/{case}/reopen");
        let again = json!({"reason": "The pain is back."});
        hand.advance(days(30) - SignedDuration::from_secs(1));
        school.refreshed().await;
        let reply = school.trainer().post(&path, &again).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(
            (&reply.json()["status"], &reply.json()["availability"]),
            (&json!("active"), &json!("restricted"))
        );
        assert_eq!(school.status(&sam).await, "restricted");
        // It is active: there is nothing to open.
        assert_eq!(school.trainer().post(&path, &again).await.status, 409);
        school.clear(&case).await;
        hand.advance(days(30));
        school.refreshed().await;
        let reply = school
            .trainer()
            .post(&path, &with(again.clone(), &json!({"removed_from_play": true})))
            .await;
        assert_eq!(reply.status, 200, "the last instant: {}", reply.text);
        assert_eq!(school.status(&sam).await, "out");
        school.clear(&case).await;
        hand.advance(days(30) + SignedDuration::from_secs(1));
        school.refreshed().await;
        let reply = school.trainer().post(&path, &again).await;
        assert_eq!(reply.problem(), "409 reopen_window_over");
        assert_eq!(school.status(&sam).await, "cleared");
        // Then it is a new case.
        let new = school.entry(&seen(&sam, "knee", "mild")).await;
        assert_eq!(new["case_opened"], true);
    });
}

#[test]
fn a_case_does_not_open_again_beside_a_new_one_of_the_same_body_part() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let (school, sam, case) = resolved(app).await;
        hand.advance(hours(24));
        school.case(&sam, "Knee").await;
        let path = format!("/api/v1/cases/{case}/reopen");
        let reply = school.trainer().post(&path, &json!({"reason": "It is the old one."})).await;
        assert_eq!(reply.status, 409, "{}", reply.text);
        let active = list(school.trainer(), "/api/v1/cases?status=active").await;
        assert_eq!(active.len(), 1, "R-059");
    });
}

#[test]
fn reopening_wants_a_reason_and_a_trainer() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let (school, _, case) = resolved(app).await;
        let path = format!("/api/v1/cases/{case}/reopen");
        for body in [json!({}), json!({"reason": "  "})] {
            let reply = school.trainer().post(&path, &body).await;
            assert_eq!(reply.fields(), ["body.reason"], "{}", reply.text);
        }
        for who in [school.admin(), school.coach(), school.parent(), school.student()] {
            let reply = who.post(&path, &json!({"reason": "x"})).await;
            assert_eq!(reply.problem(), "403 forbidden");
        }
        let stranger = School::new(app, "south").await;
        let reply = stranger.trainer().post(&path, &json!({"reason": "x"})).await;
        assert_eq!(reply.status, 404);
    });
}

#[test]
fn events_say_what_they_lack_and_no_route_changes_or_deletes_one() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        let path = format!("/api/v1/cases/{case}/events");
        for (body, field) in [
            (json!({}), "body.kind"),
            (json!({"kind": "sideline_entry"}), "body.kind"),
            (json!({"kind": "restriction_added"}), "body.restriction"),
            (json!({"kind": "restriction_lifted"}), "body.lifts"),
            (json!({"kind": "correction", "note": "x"}), "body.corrects"),
            (json!({"kind": "note", "note": "x", "visibility": ["everybody"]}), "body.visibility"),
            (
                json!({"kind": "note", "note": "x", "occurred_at": "2999-01-01T00:00:00Z"}),
                "body.occurred_at",
            ),
            (
                json!({"kind": "restriction_added", "restriction": "x", "restriction_until": "soon"}),
                "body.restriction_until",
            ),
        ] {
            let reply = school.trainer().post(&path, &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{body}: {}", reply.text);
            assert!(reply.fields().contains(&field.to_owned()), "{body}: {:?}", reply.fields());
        }
        let event = text(&school.timeline(school.trainer(), &case).await[0]["id"]);
        let body = json!({"note": "x"});
        for path in
            [format!("/api/v1/events/{event}"), format!("/api/v1/cases/{case}/events/{event}")]
        {
            assert!([404, 405].contains(&school.trainer().patch(&path, &body).await.status));
            assert!([404, 405].contains(&school.trainer().delete(&path).await.status));
        }
        let changing = reeve::registry().unwrap().routes.into_iter().filter(|route| {
            route.path.starts_with("/api/v1/events")
                && !["GET", "POST"].contains(&route.method.name())
        });
        assert_eq!(changing.count(), 0);
    });
}

/// What the test believes of a case: its events by time, each with where it leaves the athlete.
#[derive(Default)]
struct Believed {
    events: std::collections::BTreeMap<i64, &'static str>,
    resolved: bool,
}

impl Believed {
    fn status(&self) -> &'static str {
        self.events.last_key_value().map_or("cleared", |(_, status)| status)
    }
}

/// A walk in any order of time, compared with what follows from the requirements.
#[test]
fn r058_whatever_comes_in_whatever_order_the_status_is_the_worst_of_the_latest() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let mut dice = 0x5EED_2026_u64;
        let mut below = |count: u64| {
            dice ^= dice >> 12;
            dice ^= dice << 25;
            dice ^= dice >> 27;
            (dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % count
        };
        for _ in 0..6 {
            let sam = school.athlete().await;
            let mut cases: Vec<(String, Believed)> = vec![];
            let begun = 1_000_000;
            for part in ["knee", "wrist", "back"] {
                let case = school.case(&sam, part).await;
                // Opened now; the minutes of later events count from here.
                let events = [(begun, "restricted")].into();
                cases.push((case, Believed { events, resolved: false }));
            }
            let opened = school.case_of(&sam, &cases[0].0).await["opened_at"].clone();
            let opened: Timestamp = text(&opened).parse().unwrap();
            hand.advance(hours(4));
            let mut minutes: Vec<i64> = (1..=200).collect();
            for _ in 0..12 {
                let (case, believed) = &mut cases[usize::try_from(below(3)).unwrap()];
                let minute = minutes.remove(usize::try_from(below(minutes.len() as u64)).unwrap());
                let time = (opened + SignedDuration::from_mins(minute)).to_string();
                let (body, status) = match below(5) {
                    0 => (json!({"kind": "restriction_added", "restriction": "x"}), "restricted"),
                    1 | 2 => (json!({"kind": "evaluation", "availability": "out"}), "out"),
                    3 => {
                        (json!({"kind": "evaluation", "availability": "restricted"}), "restricted")
                    }
                    _ => (json!({"kind": "clearance_granted"}), "cleared"),
                };
                let path = format!("/api/v1/cases/{case}/events");
                let reply = school
                    .trainer()
                    .post(&path, &with(body.clone(), &json!({"occurred_at": time})))
                    .await;
                let later = believed.events.range(begun + minute..).next().is_some();
                let expected = match (believed.resolved, status, later) {
                    (true, ..) => "409 case_resolved",
                    (_, "cleared", true) => "409 later_events",
                    _ => "201 -",
                };
                assert_eq!(reply.problem(), expected, "{body} at {minute}: {}", reply.text);
                if reply.status == 201 {
                    believed.events.insert(begun + minute, status);
                    believed.resolved = status == "cleared";
                }
                let active = cases.iter().filter(|(_, of)| !of.resolved).map(|(_, of)| of.status());
                let worst = active.max_by_key(|status| {
                    ["cleared", "restricted", "out"].iter().position(|s| s == status)
                });
                assert_eq!(school.status(&sam).await, worst.unwrap_or("cleared"));
            }
        }
    });
}

#[test]
fn a_clearance_and_an_entry_at_once_leave_a_status_that_follows_from_the_cases() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        for _ in 0..8 {
            let sam = school.athlete().await;
            let case = school.case(&sam, "knee").await;
            hand.advance(SignedDuration::from_secs(1));
            let path = format!("/api/v1/cases/{case}/events");
            let (clear, entry) =
                (json!({"kind": "clearance_granted"}), seen(&sam, "knee", "severe"));
            let (cleared, entered) = tokio::join!(
                school.trainer().post(&path, &clear),
                school.trainer().post(SIDELINE, &entry)
            );
            assert_eq!(entered.status, 201, "{}", entered.text);
            assert!([201, 409].contains(&cleared.status), "{}", cleared.text);
            let active =
                list(school.trainer(), &format!("/api/v1/cases/{sam}?status=active")).await;
            assert!(active.len() <= 1, "R-059");
            let expected =
                active.first().map_or("cleared".to_owned(), |case| text(&case["availability"]));
            assert_eq!(school.status(&sam).await, expected);
        }
    });
}
