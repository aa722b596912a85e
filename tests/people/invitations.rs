//! How people come to their accounts: invited, with a new password.

use futures::future::join;
use testkit::run;

use super::*;

#[test]
fn an_invitation_becomes_an_account_once() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let (civic, other) =
            (app.organisation("civic", "kwa").await, app.organisation("civic", "tsh").await);
        let admin = civic.role("admin");
        let body = json!({"email": "Nadia@People.example", "full_name": "Nadia New", "role": "field_worker"});
        let invited = admin.post("/auth/users", &body).await;
        assert_eq!(invited.status, 201, "{}", invited.text);
        assert_eq!(admin.post("/auth/users", &body).await.problem(), "409 email_taken");
        let (code, path) =
            (invited.json()["code"].clone(), format!("/auth/users/{}", invited.id()));
        assert_eq!(invited.header("location"), Some(path.as_str()));
        let text = code.as_str().unwrap();
        let kept = "select 1 from kernel.one_time_code c where c::text like '%' || $$CODE$$ || '%'
                    union all select 1 from audit.entry e where e::text like '%' || $$CODE$$ || '%'";
        assert!(
            app.ask(&kept.replace("CODE", text)).await.is_empty(),
            "only a hash of the code is kept"
        );
        assert!(!admin.get(&path).await.text.contains("reeve_ot_"), "it is shown once");
        assert_eq!(other.role("admin").get(&path).await.problem(), "404 not_found");
        assert_eq!(
            other.role("admin").post(&format!("{path}/reset"), &json!({})).await.problem(),
            "404 not_found"
        );

        let weak = use_code(app, 0, &code, "Nadia New").await;
        assert_eq!(weak.problem(), "422 invalid");
        let own = use_code(app, 0, &code, "nadia@people.example").await;
        assert_eq!(own.status, 422, "one's own address: {}", own.text);
        let mut bytes = URL_SAFE_NO_PAD.decode(text.trim_start_matches("reeve_ot_")).unwrap();
        bytes[..16].copy_from_slice(other.id.as_bytes());
        let moved = format!("reeve_ot_{}", encode(&bytes));
        let last = bytes.len() - 1;
        bytes[..16].copy_from_slice(civic.id.as_bytes());
        bytes[last] ^= 1;
        for bad in [
            json!(moved),
            json!(format!("reeve_ot_{}", encode(&bytes))),
            json!(""),
            json!("reeve_ot_"),
            json!(format!("{text}A")),
        ] {
            let reply = use_code(app, 0, &bad, "seven wet otters").await;
            assert_eq!(reply.problem(), "400 invalid_code", "{bad}");
        }
        // Two with the same code at once: one of the two passwords holds.
        let (a, b) = join(
            use_code(app, 0, &code, "seven wet otters"),
            use_code(app, 1, &code, "eight dry otters"),
        )
        .await;
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 400], "{} / {}", a.text, b.text);
        let id = civic.id.to_string();
        let (right, wrong) = if a.status == 204 {
            ("seven wet otters", "eight dry otters")
        } else {
            ("eight dry otters", "seven wet otters")
        };
        assert_eq!(app.anonymous().sign_in(&id, "nadia@people.example", wrong).await.status, 401);
        let login = app.anonymous().sign_in(&id, "NADIA@people.example", right).await;
        assert_eq!(login.status, 200, "{}", login.text);
        let nadia = app.anonymous().with_tokens(&login);
        assert_eq!(nadia.get("/auth/me").await.json()["role"], "field_worker");
        assert_eq!(
            use_code(app, 0, &code, "nine more otters").await.problem(),
            "400 invalid_code",
            "a third time"
        );
        assert_eq!(admin.get(&path).await.json()["state"], "active");
    });
}

#[test]
fn a_reset_ends_every_session_and_the_codes_before_it() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let (admin, manager) = (civic.role("admin"), civic.role("manager"));
        let path = format!("/auth/users/{}/reset", manager.id);
        for (role, problem) in [("citizen", "403 forbidden"), ("manager", "403 forbidden")] {
            assert_eq!(civic.role(role).post(&path, &json!({})).await.problem(), problem);
        }
        let ask = async || admin.post(&path, &json!({})).await.json()["code"].clone();
        let (first, second) = (ask().await, ask().await);
        assert_eq!(
            manager.get("/auth/me").await.status,
            200,
            "nothing happens before the code is used"
        );
        assert_eq!(
            use_code(app, 0, &first, "seven wet otters").await.problem(),
            "400 invalid_code"
        );
        assert_eq!(use_code(app, 0, &second, "seven wet otters").await.status, 204);
        felt(app, manager, 2, "401 unauthenticated").await;
        assert_eq!(refresh(app, 1, manager.refresh.as_ref().unwrap()).await.status, 401);
        let id = civic.id.to_string();
        assert_eq!(manager.sign_in(&id, &civic.email("manager"), PASSWORD).await.status, 401);
        assert_eq!(
            manager.sign_in(&id, &civic.email("manager"), "seven wet otters").await.status,
            200
        );
        let late = ask().await;
        execute(app, civic.id, "update kernel.one_time_code set expires_at = now() - interval '1 second' where used_at is null").await;
        let reply = use_code(app, 0, &late, "eight dry otters").await;
        assert_eq!(reply.problem(), "400 invalid_code");
        assert_eq!(recorded(app, &reply).await, ["refused auth:reset invalid_code"]);
        let stopped = ask().await;
        tenant::suspend(&mut app.platform().await, "kwa", false).await.unwrap();
        let reply = use_code(app, 0, &stopped, "eight dry otters").await;
        assert!([400, 403].contains(&reply.status), "{}", reply.text);
    });
}

#[test]
fn a_new_password_needs_the_present_one_and_ends_the_other_sessions() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let (email, id) = (civic.email("citizen"), civic.id.to_string());
        let (here, there) =
            (signed_in(app, &civic, &email).await, signed_in(app, &civic, &email).await);
        let change = async |from: &str, to: &str| {
            here.post("/auth/password", &json!({"current_password": from, "new_password": to}))
                .await
        };
        let wrong = change("not the password", "seven wet otters").await;
        assert_eq!(wrong.problem(), "401 invalid_credentials");
        assert_eq!(recorded(app, &wrong).await, ["refused self:write invalid_credentials"]);
        let weak = change(PASSWORD, "qwertyuiopas").await;
        assert_eq!(weak.status, 422, "{}", weak.text);
        assert_eq!(there.get("/auth/me").await.status, 200, "nothing has happened so far");
        assert_eq!(change(PASSWORD, "seven wet otters").await.status, 204);
        for caller in [&there, civic.role("citizen")] {
            felt(app, caller, 2, "401 unauthenticated").await;
            assert_eq!(refresh(app, 1, caller.refresh.as_ref().unwrap()).await.status, 401);
        }
        assert_eq!(here.at(app.url(1)).get("/auth/me").await.status, 200);
        assert_eq!(here.sign_in(&id, &email, PASSWORD).await.status, 401);
        assert_eq!(here.sign_in(&id, &email, "seven wet otters").await.status, 200);
    });
}

#[test]
fn a_fault_names_the_field_that_was_sent_or_left_out() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let code = civic
            .role("admin")
            .post(&format!("{}/reset", user(civic.role("manager").id)), &json!({}))
            .await;
        let cases = [
            (
                "/auth/login",
                json!({"email": "a@b.example", "password": PASSWORD}),
                vec!["email", "password"],
            ),
            (
                "/auth/password",
                json!({"current_password": PASSWORD, "new_password": "seven wet otters"}),
                vec!["current_password", "new_password"],
            ),
            (
                "/auth/password/reset",
                json!({"code": code.json()["code"], "new_password": "seven wet otters"}),
                vec!["code", "new_password"],
            ),
            ("/auth/refresh", json!({"refresh_token": "x"}), vec!["refresh_token"]),
        ];
        let mut wrong = vec![];
        let mut look = |what: String, expected: String, reply: Reply| {
            if (reply.status, reply.fields()) != (422, vec![expected]) {
                wrong.push(format!("{what}: {} {:?}", reply.status, reply.fields()));
            }
        };
        let citizen = civic.role("citizen");
        for (path, body, fields) in &cases {
            for field in fields {
                for value in [None, Some(json!(null)), Some(json!(1)), Some(json!([]))] {
                    let mut body = body.clone();
                    body.as_object_mut().unwrap().remove(*field);
                    if let Some(value) = &value {
                        body[*field] = value.clone();
                    }
                    let reply = citizen.post(path, &body).await;
                    look(format!("{path} with {field} {value:?}"), format!("body.{field}"), reply);
                }
            }
        }
        for (path, body, _) in &cases[1..3] {
            let mut body = body.clone();
            body["new_password"] = json!("short");
            let reply = citizen.post(path, &body).await;
            look(format!("{path} with a weak password"), "body.new_password".into(), reply);
        }
        let reply = form(&app.anonymous(), "grant_type=password&username=a").await;
        look("/auth/token without a password".into(), "body.password".into(), reply);
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}
