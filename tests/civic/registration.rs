//! Citizens who register themselves.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join;
use testkit::run_with;

use super::*;

/// Each from an address of its own: an address registers three times an hour.
async fn send(app: &TestApp, body: &Value) -> Reply {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let address = Ipv4Addr::from(0xC633_0000 + NEXT.fetch_add(1, Ordering::Relaxed));
    app.anonymous().coming_from(&address.to_string()).post("/auth/register", body).await
}

async fn register(app: &TestApp, email: &str, password: &str, code: &str) -> Reply {
    send(app, &registration(email, password, code)).await
}

#[test]
fn s073_s080_an_address_registers_once_in_each_municipality_that_there_is() {
    run_with(Options::behind_a_proxy(), async |app| {
        let (kwa, tsh) = (place(app, "civic", "kwa").await, place(app, "civic", "tsh").await);
        place(app, "athletics", "central").await;
        let first = register(app, "thandi@people.example", PASSWORD, "KWA").await;
        assert_eq!(first.status, 201, "{}", first.text);
        let body = first.json();
        assert_eq!(
            (&body["role"], &body["is_active"], &body["tenant_id"]),
            (&json!("citizen"), &json!(true), &json!(kwa.id))
        );
        assert!(
            !first.text.contains("password") && !first.text.contains("argon2"),
            "{}",
            first.text
        );
        let row = recorded(app, &first).await;
        assert_eq!(row, ["allowed auth:register"; 2], "the account and the consent");
        for again in ["thandi@people.example", " THANDI@People.Example "] {
            let reply = register(app, again, "seven wet otters", "kwa").await;
            assert_eq!(reply.problem(), "409 email_taken", "{again}");
        }
        let second = register(app, "thandi@people.example", "seven wet otters", "TSH").await;
        assert_eq!((second.status, &second.json()["tenant_id"]), (201, &json!(tsh.id)));
        for (there, password) in [(&kwa, PASSWORD), (&tsh, "seven wet otters")] {
            let reply = app
                .anonymous()
                .sign_in(&there.id.to_string(), "thandi@people.example", password)
                .await;
            assert_eq!(reply.status, 200, "each has a password of its own");
            let me = app.anonymous().with_tokens(&reply).get("/auth/me").await.json();
            assert_eq!(
                (&me["tenant_id"], &me["municipality_id"]),
                (&json!(there.id), &json!(there.id))
            );
        }
        for unknown in ["NOWHERE", "", "' or 1=1 --", &Uuid::nil().to_string()] {
            let reply = register(app, "new@people.example", PASSWORD, unknown).await;
            assert_eq!(reply.problem(), "404 no_such_organisation", "{unknown}");
        }
        assert_eq!(
            register(app, "new@people.example", PASSWORD, "CENTRAL").await.problem(),
            "404 no_such_organisation"
        );
        tenant::suspend(&mut app.platform().await, "KWA", false).await.unwrap();
        assert_eq!(
            register(app, "new@people.example", PASSWORD, "KWA").await.problem(),
            "400 organisation_inactive"
        );
        assert_eq!(
            one(app, "select count(*) from kernel.account where email_index = kernel.blind('new@people.example')")
                .await,
            "0"
        );
        // Of two at once, one.
        let (a, b) = join(
            register(app, "twin@people.example", PASSWORD, "TSH"),
            register(app, "twin@people.example", PASSWORD, "TSH"),
        )
        .await;
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} / {}", a.text, b.text);
    });
}

#[test]
fn a_password_that_others_guess_is_refused_wherever_one_is_chosen() {
    run_with(Options::behind_a_proxy(), async |app| {
        place(app, "civic", "kwa").await;
        let long = "ab ".repeat(100);
        let weak = [
            "",
            "short",
            "eleven chrs",
            "qwertyuiopas",
            "aaaaaaaaaaaaaa",
            "123456789012",
            "1qaz2wsx3edc",
            "Unbelievable",
            "thandi.long@people.example",
            "THANDI.LONG@PEOPLE.EXAMPLE",
            "Thandi Nkosi",
            "thandi.longthandi.long",
            &long,
            "with a \u{0} in the middle",
        ];
        for password in weak {
            let reply = register(app, "thandi.long@people.example", password, "KWA").await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec!["body.password".into()]),
                "{password:?}: {}",
                reply.text
            );
            assert!(password.len() < 6 || !reply.text.contains(password), "it is not repeated");
        }
        let reply = register(app, "thandi.long@people.example", "ñandú y ñuño", "KWA").await;
        assert_eq!(reply.status, 201, "twelve characters will do: {}", reply.text);
    });
}

#[test]
fn a_registration_names_its_fields_and_nobody_has_an_account_without_consent() {
    run_with(Options::behind_a_proxy(), async |app| {
        place(app, "civic", "kwa").await;
        let whole = registration("a@b.example", PASSWORD, "KWA");
        for field in ["email", "password", "full_name", "consent"] {
            for value in [None, Some(json!(null)), Some(json!(1)), Some(json!(""))] {
                let mut body = whole.clone();
                body.as_object_mut().unwrap().remove(field);
                if let Some(value) = &value {
                    body[field] = value.clone();
                }
                let reply = send(app, &body).await;
                let expected = (422, vec![format!("body.{field}")]);
                assert_eq!((reply.status, reply.fields()), expected, "{value:?}: {}", reply.text);
            }
        }
        for (field, value) in [
            ("consented", json!(false)),
            ("consented", json!("yes")),
            ("purpose", json!("")),
            ("more", json!(1)),
        ] {
            let mut body = whole.clone();
            body["consent"][field] = value;
            let reply = send(app, &body).await;
            let expected = (422, vec![format!("body.consent.{field}")]);
            assert_eq!((reply.status, reply.fields()), expected, "{}", reply.text);
        }
        assert_eq!(app.ask("select id from kernel.account").await, Vec::<String>::new());
        let reply = send(app, &whole).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert_eq!(reply.header("location"), Some(format!("/auth/users/{}", reply.id()).as_str()));
    });
}
