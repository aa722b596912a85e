//! Sessions: refreshed, copied, ended by their owner and by others; and where they may be shown.

use futures::future::{join, join_all};
use reeve::settings::Settings;
use testkit::{run, run_with};

use super::*;

#[test]
fn a07_twenty_refreshes_at_once_have_one_successor() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let manager = civic.role("manager");
        let first = manager.refresh.clone().unwrap();
        let calls = (0..20).map(|n| refresh(app, n % 2, &first));
        let replies = join_all(calls).await;
        let (mut successors, mut tokens) = (vec![], vec![]);
        for reply in &replies {
            match reply.status {
                200 => {
                    successors.push(reply.json()["refresh_token"].as_str().unwrap().to_owned());
                    tokens.push(manager.with_tokens(reply));
                }
                401 => {}
                _ => panic!("{}", reply.text),
            }
        }
        assert!(!successors.is_empty(), "nobody got anything");
        successors.dedup();
        assert_eq!(successors.len(), 1, "one successor, the same for all: {successors:?}");
        assert_ne!(successors[0], first);
        for holder in &tokens {
            assert_eq!(session_of(holder), session_of(manager), "one family");
        }
        let live = format!(
            "select count(*) from kernel.session where account_id = '{}' and ended_at is null",
            manager.id
        );
        assert_eq!(one(app, &live).await, "1");
        let second = refresh(app, 1, &successors[0]).await;
        assert_eq!(second.status, 200, "{}", second.text);
        let stale = refresh(app, 0, &first).await;
        assert_eq!(stale.status, 401, "two generations old: {}", stale.text);
    });
}

#[test]
fn a08_a_rotated_token_that_comes_back_ends_its_whole_family() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let before = civic.role("manager");
        let other = signed_in(app, &civic, &civic.email("manager")).await;
        let stolen = before.refresh.clone().unwrap();
        let reply = refresh(app, 0, &stolen).await;
        let after = before.with_tokens(&reply);
        let within = refresh(app, 1, &stolen).await;
        assert_eq!(within.status, 200, "an answer that was lost: {}", within.text);
        assert_eq!(within.json()["refresh_token"], reply.json()["refresh_token"]);
        for replica in [0, 1] {
            assert_eq!(after.at(app.url(replica)).get("/auth/me").await.status, 200);
        }
        after_the_grace(app, civic.id).await;
        let reuse = refresh(app, 1, &stolen).await;
        assert_eq!(reuse.status, 401, "{}", reuse.text);
        let entries = recorded(app, &reuse).await;
        assert!(entries.contains(&"refused auth:refresh refresh_reuse".into()), "{entries:?}");
        for caller in [before, &after, &before.with_tokens(&within)] {
            felt(app, caller, 2, "401 unauthenticated").await;
        }
        for replica in [0, 1] {
            let dead = refresh(app, replica, after.refresh.as_ref().unwrap()).await;
            assert_eq!(dead.status, 401, "{}", dead.text);
            assert_eq!(refresh(app, replica, &stolen).await.status, 401);
        }
        assert_eq!(refusals(app, civic.id, "refresh_reuse").await, 1);
        assert_eq!(
            other.get("/auth/me").await.status,
            200,
            "another family of the same person lives"
        );
    });
}

#[test]
fn a09_what_a_refresh_mints_beside_a_logout_is_worth_nothing() {
    run(async |app| {
        app.without_limits().await;
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        for round in 0..8 {
            let caller = signed_in(app, &civic, &civic.email("manager")).await;
            let first = caller.refresh.clone().unwrap();
            // Somebody holds the session's row, so that both wait for it: the refresh first, then the logout.
            let holds = app.database.session("reeve_admin").await;
            let lock = format!(
                "begin; select 1 from kernel.session where id = '{}' for update",
                session_of(&caller)
            );
            holds.batch_execute(&lock).await.unwrap();
            let waiting = async |count: &str| {
                let sql = "select count(*) from pg_stat_activity where datname = current_database()
                           and usename = 'reeve_app' and wait_event_type = 'Lock'";
                until(Duration::from_secs(5), "a request that waits", async || {
                    one(app, sql).await == count
                })
                .await;
            };
            let leave = caller.at(app.url(round % 2));
            let logout = async {
                if round < 4 {
                    waiting("1").await;
                }
                leave.post("/auth/logout", &json!({})).await
            };
            let release = async {
                waiting("2").await;
                holds.batch_execute("rollback").await.unwrap();
            };
            let both = join(refresh(app, (round + 1) % 2, &first), logout);
            let ((minted, left), ()) = join(both, release).await;
            assert_eq!(left.status, 204, "{}", left.text);
            assert!([200, 401].contains(&minted.status), "{}", minted.text);
            felt(app, &caller, 2, "401 unauthenticated").await;
            if minted.status == 200 {
                let minted = caller.with_tokens(&minted);
                felt(app, &minted, 2, "401 unauthenticated").await;
                assert_eq!(refresh(app, 0, minted.refresh.as_ref().unwrap()).await.status, 401);
            }
            assert_eq!(refresh(app, 1, &first).await.status, 401);
        }
    });
}

#[test]
fn a18_each_login_has_its_own_session_and_a_change_of_standing_ends_it() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let email = civic.email("manager");
        let (first, second) =
            (signed_in(app, &civic, &email).await, signed_in(app, &civic, &email).await);
        assert_ne!(session_of(&first), session_of(&second));
        for replica in [0, 1] {
            assert_eq!(first.at(app.url(replica)).get("/auth/me").await.status, 200);
        }
        assert_eq!(first.post("/auth/logout", &json!({})).await.status, 204);
        felt(app, &first, 2, "401 unauthenticated").await;
        assert_eq!(refresh(app, 0, first.refresh.as_ref().unwrap()).await.status, 401);
        assert_eq!(second.at(app.url(1)).get("/auth/me").await.status, 200, "the other one stays");

        let path = format!("/auth/users/{}", civic.role("manager").id);
        let changed = civic.role("admin").patch(&path, &json!({"role": "field_worker"})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        felt(app, &second, 2, "401 unauthenticated").await;
        felt(app, civic.role("manager"), 2, "401 unauthenticated").await;
        assert_eq!(refresh(app, 1, second.refresh.as_ref().unwrap()).await.status, 401);
        let third = signed_in(app, &civic, &email).await;
        assert!(![session_of(&first), session_of(&second)].contains(&session_of(&third)));
        assert_eq!(part(third.token.as_ref().unwrap(), 1)["role"], "field_worker");
    });
}

const GOOD: &str = "https://app.example.org";

#[test]
fn a19_a_cookie_is_no_credential_and_no_unlisted_origin_is_let_in() {
    run_with(with(&[("ALLOWED_ORIGINS", GOOD)]), async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let admin = civic.role("admin");
        let (token, refresh) = (admin.token.as_ref().unwrap(), admin.refresh.as_ref().unwrap());
        for name in [
            "access_token",
            "token",
            "session",
            "sid",
            "Authorization",
            "jwt",
            "__Host-session",
            "api_key",
        ] {
            for value in [
                token.clone(),
                format!("Bearer {token}"),
                format!("\"{token}\""),
                session_of(admin),
            ] {
                let asked = app.anonymous().request(Method::GET, "/auth/me");
                let reply = admin.send(asked.header("Cookie", format!("{name}={value}"))).await;
                assert_eq!(reply.problem(), "401 unauthenticated", "{name}");
            }
        }
        let asked = app.anonymous().request(Method::POST, "/auth/refresh").json(&json!({}));
        let reply = admin.send(asked.header("Cookie", format!("refresh_token={refresh}"))).await;
        assert_eq!(reply.status, 422, "{}", reply.text);
        let reply = admin.sign_in(&civic.id.to_string(), &civic.email("admin"), PASSWORD).await;
        assert_eq!(reply.header("set-cookie"), None);
        for path in [format!("/auth/me?access_token={token}"), format!("/auth/me?token={token}")] {
            assert_eq!(app.anonymous().get(&path).await.status, 401);
        }

        let from = async |method: Method, origin: &str| {
            let asked = admin.request(method, "/auth/me").header("Origin", origin);
            let asked = asked.header("Access-Control-Request-Method", "PATCH");
            admin.send(asked.header("Access-Control-Request-Headers", "authorization")).await
        };
        for method in [Method::OPTIONS, Method::GET] {
            for origin in [
                "https://evil.example",
                "null",
                "http://app.example.org",
                "https://app.example.org.evil.example",
                "https://evilapp.example.org",
                "https://app.example.org:8443",
                "https://app.example.org/",
                "*",
                "",
                "https://app.example.org, https://evil.example",
                "https://app.example.orga",
            ] {
                let reply = from(method.clone(), origin).await;
                assert_eq!(
                    reply.header("access-control-allow-origin"),
                    None,
                    "{method} {origin:?}"
                );
            }
            let reply = from(method, GOOD).await;
            assert_eq!(reply.header("access-control-allow-origin"), Some(GOOD));
        }
        for (name, text) in [
            ("ALLOWED_ORIGINS", "*"),
            ("CORS_ORIGINS", "*"),
            ("CORS_ORIGINS", "[\"*\"]"),
            ("ALLOWED_ORIGINS", "https://*.example.org"),
            ("ALLOWED_ORIGINS", "https://app.example.org, *"),
        ] {
            let error = Settings::from_map(&with(&[(name, text)]).settings)
                .err()
                .expect("it refuses to boot");
            assert!(error.to_string().contains("ALLOWED_ORIGINS"), "{error}");
        }
    });
}

#[test]
fn s085_a_refresh_rotates_the_token_and_forged_ones_are_refused() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let caller = civic.role("citizen");
        let first = caller.refresh.clone().unwrap();
        let reply = refresh(app, 0, &first).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let body = reply.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(1800)));
        assert_ne!(body["refresh_token"], json!(first));
        assert_eq!(caller.with_tokens(&reply).get("/auth/me").await.status, 200);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let bytes = URL_SAFE_NO_PAD.decode(first.trim_start_matches("reeve_rt_")).unwrap();
        for at in [0, 16, 33, 51, 52, bytes.len() - 1] {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            let reply = refresh(app, 0, &format!("reeve_rt_{}", encode(forged))).await;
            assert_eq!(reply.status, 401, "byte {at}: {}", reply.text);
        }
        let access = caller.token.clone().unwrap();
        for other in
            ["", "reeve_rt_", "x", &access, &first[..first.len() - 2], &format!("{first}AA")]
        {
            assert_eq!(refresh(app, 0, other).await.status, 401, "{other}");
        }
        assert_eq!(holder(app, &*first).get("/auth/me").await.status, 401, "it is no access token");
    });
}

#[test]
fn one_sees_and_ends_ones_own_sessions_and_nobody_elses() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let other = app.organisation("civic", "tsh").await;
        let email = civic.email("citizen");
        let (a, b) = (signed_in(app, &civic, &email).await, signed_in(app, &civic, &email).await);
        let listed = a.get("/auth/sessions").await.json();
        let all = listed.as_array().unwrap();
        assert_eq!(all.len(), 3);
        let current: Vec<_> =
            all.iter().filter(|s| s["current"] == true).map(|s| s["id"].clone()).collect();
        assert_eq!(current, [json!(session_of(&a))]);
        assert!(
            all.iter().all(|s| s["address"] == "127.0.0.1" && s["authenticated_by"] == "password")
        );
        let path = format!("/auth/sessions/{}", session_of(&a));
        for stranger in
            [civic.role("admin"), civic.role("manager"), other.role("admin"), other.role("citizen")]
        {
            assert!(!stranger.get("/auth/sessions").await.text.contains(&session_of(&a)));
            assert_eq!(stranger.delete(&path).await.problem(), "404 not_found");
        }
        assert_eq!(a.get("/auth/me").await.status, 200);
        assert_eq!(b.delete(&path).await.status, 204);
        felt(app, &a, 2, "401 unauthenticated").await;
        assert_eq!(b.delete(&path).await.problem(), "404 not_found", "it has ended already");
        assert_eq!(b.delete("/auth/sessions").await.status, 204);
        for caller in [&b, civic.role("citizen")] {
            felt(app, caller, 2, "401 unauthenticated").await;
            assert_eq!(refresh(app, 0, caller.refresh.as_ref().unwrap()).await.status, 401);
        }
        assert_eq!(
            civic.role("admin").get("/auth/me").await.status,
            200,
            "others are as they were"
        );
    });
}
