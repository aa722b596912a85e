//! Tokens of municipalities' people, and to which municipality they belong.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use testkit::run;

use super::{
    town::{Town, got, lacking},
    *,
};

async fn login(app: &TestApp, body: &Value) -> Reply {
    app.anonymous().post("/auth/login", body).await
}

#[test]
fn s034_s061_a_token_says_who_where_and_in_which_role_for_half_an_hour() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let body = json!({"email": kwa.people.email("manager"), "password": PASSWORD, "municipality_code": "kwa"});
        let reply = login(app, &body).await;
        let tokens = reply.json();
        assert_eq!(reply.status, 200, "{tokens}");
        assert_eq!(lacking(&tokens, "access_token refresh_token token_type"), [""; 0], "{tokens}");
        assert_eq!(tokens["token_type"], "bearer");
        let payload = tokens["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
        let payload: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(payload["sub"], json!(kwa.role("manager").id));
        assert_eq!(
            (&payload["tenant_id"], &payload["role"]),
            (&json!(kwa.id()), &json!("manager"))
        );
        let life = payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap();
        assert_eq!(life, 30 * 60);
        let me = got(&app.anonymous().with_tokens(&reply), "/auth/me").await;
        assert_eq!(
            (&me["tenant_id"], &me["municipality_id"]),
            (&json!(kwa.id()), &json!(kwa.id())),
            "C-14"
        );
    });
}

#[test]
fn c10_an_address_in_two_municipalities_signs_in_where_it_is_said_and_nowhere_else() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        kwa.citizen(app, "thandi").await;
        tsh.citizen(app, "thandi").await;
        let body = json!({"email": "thandi@citizens.example", "password": PASSWORD});
        for (field, value, town) in [
            ("municipality_code", json!("kwa"), &kwa),
            ("tenant", json!("tsh"), &tsh),
            ("tenant", json!(kwa.id()), &kwa),
        ] {
            let reply = login(app, &town::with(body.clone(), &json!({field: value}))).await;
            assert_eq!(reply.status, 200, "{field}: {}", reply.text);
            let me = got(&app.anonymous().with_tokens(&reply), "/auth/me").await;
            assert_eq!(me["municipality_id"], json!(town.id()), "{field}");
        }
        let nobody = app.anonymous();
        let request = nobody
            .request(reqwest::Method::POST, "/auth/login")
            .header("X-Tenant-ID", tsh.id().to_string());
        assert_eq!(nobody.send(request.json(&body)).await.status, 200);
        let wrong = json!({"email": "thandi@citizens.example", "password": "not the password"});
        let unknown = json!({"email": "nobody@citizens.example", "password": PASSWORD});
        let (several, wrong, unknown) =
            (login(app, &body).await, login(app, &wrong).await, login(app, &unknown).await);
        assert_eq!(several.problem(), "401 invalid_credentials");
        assert_eq!(several.essence(), wrong.essence(), "S-084");
        assert_eq!(wrong.essence(), unknown.essence(), "S-084");
    });
}

#[test]
fn s074_s085_a_refresh_token_is_good_once_and_not_for_who_was_disabled() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let refresh = async |token: &Option<String>| {
            app.anonymous().post("/auth/refresh", &json!({"refresh_token": token})).await
        };
        let who = kwa.citizen(app, "thandi").await;
        let next = who.with_tokens(&refresh(&who.refresh).await);
        assert!(next.refresh.is_some() && next.refresh != who.refresh && next.token != who.token);
        let after = next.with_tokens(&refresh(&next.refresh).await);
        assert!(after.refresh.is_some() && after.refresh != next.refresh);
        assert!([400, 401].contains(&refresh(&who.refresh).await.status), "two have come after it");
        let other = kwa.citizen(app, "sipho").await;
        let path = format!("/auth/users/{}", other.id);
        let reply = kwa.role("admin").patch(&path, &json!({"is_active": false})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!([400, 401, 403].contains(&refresh(&other.refresh).await.status));
        let body =
            json!({"email": "sipho@citizens.example", "password": PASSWORD, "tenant": "kwa"});
        assert_eq!(login(app, &body).await.problem(), "401 invalid_credentials");
    });
}

#[test]
fn c12_the_consents_of_programmes_are_not_those_of_citizens() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        for who in [kwa.role("citizen"), kwa.role("admin")] {
            let reply = who.get("/consent").await;
            assert!([403, 404].contains(&reply.status), "{}", reply.text);
        }
        let kata = app.organisation("programs", "kata").await;
        for (role, who) in &kata.people {
            for path in
                [town::CONSENT, town::REQUESTS, town::VIOLENCE, "/api/v1/data-rights/my-data"]
            {
                assert!([403, 404].contains(&who.get(path).await.status), "{role} {path}");
            }
        }
    });
}
