//! The rights of the data subject: see everything and who saw it, have it restricted, corrected, erased.

use std::collections::BTreeMap;

use ::kernel::audit::{Checkpoints, Verifier};
use testkit::{run, run_with};

use super::{
    town::{
        CONSENT, REQUESTS, RIGHTS, Town, at, count, created, each, got, list, text, verified, with,
    },
    *,
};

const MINE: &str = "/api/v1/data-rights/my-data";
const PLAN: &str = "/api/v1/data-rights/erasure-plan";
const DELETE: &str = "/api/v1/data-rights/delete-account";

/// What every table but the ledger holds, as one hash a table.
async fn contents(app: &TestApp) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for table in town::tables(app).await.into_iter().filter(|table| table != "audit.entry") {
        let sql = format!("select md5(string_agg(t::text, '|' order by t::text)) from {table} t");
        all.insert(table, one(app, &sql).await);
    }
    all
}

#[test]
fn my_data_holds_everything_about_me_and_nothing_of_others() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let (who, other) = (kwa.citizen(app, "thandi").await, kwa.citizen(app, "sipho").await);
        for (person, name) in [(&who, "OWN"), (&other, "OTHER")] {
            let report = json!({"description": format!("{name}description"), "address": format!("{name}address"),
                                "photo_url": format!("https://photos.example/{name}photo.jpg")});
            let made = created(person, REQUESTS, &with(town::leak(), &report)).await;
            kwa.moved(&made, "resolved").await;
            let path = format!("{REQUESTS}/{}/reopen", text(&made["id"]));
            let reply = person.post(&path, &json!({"note": format!("{name}note")})).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            let consent = json!({"purpose": "contact", "consented": true, "document_reference": format!("{name}paper")});
            let consent = created(person, CONSENT, &consent).await;
            let end = format!("{CONSENT}/{}/withdraw", text(&consent["id"]));
            let reason = json!({"reason": format!("{name}reason")});
            assert_eq!(person.post(&end, &reason).await.status, 200);
            let asked = json!({"kind": "restriction", "statement": format!("{name}statement")});
            created(person, RIGHTS, &asked).await;
        }
        let data = got(&who, MINE).await;
        let said = data.to_string();
        for word in [
            "thandi@citizens.example",
            "thandi Nkosi",
            town::PHONE,
            "OWNdescription",
            "OWNaddress",
            "OWNphoto",
            "OWNnote",
            "OWNpaper",
            "OWNreason",
            "OWNstatement",
        ] {
            assert!(said.contains(word), "{word} is held and not told: {data:#}");
        }
        for word in ["OTHER", "sipho", "password_hash", "argon2", "\\\\x"] {
            assert!(!said.contains(word), "{word} is told: {data:#}");
        }
        assert_eq!(data["profile"]["id"], json!(who.id));
        assert_eq!(data["consent_records"].as_array().unwrap().len(), 2);
        let read = format!(
            "audit.entry where operation = 'READ' and actor_id = '{}' and permission = 'data_rights:read'",
            who.id
        );
        assert_ne!(count(app, &read).await, 0, "this reading is on record too");
    });
}

#[test]
fn my_data_says_who_looked_and_in_which_role() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let (who, worker) = (kwa.citizen(app, "thandi").await, kwa.role("field_worker"));
        let made = kwa.report(&who).await;
        let other = kwa.report(kwa.role("citizen")).await;
        let before = got(&who, MINE).await;
        assert_eq!(
            (&before["readings"], &before["recipients"]),
            (&json!([]), &json!([])),
            "one's own looks do not count"
        );
        kwa.seen(kwa.role("manager"), &other).await;
        assert_eq!(
            tsh.role("admin").get(&format!("{REQUESTS}/{}", text(&made["id"]))).await.status,
            404
        );
        assert_eq!(got(&who, MINE).await["readings"], json!([]), "nobody looked at mine");

        kwa.seen(worker, &made).await;
        list(worker, REQUESTS).await;
        assert_eq!(
            list(worker, &format!("{REQUESTS}/{}/history", text(&made["id"]))).await.len(),
            1
        );
        list(kwa.role("manager"), &format!("{CONSENT}?user_id={}", who.id)).await;
        assert_eq!(kwa.role("admin").get(&format!("/auth/users/{}", who.id)).await.status, 200);
        let data = got(&who, MINE).await;
        let readings = data["readings"].as_array().unwrap();
        let find = |role: &str, table: &str| {
            readings.iter().any(|one| {
                one["actor"] == role && one["table_name"] == table && one["operation"] == "READ"
            })
        };
        assert!(find("field_worker", "civic.service_request"), "{data:#}");
        assert!(find("manager", "kernel.consent"), "{data:#}");
        assert!(find("admin", "kernel.account"), "{data:#}");
        let of_mine = readings
            .iter()
            .filter(|one| one["actor_id"] == json!(worker.id) && one["record_id"] == made["id"]);
        assert!(of_mine.count() >= 2, "the single look and the list: {data:#}");
        let recipients = data["recipients"].as_array().unwrap();
        let mut roles = each(recipients, "actor");
        roles.sort();
        assert_eq!(roles, ["admin", "field_worker", "manager"], "each once");
        assert!(!data.to_string().contains(&text(&other["id"])), "nor which records else they saw");
    });
}

#[test]
fn my_data_is_given_five_times_an_hour_and_the_sixth_says_when_again() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        for number in 0..5 {
            assert_eq!(kwa.role("citizen").get(MINE).await.status, 200, "{number}");
        }
        let sixth = kwa.role("citizen").get(MINE).await;
        assert_eq!(sixth.problem(), "429 too_many_requests");
        let seconds: u32 = sixth.header("retry-after").expect("when again").parse().unwrap();
        assert!((1..=3600).contains(&seconds), "{seconds}");
        assert!(sixth.header("ratelimit").is_some() && sixth.header("ratelimit-policy").is_some());
        assert_eq!(
            kwa.role("manager").get(MINE).await.status,
            200,
            "another has five of their own"
        );
    });
}

#[test]
fn a_plan_changes_nothing_and_names_a_rule_for_all_that_stays() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        kwa.report(&who).await;
        let before = contents(app).await;
        let plan = got(&who, PLAN).await;
        assert_eq!(
            got(&who, PLAN).await["plan"],
            plan["plan"],
            "the same as long as nothing comes"
        );
        assert_eq!(contents(app).await, before);
        let tables = plan["tables"].as_array().unwrap();
        let of = |name: &str| {
            tables
                .iter()
                .find(|one| one["table"] == name)
                .unwrap_or_else(|| panic!("{name}: {plan:#}"))
        };
        for column in ["email", "full_name", "phone"] {
            assert!(
                of("kernel.account")["goes"].as_array().unwrap().contains(&json!(column)),
                "{plan:#}"
            );
        }
        for column in ["description", "address", "photo_url"] {
            assert!(
                of("civic.service_request")["goes"].as_array().unwrap().contains(&json!(column)),
                "{plan:#}"
            );
        }
        assert_eq!(of("civic.service_request")["rows"], 1);
        of("kernel.consent");
        let rules = each(plan["rules"].as_array().unwrap(), "name");
        for kept in tables.iter().flat_map(|one| one["stays"].as_array().unwrap()) {
            assert!(rules.contains(&text(&kept["rule"])), "{kept}");
        }
        assert!(
            plan["rules"].as_array().unwrap().iter().all(|one| !text(&one["citation"]).is_empty())
        );
        for role in ["field_worker", "manager", "saps_liaison"] {
            assert_eq!(kwa.role(role).get(PLAN).await.problem(), "403 forbidden", "{role}");
            assert_eq!(kwa.role(role).delete(DELETE).await.problem(), "403 forbidden", "{role}");
        }
        assert_eq!(
            got(kwa.role("citizen"), PLAN).await.to_string().find(&who.id.to_string()),
            None
        );
    });
}

#[test]
fn an_erasure_is_done_under_the_plan_that_was_shown_and_leaves_the_request_without_its_person() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let made = kwa.report(&who).await;
        let old = text(&got(&who, PLAN).await["plan"]);
        let consent =
            created(&who, CONSENT, &json!({"purpose": "contact", "consented": true})).await;
        let reply = who.delete(&format!("{DELETE}?plan={old}")).await;
        assert_eq!(reply.problem(), "409 plan_changed");
        assert_eq!(got(&who, "/auth/me").await["id"], json!(who.id), "nothing was done");
        assert_eq!(who.delete(&format!("{DELETE}?plan=other")).await.problem(), "409 plan_changed");

        let maker = Checkpoints::new(app.core(0).clone(), None);
        maker.make(kwa.id()).await.expect("a checkpoint");
        let plan = text(&got(&who, PLAN).await["plan"]);
        let reply = who.delete(&format!("{DELETE}?plan={plan}")).await;
        let done = reply.json();
        assert_eq!((reply.status, &done["plan"]), (200, &json!(plan)), "{done}");
        let receipt =
            verified(app, &text(&done["receipt"]), "erasure-receipt+jwt").await.expect("signed");
        assert_eq!((&receipt["sub"], &receipt["plan"]), (&json!(who.id), &json!(plan)));
        assert!(!reply.text.contains("thandi") && !reply.text.contains("Long Street"));

        let login = app
            .anonymous()
            .sign_in(&kwa.id().to_string(), "thandi@citizens.example", PASSWORD)
            .await;
        assert_eq!(login.problem(), "401 invalid_credentials");
        crate::people::until(std::time::Duration::from_secs(1), "the token ends", async || {
            [401, 403].contains(&who.get(MINE).await.status)
        })
        .await;
        let body = json!({"refresh_token": who.refresh});
        assert!(
            [400, 401, 403].contains(&app.anonymous().post("/auth/refresh", &body).await.status)
        );
        let seen = kwa.seen(kwa.role("manager"), &made).await;
        assert_eq!(
            (&seen["number"], &seen["status"]),
            (&made["number"], &json!("open")),
            "the work goes on"
        );
        for field in ["description", "address", "photo_url", "reporter"] {
            assert_eq!(seen[field], json!(null), "{field}: {seen}");
        }
        let kept = got(kwa.role("manager"), &format!("{CONSENT}/{}", text(&consent["id"]))).await;
        assert_eq!(
            (&kept["withdrawn"], &kept["text_hash"]),
            (&json!(true), &consent["text_hash"]),
            "the evidence stays"
        );
        maker.make(kwa.id()).await.expect("a checkpoint");
        let mut platform = app.platform().await;
        let verifier = Verifier::new(&mut platform, testkit::SECRET.as_bytes()).await.unwrap();
        let found = verifier.verify(&mut platform, kwa.id(), None).await.unwrap();
        assert!(found.fault.is_none() && found.verified > 0 && found.checkpoints >= 2);
        // Whoever comes with the same address is somebody else.
        let again = kwa.citizen(app, "thandi").await;
        assert_ne!(again.id, who.id);
        assert_eq!(list(&again, REQUESTS).await, Vec::<Value>::new());
    });
}

#[test]
fn an_admin_erases_a_citizen_for_a_reason_that_stands_in_the_ledger() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let who = kwa.citizen(app, "thandi").await;
        let path = format!("/api/v1/users/{}/erasure", who.id);
        let body = json!({"asked_by": "writing"});
        for role in ["citizen", "field_worker", "manager", "saps_liaison"] {
            assert_eq!(
                kwa.role(role).post(&path, &body).await.problem(),
                "403 forbidden",
                "{role}"
            );
        }
        let admin = kwa.role("admin");
        assert_eq!(tsh.role("admin").post(&path, &body).await.problem(), "404 not_found");
        assert_eq!(admin.post(&path, &json!({"asked_by": "a friend"})).await.status, 422);
        let nobody = format!("/api/v1/users/{}/erasure", Uuid::now_v7());
        assert_eq!(admin.post(&nobody, &body).await.problem(), "404 not_found");
        assert_eq!(got(&who, "/auth/me").await["id"], json!(who.id));
        assert_eq!(admin.post(&path, &body).await.status, 200);
        let entries = list(admin, &format!("/api/v1/audit?user_id={}&limit=200", admin.id)).await;
        let said = |entry: &Value| {
            entry["purpose_of_event"] == "erasure asked for in writing"
                && entry["operation"] == "DELETE"
        };
        assert!(entries.iter().any(said), "{entries:?}");
    });
}

#[test]
fn a_request_of_a_right_is_due_thirty_days_after_it_came_by_the_local_calendar() {
    let (options, _hand) = at("2026-03-01T22:30:00Z");
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let made =
            created(&who, RIGHTS, &json!({"kind": "correction", "statement": "My name is wrong."}))
                .await;
        assert_eq!(
            (&made["due_on"], &made["status"]),
            (&json!("2026-04-01"), &json!("received")),
            "2 March there"
        );
        let other = created(
            kwa.role("citizen"),
            RIGHTS,
            &json!({"kind": "correction", "statement": "Mine too."}),
        )
        .await;
        assert_eq!(each(&list(&who, RIGHTS).await, "id"), [text(&made["id"])]);
        for role in ["manager", "admin"] {
            let all = list(kwa.role(role), &format!("{RIGHTS}?limit=1")).await;
            assert_eq!(each(&all, "id"), [text(&made["id"]), text(&other["id"])], "{role}");
        }
        let decide = format!("{RIGHTS}/{}/decision", text(&made["id"]));
        let upheld = json!({"decision": "upheld", "reason": "Corrected."});
        for role in ["citizen", "field_worker", "manager", "saps_liaison"] {
            assert_eq!(
                kwa.role(role).post(&decide, &upheld).await.problem(),
                "403 forbidden",
                "{role}"
            );
        }
        for (field, value) in
            [("decision", json!("later")), ("reason", json!("")), ("reason", json!("\u{0}"))]
        {
            let reply = kwa
                .role("admin")
                .post(&decide, &with(upheld.clone(), &json!({field: value})))
                .await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec![format!("body.{field}")]),
                "{}",
                reply.text
            );
        }
        let reply = kwa.role("admin").post(&decide, &upheld).await;
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("upheld")));
        assert_eq!(list(&who, RIGHTS).await[0]["decision_reason"], "Corrected.");
        for (field, value) in
            [("kind", "revenge"), ("kind", ""), ("statement", ""), ("purpose", "contact")]
        {
            let body =
                with(json!({"kind": "restriction", "statement": "So."}), &json!({field: value}));
            assert_eq!(who.post(RIGHTS, &body).await.status, 422, "{field} {value}");
        }
        let bare = json!({"kind": "objection", "statement": "So."});
        assert_eq!(who.post(RIGHTS, &bare).await.fields(), ["body.purpose"]);
    });
}

#[test]
fn what_an_erased_citizen_reported_is_still_dealt_with() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let (first, second) = (kwa.report(&who).await, kwa.report(&who).await);
        assert_eq!(who.delete(DELETE).await.status, 200);
        let worker = kwa.role("field_worker");
        let path = format!("{REQUESTS}/{}/status", text(&first["id"]));
        let reply = worker.patch(&path, &json!({"status": "resolved"})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let assign = json!({"assigned_to": worker.id, "note": "The valve is at the corner."});
        let path = format!("{REQUESTS}/{}/assign", text(&second["id"]));
        let reply = kwa.role("manager").post(&path, &assign).await;
        assert_eq!(reply.status, 200, "a note of staff: {}", reply.text);
        let path = format!("{REQUESTS}/{}/status", text(&second["id"]));
        let reply = worker.patch(&path, &json!({"status": "rejected", "note": "Not ours."})).await;
        assert_eq!(reply.status, 200, "which needs a note: {}", reply.text);
    });
}

#[test]
fn the_only_admin_of_a_municipality_is_not_erased() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let admin = kwa.role("admin");
        let reply = admin.delete(DELETE).await;
        assert_eq!(reply.status, 409, "nobody would be left who manages people: {}", reply.text);
        let path = format!("/api/v1/users/{}/erasure", admin.id);
        assert_eq!(admin.post(&path, &json!({"asked_by": "counter"})).await.status, 409);
        kwa.another(app, "admin", "second").await;
        assert_eq!(admin.delete(DELETE).await.status, 200);
    });
}

#[test]
fn a_refused_erasure_does_not_use_up_the_one_of_the_day() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        let who = kwa.role("citizen");
        assert_eq!(who.delete(&format!("{DELETE}?plan=old")).await.problem(), "409 plan_changed");
        let reply = who.delete(DELETE).await;
        assert_eq!(reply.status, 200, "look again, it said: {}", reply.text);
    });
}
