//! What ends a consent is felt at once, on every server, by what rests on it.

use std::time::Duration;

use testkit::{run, run_with};

use super::{
    consent::{consent, purposes, withdraw},
    town::{CONSENT, PHONE, RIGHTS, Town, at, created, got, list, text, with},
    *,
};
use crate::people::until;

/// How soon a withdrawal must be felt.
const FELT: Duration = Duration::from_secs(1);

/// What a field worker is shown of who reported.
async fn reporter(worker: &Persona, request: &Value) -> Value {
    let path = format!("{}/{}", town::REQUESTS, text(&request["id"]));
    got(worker, &path).await["reporter"].clone()
}

/// How the citizen of these tests is shown who may be called.
fn thandi() -> Value {
    json!({"full_name": "thandi Nkosi", "phone": PHONE})
}

/// Every server shows who reported, or none does, within a second.
async fn felt(app: &TestApp, worker: &Persona, request: &Value, expected: Value, why: &str) {
    for replica in 0..2 {
        let there = worker.at(app.url(replica));
        until(FELT, why, async || reporter(&there, request).await == expected).await;
        let listed = list(&there, town::REQUESTS).await;
        assert_eq!(listed[0]["reporter"], expected, "{why}, in the list");
    }
}

#[test]
fn s028_who_withdraws_contact_or_restricts_is_called_no_more_on_any_server() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let kwa = Town::new(app, "kwa").await;
        let (who, worker) = (kwa.citizen(app, "thandi").await, kwa.role("field_worker"));
        let request = kwa.report(&who).await;
        felt(app, worker, &request, json!(null), "nobody agreed to be called").await;
        let made = consent(&who, "contact").await;
        felt(app, worker, &request, thandi(), "consented").await;
        withdraw(&who, &made).await;
        felt(app, worker, &request, json!(null), "withdrawn").await;
        assert_eq!(got(&who, &format!("{CONSENT}/{}", text(&made["id"]))).await["withdrawn"], true);

        consent(&who, "contact").await;
        felt(app, worker, &request, thandi(), "consented again").await;
        let body = json!({"kind": "restriction", "statement": "My number is wrong."});
        let asked = created(&who, RIGHTS, &body).await;
        felt(app, worker, &request, json!(null), "restricted").await;
        let decide = format!("{RIGHTS}/{}/decision", text(&asked["id"]));
        let refusal = json!({"decision": "refused", "reason": "It is right."});
        let reply = kwa.role("admin").post(&decide, &refusal).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        felt(app, worker, &request, thandi(), "the restriction was refused").await;
        let reply = kwa.role("admin").post(&decide, &refusal).await;
        assert_eq!(reply.status, 409, "decided once: {}", reply.text);
        let asked = created(&who, RIGHTS, &body).await;
        let decide = format!("{RIGHTS}/{}/decision", text(&asked["id"]));
        let upheld = json!({"decision": "upheld", "reason": "It is another's."});
        assert_eq!(kwa.role("admin").post(&decide, &upheld).await.status, 200);
        felt(app, worker, &request, json!(null), "the restriction was upheld").await;
    });
}

#[test]
fn s028_who_consented_twice_and_withdraws_is_called_no_more() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let kwa = Town::new(app, "kwa").await;
        let (who, worker) = (kwa.citizen(app, "thandi").await, kwa.role("field_worker"));
        let request = kwa.report(&who).await;
        consent(&who, "contact").await;
        let made = consent(&who, "contact").await;
        felt(app, worker, &request, thandi(), "consented").await;
        withdraw(&who, &made).await;
        felt(app, worker, &request, json!(null), "withdrawn as easily as given").await;
    });
}

#[test]
fn s028_a_consent_that_has_expired_shows_the_phone_no_more() {
    let (options, hand) = at("2026-03-02T08:00:00Z");
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let request = kwa.report(&who).await;
        let body =
            json!({"purpose": "contact", "consented": true, "expires_at": "2026-03-02T08:10:00Z"});
        created(&who, CONSENT, &body).await;
        hand.advance(::kernel::jiff::SignedDuration::from_secs(599));
        assert_eq!(reporter(kwa.role("field_worker"), &request).await, thandi());
        hand.advance(::kernel::jiff::SignedDuration::from_secs(1));
        assert_eq!(reporter(kwa.role("field_worker"), &request).await, json!(null));
    });
}

#[test]
fn s028_who_registers_consents_for_nobody_else() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let other = kwa.role("citizen");
        let mut form = kwa.form("sipho");
        form["consent"]["user_id"] = json!(other.id);
        let reply = app.anonymous().post("/auth/register", &form).await;
        assert!([201, 422].contains(&reply.status), "{}", reply.text);
        assert_eq!(list(other, CONSENT).await, Vec::<Value>::new());
    });
}

/// Objects to every purpose that takes an objection; the requests.
async fn object(app: &TestApp, who: &Persona) -> Vec<String> {
    let mut open = vec![];
    for purpose in purposes(app, "en").await {
        let body = json!({"kind": "objection", "purpose": purpose["purpose"], "statement": "I do not want it."});
        let reply = who.post(RIGHTS, &body).await;
        if purpose["takes_objection"] == true {
            assert_eq!(reply.status, 201, "{purpose}: {}", reply.text);
            open.push(reply.id());
        } else {
            assert_eq!(reply.problem(), "409 withdraw_instead", "{purpose}: {}", reply.text);
        }
    }
    assert!(!open.is_empty(), "there is something to object to");
    open
}

#[test]
fn s028_an_objection_is_refused_only_where_legislation_is_named() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let admin = kwa.role("admin");
        for id in object(app, &kwa.citizen(app, "thandi").await).await {
            let decide = format!("{RIGHTS}/{id}/decision");
            let bare = json!({"decision": "refused", "reason": "We must."});
            for none in [json!(null), json!(""), json!(" ")] {
                let reply =
                    admin.post(&decide, &with(bare.clone(), &json!({"legislation": none}))).await;
                let expected = (422, vec!["body.legislation".into()]);
                assert_eq!((reply.status, reply.fields()), expected, "{}", reply.text);
            }
            let named = with(bare, &json!({"legislation": "Municipal Systems Act 32 of 2000 s95"}));
            let reply = admin.post(&decide, &named).await;
            assert_eq!(
                (reply.status, &reply.json()["status"]),
                (200, &json!("refused")),
                "{}",
                reply.text
            );
        }
    });
}

#[test]
fn s028_who_objects_is_called_no_more() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let kwa = Town::new(app, "kwa").await;
        let (who, worker) = (kwa.citizen(app, "thandi").await, kwa.role("field_worker"));
        let request = kwa.report(&who).await;
        consent(&who, "contact").await;
        felt(app, worker, &request, thandi(), "consented").await;
        object(app, &who).await;
        felt(app, worker, &request, json!(null), "objected").await;
    });
}
