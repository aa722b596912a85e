//! What a consent proves, who sees it, and what the gate says of it.

use super::*;

#[test]
fn a_minor_consents_to_nothing_as_if_of_age() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        for purpose in ["participation", "mental_health"] {
            let minor = north.participant("2008-03-03").await;
            let body = json!({
                "participant_id": minor, "purpose": purpose, "basis": "own", "grantor": "self",
                "grantor_name": "Ava", "text": "I ask.", "text_version": "1",
            });
            let reply = north.role("clinician").post("/consent", &body).await;
            assert!([409, 422].contains(&reply.status), "{purpose}: {}", reply.text);
        }
        assert_eq!(app.ask("select count(*) from kernel.consent").await, ["0"]);
    });
}

#[test]
fn consent_is_evidence_that_only_a_revocation_changes_and_only_once() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let clinician = north.role("clinician");
        let id = north.participant("2012-05-10").await;
        let words = "  Ich willige ein, daß mein Kind teilnimmt.\r\n— Zoë 🥋 ";
        let mut body = consent(&id);
        body["text"] = json!(words);
        body["language"] = json!("de-CH");
        let reply = clinician.post("/consent", &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let given = reply.json();
        assert_eq!(given["text_hash"], sha256(words));
        for (field, value) in [
            ("language", "de-CH"),
            ("text_version", "2026-01"),
            ("grantor", "parent"),
            ("grantor_name", "Dana Reyes"),
            ("relation", "mother"),
            ("channel", "paper"),
            ("basis", "guardian"),
            ("status", "active"),
            ("granted_at", "2026-01-05T15:00:00Z"),
        ] {
            assert_eq!(given[field], value, "{field}");
        }
        assert_eq!(given["participant_id"], id.as_str());
        // Its hash, sent instead of the text, is the same evidence; another's is none.
        for (text, hash, expected) in [
            (json!(null), json!(sha256(words)), 201),
            (json!(null), json!("ab"), 422),
            (json!(null), json!(null), 422),
            (json!(""), json!(null), 422),
        ] {
            let mut body = consent(&id);
            body["text"] = text.clone();
            body["text_hash"] = hash.clone();
            let reply = clinician.post("/consent", &body).await;
            assert_eq!(reply.status, expected, "{text} {hash}: {}", reply.text);
        }
        // Without who, which version or from when, it is no evidence.
        for (field, value) in [
            ("grantor_name", json!(" ")),
            ("text_version", json!("")),
            ("language", json!("english, please")),
            ("granted_at", json!("2026-03-02T17:00:01Z")),
            ("expires_at", json!("2026-01-05T15:00:00Z")),
        ] {
            let mut body = consent(&id);
            body[field] = value;
            let reply = clinician.post("/consent", &body).await;
            assert_eq!(reply.status, 422, "{field}: {}", reply.text);
        }
        // No route rewrites it, nor does the server's own login.
        let consent = given["id"].as_str().unwrap();
        for method in ["PUT", "PATCH", "DELETE"] {
            let request =
                clinician.request(method.parse().unwrap(), &format!("/consent/{consent}"));
            let reply = clinician.send(request.json(&json!({"purpose": "mental_health"}))).await;
            assert!([404, 405].contains(&reply.status), "{method}: {}", reply.status);
        }
        let row = format!("select c::text from kernel.consent c where id = '{consent}'");
        let before = app.ask(&row).await;
        let server = as_server(app, north.tenant.id).await;
        for change in [
            "purpose = 'mental_health'",
            "basis = 'own'",
            "grantor = 'guardian'",
            "grantor_name = kernel.seal(subject_id, 'Another')",
            "relation = null",
            "text_version = '2'",
            "text_hash = repeat('0', 64)",
            "language = 'en'",
            "channel = 'verbal'",
            "document_reference = kernel.seal(subject_id, 'another')",
            "address = '10.0.0.1'",
            "granted_at = granted_at - interval '1 year'",
            "expires_at = now() + interval '1 year'",
            "subject_id = gen_random_uuid()",
            "created_at = now()",
            "lawful_basis = 'contract'",
            "purpose_description = kernel.seal(subject_id, 'another')",
            "revoked_at = now(), purpose = 'mental_health'",
        ] {
            let sql = format!("update kernel.consent set {change} where id = '{consent}'");
            let state = sqlstate(&server, &sql).await;
            assert!(["RV601", "42501"].contains(&state.as_str()), "{change}: {state}");
        }
        for sql in ["delete from kernel.consent", "truncate kernel.consent"] {
            assert_eq!(sqlstate(&server, sql).await, "42501", "{sql}");
        }
        assert_eq!(app.ask(&row).await, before);
        // When it ends is not the caller's to say.
        for body in [
            json!({"revoked_at": "2026-01-06T00:00:00Z"}),
            json!({"status": "active"}),
            json!({"reason": " "}),
        ] {
            let reply = clinician.patch(&format!("/consent/{consent}/revoke"), &body).await;
            assert_eq!(reply.status, 422, "{body}: {}", reply.text);
        }
        assert_eq!(app.ask(&row).await, before);
        // The revocation; and a second one, later and for another reason.
        let revoke = format!("/consent/{consent}/revoke");
        let first = clinician.patch(&revoke, &json!({"reason": "They move away."})).await;
        assert_eq!((first.status, &first.json()["status"]), (200, &json!("revoked")));
        assert_eq!(first.json()["revoked_at"], BEGIN);
        let revoked = app.ask(&row).await;
        hand.advance(hours(24));
        let second = clinician.patch(&revoke, &json!({"reason": "They never came."})).await;
        assert_eq!((second.status, second.json()), (200, first.json()));
        assert_eq!(app.ask(&row).await, revoked);
        for change in [
            "revoked_at = null",
            "revoked_at = now()",
            "revoked_reason = kernel.seal(subject_id, 'another')",
            "revoked_channel = 'paper'",
        ] {
            let sql = format!("update kernel.consent set {change} where id = '{consent}'");
            assert_eq!(sqlstate(&server, &sql).await, "RV601", "{change}");
        }
        let insert = format!(
            "insert into kernel.consent select (jsonb_populate_record(c, jsonb_build_object(
                'id', gen_random_uuid()))).* from kernel.consent c where id = '{consent}'"
        );
        let state = sqlstate(&server, &insert).await;
        assert!(["RV601", "42501"].contains(&state.as_str()), "born revoked: {state}");
    });
}

#[test]
fn a_text_and_the_hash_of_another_are_no_evidence() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let mut body = consent(&north.participant("2012-05-10").await);
        body["text_hash"] = json!(sha256("other words"));
        let reply = north.role("clinician").post("/consent", &body).await;
        assert_eq!(reply.status, 422, "which of the two was agreed to? {}", reply.text);
    });
}

#[test]
fn a_guardian_sees_a_minors_own_consent_only_once_it_was_disclosed_as_the_law_allows() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let clinician = north.role("clinician");
        let minor = north.consented(FIFTEEN).await;
        let own = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        spend_at(&north, &hand, &own, BEGIN).await;
        let seen = async || {
            let mut texts = vec![];
            for query in [
                format!("audience=guardian&participant_id={minor}"),
                "audience=guardian".to_owned(),
                "audience=guardian&limit=1".to_owned(),
            ] {
                let reply = clinician.get(&format!("/consent?{query}")).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
                texts.push(format!("{:?} {}", reply.headers, reply.text));
            }
            texts.concat()
        };
        let hidden = seen().await;
        assert!(hidden.contains("participation"), "the parent's own is there: {hidden}");
        for word in [own.as_str(), "orc_5122_04", "mental_health"] {
            assert!(!hidden.contains(word), "{word}: {hidden}");
        }
        let staff = clinician.get(&format!("/consent?participant_id={minor}")).await;
        assert!(staff.text.contains(&own), "{}", staff.text);
        for audience in ["parent", "Guardian", "", "guardian%20"] {
            let reply = clinician.get(&format!("/consent?audience={audience}")).await;
            let leaks = reply.status == 200 && reply.text.contains(&own) && !audience.is_empty();
            assert!(!leaks, "`{audience}`: {}", reply.text);
        }
        let path = format!("/consent/{own}/guardian-disclosures");
        let informed = "2026-03-02T16:00:00Z";
        for (what, body) in [
            ("no reason", json!({"ground": "compelling_need", "minor_informed_at": informed})),
            (
                "blank",
                json!({"ground": "compelling_need", "reason": " \n", "minor_informed_at": informed}),
            ),
            (
                "null",
                json!({"ground": "compelling_need", "reason": null, "minor_informed_at": informed}),
            ),
            ("not told", json!({"ground": "compelling_need", "reason": "Harm."})),
            (
                "told tomorrow",
                json!({"ground": "minor_agreement", "minor_informed_at": "2026-03-03T16:00:00Z"}),
            ),
            ("another ground", json!({"ground": "they_asked", "minor_informed_at": informed})),
        ] {
            let reply = clinician.post(&path, &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{what}: {}", reply.text);
        }
        assert!(!seen().await.contains(&own), "a refused disclosure discloses nothing");
        for role in ["instructor", "program_manager", "analyst"] {
            let body = json!({"ground": "minor_agreement", "minor_informed_at": informed});
            assert_eq!(
                north.role(role).post(&path, &body).await.problem(),
                "403 forbidden",
                "{role}"
            );
        }
        let body = json!({"ground": "compelling_need", "reason": "A plan to harm himself.",
                          "minor_informed_at": informed});
        let reply = clinician.post(&path, &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert!(seen().await.contains(&own));
        // One disclosure is of one consent.
        let second = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        assert!(!seen().await.contains(&second));
    });
}

#[test]
fn the_verdict_of_the_gate_says_why_with_the_section_of_law_and_the_pack() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let minor = north.participant(FIFTEEN).await;
        let closed = gate(&north, &minor, "participation").await;
        assert_eq!((&closed["verdict"], &closed["open"]), (&json!("closed"), &json!(false)));
        assert_eq!(codes(&closed), ["consent_missing"]);
        assert_eq!(closed["reasons"][0]["pack"], "us-oh/2026-11");
        assert_eq!(closed["evaluated_at"], BEGIN);
        let own = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let open = gate(&north, &minor, "mental_health").await;
        assert_eq!((&open["verdict"], codes(&open)), (&json!("open"), vec!["covered"]));
        assert_eq!(open["reasons"][0]["statute"], "ORC 5122.04");
        assert_eq!(open["budgets"][0]["sessions_remaining"], 6);
        assert_eq!(codes(&gate(&north, &minor, "participation").await), ["consent_missing"]);
        for _ in 0..6 {
            spend_at(&north, &hand, &own, BEGIN).await;
        }
        let spent = gate(&north, &minor, "mental_health").await;
        assert_eq!((&spent["open"], codes(&spent)), (&json!(false), vec!["sessions_spent"]));
        assert_eq!(spent["reasons"][0]["statute"], "ORC 5122.04");
        hand.set(time("2026-04-02T04:00:00Z"));
        let over = gate(&north, &minor, "mental_health").await;
        assert_eq!(codes(&over), ["sessions_spent", "days_over"]);
        north.role("clinician").patch(&format!("/consent/{own}/revoke"), &json!({})).await;
        assert!(codes(&gate(&north, &minor, "mental_health").await).contains(&"revoked"));
        // Whose birthday it was: the parent's consent no longer speaks.
        let elder = north.consented("2008-04-02").await;
        assert_eq!(codes(&gate(&north, &elder, "participation").await), ["of_age"]);
        // A purpose that nobody consents to is closed and is no error.
        for purpose in ["nothing", "", "mental_health%00", "x%27%3B--"] {
            let path = format!("/consent/participant/{minor}/status?purpose={purpose}");
            let reply = north.role("instructor").get(&path).await;
            let open = reply.status == 200 && reply.json()["open"] == true;
            assert!(!open && reply.status < 500, "`{purpose}`: {} {}", reply.status, reply.text);
        }
    });
}

#[test]
fn a_consent_of_another_tenant_is_as_absent_as_none() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let minor = north.participant(FIFTEEN).await;
        let consent = north.own_consent(&minor, "2026-03-02T15:00:00Z").await;
        let nothing = Uuid::now_v7().to_string();
        let (clinician, empty) = (south.role("clinician"), json!({}));
        let told =
            json!({"ground": "minor_agreement", "minor_informed_at": "2026-03-02T16:00:00Z"});
        for (what, body) in [("record-session", &empty), ("guardian-disclosures", &told)] {
            let foreign = clinician.post(&format!("/consent/{consent}/{what}"), body).await;
            let absent = clinician.post(&format!("/consent/{nothing}/{what}"), body).await;
            assert_eq!(foreign.status, 404, "{what}: {}", foreign.text);
            assert_eq!(foreign.essence(), absent.essence(), "{what}");
        }
        let foreign = clinician.patch(&format!("/consent/{consent}/revoke"), &empty).await;
        let absent = clinician.patch(&format!("/consent/{nothing}/revoke"), &empty).await;
        assert_eq!((foreign.status, foreign.essence()), (404, absent.essence()));
        let foreign = clinician.get(&format!("/consent/participant/{minor}/status")).await;
        let absent = clinician.get(&format!("/consent/participant/{nothing}/status")).await;
        assert_eq!((foreign.status, foreign.essence()), (404, absent.essence()));
        for id in [&minor, &nothing] {
            let reply = clinician.get(&format!("/consent?participant_id={id}")).await;
            assert_eq!((reply.status, reply.json()), (200, json!([])));
        }
        // Nor can it be written for another tenant's participant, or that one attend here.
        let (mut foreign, mut absent) = (super::consent(&minor), super::consent(&nothing));
        foreign["text"] = json!("x");
        absent["text"] = json!("x");
        let (foreign, absent) =
            (clinician.post("/consent", &foreign).await, clinician.post("/consent", &absent).await);
        assert!((400..500).contains(&foreign.status), "{}", foreign.text);
        assert_eq!(foreign.essence(), absent.essence());
        for status in ["present", "absent"] {
            let foreign = meet(&south, &south.program, BEGIN, &[(&minor, status)]).await;
            let absent = meet(&south, &south.program, BEGIN, &[(&nothing, status)]).await;
            assert!((400..500).contains(&foreign.status), "{status}: {}", foreign.text);
            assert_eq!(foreign.status, absent.status, "{status}");
            assert_eq!(
                foreign.text.replace(&minor, "x").len(),
                absent.text.replace(&nothing, "x").len(),
                "{status}: {} {}",
                foreign.text,
                absent.text
            );
        }
        assert_eq!(held(app).await, "0");
        let here = north.role("clinician").post(&spend_of(&consent), &empty).await;
        assert_eq!(here.status, 200, "{}", here.text);
    });
}
