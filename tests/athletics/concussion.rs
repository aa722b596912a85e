//! Injuries of the head: out at once, back a stage a day, cleared in writing by a licensed clinician
//! and never before the last stage (C-33; ORC 3313.539).

use testkit::run_with;

use super::*;

fn advance() -> Value {
    json!({"action": "advance", "symptoms": false})
}

fn clear() -> Value {
    json!({"action": "clear", "symptoms": false, "clinician": physician()})
}

impl School {
    async fn step(&self, case: &str, body: &Value) -> Reply {
        self.trainer().patch(&format!("/api/v1/cases/{case}/rtp"), body).await
    }

    /// A concussion of somebody new, now: the athlete and the case.
    async fn concussion(&self) -> (String, String) {
        let sam = self.child().await;
        (sam.clone(), self.case(&sam, "head").await)
    }

    async fn stage(&self, sam: &str, case: &str) -> i64 {
        self.case_of(sam, case).await["return_to_play"]["stage"].as_i64().unwrap()
    }

    /// Goes on until this stage, a day a stage, cleared where it must be.
    async fn reach(&self, hand: &Hand, sam: &str, case: &str, stage: i64) {
        while self.stage(sam, case).await < stage {
            hand.advance(hours(24));
            let reply = self.step(case, &advance()).await;
            if missing(&reply) == ["not_cleared"] {
                assert_eq!(self.step(case, &clear()).await.status, 200);
                assert_eq!(self.step(case, &advance()).await.status, 200);
            } else {
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
        }
    }

    async fn grant(&self, case: &str) -> Reply {
        self.trainer()
            .post(&format!("/api/v1/cases/{case}/events"), &json!({"kind": "clearance_granted"}))
            .await
    }
}

#[test]
fn a_head_injury_opens_its_return_to_play_with_a_milestone_for_each_stage() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        for part in ["head", "HEAD"] {
            let sam = school.athlete().await;
            let case = school.case(&sam, part).await;
            let found = school.case_of(&sam, &case).await;
            assert_eq!(found["head_injury"], true, "{part}");
            assert_eq!(found["return_to_play"]["stage"], 1);
            assert_eq!(found["return_to_play"]["removed_on"], "2026-03-02");
            let path = format!("/api/v1/cases/{case}/milestones");
            let milestones = list(school.trainer(), &path).await;
            let stages: Vec<_> =
                milestones.iter().map(|m| m["rtp_stage"].as_i64().unwrap()).collect();
            assert_eq!(stages, [1, 2, 3, 4, 5, 6]);
            let upcoming = milestones.iter().filter(|m| m["state"] == "upcoming").count();
            assert!(upcoming >= 4, "{milestones:?}");
        }
        let sam = school.athlete().await;
        let knee = school.case(&sam, "knee").await;
        let found = school.case_of(&sam, &knee).await;
        assert_eq!(
            (&found["head_injury"], &found["return_to_play"]),
            (&json!(false), &json!(null))
        );
        let reply = school.step(&knee, &advance()).await;
        assert_eq!(reply.problem(), "409 no_return_to_play");
    });
}

#[test]
fn c33_a_concussion_goes_from_the_field_to_clearance_and_only_then_is_resolved() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        let blocked = async |what: &str| {
            let reply = school.grant(&case).await;
            assert_eq!(reply.problem(), "409 gate_blocked", "{what}");
            assert!(!missing(&reply).is_empty(), "{what}: it says what is missing: {}", reply.text);
            assert_eq!(school.case_of(&sam, &case).await["status"], "active", "{what}");
            missing(&reply)
        };
        let at_first = blocked("on the field").await;
        assert!(at_first.len() >= 2, "clearance and stages: {at_first:?}");
        assert_eq!(school.status(&sam).await, "out");
        for (stage, status) in [(2, "out"), (3, "out")] {
            school.reach(&hand, &sam, &case, stage).await;
            assert_eq!(school.status(&sam).await, status, "stage {stage}");
            blocked("on the way").await;
        }
        // Amsterdam: nobody trains with the team without a clearance.
        hand.advance(hours(24));
        assert_eq!(missing(&school.step(&case, &advance()).await), ["not_cleared"]);
        let reply = school.step(&case, &clear()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.json()["return_to_play"]["clearance"]["clinician"], "Dr. Mina Okafor");
        assert!(blocked("cleared, and at stage 3").await.len() < at_first.len());
        assert_eq!(missing(&school.step(&case, &clear()).await), ["already_cleared"]);
        for stage in 4..=6 {
            school.reach(&hand, &sam, &case, stage).await;
            assert_eq!(school.status(&sam).await, "restricted", "stage {stage}");
            if stage < 6 {
                blocked("cleared, on the way").await;
            }
        }
        let over = missing(&school.step(&case, &advance()).await);
        assert!(over.contains(&"last_stage".to_owned()), "{over:?}");
        let milestones = list(school.trainer(), &format!("/api/v1/cases/{case}/milestones")).await;
        assert_eq!(each(&milestones[..5], "state"), ["reached"; 5]);
        let reply = school.grant(&case).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert_eq!(school.status(&sam).await, "cleared");
        assert_eq!(school.case_of(&sam, &case).await["status"], "resolved");
    });
}

#[test]
fn a_clearance_lacks_nothing_or_says_which_field_it_lacks() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        school.reach(&hand, &sam, &case, 3).await;
        let clear = |clinician: Value| json!({"action": "clear", "symptoms": false, "clinician": clinician});
        for (taken, field) in [
            ("name", "name"),
            ("licence_number", "licence_number"),
            ("profession", "licence_number"),
            ("document_reference", "document_reference"),
        ] {
            for blank in ["", " ", "\u{a0}"] {
                let clinician = with(physician(), &json!({taken: blank}));
                let reply = school.step(&case, &clear(clinician)).await;
                assert_eq!(reply.problem(), "422 invalid", "{taken}: {}", reply.text);
                assert_eq!(reply.fields(), [format!("body.clinician.{field}")], "{taken}");
                assert_eq!(reply.json()["statute"], "ORC 3313.539", "the law of schools");
            }
        }
        let nobody = school.step(&case, &json!({"action": "clear", "symptoms": false})).await;
        assert_eq!(nobody.fields(), ["body.clinician.name"]);
        let psychologist = with(physician(), &json!({"profession": "psychologist"}));
        let reply = school.step(&case, &clear(psychologist.clone())).await;
        assert_eq!(reply.fields(), ["body.clinician.physician"]);
        for (at, code) in [
            ("2026-03-02T22:00:00Z", "same_day"),
            ("2026-03-01T22:00:00Z", "clearance_outdated"),
            ("2026-03-09T22:00:00Z", "clearance_in_future"),
        ] {
            let clinician = with(physician(), &json!({"cleared_at": at}));
            let reply = school.step(&case, &clear(clinician)).await;
            assert_eq!(
                (reply.problem(), missing(&reply)),
                ("409 gate_blocked".into(), vec![code.into()])
            );
        }
        let ill = json!({"action": "clear", "symptoms": true, "clinician": physician()});
        assert_eq!(missing(&school.step(&case, &ill).await), ["symptoms_present"]);
        assert_eq!(school.case_of(&sam, &case).await["return_to_play"]["cleared"], false);
        let linked = with(
            psychologist,
            &json!({"physician": {"relation": "consultation", "name": "Dr. Lee"}}),
        );
        let reply = school.step(&case, &clear(linked)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    });
}

#[test]
fn a_clearance_is_recorded_by_a_trainer_in_person() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        school.reach(&hand, &sam, &case, 3).await;
        let path = format!("/api/v1/cases/{case}/rtp");
        for who in [school.admin(), school.coach(), school.parent(), school.student()] {
            assert_eq!(who.patch(&path, &clear()).await.problem(), "403 forbidden");
        }
        let key = json!({"name": "phone", "role": "athletic_trainer"});
        let made = school.admin().post("/v1/auth/api-keys", &key).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let program = app.persona(Some(text(&made.json()["api_key"])), Uuid::nil());
        assert_eq!(program.patch(&path, &clear()).await.problem(), "403 person_required");
        let knee = school.case(&sam, "knee").await;
        let grant = json!({"kind": "clearance_granted"});
        let reply = program.post(&format!("/api/v1/cases/{knee}/events"), &grant).await;
        assert_eq!(reply.problem(), "403 person_required");
        let south = School::new(app, "south").await;
        assert_eq!(south.trainer().patch(&path, &clear()).await.status, 404);
        assert_eq!(school.case_of(&sam, &case).await["return_to_play"]["cleared"], false);
    });
}

#[test]
fn a_stage_takes_twenty_four_hours_to_the_second() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        let reply = school.step(&case, &advance()).await;
        assert_eq!(missing(&reply), ["too_soon", "same_day"]);
        let jump = json!({"action": "advance", "to_stage": 5, "symptoms": false});
        hand.advance(hours(24) - SignedDuration::from_secs(1));
        assert_eq!(missing(&school.step(&case, &advance()).await), ["too_soon"]);
        hand.advance(SignedDuration::from_secs(1));
        assert_eq!(missing(&school.step(&case, &jump).await), ["stage_skipped"]);
        let ill = json!({"action": "advance", "symptoms": ["headache"]});
        assert_eq!(missing(&school.step(&case, &ill).await), ["symptoms_present"]);
        assert_eq!(school.step(&case, &advance()).await.json()["return_to_play"]["stage"], 2);
        assert_eq!(missing(&school.step(&case, &advance()).await), ["too_soon"]);
        assert_eq!(school.stage(&sam, &case).await, 2);
    });
}

#[test]
fn symptoms_bring_back_a_stage_and_void_the_clearance() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        school.reach(&hand, &sam, &case, 4).await;
        assert_eq!(school.status(&sam).await, "restricted");
        let back = json!({"action": "regress", "symptoms": ["headache"]});
        let reply = school.step(&case, &back).await;
        let rtp = &reply.json()["return_to_play"];
        assert_eq!((&rtp["stage"], &rtp["cleared"]), (&json!(3), &json!(false)), "{}", reply.text);
        assert_eq!(school.status(&sam).await, "out", "stage 3");
        hand.advance(hours(24));
        // A paper from before the symptoms does not clear again.
        let old = with(physician(), &json!({"cleared_at": "2026-03-05T17:00:00Z"}));
        let reply = school
            .step(&case, &json!({"action": "clear", "symptoms": false, "clinician": old}))
            .await;
        assert_eq!(missing(&reply), ["clearance_outdated"]);
        school.reach(&hand, &sam, &case, 4).await;
        assert_eq!(school.status(&sam).await, "restricted");
    });
}

/// A resolved concussion: the athlete and the case.
async fn resolved(school: &mut School, hand: &Hand) -> (String, String) {
    let (sam, case) = school.concussion().await;
    school.reach(hand, &sam, &case, 6).await;
    school.refreshed().await;
    assert_eq!(school.grant(&case).await.status, 201);
    assert_eq!(school.status(&sam).await, "cleared");
    (sam, case)
}

#[test]
fn a_resolved_concussion_that_opens_again_goes_back_a_stage_and_is_not_cleared() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let mut school = School::new(app, "central").await;
        for regress in [false, true] {
            let (sam, case) = resolved(&mut school, &hand).await;
            hand.advance(hours(48));
            school.refreshed().await;
            let reply = match regress {
                true => school.step(&case, &json!({"action": "regress", "symptoms": true})).await,
                false => {
                    let path = format!("/api/v1/cases/{case}/reopen");
                    school.trainer().post(&path, &json!({"reason": "Headaches."})).await
                }
            };
            assert_eq!(reply.status, 200, "{}", reply.text);
            let now = school.case_of(&sam, &case).await;
            assert_eq!(now["status"], "active", "regress: {regress}");
            assert_eq!(now["resolved_at"], json!(null));
            let rtp = &now["return_to_play"];
            assert_eq!(
                (&rtp["stage"], &rtp["cleared"]),
                (&json!(5), &json!(false)),
                "regress: {regress}"
            );
            assert_eq!(now["availability"], "out", "a head injury that is back is out");
            let reply = school.grant(&case).await;
            assert_eq!(reply.problem(), "409 gate_blocked", "regress: {regress}");
            // The whole way again, from there.
            hand.advance(hours(24));
            school.refreshed().await;
            assert_eq!(missing(&school.step(&case, &advance()).await), ["not_cleared"]);
            school.reach(&hand, &sam, &case, 6).await;
            assert_eq!(school.grant(&case).await.status, 201);
        }
    });
}

#[test]
fn symptoms_after_thirty_days_are_a_new_case() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let mut school = School::new(app, "central").await;
        let (sam, case) = resolved(&mut school, &hand).await;
        hand.advance(days(30) + SignedDuration::from_secs(1));
        school.refreshed().await;
        let reply = school.step(&case, &json!({"action": "regress", "symptoms": true})).await;
        assert_eq!(reply.problem(), "409 reopen_window_over");
        let new = school.entry(&seen(&sam, "head", "mild")).await;
        assert_eq!((&new["case_opened"], &new["athlete_status"]), (&json!(true), &json!("out")));
        assert_eq!(school.stage(&sam, &text(&new["case_id"])).await, 1);
    });
}

#[test]
fn a_second_blow_during_the_return_puts_the_athlete_out_again() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        school.reach(&hand, &sam, &case, 5).await;
        hand.advance(hours(2));
        let entry = school.entry(&seen(&sam, "head", "mild")).await;
        assert_eq!((&entry["case_id"], &entry["athlete_status"]), (&json!(case), &json!("out")));
        assert_eq!(school.status(&sam).await, "out");
        // What was cleared was the blow before.
        let rtp = &school.case_of(&sam, &case).await["return_to_play"];
        assert_eq!((&rtp["stage"], &rtp["cleared"]), (&json!(4), &json!(false)));
        hand.advance(hours(24));
        assert_eq!(missing(&school.step(&case, &advance()).await), ["not_cleared"]);
        assert_eq!(school.grant(&case).await.problem(), "409 gate_blocked");
    });
}

#[test]
fn c33_an_injury_of_the_head_is_one_however_it_is_written() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        for part in ["Head injury", "forehead", "head/neck", "Concussion?", "skull fracture"] {
            let sam = school.athlete().await;
            let case = school.case(&sam, part).await;
            assert_eq!(school.case_of(&sam, &case).await["head_injury"], true, "{part}");
            assert_eq!(school.grant(&case).await.problem(), "409 gate_blocked", "{part}");
        }
    });
}

#[test]
fn no_other_event_takes_a_head_injury_past_its_stages() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        hand.advance(hours(1));
        let path = format!("/api/v1/cases/{case}/events");
        for body in [
            json!({"kind": "evaluation", "availability": "restricted"}),
            json!({"kind": "restriction_added", "restriction": "No contact.", "availability": "restricted"}),
            json!({"kind": "restriction_added", "restriction": "No contact."}),
        ] {
            school.trainer().post(&path, &body).await;
            assert_eq!(school.status(&sam).await, "out", "stages 1 to 3 are out: {body}");
        }
    });
}

#[test]
fn a_stage_is_reached_by_its_steps_and_not_by_hand() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (_, case) = school.concussion().await;
        let milestones = list(school.trainer(), &format!("/api/v1/cases/{case}/milestones")).await;
        let last = format!("/api/v1/milestones/{}", text(&milestones[5]["id"]));
        let reply = school
            .trainer()
            .patch(&last, &json!({"reached_on": "2026-03-02", "reason": "x"}))
            .await;
        assert!(
            [409, 422].contains(&reply.status),
            "a stage is reached by its steps: {}",
            reply.text
        );
    });
}

#[test]
fn c33_a_case_keeps_the_protocol_and_the_law_that_it_was_opened_under() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, old) = school.concussion().await;
        let reply =
            school.admin().patch("/api/v1/school", &json!({"rtp_protocol": "zurich_2012"})).await;
        assert_eq!(reply.json()["rtp_protocol"], "zurich_2012", "{}", reply.text);
        let (kim, new) = school.concussion().await;
        assert_eq!(
            school.case_of(&sam, &old).await["return_to_play"]["protocol"],
            "amsterdam_2022"
        );
        let zurich = school.case_of(&kim, &new).await;
        assert_eq!(zurich["return_to_play"]["stage_name"], "No activity");
        assert_eq!(zurich["jurisdiction"], "us-oh");
        let nowhere =
            school.admin().patch("/api/v1/school", &json!({"jurisdiction": "us-zz"})).await;
        assert_eq!(nowhere.status, 403, "no gate is switched off: {}", nowhere.text);
    });
}

#[test]
fn nobody_is_cleared_on_the_day_of_the_removal_by_dating_the_clearance_back() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (sam, case) = school.concussion().await;
        school.reach(&hand, &sam, &case, 6).await;
        for minutes in [60, 24 * 60, 4 * 24 * 60] {
            let back = json!({"kind": "clearance_granted", "occurred_at": after(minutes)});
            let path = format!("/api/v1/cases/{case}/events");
            let reply = school.trainer().post(&path, &back).await;
            assert_eq!(reply.problem(), "409 later_events", "{minutes}");
        }
        assert_eq!(school.grant(&case).await.status, 201);
    });
}

#[test]
fn the_stages_of_a_return_to_play_do_not_tell_a_coach_what_the_injury_is() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let (_, case) = school.concussion().await;
        let path = format!("/api/v1/cases/{case}/milestones");
        assert_eq!(list(school.coach(), &path).await, [] as [Value; 0]);
        assert_eq!(list(school.parent(), &path).await.len(), 6);
    });
}
