//! Consent as evidence: given, proven, withdrawn.

use futures::future::join_all;
use testkit::{run, run_with};

use super::{
    town::{
        CONSENT, Town, at, count, created, each, got, lacking, list, sha256, text, verified, with,
    },
    *,
};

const RECEIPT: &str = "consent-receipt+jwt";

/// Consents to a purpose; what came back.
pub async fn consent(who: &Persona, purpose: &str) -> Value {
    created(who, CONSENT, &json!({"purpose": purpose, "consented": true})).await
}

/// Withdraws a consent, which must be possible; what came back.
pub async fn withdraw(who: &Persona, consent: &Value) -> Value {
    let path = format!("{CONSENT}/{}/withdraw", text(&consent["id"]));
    let reply = who.post(&path, &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// The purposes as everybody sees them.
pub async fn purposes(app: &TestApp, language: &str) -> Vec<Value> {
    list(&app.anonymous(), &format!("/api/v1/purposes?language={language}")).await
}

#[test]
fn s027_s028_s035_s045_a_consent_says_who_agreed_to_which_words_where_from_and_when() {
    run_with(Options::behind_a_proxy(), async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await.coming_from("192.0.2.77");
        let body = json!({"purpose": "contact", "language": "zu", "consented": true});
        let reply = who.post(CONSENT, &body).await;
        let made = reply.json();
        assert_eq!(reply.status, 201, "{made}");
        let fields = "id tenant_id created_at user_id purpose purpose_description language consented \
                      consented_at ip_address withdrawn withdrawn_at lawful_basis text_version text_hash channel \
                      grantor relation";
        assert_eq!(lacking(&made, fields), [""; 0], "{made}");
        for (field, value) in [
            ("user_id", json!(who.id)),
            ("tenant_id", json!(kwa.id())),
            ("purpose", json!("contact")),
            ("language", json!("zu")),
            ("consented", json!(true)),
            ("ip_address", json!("192.0.2.77")),
            ("withdrawn", json!(false)),
            ("withdrawn_at", json!(null)),
            ("lawful_basis", json!("consent")),
            ("channel", json!("electronic")),
            ("grantor", json!("self")),
        ] {
            assert_eq!(made[field], value, "{field}: {made}");
        }
        let shown = purposes(app, "zu").await;
        let words = shown.iter().find(|purpose| purpose["purpose"] == "contact").unwrap();
        let words = &words["words"][0];
        assert_eq!(made["text_hash"], sha256(&text(&words["text"])).as_str(), "{words}");
        assert_eq!(
            (&made["text_version"], &words["language"]),
            (&words["text_version"], &json!("zu"))
        );
        let path = format!("{CONSENT}/{}", text(&made["id"]));
        assert_eq!(reply.header("location"), Some(path.as_str()));
        assert_eq!(got(&who, &path).await["text_hash"], made["text_hash"]);
        let all = list(&who, CONSENT).await;
        assert_eq!(each(&all, "purpose"), ["contact", "platform_registration"], "newest first");
        assert_eq!(list(&who, &format!("{CONSENT}?limit=1")).await.len(), 2, "page after page");

        let own = json!({"purpose": "contact", "consented": true, "text": "Ngiyavuma \u{1f6b0}",
                         "text_version": "7b", "language": "zu"});
        let made = created(&who, CONSENT, &own).await;
        assert_eq!(made["text_hash"], sha256("Ngiyavuma \u{1f6b0}").as_str());
        assert_eq!(made["text_version"], "7b");
    });
}

#[test]
fn s035_what_is_no_consent_is_refused_with_its_field_and_none_is_kept() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        let whole = json!({"purpose": "contact", "language": "en", "consented": true});
        for (field, value) in [
            ("consented", json!(false)),
            ("consented", json!(null)),
            ("consented", json!("true")),
            ("language", json!("de")),
            ("language", json!("")),
            ("purpose", json!("")),
            ("purpose", json!("\u{0}")),
            ("channel", json!("pigeon")),
            ("grantor", json!("neighbour")),
            ("expires_at", json!("tomorrow")),
            ("expires_at", json!("2001-01-01T00:00:00Z")),
            ("text", json!("x".repeat(100_000))),
            ("withdrawn", json!(true)),
            ("consented_at", json!("2001-01-01T00:00:00Z")),
            ("ip_address", json!("192.0.2.1")),
        ] {
            let reply = who.post(CONSENT, &with(whole.clone(), &json!({field: value}))).await;
            let named = reply.fields().contains(&format!("body.{field}"));
            assert!(reply.status == 422 && named, "{field} {value}: {}", reply.text);
        }
        let none = json!({"purpose": "contact", "language": "en"});
        assert_eq!(who.post(CONSENT, &none).await.fields(), ["body.consented"]);
        assert_eq!(count(app, "kernel.consent").await, 0);
    });
}

#[test]
fn s028_a_receipt_is_verified_with_the_published_keys_alone_and_not_when_a_letter_differs() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        let made = consent(who, "contact").await;
        let receipt = text(&made["receipt"]);
        let said = verified(app, &receipt, RECEIPT).await.expect("it is signed");
        for (claim, field) in [
            ("jti", "id"),
            ("sub", "user_id"),
            ("municipality_id", "municipality_id"),
            ("purpose", "purpose"),
            ("text_hash", "text_hash"),
            ("text_version", "text_version"),
            ("language", "language"),
            ("grantor", "grantor"),
            ("consented_at", "consented_at"),
        ] {
            assert_eq!(said[claim], made[field], "{claim}: {said}");
        }
        assert_eq!(said["withdrawn_at"], json!(null));
        for word in ["Person of", "@", "+27"] {
            assert!(!said.to_string().contains(word), "no personal value is in it: {said}");
        }
        let mut parts: Vec<_> = receipt.split('.').map(str::to_owned).collect();
        let other = text(&consent(who, "contact").await["receipt"]);
        parts[1] = other.split('.').nth(1).unwrap().to_owned();
        assert_eq!(verified(app, &parts.join("."), RECEIPT).await, None, "words of another");
        // A receipt opens no door.
        let thief = who.with_token(Some(receipt));
        assert_eq!(thief.get(CONSENT).await.status, 401);

        let ended = withdraw(who, &made).await;
        let said = verified(app, &text(&ended["receipt"]), RECEIPT).await.expect("it is signed");
        assert_eq!(said["withdrawn_at"], ended["withdrawn_at"]);
        let now = got(who, &format!("{CONSENT}/{}/receipt", text(&made["id"]))).await;
        let now = verified(app, &text(&now["receipt"]), RECEIPT).await.expect("it is signed");
        assert_eq!((&now["withdrawn_at"], &now["jti"]), (&said["withdrawn_at"], &made["id"]));
    });
}

#[test]
fn s075_s076_a_withdrawal_keeps_the_row_and_a_second_changes_nothing() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        let made = consent(who, "contact").await;
        let path = format!("{CONSENT}/{}/withdraw", text(&made["id"]));
        let first = who.post(&path, &json!({"channel": "verbal", "reason": "enough"})).await.json();
        assert_eq!(
            (&first["withdrawn"], &first["withdrawn_channel"]),
            (&json!(true), &json!("verbal"))
        );
        assert!(first["withdrawn_at"].is_string(), "{first}");
        let kept = one(app, "select md5(c::text) from kernel.consent c").await;
        for body in [json!({}), json!({"channel": "paper", "reason": "again"})] {
            let second = who.post(&path, &body).await;
            assert_eq!(second.status, 200, "{}", second.text);
            for field in ["withdrawn", "withdrawn_at", "withdrawn_channel", "consented_at"] {
                assert_eq!(second.json()[field], first[field], "{field}");
            }
        }
        let admin = kwa.role("admin");
        assert_eq!(admin.post(&path, &json!({"channel": "paper"})).await.status, 200);
        assert_eq!(one(app, "select md5(c::text) from kernel.consent c").await, kept);
        let bare = who.send(who.request(reqwest::Method::POST, &path)).await;
        assert_eq!(bare.status, 200, "nothing need be said: {}", bare.text);
        assert_eq!(list(who, CONSENT).await.len(), 1, "it is still there");
        let later = consent(who, "contact").await;
        assert_eq!(later["withdrawn"], false, "who withdrew may consent again");
    });
}

#[test]
fn s076_of_several_withdrawals_at_once_each_is_told_the_same() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        for _ in 0..10 {
            let made = consent(who, "contact").await;
            let all = join_all((0..8).map(|_| withdraw(who, &made))).await;
            assert!(all.iter().all(|one| one["withdrawn_at"] == all[0]["withdrawn_at"]));
        }
    });
}

#[test]
fn s077_another_citizens_consent_is_not_there_to_read_withdraw_or_prove() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let owner = kwa.citizen(app, "thandi").await;
        let made = consent(&owner, "contact").await;
        let path = format!("{CONSENT}/{}", text(&made["id"]));
        let strangers = [
            ("citizen", kwa.role("citizen")),
            ("field_worker", kwa.role("field_worker")),
            ("saps_liaison", kwa.role("saps_liaison")),
            ("admin of another", tsh.role("admin")),
            ("manager of another", tsh.role("manager")),
        ];
        for (role, who) in strangers {
            for part in ["", "/receipt"] {
                let reply = who.get(&format!("{path}{part}")).await;
                assert_eq!(reply.problem(), "404 not_found", "{role}{part}");
            }
            let reply = who.post(&format!("{path}/withdraw"), &json!({})).await;
            assert_eq!(reply.problem(), "404 not_found", "{role}");
            let reply = who.get(&format!("{CONSENT}?user_id={}", owner.id)).await;
            assert!(
                reply.status == 403 || reply.json() == json!([]),
                "{role}: {} {}",
                reply.status,
                reply.text
            );
            let for_them = json!({"purpose": "contact", "consented": true, "user_id": owner.id});
            assert!([403, 404, 422].contains(&who.post(CONSENT, &for_them).await.status), "{role}");
        }
        let manager = kwa.role("manager");
        let reply = manager.post(&format!("{path}/withdraw"), &json!({})).await;
        assert_eq!(reply.status, 404, "a manager reads consents and withdraws none");
        assert_eq!(got(&owner, &path).await["withdrawn"], false);
        assert_eq!(list(&owner, CONSENT).await.len(), 2);
        let read = got(manager, &path).await;
        assert_eq!(read["purpose"], "contact");
    });
}

#[test]
fn s078_reading_a_consent_leaves_a_row_that_says_who_read() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let made = consent(kwa.role("citizen"), "contact").await;
        let id = text(&made["id"]);
        for part in ["", "/receipt"] {
            let reply = kwa.role("citizen").get(&format!("{CONSENT}/{id}{part}")).await;
            assert_eq!(reply.status, 200);
            let entry = format!(
                "audit.entry where operation = 'READ' and outcome = 'allowed' and '{id}' in (record_id::text, record_ids[1]::text)
                    and request_id = '{}'",
                reply.header("x-request-id").unwrap()
            );
            assert_eq!(count(app, &entry).await, 1, "{part}");
        }
        let of_them = format!("{CONSENT}?user_id={}", kwa.role("citizen").id);
        assert_eq!(list(kwa.role("manager"), &of_them).await.len(), 1);
        let entry = format!(
            "audit.entry where operation = 'READ' and actor_id = '{}' and '{id}' in (record_id::text, record_ids[1]::text)",
            kwa.role("manager").id
        );
        assert_eq!(count(app, &entry).await, 1);
    });
}

#[test]
fn s082_each_official_language_is_taken_and_the_words_that_were_shown_are_the_ones_agreed_to() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        for language in ["af", "en", "nr", "nso", "ss", "st", "tn", "ts", "ve", "xh", "zu"] {
            let body = json!({"purpose": "contact", "language": language, "consented": true});
            let made = created(who, CONSENT, &body).await;
            let shown = purposes(app, language).await;
            let words =
                shown.iter().find(|one| one["purpose"] == "contact").unwrap()["words"][0].clone();
            assert_eq!(made["text_hash"], words["text_hash"], "{language}");
            assert_eq!(made["language"], words["language"], "{language}: {made}");
            let mut form = kwa.form(language);
            form["preferred_language"] = json!(language);
            let reply = app.anonymous().post("/auth/register", &form).await;
            assert_eq!(reply.json()["preferred_language"], language, "{}", reply.text);
        }
        let shown = |all: &[Value]| {
            all.iter().map(|one| one["words"][0]["text"].clone()).collect::<Vec<_>>()
        };
        let (en, zu, af) =
            (purposes(app, "en").await, purposes(app, "zu").await, purposes(app, "af").await);
        for ((en, zu), af) in shown(&en).iter().zip(shown(&zu)).zip(shown(&af)) {
            assert!(*en != zu && *en != af && zu != af, "each in its own language: {en}");
        }
        let mut form = kwa.form("german");
        form["preferred_language"] = json!("de");
        let reply = app.anonymous().post("/auth/register", &form).await;
        let fell_back = reply.status == 201 && reply.json()["preferred_language"] == "en";
        assert!(fell_back || reply.fields() == ["body.preferred_language"], "{}", reply.text);
    });
}

#[test]
fn s045_withdrawing_from_a_duty_says_what_goes_on_in_the_persons_language() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let mut said = vec![];
        for language in ["en", "zu", "af"] {
            let form = with(kwa.form(language), &json!({"preferred_language": language}));
            let who = kwa.registered(app, &form).await;
            let first = list(&who, CONSENT).await.remove(0);
            assert_eq!(
                (&first["purpose"], &first["language"]),
                (&json!("platform_registration"), &json!(language))
            );
            let duty = withdraw(&who, &first).await;
            assert_eq!(duty["withdrawn"], true);
            let goes_on = &duty["continues"];
            assert_eq!(goes_on["lawful_basis"], duty["lawful_basis"], "{duty}");
            assert!(text(&goes_on["section"]).contains("11(1)(e)"), "{duty}");
            assert_eq!(got(&who, "/auth/me").await["id"], json!(who.id), "the account goes on");
            let contact = consent(&who, "contact").await;
            let ended = withdraw(&who, &contact).await;
            assert_eq!(ended["continues"], json!(null), "{ended}");
            said.push((text(&duty["message"]), text(&ended["message"])));
        }
        for (i, one) in said.iter().enumerate() {
            assert_ne!(one.0, one.1, "they say different things");
            assert!(
                said.iter().skip(i + 1).all(|other| one.0 != other.0 && one.1 != other.1),
                "{said:?}"
            );
        }
    });
}

#[test]
fn s027_a_child_needs_a_competent_person_until_the_day_of_the_eighteenth_birthday() {
    // A second before 2 March in Johannesburg; in UTC it is 1 March either way.
    let (options, hand) = at("2026-03-01T21:59:59Z");
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let born = json!({"date_of_birth": "2008-03-02"});
        let alone = with(kwa.form("sipho"), &born);
        let reply = app.anonymous().post("/auth/register", &alone).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        assert!(
            reply.fields().iter().all(|field| field.starts_with("body.consent")),
            "{}",
            reply.text
        );
        let mother = json!({"consented": true, "grantor": "competent_person", "grantor_name": "Nomsa Nkosi",
                            "relation": "mother", "document_reference": "ID seen"});
        for part in ["grantor_name", "relation"] {
            let mut body = with(alone.clone(), &json!({"consent": mother}));
            body["consent"][part] = json!(null);
            let reply = app.anonymous().post("/auth/register", &body).await;
            assert_eq!(reply.status, 422, "{part}: {}", reply.text);
            assert!(reply.text.contains(part), "{part}: {}", reply.text);
        }
        let helped = with(alone.clone(), &json!({"consent": mother}));
        let child = kwa.registered(app, &helped).await;
        let first = list(&child, CONSENT).await.remove(0);
        assert_eq!(
            (&first["grantor"], &first["relation"]),
            (&json!("competent_person"), &json!("mother"))
        );
        let own = json!({"purpose": "contact", "consented": true});
        assert_eq!(
            child.post(CONSENT, &own).await.status,
            422,
            "a child consents to nothing alone"
        );
        let theirs = with(mother.clone(), &json!({"purpose": "contact"}));
        assert_eq!(child.post(CONSENT, &theirs).await.status, 201);

        hand.advance(::kernel::jiff::SignedDuration::from_secs(1));
        let reply = child.post(CONSENT, &own).await;
        assert_eq!(reply.status, 201, "it is the birthday in Johannesburg: {}", reply.text);
        let other = with(kwa.form("lindiwe"), &born);
        let reply = app.anonymous().post("/auth/register", &other).await;
        let fields = reply.fields();
        assert!(reply.status == 201 || fields == ["body.date_of_birth"], "{}", reply.text);
        for born in ["2026-03-03", "1850-01-01", "2008-02-30", "yesterday", ""] {
            let odd = with(helped.clone(), &json!({"date_of_birth": born}));
            let reply = app.anonymous().post("/auth/register", &odd).await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec!["body.date_of_birth".into()]),
                "{born}"
            );
        }
    });
}
