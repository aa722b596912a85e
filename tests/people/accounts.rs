//! Accounts: who may do what, who stays an administrator, how people come and go.

use std::collections::BTreeSet;

use ::kernel::http::Method as Verb;
use testkit::{run, run_with};

use super::*;

#[test]
fn z01_every_operation_and_every_role_stands_in_the_reviewed_matrix() {
    let registry = reeve::registry().unwrap();
    let text = include_str!("../golden/matrix.txt");
    let words: BTreeSet<&str> = text.split_whitespace().collect();
    for route in &registry.routes {
        assert!(
            words.contains(route.permission),
            "{} needs `{}`, which nobody reviewed",
            route.name,
            route.permission
        );
        let held = registry
            .matrix
            .roles()
            .any(|role| registry.matrix.permits(Some(role), route.permission));
        assert!(held, "{}: nobody may do `{}`", route.name, route.permission);
    }
    for role in registry.matrix.roles() {
        assert!(words.contains(role.name), "{role:?} is not in the reviewed matrix");
    }
    assert_eq!(text, registry.matrix.render(), "the reviewed matrix is the one that is served");
}

#[test]
fn z02_those_who_run_and_count_programmes_never_see_whose_record_it_is() {
    let matrix = reeve::registry().unwrap().matrix;
    for name in ["analyst", "program_manager"] {
        assert!(matrix.role("programs", name).is_some());
        for role in matrix.roles().filter(|role| role.name == name) {
            for permission in
                ["participant:read_pii", "audit:read_personal", "user:write", "key:write"]
            {
                assert!(!matrix.permits(Some(role), permission), "{role:?} holds {permission}");
            }
        }
    }
}

#[test]
fn z03_nobody_gives_themselves_a_role_or_a_standing() {
    run_with(Options::behind_a_proxy(), async |app| {
        let civic = place(app, "civic", "kwa").await;
        let id = account(app, &civic, "admin", "admin@people.example").await;
        account(app, &civic, "citizen", "ana@people.example").await;
        let (ana, admin) = (
            signed_in(app, &civic, "ana@people.example").await,
            signed_in(app, &civic, "admin@people.example").await,
        );
        let before = accounts(app, civic.id).await;
        let fields = [
            ("role", json!("admin")),
            ("role", json!(null)),
            ("permissions", json!(["user:write"])),
            ("is_active", json!(true)),
            ("tenant_id", json!(Uuid::nil())),
            ("administers", json!(true)),
            ("state", json!("active")),
            ("id", json!(id)),
            ("email", json!("x@y.example")),
            ("password_hash", json!("x")),
            ("municipality_id", json!(Uuid::nil())),
            ("version", json!(9)),
            ("deleted_at", json!(null)),
            ("Role", json!("admin")),
            ("__proto__", json!({"role": "admin"})),
        ];
        for (name, value) in &fields {
            let reply = ana.patch("/auth/me", &json!({"full_name": "Ana New", *name: value})).await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec![format!("body.{name}")]),
                "{}",
                reply.text
            );
        }
        for (name, value) in
            fields.iter().filter(|(name, _)| !["role", "is_active", "email"].contains(name))
        {
            let reply = admin.patch(&user(ana.id), &json!({*name: value})).await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec![format!("body.{name}")]),
                "{}",
                reply.text
            );
        }
        let names = [
            "role",
            "permissions",
            "is_active",
            "state",
            "administers",
            "tenant_id",
            "password_hash",
        ];
        for (number, name) in names.into_iter().enumerate() {
            let mut body = json!({"email": "new@people.example", "password": PASSWORD, "full_name": "Neo New", "municipality_code": "KWA",
                                  "consent": {"consented": true}});
            body[name] = json!("admin");
            let stranger = app.anonymous().coming_from(&format!("198.51.100.{number}"));
            let reply = stranger.post("/auth/register", &body).await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec![format!("body.{name}")]),
                "{}",
                reply.text
            );
        }
        let doubled =
            ana.request(Method::PATCH, "/auth/me").header("content-type", "application/json");
        let reply = ana.send(doubled.body(r#"{"phone": "1", "phone": "2"}"#)).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        assert_eq!(accounts(app, civic.id).await, before);
    });
}

#[test]
fn z08_a_role_that_is_taken_away_is_felt_at_the_next_request() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let manager = civic.role("manager");
        for replica in [0, 1] {
            assert_eq!(manager.at(app.url(replica)).get("/auth/users").await.status, 200);
        }
        let reply = civic.role("admin").patch(&user(manager.id), &json!({"role": null})).await;
        assert_eq!((reply.status, &reply.json()["role"]), (200, &json!(null)));
        assert_eq!(
            manager.get("/auth/users").await.problem(),
            "403 forbidden",
            "at once where it was done"
        );
        felt(app, manager, 2, "403 forbidden").await;
        for replica in [0, 1] {
            let there = manager.at(app.url(replica));
            assert_eq!(there.get("/auth/users").await.problem(), "403 forbidden");
            assert_eq!(there.post("/auth/users", &json!({})).await.problem(), "403 forbidden");
        }
        let next = refresh(app, 1, manager.refresh.as_ref().unwrap()).await;
        if next.status == 200 {
            assert_eq!(manager.with_tokens(&next).get("/auth/users").await.status, 403);
        }
    });
}

#[test]
fn z10_who_is_invited_or_disabled_is_not_let_in() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let admin = civic.role("admin");
        let invited = admin
            .post(
                "/auth/users",
                &json!({"email": "in@people.example", "full_name": "In Vited", "role": "manager"}),
            )
            .await;
        assert_eq!((invited.status, &invited.json()["state"]), (201, &json!("invited")));
        for password in [PASSWORD, "", invited.json()["code"].as_str().unwrap()] {
            let login =
                app.anonymous().sign_in(&civic.id.to_string(), "in@people.example", password).await;
            assert_eq!(login.problem(), "401 invalid_credentials");
        }
        let manager = civic.role("manager");
        assert_eq!(manager.at(app.url(1)).get("/auth/me").await.status, 200);
        assert_eq!(admin.patch(&user(manager.id), &json!({"is_active": false})).await.status, 200);
        felt(app, manager, 2, "403 account_inactive").await;
        assert_eq!(
            manager.patch("/auth/me", &json!({"full_name": "Back"})).await.problem(),
            "403 account_inactive"
        );
        // S-074: neither a login nor a refresh, nor a code, brings them back.
        for gone in ["disabled", "deleted"] {
            let login = app
                .anonymous()
                .sign_in(&civic.id.to_string(), &civic.email("manager"), PASSWORD)
                .await;
            assert_eq!(login.problem(), "401 invalid_credentials", "{gone}");
            let next = refresh(app, 1, manager.refresh.as_ref().unwrap()).await;
            assert_eq!(next.status, 401, "{gone}");
            let code = admin.post(&format!("{}/reset", user(manager.id)), &json!({})).await;
            assert_eq!(code.status, 404, "{gone}: {}", code.text);
            if gone == "disabled" {
                assert_eq!(admin.delete(&user(manager.id)).await.status, 204);
            }
        }
        let code = invited.json()["code"].clone();
        assert_eq!(
            admin
                .patch(&user(invited.id().parse().unwrap()), &json!({"is_active": false}))
                .await
                .status,
            200
        );
        let late = use_code(app, 0, &code, "seven wet otters").await;
        assert_eq!(late.problem(), "400 invalid_code", "an invitation that was taken back");
    });
}

#[test]
fn z11_a_path_written_differently_is_never_a_way_in() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let (citizen, admin) = (civic.role("citizen"), civic.role("admin"));
        let bearer =
            |who: &Persona| format!("Authorization: Bearer {}\r\n", who.token.as_ref().unwrap());
        let target = civic.role("manager").id;
        let upper = target.to_string().to_uppercase();
        let item =
            ["", "/", "//", "/.", "/%2e", ";x", "%2f", "%00", "%20", "?role=admin", "#x", ".json"]
                .map(|tail| format!("/auth/users/{target}{tail}"));
        let mut paths: Vec<String> = [
            "/auth/users",
            "/auth/users/",
            "//auth/users",
            "/auth//users",
            "/auth/users//",
            "/./auth/users",
            "/auth/./users",
            "/auth/%2e/users",
            "/auth/x/../users",
            "/auth/x/%2e%2e/users",
            "/AUTH/USERS",
            "/auth/Users",
            "/auth/users;x",
            "/auth/users;jsessionid=1",
            "/auth;x/users",
            "/auth/%75sers",
            "/auth%2fusers",
            "/auth/users%2f",
            "/auth/users%00",
            "/auth/users%20",
            "/auth/users/.",
            "/auth/me/..%2fusers",
            "/auth/me/../users",
            "\\auth\\users",
            "/auth/users?limit=1",
            "/v1/auth/users",
            "/auth/users.json",
            "/v1/patients",
            "/v1/patients/",
            "//v1/patients",
            "/v1/auth/api-keys",
            "/V1/auth/api-keys",
        ]
        .map(Into::into)
        .into();
        paths.extend(item);
        paths.push(format!("/auth/users/{upper}"));
        let before = accounts(app, civic.id).await;
        for path in &paths {
            for method in [
                "GET", "HEAD", "DELETE", "PATCH", "POST", "PUT", "OPTIONS", "TRACE", "get",
                "PROPFIND",
            ] {
                let body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                let as_citizen =
                    raw(app, method, path, &format!("{}{body}", bearer(citizen))).await;
                let preflight = method == "OPTIONS" && as_citizen == 200;
                assert!(
                    preflight || [400, 401, 403, 404, 405].contains(&as_citizen),
                    "{method} {path}: {as_citizen}"
                );
                let as_nobody = raw(app, method, path, body).await;
                assert!(
                    preflight || [400, 401, 404, 405].contains(&as_nobody),
                    "{method} {path}: {as_nobody}"
                );
            }
            // Who may, gets the same record or nothing: never a failure.
            let allowed = raw(app, "GET", path, &bearer(admin)).await;
            assert!([200, 400, 403, 404, 422].contains(&allowed), "{path}: {allowed}");
            assert_eq!(raw(app, "HEAD", path, &bearer(admin)).await, allowed, "{path}");
        }
        for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"] {
            for method in ["DELETE", "PATCH"] {
                let header = format!("{}{name}: {method}\r\n", bearer(admin));
                assert_eq!(raw(app, "GET", &user(target), &header).await, 200);
                assert_eq!(raw(app, "POST", &user(target), &header).await, 405);
                assert_eq!(
                    raw(app, "GET", &format!("{}?_method={method}", user(target)), &bearer(admin))
                        .await,
                    200
                );
            }
        }
        for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Host"] {
            let header = format!("{}{name}: /auth/users\r\n", bearer(citizen));
            assert_eq!(raw(app, "GET", "/auth/users", &header).await, 403);
            assert_eq!(raw(app, "GET", "/auth/nothing", &header).await, 404);
        }
        for route in reeve::registry()
            .unwrap()
            .routes
            .iter()
            .filter(|r| r.path.starts_with("/auth/") && r.method == Verb::Get)
            .filter(|r| !crate::conformance::routes::open(r))
        {
            let path = route.path.replace("{id}", &target.to_string());
            assert_eq!(raw(app, "HEAD", &path, "").await, 401, "{}", route.name);
            assert_eq!(
                raw(app, "HEAD", &path, &bearer(citizen)).await,
                raw(app, "GET", &path, &bearer(citizen)).await
            );
        }
        assert_eq!(accounts(app, civic.id).await, before);
    });
}

#[test]
fn s024_a_removed_account_is_shown_to_those_who_manage_people_when_they_ask() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let (admin, gone) = (civic.role("admin"), civic.role("citizen").id);
        assert_eq!(admin.delete(&user(gone)).await.status, 204);
        let listed = async |query: &str| {
            let reply = admin.get(&format!("/auth/users{query}")).await;
            let items = reply.json()["items"].as_array().unwrap().clone();
            items.into_iter().find(|person| person["id"] == json!(gone))
        };
        assert_eq!(listed("").await, None);
        assert_eq!(listed("?deleted=false").await, None);
        let shown = listed("?deleted=true").await.expect("the removed one");
        assert_eq!(shown["is_deleted"], true);
        assert!(shown["deleted_at"].is_string(), "{shown}");
        let manager = civic.role("manager");
        assert_eq!(manager.get("/auth/users?deleted=true").await.problem(), "403 forbidden");
        let present = manager.get("/auth/users").await.json()["items"][0].clone();
        assert_eq!((&present["is_deleted"], &present["deleted_at"]), (&json!(false), &json!(null)));
        assert_eq!(admin.get("/auth/users?deleted=maybe").await.fields(), ["query.deleted"]);
        let first = admin.get("/auth/users?deleted=true&limit=1").await.json();
        let cursor = first["next_cursor"].as_str().unwrap();
        let other = admin.get(&format!("/auth/users?limit=1&cursor={cursor}")).await;
        assert_eq!(other.status, 422, "a cursor is for its own question: {}", other.text);
    });
}
