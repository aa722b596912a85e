//! Signing in: what a stranger learns from it, how often they may try, and whose login it is.

use reeve::settings::Settings;
use testkit::run;

use super::*;

#[test]
fn s084_every_refusal_of_a_login_is_the_same_text() {
    run(async |app| {
        let (civic, other) =
            (app.organisation("civic", "kwa").await, app.organisation("civic", "tsh").await);
        let admin = civic.role("admin");
        let invited =
            json!({"email": "invited@people.example", "full_name": "In Vited", "role": "citizen"});
        assert_eq!(admin.post("/auth/users", &invited).await.status, 201);
        for (role, sent) in [("citizen", json!({"is_active": false})), ("manager", json!(null))] {
            let path = format!("/auth/users/{}", civic.role(role).id);
            let reply = if sent.is_null() {
                admin.delete(&path).await
            } else {
                admin.patch(&path, &sent).await
            };
            assert!(reply.status < 300, "{}", reply.text);
        }
        for there in [&civic, &other] {
            account(app, there, "citizen", "both@people.example").await;
        }
        let id = civic.id.to_string();
        let nobody = app.anonymous();
        let wrong = nobody.sign_in(&id, &civic.email("admin"), WRONG).await;
        let cases = [
            (
                "unknown",
                json!({"email": "nobody@people.example", "password": PASSWORD, "tenant": id}),
            ),
            (
                "disabled",
                json!({"email": civic.email("citizen"), "password": PASSWORD, "tenant": id}),
            ),
            (
                "deleted",
                json!({"email": civic.email("manager"), "password": PASSWORD, "tenant": id}),
            ),
            (
                "invited",
                json!({"email": "invited@people.example", "password": PASSWORD, "tenant": id}),
            ),
            (
                "no such organisation",
                json!({"email": civic.email("admin"), "password": PASSWORD, "tenant": "none"}),
            ),
            (
                "of another organisation",
                json!({"email": other.email("admin"), "password": PASSWORD, "tenant": id}),
            ),
            ("known to two", json!({"email": "both@people.example", "password": PASSWORD})),
            ("no address", json!({"email": "admin", "password": PASSWORD, "tenant": id})),
            ("a statement", json!({"email": "' or 1=1 --@x", "password": PASSWORD, "tenant": id})),
            (
                "an empty password",
                json!({"email": civic.email("admin"), "password": "", "tenant": id}),
            ),
        ];
        for (what, body) in cases {
            let reply = nobody.post("/auth/login", &body).await;
            assert_eq!(reply.essence(), wrong.essence(), "{what}");
        }
        let rows = "select count(*) from audit.entry where outcome = 'refused' and permission = 'auth:login'
                     and reason = 'invalid_credentials' and actor_kind = 'anonymous'";
        assert_eq!(one(app, rows).await, "11", "each of them is on record");
    });
}

#[test]
fn a14_the_first_72_bytes_of_a_password_are_not_the_password_and_old_hashes_give_way() {
    run(async |app| {
        let studio = app.organisation("studio", "kaizen").await;
        let email = studio.email("developer");
        // bcrypt of 72 times `a`.
        let bcrypt = "$2b$04$oWGE0aeh80cjCPp0A.78IeWGQYoZRZn8uMD.FZDO1xfTe/IUP4Pna";
        let set = format!(
            "update kernel.account set password_hash = '{bcrypt}' where email_index = kernel.blind('{email}')"
        );
        execute(app, studio.id, &set).await;
        let hash = format!(
            "select password_hash from kernel.account where email_index = kernel.blind('{email}')"
        );
        let id = studio.id.to_string();
        let right = "a".repeat(72);
        let nobody = app.anonymous();
        for wrong in [format!("{right}b"), format!("{right}a"), right[..71].to_owned()] {
            let reply = nobody.sign_in(&id, &email, &wrong).await;
            assert_eq!(reply.problem(), "401 invalid_credentials", "{wrong}");
            assert_eq!(one(app, &hash).await, bcrypt);
        }
        let reply = nobody.sign_in(&id, &email, &right).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(one(app, &hash).await.starts_with("$argon2id$"), "the hash is a better one now");
        assert_eq!(nobody.sign_in(&id, &email, &format!("{right}b")).await.status, 401);
        assert_eq!(nobody.sign_in(&id, &email, &right).await.status, 200);
        let counted = "select coalesce(sum(attempts), 0) from kernel.login_guard";
        let before = one(app, counted).await;
        let (took, reply) = timed(nobody.sign_in(&id, &email, &"a".repeat(900_000))).await;
        assert_eq!((reply.status, reply.fields()), (422, vec!["body.password".to_owned()]));
        assert_eq!(one(app, counted).await, before, "it was refused before anything was looked at");
        assert!(took < 1000.0, "{took} ms");
        let body = format!("username={email}&password={}", "a".repeat(900_000));
        assert_eq!(form(&nobody, &body).await.status, 422);
    });
}

#[test]
fn a20_o05_production_refuses_what_is_unsafe_and_names_each_fault() {
    let base = [
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://h/d"),
        ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("KATA_DEID_SALT", "0123456789abcdef0123456789abcdef"),
    ];
    let load =
        |more: &[(&str, &str)]| Settings::from_map(&with(&[&base[..], more].concat()).settings);
    assert!(load(&[]).is_ok(), "what is safe serves");
    let faults = [
        ("SECRET_KEY", "0123456789abcdef0123456789abcde"),
        ("SECRET_KEY", ""),
        ("KATA_DEID_SALT", ""),
        ("KATA_DEID_SALT", "0123456789abcdef0123456789abcde"),
        ("SECRET_KEY", "your-secret-key-change-in-production-please"),
        ("SECRET_KEY", "CHANGEME-CHANGEME-CHANGEME-CHANGEME"),
        ("DEBUG", "true"),
        ("DEBUG", "1"),
        ("KATA_AUTO_CREATE_SCHEMA", "true"),
        ("KATA_AUTO_CREATE_SCHEMA", "on"),
        ("DOCS", "true"),
        ("DOCS", "yes"),
    ];
    for (name, value) in faults {
        let error = load(&[(name, value)]).err().unwrap_or_else(|| panic!("{name}={value} serves"));
        assert!(error.to_string().contains(name), "{name}={value}: {error}");
    }
    let all = [
        ("SECRET_KEY", "short"),
        ("KATA_DEID_SALT", ""),
        ("DEBUG", "true"),
        ("KATA_AUTO_CREATE_SCHEMA", "true"),
        ("DOCS", "true"),
    ];
    let text = load(&all).err().expect("refused").to_string();
    for (name, _) in all {
        assert!(text.contains(name), "{name} is not in: {text}");
    }
    assert!(
        !text.contains("\"short\"") && !text.contains("=short"),
        "no value is repeated: {text}"
    );
}

#[test]
fn production_in_capitals_is_production() {
    for name in ["Production", "PRODUCTION", " production "] {
        let weak = with(&[("ENVIRONMENT", name), ("DEBUG", "true")]).settings;
        assert!(Settings::from_map(&weak).is_err(), "{name:?} is taken for another environment");
    }
}

#[test]
fn k030_k080_the_token_endpoint_speaks_rfc_6749_and_every_login_is_on_record() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let (email, id) = (civic.email("manager").replace('@', "%40"), civic.id);
        let nobody = app.anonymous();
        let reply = form(&nobody, &format!(
            "grant_type=password&username={email}&password=correct+horse%20battery&tenant={id}&scope=a&client_id=b&client_secret=c"
        )).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let body = reply.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(1800)));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("pragma"), Some("no-cache"));
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(nobody.with_tokens(&reply).get("/auth/me").await.status, 200);
        let row = format!(
            "select concat_ws(' ', outcome, permission, operation, resource, actor_kind, actor_id, tenant_id)
               from audit.entry where request_id = '{}' and resource = 'kernel.session'",
            reply.header("x-request-id").unwrap()
        );
        let manager = civic.role("manager").id;
        assert_eq!(
            app.ask(&row).await,
            [format!("allowed auth:login CREATE kernel.session user {manager} {id}")]
        );

        let wrong = form(
            &nobody,
            &format!("grant_type=password&username={email}&password=CANARYwrong&tenant={id}"),
        )
        .await;
        assert_eq!(wrong.status, 401);
        assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
        assert_eq!(wrong.json()["error"], "invalid_grant");
        assert_eq!(recorded(app, &wrong).await, ["refused auth:login invalid_credentials"]);
        let whose = format!(
            "select tenant_id from audit.entry where request_id = '{}'",
            wrong.header("x-request-id").unwrap()
        );
        assert_eq!(one(app, &whose).await, id.to_string(), "in the ledger of the organisation");
        assert!(
            app.ask("select 1 from audit.entry e where e::text like '%CANARYwrong%'")
                .await
                .is_empty()
        );
        assert!(!testkit::logged().contains("CANARYwrong"));

        for grant in ["client_credentials", "refresh_token", "Password", "%00"] {
            let reply = form(
                &nobody,
                &format!("grant_type={grant}&username={email}&password=x&tenant={id}"),
            )
            .await;
            assert_eq!(
                (reply.status, &reply.json()["error"]),
                (400, &json!("unsupported_grant_type")),
                "{grant}"
            );
        }
        assert_eq!(form(&nobody, "grant_type=password&username=a").await.status, 422);
        let twice = format!("grant_type=password&username={email}&username=x&password=y");
        assert_eq!(form(&nobody, &twice).await.status, 422);
        let as_json = json!({"username": civic.email("manager"), "password": PASSWORD});
        assert_eq!(nobody.post("/auth/token", &as_json).await.status, 415);
        let in_query =
            nobody.request(Method::POST, &format!("/auth/token?username={email}&password=x"));
        assert!([415, 422].contains(&nobody.send(in_query).await.status));
    });
}
