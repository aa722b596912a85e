//! What no record can hold: named, refused, and never a fault of the server's.

use ::kernel::db::DbError;
use testkit::run;

use super::*;

#[test]
fn a_character_that_no_text_has_is_refused_by_its_field() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        let nul = "a\0b";
        let follow = "/api/v1/gbv-reports/follow";
        let named = [
            ("/auth/register", json!({"municipality_code": nul}), "municipality_code"),
            ("/auth/login", json!({"tenant": nul}), "tenant"),
            ("/auth/login", json!({"municipality_code": nul}), "municipality_code"),
            (follow, json!({"reference": nul}), "reference"),
            (follow, json!({"municipality_code": nul}), "municipality_code"),
        ];
        for (path, change, field) in named {
            let mut body = match path {
                "/auth/register" => registration("a@b.example", PASSWORD, "KWA"),
                "/auth/login" => json!({"email": "a@b.example", "password": PASSWORD}),
                _ => json!({"municipality_code": kwa.id, "reference": "R", "code": "c"}),
            };
            let (whole, part) = (body.as_object_mut().unwrap(), change.as_object().unwrap());
            whole.extend(part.clone());
            let reply = app.anonymous().post(path, &body).await;
            assert_eq!(reply.problem(), "422 invalid", "{path}: {}", reply.text);
            assert_eq!(reply.fields(), [format!("body.{field}")], "{path}");
        }
        let form = [("username", "a@b.example"), ("password", PASSWORD), ("tenant", nul)];
        let sent = app.anonymous().request(reqwest::Method::POST, "/auth/token").form(&form);
        assert_eq!(app.anonymous().send(sent).await.fields(), ["body.tenant"]);
        for path in ["/probe", "/open311/v2/services.json", "/auth/users"] {
            let reply =
                kwa.role("admin").get(&format!("{path}?jurisdiction_id=%00&deleted=%00")).await;
            assert!((400..500).contains(&reply.status), "{path}: {}", reply.text);
        }
    });
}

#[test]
fn a_time_that_the_database_does_not_know_is_no_fault_of_the_servers() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        let path = format!(
            "/open311/v2/requests.json?jurisdiction_id={}&start_date=-009000-01-01T00:00:00Z",
            kwa.id
        );
        assert_eq!(app.anonymous().get(&path).await.text, "[]", "a span ends where time does");
        let session = app.database.session("reeve_app").await;
        for (sql, value) in [
            ("select $1::text", "\0"),
            ("select $1::text::jsonb::text", r#""\u0000""#),
            ("select $1::text::timestamptz::text", "2026-13-01"),
        ] {
            let error = DbError::from(session.query(sql, &[&value]).await.unwrap_err());
            assert!(matches!(error, DbError::Unstorable), "{sql}: {error}");
        }
    });
}

#[test]
fn s081_a_name_and_a_phone_carry_no_markup() {
    run(async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        place(app, "civic", "tsh").await;
        let who = kwa.role("citizen");
        for field in ["full_name", "phone"] {
            for markup in ["<img src=x onerror=alert(1)>", "a</b>", "<!--"] {
                let change = json!({field: markup});
                let reply = who.patch("/auth/me", &change).await;
                assert_eq!((reply.status, reply.fields()), (422, vec![format!("body.{field}")]));
            }
        }
        let mut body = registration("a@b.example", PASSWORD, "TSH");
        body["full_name"] = json!("Ana<script>");
        let reply = app.anonymous().post("/auth/register", &body).await;
        assert_eq!((reply.status, reply.fields()), (422, vec!["body.full_name".to_owned()]));
        let fine = who.patch("/auth/me", &json!({"full_name": "Ana < 3"})).await;
        assert_eq!((fine.status, &fine.json()["full_name"]), (200, &json!("Ana < 3")));
    });
}

#[test]
fn a_bad_reason_is_named_as_the_request_names_it() {
    run(async |app| {
        app.organisation("civic", "kwa").await;
        let platform = app.organisation("platform", "salga").await;
        let reply = platform.role("platform_admin").get("/api/v1/audit?municipality=kwa").await;
        assert_eq!((reply.status, reply.fields()), (422, vec!["query.reason".to_owned()]));
    });
}
