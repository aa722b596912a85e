//! What a minor may consent to alone: six sessions, thirty days, from fourteen to eighteen.

use super::*;

#[test]
fn s08_of_a_hundred_at_once_on_two_replicas_one_spends_the_last_session() {
    let (options, _) = at(BEGIN);
    let second = options.clone();
    run_with(options, async |app| {
        let other = app.add_replica(&second).await;
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        for left in (1..6).rev() {
            let reply = spend(&north, &consent).await;
            assert_eq!(reply.json()["sessions_remaining"], left, "{}", reply.text);
        }
        let here = north.role("clinician").clone();
        let there = here.at(app.url(other));
        let (path, body) = (spend_of(&consent), json!({}));
        let all = (0..100).map(|n| if n % 2 == 0 { &here } else { &there }.post(&path, &body));
        let replies = join_all(all).await;
        let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 99));
        assert_eq!(won[0].json()["sessions_remaining"], 0);
        assert_eq!(won[0].json()["exhausted"], true);
        for reply in lost {
            assert_eq!(reply.status, 409, "{}", reply.text);
        }
        assert_eq!(held(app).await, "6");
        assert_eq!(missing(&spend(&north, &consent).await), ["sessions_spent"]);
    });
}

#[test]
fn s09_no_session_is_later_than_the_revocation_that_raced_it() {
    run(async |app| {
        let other = app.add_replica(&testkit::Options::default()).await;
        let north = Programme::new(app, "north").await;
        let here = north.role("clinician").clone();
        let there = here.at(app.url(other));
        let minor = north.participant(FIFTEEN).await;
        for round in 0..12 {
            let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
            let (path, body) = (spend_of(&consent), json!({}));
            let revoke = format!("/consent/{consent}/revoke");
            let spends = (0..4).map(|n| if n % 2 == 0 { &here } else { &there }.post(&path, &body));
            let (replies, revoked) = if round % 2 == 0 {
                futures::future::join(join_all(spends), there.patch(&revoke, &body)).await
            } else {
                let both =
                    futures::future::join(here.patch(&revoke, &body), join_all(spends)).await;
                (both.1, both.0)
            };
            assert_eq!(revoked.status, 200, "{}", revoked.text);
            for reply in &replies {
                assert!([200, 409].contains(&reply.status), "{}", reply.text);
            }
            let after = here.post(&path, &body).await;
            // The race may have spent the budget as well.
            assert_eq!((after.status, missing(&after)[0].as_str()), (409, "revoked"));
        }
        let later = "select s.held_at || ' after ' || c.revoked_at from programs.consent_session s
                       join kernel.consent c on c.id = s.consent_id where s.held_at > c.revoked_at";
        assert_eq!(app.ask(later).await, Vec::<String>::new());
    });
}

#[test]
fn a_session_that_waited_behind_a_revocation_is_refused() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let holds = app.database.session("reeve_admin").await;
        let lock = format!("begin; select 1 from kernel.consent where id = '{consent}' for update");
        holds.batch_execute(&lock).await.unwrap();
        let waiting = async |count: &str| {
            let sql = "select count(*) from pg_stat_activity where datname = current_database()
                        and usename = 'reeve_app' and wait_event_type = 'Lock'";
            until("it waits", async || app.ask(sql).await == [count]).await;
        };
        let clinician = north.role("clinician");
        let (revoke, path) = (format!("/consent/{consent}/revoke"), spend_of(&consent));
        let (empty, none) = (json!({}), json!({}));
        let revoking = clinician.patch(&revoke, &empty);
        let spending = async {
            waiting("1").await;
            let (reply, ()) = futures::future::join(clinician.post(&path, &none), async {
                waiting("2").await;
                holds.batch_execute("commit").await.unwrap();
            })
            .await;
            reply
        };
        let (revoked, spent) = futures::future::join(revoking, spending).await;
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        assert_eq!((spent.status, held(app).await.as_str()), (409, "0"), "{}", spent.text);
    });
}

#[test]
fn k087_the_seventh_session_and_the_thirty_first_day_are_refused_whichever_comes_first() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        // Six in one afternoon.
        let six = north.own_consent(&minor, "2026-03-01T15:00:00Z").await;
        for left in (0..6).rev() {
            let budget = spend_at(&north, &hand, &six, BEGIN).await;
            assert_eq!(budget["sessions_remaining"], left);
        }
        assert_eq!(refused_at(&north, &hand, &six, BEGIN).await, ["sessions_spent"]);
        // Two in thirty days: they count from the first session and not from the consent.
        let other = north.participant(FIFTEEN).await;
        hand.set(time("2026-03-02T17:00:00Z"));
        let days = north.own_consent(&other, "2026-02-02T15:00:00Z").await;
        let first = spend_at(&north, &hand, &days, "2026-03-09T17:00:00Z").await;
        assert_eq!(first["window_ends_on"], "2026-04-08");
        let last = spend_at(&north, &hand, &days, "2026-04-08T17:00:00Z").await;
        assert_eq!((&last["sessions_remaining"], &last["days_remaining"]), (&json!(4), &json!(0)));
        assert_eq!(refused_at(&north, &hand, &days, "2026-04-09T17:00:00Z").await, ["days_over"]);
        let reply = spend(&north, &days).await;
        assert_eq!(reply.json()["statute"], "ORC 5122.04");
        assert_eq!(reply.json()["pack"], "us-oh/2026-11");
        // Both at once: both are said.
        assert_eq!(
            refused_at(&north, &hand, &six, "2026-04-09T17:00:00Z").await,
            ["sessions_spent", "days_over"]
        );
        // Revoked: neither sessions nor days help.
        let third = north.participant(FIFTEEN).await;
        let revoked = north.own_consent(&third, "2026-04-08T15:00:00Z").await;
        spend_at(&north, &hand, &revoked, "2026-04-09T17:00:00Z").await;
        let reply =
            north.role("clinician").patch(&format!("/consent/{revoked}/revoke"), &json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(refused_at(&north, &hand, &revoked, "2026-04-09T17:00:01Z").await, ["revoked"]);
        assert_eq!(held(app).await, "9");
    });
}

#[test]
fn an_earlier_session_recorded_late_does_not_stretch_the_thirty_days() {
    let (options, hand) = at("2026-03-20T17:00:00Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-01-02T15:00:00Z").await;
        spend_at(&north, &hand, &consent, "2026-03-20T17:00:00Z").await;
        let (clinician, path) = (north.role("clinician"), spend_of(&consent));
        for (held_at, expected) in [
            // With this as the first, the one on record is past the thirty days.
            ("2026-02-10T17:00:00Z", 409),
            ("2026-01-02T14:59:59Z", 409),
            ("2026-03-20T17:00:01Z", 422),
            ("2026-02-18T17:00:00Z", 200),
        ] {
            let reply = clinician.post(&path, &json!({"held_at": held_at})).await;
            assert_eq!(reply.status, expected, "{held_at}: {}", reply.text);
        }
        assert_eq!(held(app).await, "2");
    });
}

#[test]
fn a_second_consent_of_the_same_minor_does_not_refill_the_budget() {
    // ORC 5122.04 (B): after six sessions or thirty days the services end, or the parent is asked.
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        for _ in 0..6 {
            spend_at(&north, &hand, &consent, BEGIN).await;
        }
        let body = json!({
            "participant_id": minor, "purpose": "mental_health", "basis": "orc_5122_04", "grantor": "self",
            "grantor_name": "The participant", "text": "And again.", "text_version": "1",
        });
        let again = north.role("clinician").post("/consent", &body).await;
        if again.status == 201 {
            let seventh = spend(&north, &again.id()).await;
            assert_eq!(seventh.status, 409, "a seventh session under a new form: {}", seventh.text);
        }
        assert_eq!(held(app).await, "6");
    });
}

#[test]
fn k088_a_minors_own_consent_begins_on_the_fourteenth_birthday_and_ends_on_the_eighteenth() {
    // Daylight saving begins in Ohio on 8 March 2026, at 2:00: that day begins at 05:00 UTC.
    let (options, hand) = at("2026-03-08T04:59:59Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let clinician = north.role("clinician");
        let minor = north.participant("2012-03-08").await;
        let body = |participant: &str| {
            json!({
                "participant_id": participant, "purpose": "mental_health", "basis": "orc_5122_04",
                "grantor": "self", "grantor_name": "Ava", "text": "I ask.", "text_version": "1",
            })
        };
        // 13 years and 364 days.
        let reply = clinician.post("/consent", &body(&minor)).await;
        assert!([409, 422].contains(&reply.status), "{}", reply.text);
        assert!(
            reply.text.contains("too_young") && reply.text.contains("ORC 5122.04"),
            "{}",
            reply.text
        );
        assert_eq!(app.ask("select count(*) from kernel.consent").await, ["0"]);
        hand.set(time("2026-03-08T05:00:00Z"));
        // Nor is one given yesterday, entered today.
        let mut backdated = body(&minor);
        backdated["granted_at"] = json!("2026-03-08T04:59:59Z");
        let reply = clinician.post("/consent", &backdated).await;
        assert!([409, 422].contains(&reply.status), "{}", reply.text);
        let consent = created(clinician, "/consent", &body(&minor)).await;
        assert_eq!(spend(&north, &consent).await.status, 200);
        // The age counts again at each session: the birth date turns out to be a day later.
        let path = format!("/participants/{minor}");
        let reply = north.role("admin").patch(&path, &json!({"date_of_birth": "2012-03-09"})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(
            refused_at(&north, &hand, &consent, "2026-03-08T05:00:00Z").await,
            ["too_young"]
        );
        // Given too early it stays void on the day after.
        assert_eq!(
            refused_at(&north, &hand, &consent, "2026-03-09T16:00:00Z").await,
            ["too_young"]
        );

        // Eighteen on 12 March: in summer time the day begins at 04:00 UTC.
        let elder = north.participant("2008-03-12").await;
        let consent = created(clinician, "/consent", &body(&elder)).await;
        spend_at(&north, &hand, &consent, "2026-03-12T03:59:59Z").await;
        assert_eq!(refused_at(&north, &hand, &consent, "2026-03-12T04:00:00Z").await, ["of_age"]);
        let reply = clinician.post("/consent", &body(&elder)).await;
        assert!([409, 422].contains(&reply.status), "of age: {}", reply.text);

        // Under the basis only what its law is about.
        let mut other = body(&north.participant(FIFTEEN).await);
        other["purpose"] = json!("participation");
        let reply = clinician.post("/consent", &other).await;
        assert!([409, 422].contains(&reply.status), "purpose: {}", reply.text);
        for grantor in ["parent", "guardian"] {
            let mut other = body(&north.participant(FIFTEEN).await);
            other["grantor"] = json!(grantor);
            let reply = clinician.post("/consent", &other).await;
            assert!([409, 422].contains(&reply.status), "{grantor}: {}", reply.text);
        }
    });
}

#[test]
fn a_leap_day_birth_is_fourteen_on_the_first_of_march_at_midnight_in_ohio() {
    let (options, hand) = at("2026-03-01T04:59:59Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant("2012-02-29").await;
        let body = json!({
            "participant_id": minor, "purpose": "mental_health", "basis": "orc_5122_04", "grantor": "self",
            "grantor_name": "Ava", "text": "I ask.", "text_version": "1",
        });
        let reply = north.role("clinician").post("/consent", &body).await;
        assert!(reply.status != 201 && reply.text.contains("too_young"), "{}", reply.text);
        hand.set(time("2026-03-01T05:00:00Z"));
        let consent = created(north.role("clinician"), "/consent", &body).await;
        let reply = spend(&north, &consent).await;
        assert_eq!(reply.status, 200, "the rule and the trigger agree: {}", reply.text);
    });
}

#[test]
fn the_thirty_days_end_at_midnight_in_ohio_on_both_sides_of_a_change_of_the_clock() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        // (first session, the last instant, the first that is too late)
        for (first, last, late) in [
            // Winter to summer time: 1 April ends at 04:00 UTC.
            ("2026-03-02T17:00:00Z", "2026-04-02T03:59:59Z", "2026-04-02T04:00:00Z"),
            // Summer to winter time: 4 November ends at 05:00 UTC.
            ("2026-10-05T17:00:00Z", "2026-11-05T04:59:59Z", "2026-11-05T05:00:00Z"),
            // A first session late in the evening of 2 June is on that day, not on UTC's.
            ("2026-06-03T03:59:59Z", "2026-07-03T03:59:59Z", "2026-07-03T04:00:00Z"),
        ] {
            hand.set(time(first));
            let minor = north.participant(FIFTEEN).await;
            let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
            spend_at(&north, &hand, &consent, first).await;
            spend_at(&north, &hand, &consent, last).await;
            assert_eq!(refused_at(&north, &hand, &consent, late).await, ["days_over"], "{late}");
        }
    });
}

#[test]
fn the_last_session_of_a_budget_is_one_however_it_is_spent_at_once() {
    let (options, _) = at(BEGIN);
    let second = options.clone();
    run_with(options, async |app| {
        let other = app.add_replica(&second).await;
        let north = Programme::new(app, "north").await;
        let program = counselling(&north).await;
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        for _ in 0..5 {
            assert_eq!(spend(&north, &consent).await.status, 200);
        }
        let (body, path, empty) =
            (session(&program, BEGIN, &[(&minor, "present")]), spend_of(&consent), json!({}));
        let admin = [north.role("admin").clone(), north.role("admin").at(app.url(other))];
        let sessions = join_all((0..10).map(|n| admin[n % 2].post("/sessions", &body)));
        let spends = join_all((0..10).map(|n| admin[n % 2].post(&path, &empty)));
        let (sessions, spends) = futures::future::join(sessions, spends).await;
        let replies: Vec<_> = sessions.iter().chain(&spends).collect();
        let won = replies.iter().filter(|reply| reply.status < 300).count();
        let lost = replies.iter().filter(|reply| reply.status == 409).count();
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!((won, lost), (1, 19), "{statuses:?}");
        assert_eq!(held(app).await, "6");
        let present = app.ask("select count(*) from programs.attendance").await;
        let won = sessions.iter().filter(|reply| reply.status == 201).count();
        assert_eq!(present, [won.to_string()]);
    });
}

#[test]
fn a_budget_by_plain_sql_is_refused_by_the_trigger() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let young = north.participant("2012-05-10").await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        spend_at(&north, &hand, &consent, BEGIN).await;
        let parents = created(north.role("clinician"), "/consent", &super::consent(&young)).await;
        let server = as_server(app, north.tenant.id).await;
        let insert = |consent: &str, held_at: &str, held_on: &str| {
            format!(
                "insert into programs.consent_session (tenant_id, id, consent_id, held_at, held_on)
                 values (kernel.tenant(), gen_random_uuid(), '{consent}', '{held_at}', '{held_on}')"
            )
        };
        for (what, sql) in [
            ("the 31st day", insert(&consent, "2026-04-02T16:00:00Z", "2026-04-02")),
            (
                "a day that is not the time's",
                insert(&consent, "2026-04-02T16:00:00Z", "2026-04-01"),
            ),
            ("before the consent", insert(&consent, "2026-03-02T14:59:59Z", "2026-03-02")),
            ("a parent's", insert(&parents, "2026-03-02T16:00:00Z", "2026-03-02")),
        ] {
            assert_eq!(sqlstate(&server, &sql).await, "RV608", "{what}");
        }
        let today = insert(&consent, "2026-03-02T18:00:00Z", "2026-03-02");
        for _ in 0..5 {
            assert_eq!(sqlstate(&server, &today).await, "ok 1");
        }
        assert_eq!(sqlstate(&server, &today).await, "RV608", "the seventh");
        for sql in [
            "update programs.consent_session set held_on = held_on - 1, held_at = held_at - interval '1 day'",
            "update programs.consent_session set consent_id = gen_random_uuid()",
        ] {
            assert_eq!(sqlstate(&server, sql).await, "RV607", "{sql}");
        }
        for sql in ["delete from programs.consent_session", "truncate programs.consent_session"] {
            assert_eq!(sqlstate(&server, sql).await, "42501", "{sql}");
        }
        // A consent of under 14 cannot be had by SQL and then spent.
        let sneaked = Uuid::now_v7();
        let own = format!(
            "insert into kernel.consent (tenant_id, id, subject_kind, subject_id, purpose, basis, grantor, grantor_name,
                    text_version, text_hash, language, channel, granted_at)
             values (kernel.tenant(), '{sneaked}', 'programs.participant', '{young}', 'mental_health', 'orc_5122_04',
                     'self', kernel.seal('{young}', 'x'), '1', repeat('0', 64), 'en', 'paper', '2026-03-02T15:00:00Z')"
        );
        sqlstate(&server, &own).await;
        let spent = insert(&sneaked.to_string(), "2026-03-02T16:00:00Z", "2026-03-02");
        assert_ne!(sqlstate(&server, &spent).await, "ok 1", "13 years old");
        // Revoked.
        let third = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        north.role("clinician").patch(&format!("/consent/{third}/revoke"), &json!({})).await;
        let after = insert(&third, "2026-03-02T17:00:00Z", "2026-03-02");
        assert_eq!(sqlstate(&server, &after).await, "RV608", "at the moment of the revocation");
    });
}
