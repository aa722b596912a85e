//! The live roster: who may play is told within a second, to each their own, for as long as they may see.

use testkit::{run, run_with};

use super::*;

#[test]
fn a_status_is_told_within_a_second_to_all_who_may_know_and_to_nobody_else() {
    run(async |app| {
        let (school, south) = (School::new(app, "central").await, School::new(app, "south").await);
        let sam = school.child().await;
        let stranger = school.another(app, "parent", "stranger").await;
        let mut told = vec![];
        for (role, who) in [
            ("athletic_trainer", school.trainer()),
            ("school_admin", school.admin()),
            ("coach", school.coach()),
            ("parent", school.parent()),
        ] {
            let (stream, there) = open(who).await;
            assert_eq!(each(&there, "current_status"), ["cleared"], "{role}");
            told.push((role, stream));
        }
        let mut others = vec![];
        for who in
            [&school.other_coach, &stranger, south.trainer(), south.coach(), school.student()]
        {
            let (stream, there) = open(who).await;
            assert_eq!(there, [] as [Value; 0]);
            others.push(stream);
        }
        let entry = with(
            seen(&sam, "knee", "severe"),
            &json!({"note": "CANARY", "clinical_notes": "CANARY", "mechanism": "CANARY"}),
        );
        let case = text(&school.entry(&entry).await["case_id"]);
        for (role, stream) in &mut told {
            let change = changed(stream).await;
            assert_eq!(
                (&change["id"], &change["current_status"]),
                (&json!(sam), &json!("out")),
                "{role}"
            );
            let expected: BTreeSet<_> = ::athletics::ferpa::STATUS.seen_by(role).collect();
            assert_eq!(keys(&change), expected, "{role}");
            assert!(!change.to_string().contains("CANARY") && !change.to_string().contains("knee"));
        }
        let restriction = json!({"kind": "restriction_added", "restriction": "No running.", "availability": "out"});
        school.event(&case, &restriction).await;
        for (role, stream) in told.iter_mut().filter(|(role, _)| *role != "school_admin") {
            let change = changed(stream).await;
            assert_eq!(change["restrictions"][0]["restriction"], "No running.", "{role}");
        }
        school.clear(&case).await;
        for (role, stream) in told.iter_mut().filter(|(role, _)| *role != "school_admin") {
            assert_eq!(changed(stream).await["current_status"], "cleared", "{role}");
        }
        for stream in &mut others {
            assert!(stream.is_silent(FELT / 4).await, "nobody else's business");
        }
    });
}

#[test]
fn every_replica_tells() {
    run(async |app| {
        let second = app.add_replica(&Options::default()).await;
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let (mut stream, _) = open(&school.coach().at(app.url(second))).await;
        school.case(&sam, "knee").await;
        assert_eq!(changed(&mut stream).await["current_status"], "restricted");
    });
}

#[test]
fn who_comes_again_with_the_last_id_is_told_what_changed_meanwhile() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let (sam, kim, lee) =
            (school.child().await, school.athlete().await, school.athlete().await);
        let (mut stream, there) = open(school.coach()).await;
        assert_eq!(there.len(), 3);
        school.case(&sam, "knee").await;
        let id = stream.next(FELT).await.unwrap().id.expect("the last event has an id");
        drop(stream);
        school.case(&kim, "knee").await;
        let mut again = school.coach().follow(LIVE, Some(&id)).await;
        let told = again.next(FELT * 2).await.expect("what changed");
        assert_eq!(told.name, "changed");
        assert_eq!(
            (&told.data["id"], &told.data["current_status"]),
            (&json!(kim), &json!("restricted"))
        );
        school.case(&lee, "knee").await;
        // Until the server has heard of it all, it says some of it twice.
        let mut next = changed(&mut again).await;
        if next["id"] == json!(kim) {
            next = changed(&mut again).await;
        }
        assert_eq!(next["id"], json!(lee));
        // Another's id is no place to go on from.
        let mut other = school.trainer().follow(LIVE, Some(&id)).await;
        assert_eq!(snapshot(&mut other).await.len(), 3);
    });
}

#[test]
fn a_coach_who_is_taken_off_a_team_hears_no_more_within_a_second() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let (mut stream, there) = open(school.coach()).await;
        assert_eq!(there.len(), 1);
        let (mut other, _) = open(&school.other_coach).await;
        let team = format!("/api/v1/teams/{}", school.football);
        let reply = school.admin().patch(&team, &json!({"coach_ids": []})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        ends(&mut stream, "off the team").await;
        let (mut again, there) = open(school.coach()).await;
        assert_eq!(there, [] as [Value; 0]);
        school.case(&sam, "knee").await;
        assert!(again.is_silent(FELT).await);
        assert!(other.is_silent(FELT / 4).await, "another team's coach goes on");
        assert_eq!(school.coach().get(&format!("/api/v1/roster/{sam}")).await.status, 404);
        // Who is put on it hears from then on.
        let reply = school.admin().patch(&team, &json!({"coach_ids": [school.coach().id]})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        ends(&mut again, "on the team").await;
        let mut again = school.coach().follow(LIVE, None).await;
        assert_eq!(each(&snapshot(&mut again).await, "id"), [sam]);
    });
}

#[test]
fn a_guardian_whose_link_ends_hears_no_more_within_a_second() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let link = school.link(&sam, school.parent(), "parent").await;
        let (mut stream, there) = open(school.parent()).await;
        assert_eq!(each(&there, "id"), [sam.as_str()]);
        assert_eq!(school.admin().delete(&format!("/api/v1/guardians/{link}")).await.status, 204);
        ends(&mut stream, "the link").await;
        let (mut again, there) = open(school.parent()).await;
        assert_eq!(there, [] as [Value; 0]);
        school.case(&sam, "knee").await;
        assert!(again.is_silent(FELT).await);
    });
}

#[test]
fn a_stream_ends_with_its_session() {
    run(async |app| {
        let school = School::new(app, "central").await;
        for who in [school.trainer(), school.coach(), school.parent()] {
            let (mut stream, _) = open(who).await;
            assert_eq!(who.post("/auth/logout", &json!({})).await.status, 204);
            ends(&mut stream, "the session").await;
        }
    });
}

#[test]
fn an_athlete_who_leaves_a_team_is_told_to_its_coach_no_more_and_to_the_next_at_once() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        let (mut old, there) = open(school.coach()).await;
        let (mut new, nobody) = open(&school.other_coach).await;
        assert_eq!((there.len(), nobody.len()), (1, 0));
        let moved = json!({"team_ids": [school.volleyball]});
        let reply = school.admin().patch(&format!("/api/v1/athletes/{sam}"), &moved).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        // Either the stream tells, or it ends and the next tells.
        let told = match new.next(FELT).await {
            Some(event) => event.data["id"].clone(),
            None => {
                snapshot(&mut school.other_coach.follow(LIVE, None).await).await[0]["id"].clone()
            }
        };
        assert_eq!(told, json!(sam));
        school.case(&sam, "knee").await;
        let mut again = school.coach().follow(LIVE, None).await;
        assert_eq!(snapshot(&mut again).await, [] as [Value; 0]);
        if !old.is_silent(FELT / 2).await {
            assert_eq!(old.next(FELT).await, None, "nothing of who left");
        }
    });
}

#[test]
fn a_parents_stream_tells_nothing_of_who_has_come_of_age() {
    // A minute before 10 March in Ohio.
    let (options, hand) = at("2026-03-10T03:59:00Z");
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let place = json!({"time_zone": "America/New_York"});
        assert_eq!(school.admin().patch("/api/v1/school", &place).await.status, 200);
        let sam = school.athlete_of(&school.football, "2008-03-10").await;
        school.link(&sam, school.parent(), "parent").await;
        school.link(&sam, school.student(), "self").await;
        let (mut parent, child) = open(school.parent()).await;
        let (mut student, nobody) = open(school.student()).await;
        assert_eq!((child.len(), nobody.len()), (1, 0));
        hand.advance(SignedDuration::from_mins(1));
        school.case(&sam, "knee").await;
        assert_eq!(changed(&mut student).await["current_status"], "restricted");
        assert!(parent.is_silent(FELT / 2).await);
    });
}
