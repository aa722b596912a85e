//! Free text: without markup, and otherwise to the byte (S-081, R09, R11).

use testkit::run;

use super::{
    town::{CONSENT, REQUESTS, RIGHTS, Town, VIOLENCE, created, leak, list, text, with},
    *,
};

const MARKUP: [&str; 6] = [
    "A <b>leak</b><script>alert(1)</script> here",
    "x<img src=x onerror=alert(1)>y",
    "<svg/onload=alert(1)>water",
    "<a href=\"javascript:alert(1)\">click</a>",
    "<<script>alert(1)//<</script>leak",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>leak",
];

/// Nothing of it is a tag or runs.
fn is_harmless(text: &str) -> bool {
    !["<script", "<img", "<svg", "<a ", "<iframe", "onerror", "onload", "javascript:"]
        .iter()
        .any(|bad| text.to_lowercase().contains(bad))
}

#[test]
fn s081_r11_markup_in_any_free_text_is_neutralised() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let (who, manager) = (kwa.citizen(app, "thandi").await, kwa.role("manager"));
        for markup in MARKUP {
            let mut shown = vec![];
            let report =
                with(leak(), &json!({"description": markup, "address": markup, "ward": markup}));
            let made = who.post(REQUESTS, &report).await;
            assert!([201, 422].contains(&made.status), "{markup}: {}", made.text);
            let made = kwa.report(&who).await;
            let path = format!("{REQUESTS}/{}", text(&made["id"]));
            for (method, path, body) in [
                (
                    "PATCH",
                    format!("{path}/status"),
                    json!({"status": "in_progress", "note": markup}),
                ),
                ("POST", RIGHTS.into(), json!({"kind": "restriction", "statement": markup})),
                (
                    "POST",
                    CONSENT.into(),
                    json!({"purpose": "contact", "consented": true, "purpose_description": markup}),
                ),
                (
                    "POST",
                    VIOLENCE.into(),
                    json!({"municipality_code": "kwa", "kind": "other", "description": markup,
                                                 "place": markup, "safe_contact": markup}),
                ),
            ] {
                let caller = if method == "PATCH" { manager } else { &who };
                let request = caller.request(method.parse().unwrap(), &path).json(&body);
                let reply = caller.send(request).await;
                assert!(reply.status < 500, "{path} {markup}: {}", reply.text);
            }
            shown.push(who.get(&format!("{path}/history")).await.text);
            for (reader, path) in [
                (&who, REQUESTS),
                (&who, CONSENT),
                (&who, RIGHTS),
                (&who, "/api/v1/data-rights/my-data"),
                (kwa.role("admin"), VIOLENCE),
            ] {
                shown.push(
                    reader
                        .get(&format!("{path}?limit=200").replace("my-data?limit=200", "my-data"))
                        .await
                        .text,
                );
            }
            for text in shown {
                assert!(is_harmless(&text), "{markup}: {text}");
            }
        }
    });
}

#[test]
fn s081_r11_markup_in_a_category_is_neutralised() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        for field in ["name", "description", "department"] {
            let mut body = json!({"code": field, "name": "Fountain", "response_hours": 1, "resolution_hours": 2});
            body[field] = json!(MARKUP[0]);
            let reply = kwa.role("admin").post("/api/v1/categories", &body).await;
            assert!([201, 422].contains(&reply.status), "{field}: {}", reply.text);
            assert!(is_harmless(&reply.text), "{field}: {}", reply.text);
        }
    });
}

#[test]
fn s081_r11_markup_in_a_name_is_neutralised() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let reply = who.patch("/auth/me", &json!({"full_name": MARKUP[0]})).await;
        assert!([200, 422].contains(&reply.status) && is_harmless(&reply.text), "{}", reply.text);
    });
}

#[test]
fn r09_what_is_no_markup_comes_back_to_the_byte() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        for words in [
            "\u{202e}evael ot tnaw I\u{202c} \u{200f}שלום \u{061c}ماء",
            "zero\u{200b}width\u{200d}join\u{feff}er",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f6b0}\u{fe0f} \u{1f1ff}\u{1f1e6}",
            "e\u{301} and \u{e9} differ; \u{1112}\u{1161}\u{11ab}",
            "'; drop table civic.service_request; --",
            "%s %n ${7*7} {{7*7}} \\u0000 \\",
            "Fish & chips, 3 < 5 > 2, &lt;b&gt; &amp;",
            "line\nline\ttab",
            "\u{10ffff}\u{e000}",
        ] {
            let made = created(
                who,
                REQUESTS,
                &with(leak(), &json!({"description": words, "address": words})),
            )
            .await;
            assert_eq!((&made["description"], &made["address"]), (&json!(words), &json!(words)));
            let seen = kwa.seen(kwa.role("field_worker"), &made).await;
            assert_eq!(seen["description"], words);
        }
        assert_eq!(list(who, REQUESTS).await.len(), 9);
    });
}

#[test]
fn r09_what_no_text_can_hold_is_refused_with_its_field() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        for (field, value) in [
            ("description", json!("a\u{0}b")),
            ("description", json!("")),
            ("description", json!("   ")),
            ("description", json!("x".repeat(100_001))),
            ("address", json!("\u{0}")),
            ("ward", json!("\u{0}")),
            ("photo_url", json!("http://photos.example/leak.jpg")),
            ("photo_url", json!("javascript:alert(1)")),
            ("photo_url", json!("https://")),
            ("latitude", json!(91)),
            ("longitude", json!(-180.1)),
            ("latitude", json!("NaN")),
            ("channel", json!("pigeon")),
            ("language", json!("de")),
            ("category", json!("no_such")),
            ("reporter", json!({"full_name": "x"})),
            ("status", json!("closed")),
        ] {
            let reply = who.post(REQUESTS, &with(leak(), &json!({field: value}))).await;
            let expected = (422, vec![format!("body.{field}")]);
            assert_eq!(
                (reply.status, reply.fields()),
                expected,
                "{field} {value:.60}: {}",
                reply.text
            );
        }
        for lone in ["\\ud800", "\\udc00", "a\\ud83dz"] {
            let body = leak().to_string().replace("Water runs over the pavement.", lone);
            let request = who
                .request(reqwest::Method::POST, REQUESTS)
                .header("Content-Type", "application/json");
            let reply = who.send(request.body(body)).await;
            assert_eq!(reply.status, 422, "{lone}: {}", reply.text);
        }
        let nowhere = json!({"category": "water", "description": "Somewhere."});
        let reply = who.post(REQUESTS, &nowhere).await;
        assert_eq!(reply.status, 422, "a place is coordinates or an address: {}", reply.text);
        let half = with(nowhere, &json!({"latitude": 1.0}));
        assert_eq!(who.post(REQUESTS, &half).await.status, 422, "half a place is none");
        assert_eq!(list(who, REQUESTS).await, Vec::<Value>::new());
    });
}
