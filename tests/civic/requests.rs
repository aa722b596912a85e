//! Citizens' reports: what becomes of them, by when, and who may see and do what.

use ::kernel::jiff::SignedDuration;
use reqwest::Method;
use testkit::{run, run_with};

use super::{
    town::{REQUESTS, Town, at, count, created, each, got, lacking, leak, list, text, time, with},
    *,
};

const BEGIN: &str = "2026-03-02T08:00:00Z";

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

#[test]
fn a_report_has_a_number_its_targets_and_a_history_that_its_citizen_sees() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let made = kwa.report(&who).await;
        let fields = "id municipality_id number category description address latitude longitude photo_url status \
                      message language reporter_id reported_at response_due_at resolution_due_at sla_status";
        assert_eq!(lacking(&made, fields), [""; 0], "{made}");
        for (field, value) in leak().as_object().unwrap() {
            assert_eq!(made[field], *value, "{field}");
        }
        assert_eq!((&made["status"], &made["reporter_id"]), (&json!("open"), &json!(who.id)));
        assert_eq!(made["reported_at"], BEGIN);
        let categories = list(&who, "/api/v1/categories").await;
        let water = categories.iter().find(|one| one["code"] == "water").expect("water");
        for (due, target) in
            [("response_due_at", "response_hours"), ("resolution_due_at", "resolution_hours")]
        {
            let target = hours(water[target].as_i64().unwrap());
            assert_eq!(time(&made[due]), time(&made["reported_at"]) + target, "{due}");
        }
        let other = kwa.report(&who).await;
        assert_ne!(made["number"], other["number"]);

        hand.advance(hours(1));
        let worker = kwa.another(app, "field_worker", "sam").await;
        let manager = kwa.again("manager").await;
        let path = format!("{REQUESTS}/{}", text(&made["id"]));
        let assign = json!({"assigned_to": worker.id});
        let reply = manager.post(&format!("{path}/assign"), &assign).await;
        assert_eq!(
            (reply.status, &reply.json()["assigned_to"]),
            (200, &json!(worker.id)),
            "{}",
            reply.text
        );
        hand.advance(hours(1));
        let body = json!({"status": "in_progress", "note": "A plumber is on the way."});
        let reply = kwa.again("field_worker").await.patch(&format!("{path}/status"), &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(reply.json()["responded_at"].is_string(), "{}", reply.text);
        let who = kwa.signed_in(&who, "thandi@citizens.example").await;
        let history = list(&who, &format!("{path}/history")).await;
        assert_eq!(each(&history, "kind"), ["reported", "assigned", "status"], "{history:?}");
        assert_eq!(history[2]["note"], "A plumber is on the way.");
        assert_eq!(
            (&history[2]["from_status"], &history[2]["to_status"]),
            (&json!("open"), &json!("in_progress"))
        );
        let mine =
            list(&kwa.again("manager").await, &format!("{REQUESTS}?assigned_to={}", worker.id))
                .await;
        assert_eq!(each(&mine, "id"), [text(&made["id"])]);
    });
}

#[test]
fn a_status_moves_only_to_what_may_follow_and_a_refusal_says_what_that_is() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let worker = kwa.role("field_worker");
        // From where, by which way, and what may follow it.
        let ways: [(&[&str], &[&str]); 5] = [
            (&[], &["in_progress", "resolved", "rejected"]),
            (&["in_progress"], &["open", "resolved", "rejected"]),
            (&["resolved"], &["closed"]),
            (&["resolved", "closed"], &[]),
            (&["rejected"], &[]),
        ];
        for (way, allowed) in ways {
            for to in ["open", "in_progress", "resolved", "closed", "rejected"] {
                let made = kwa.report(worker).await;
                for step in way {
                    kwa.moved(&made, step).await;
                }
                if way.last().copied().unwrap_or("open") == to {
                    continue;
                }
                let path = format!("{REQUESTS}/{}/status", text(&made["id"]));
                let reply = worker.patch(&path, &json!({"status": to, "note": "so"})).await;
                if allowed.contains(&to) {
                    assert_eq!(
                        (reply.status, &reply.json()["status"]),
                        (200, &json!(to)),
                        "{way:?}: {}",
                        reply.text
                    );
                    continue;
                }
                assert_eq!(reply.problem(), "409 cannot_follow", "{way:?} {to}: {}", reply.text);
                for next in allowed {
                    assert!(
                        text(&reply.json()["detail"]).contains(next),
                        "{way:?} {to}: {}",
                        reply.text
                    );
                }
            }
        }
        let made = kwa.report(worker).await;
        let path = format!("{REQUESTS}/{}/status", text(&made["id"]));
        assert_eq!(
            worker.patch(&path, &json!({"status": "rejected"})).await.fields(),
            ["body.note"]
        );
        assert_eq!(worker.patch(&path, &json!({"status": "lost"})).await.fields(), ["body.status"]);
        let early =
            worker.post(&format!("{REQUESTS}/{}/reopen", text(&made["id"])), &json!({})).await;
        assert_eq!(early.status, 403, "who only works on it does not reopen it");
    });
}

#[test]
fn only_a_manager_assigns_and_only_to_somebody_who_works_here() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let made = kwa.report(kwa.role("citizen")).await;
        let path = format!("{REQUESTS}/{}/assign", text(&made["id"]));
        let to = |who: &Persona| json!({"assigned_to": who.id});
        for role in ["citizen", "field_worker", "saps_liaison"] {
            let reply = kwa.role(role).post(&path, &to(kwa.role("field_worker"))).await;
            assert_eq!(reply.problem(), "403 forbidden", "{role}");
        }
        let manager = kwa.role("manager");
        for nobody in [kwa.role("citizen"), kwa.role("saps_liaison"), tsh.role("field_worker")] {
            let reply = manager.post(&path, &to(nobody)).await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec!["body.assigned_to".into()]),
                "{}",
                reply.text
            );
        }
        assert_eq!(
            tsh.role("manager").post(&path, &to(tsh.role("field_worker"))).await.status,
            404
        );
        assert_eq!(manager.post(&path, &to(kwa.role("field_worker"))).await.status, 200);
        kwa.moved(&made, "resolved").await;
        kwa.moved(&made, "closed").await;
        let reply = manager.post(&path, &to(kwa.role("field_worker"))).await;
        assert_eq!(reply.problem(), "409 cannot_follow", "nobody works on what is closed");
    });
}

#[test]
fn another_citizens_request_is_not_there_and_no_list_shows_it() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let who = kwa.citizen(app, "thandi").await;
        let made = kwa.report(&who).await;
        let path = format!("{REQUESTS}/{}", text(&made["id"]));
        for stranger in [kwa.role("citizen"), tsh.role("citizen"), tsh.role("admin")] {
            for part in ["", "/history"] {
                assert_eq!(stranger.get(&format!("{path}{part}")).await.problem(), "404 not_found");
            }
            assert_eq!(stranger.post(&format!("{path}/reopen"), &json!({})).await.status, 404);
            for query in ["", "?category=water", "?status=open"] {
                assert_eq!(
                    list(stranger, &format!("{REQUESTS}{query}")).await,
                    Vec::<Value>::new(),
                    "{query}"
                );
            }
        }
        assert_eq!(kwa.role("saps_liaison").get(&path).await.problem(), "403 forbidden");
        let status = json!({"status": "resolved"});
        assert_eq!(who.patch(&format!("{path}/status"), &status).await.problem(), "403 forbidden");
        assert_eq!(list(&who, REQUESTS).await.len(), 1);
        let for_another = with(leak(), &json!({"reporter_id": kwa.role("citizen").id}));
        assert_eq!(who.post(REQUESTS, &for_another).await.fields(), ["body.reporter_id"]);
        let by_staff = created(kwa.role("field_worker"), REQUESTS, &for_another).await;
        assert_eq!(list(kwa.role("citizen"), REQUESTS).await[0]["id"], by_staff["id"]);
        let abroad = with(leak(), &json!({"reporter_id": tsh.role("citizen").id}));
        let reply = kwa.role("manager").post(REQUESTS, &abroad).await;
        assert_eq!(
            (reply.status, reply.fields()),
            (422, vec!["body.reporter_id".into()]),
            "{}",
            reply.text
        );
    });
}

#[test]
fn a_settled_request_is_reopened_to_the_end_of_thirty_days_and_its_targets_begin_anew() {
    for (after, possible) in [(30 * 86_400, true), (30 * 86_400 + 1, false)] {
        let (options, hand) = at(BEGIN);
        run_with(options, async |app| {
            let kwa = Town::new(app, "kwa").await;
            let who = kwa.citizen(app, "thandi").await;
            let made = kwa.report(&who).await;
            let path = format!("{REQUESTS}/{}/reopen", text(&made["id"]));
            assert_eq!(
                who.post(&path, &json!({})).await.problem(),
                "409 cannot_follow",
                "it is open"
            );
            kwa.moved(&made, "resolved").await;
            hand.advance(SignedDuration::from_secs(after));
            let who = kwa.signed_in(&who, "thandi@citizens.example").await;
            let reply = who.post(&path, &json!({"note": "It leaks again."})).await;
            if !possible {
                assert_eq!(reply.status, 409, "{after}: {}", reply.text);
                return;
            }
            let again = reply.json();
            assert_eq!(
                (reply.status, &again["status"], &again["reopened"]),
                (200, &json!("open"), &json!(1)),
                "{again}"
            );
            assert_eq!(again["settled_at"], json!(null));
            let moved =
                time(&again["resolution_due_at"]).duration_since(time(&made["resolution_due_at"]));
            assert_eq!(moved.as_secs(), after, "the target is as far away as it was");
        });
    }
}

#[test]
fn a_request_that_has_just_been_reopened_is_on_track() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let made = kwa.report(&who).await;
        kwa.moved(&made, "resolved").await;
        hand.advance(hours(24 * 20));
        let who = kwa.signed_in(&who, "thandi@citizens.example").await;
        let path = format!("{REQUESTS}/{}/reopen", text(&made["id"]));
        let reply = who.post(&path, &json!({})).await;
        assert_eq!(
            reply.json()["sla_status"],
            "on_track",
            "its targets begin anew: {}",
            reply.text
        );
    });
}

#[test]
fn the_standing_changes_to_the_second_and_what_is_late_escalates() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let body = json!({"code": "fountain", "name": "Fountain", "response_hours": 10, "resolution_hours": 100});
        created(kwa.role("admin"), "/api/v1/categories", &body).await;
        let made =
            created(kwa.role("citizen"), REQUESTS, &with(leak(), &json!({"category": "fountain"})))
                .await;
        assert_eq!(made["sla_status"], "on_track");
        let standing = async || {
            let seen = kwa.seen(&kwa.again("manager").await, &made).await;
            (text(&seen["sla_status"]), seen["escalation"]["to"].clone())
        };
        let second = SignedDuration::from_secs(1);
        hand.advance(hours(10));
        assert_ne!(standing().await.0, "breached_response", "at the target itself it is in time");
        hand.advance(second);
        assert_eq!(standing().await, ("breached_response".into(), json!("manager")));
        hand.advance(hours(90) - second);
        assert_ne!(standing().await.0, "breached_resolution");
        hand.advance(second);
        assert_eq!(standing().await, ("breached_resolution".into(), json!("admin")));
        let manager = kwa.again("manager").await;
        let path = format!("{REQUESTS}/{}", text(&made["id"]));
        let history = list(&manager, &format!("{path}/history")).await;
        assert_eq!(each(&history, "kind"), ["reported", "escalated", "escalated"], "{history:?}");
        let reply = manager.patch(&format!("{path}/status"), &json!({"status": "resolved"})).await;
        assert_eq!(
            (reply.status, &reply.json()["sla_status"]),
            (200, &json!(null)),
            "{}",
            reply.text
        );
        assert_eq!(list(&manager, &format!("{REQUESTS}?overdue=true")).await, Vec::<Value>::new());
    });
}

#[test]
fn those_overdue_come_the_most_urgent_first_whatever_the_size_of_a_page() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let admin = kwa.role("admin");
        let mut expected = vec![];
        for (code, response, resolution) in
            [("slow", 40, 80), ("quick", 1, 90), ("fair", 20, 30), ("far", 4000, 8000)]
        {
            let body = json!({"code": code, "name": code, "response_hours": response, "resolution_hours": resolution});
            created(admin, "/api/v1/categories", &body).await;
            for _ in 0..2 {
                let made =
                    created(admin, REQUESTS, &with(leak(), &json!({"category": code}))).await;
                expected.push((response, text(&made["id"])));
            }
        }
        hand.advance(hours(50));
        let manager = kwa.again("manager").await;
        expected.retain(|(response, _)| *response <= 50);
        expected.sort();
        let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
        for limit in [1, 2, 4, 50] {
            let all = list(&manager, &format!("{REQUESTS}?overdue=true&limit={limit}")).await;
            assert_eq!(each(&all, "id"), expected, "{limit}");
        }
        let others = list(&manager, &format!("{REQUESTS}?limit=3")).await;
        assert_eq!(others.len(), 8);
        assert!(
            others
                .windows(2)
                .all(|two| time(&two[0]["reported_at"]) >= time(&two[1]["reported_at"]))
        );
    });
}

#[test]
fn what_a_status_means_is_said_in_the_reporters_language() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let mut said: Vec<Vec<String>> = vec![];
        for language in ["en", "zu", "af", "xh"] {
            let form = with(kwa.form(language), &json!({"preferred_language": language}));
            let who = kwa.registered(app, &form).await;
            let made = kwa.report(&who).await;
            assert_eq!(made["language"], language);
            let mut messages = vec![text(&made["message"])];
            for status in ["in_progress", "resolved", "closed"] {
                kwa.moved(&made, status).await;
                let seen = kwa.seen(&who, &made).await;
                assert_eq!(seen["status"], status);
                messages.push(text(&seen["message"]));
            }
            said.push(messages);
        }
        for (status, english) in said[0].iter().enumerate() {
            let [zu, af, xh] = [1, 2, 3].map(|language: usize| &said[language][status]);
            assert!(english != zu && english != af && zu != af, "{english}, {zu}, {af}");
            assert_eq!(xh, english, "in English where there are no words");
        }
    });
}

#[test]
fn the_language_of_a_report_is_the_one_that_it_says() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let own = with(leak(), &json!({"language": "zu"}));
        let made = created(kwa.role("citizen"), REQUESTS, &own).await;
        assert_eq!(made["language"], "zu", "the reporter's own unless said: {made}");
    });
}

#[test]
fn a_key_sent_twice_reports_once_and_an_old_version_changes_nothing() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let (who, manager) = (kwa.role("citizen"), kwa.role("manager"));
        let send = async |body: Value| {
            let request = who.request(Method::POST, REQUESTS).header("Idempotency-Key", "once");
            who.send(request.json(&body)).await
        };
        let (first, second) = (send(leak()).await, send(leak()).await);
        assert_eq!((first.status, second.status, second.id()), (201, 201, first.id()));
        let other = send(with(leak(), &json!({"description": "Another."}))).await;
        assert!([409, 422].contains(&other.status), "{}", other.text);
        assert_eq!(list(who, REQUESTS).await.len(), 1);
        let path = format!("{REQUESTS}/{}", first.id());
        let version = manager.get(&path).await.header("etag").expect("a version").to_owned();
        let change = async |status: &str, version: &str| {
            let request = manager.request(Method::PATCH, &format!("{path}/status"));
            manager.send(request.header("If-Match", version).json(&json!({"status": status}))).await
        };
        assert_eq!(change("in_progress", &version).await.status, 200);
        assert_eq!(change("resolved", &version).await.status, 412);
        assert_eq!(got(manager, &path).await["status"], "in_progress");
        assert_eq!(count(app, "kernel.idempotency").await, 1);
    });
}
