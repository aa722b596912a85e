//! One request, two organisations: neither is ever served as the other.

use testkit::{patient, run};

use super::*;

#[test]
fn t13_two_credentials_in_one_request_are_refused_on_record() {
    run(async |app| {
        let north = app.tenant("north").await;
        let (kwa, south) =
            (app.organisation("civic", "kwa").await, app.organisation("clinic", "south").await);
        let patient = north.admin.new_patient("777").await;
        let paths = [
            "/v1/patients".to_owned(),
            format!("/v1/patients/{patient}"),
            "/auth/me".into(),
            "/auth/users".into(),
            "/v1/auth/api-keys".into(),
        ];
        for bearer in [kwa.role("admin"), south.role("admin")] {
            for path in &paths {
                for method in [Method::GET, Method::DELETE] {
                    let asked = north
                        .admin
                        .request(method, path)
                        .bearer_auth(bearer.token.as_ref().unwrap());
                    let reply = north.admin.send(asked).await;
                    if reply.status == 405 {
                        continue;
                    }
                    assert_eq!(reply.problem(), "400 ambiguous_credentials", "{path}");
                    let rows = recorded(app, &reply).await;
                    assert!(
                        rows.len() == 1
                            && rows[0].starts_with("refused")
                            && rows[0].ends_with("ambiguous_credentials"),
                        "{rows:?}"
                    );
                }
            }
        }
        let own = north.admin.request(Method::GET, "/v1/patients");
        for header in ["Bearer x", "Bearer ", "Basic YTpi", ""] {
            let reply =
                north.admin.send(own.try_clone().unwrap().header("Authorization", header)).await;
            assert_eq!(reply.status, 400, "{header:?}: {}", reply.text);
        }
        assert_eq!(north.admin.get(&paths[1]).await.status, 200, "nothing was deleted");
    });
}

#[test]
fn t14_a_header_that_names_another_organisation_shows_nothing_of_it() {
    run(async |app| {
        let a = place(app, "clinic", "kwa").await;
        let b = app.organisation("clinic", "south").await;
        account(app, &a, "admin", "admin@people.example").await;
        let of_a = signed_in(app, &a, "admin@people.example").await;
        let hidden = of_a.new_patient("777").await;
        let of_b = b.role("admin");
        assert_eq!(of_b.post("/v1/patients", &patient("888")).await.status, 201);
        let before = app
            .ask(&format!("select p::text from clinic.patient p where tenant_id = '{}'", a.id))
            .await;
        for (name, value) in [
            ("X-Tenant-ID", a.id.to_string()),
            ("Host", "kwa.example".into()),
            ("X-Forwarded-Host", "kwa.example".into()),
            ("X-Tenant", "KWA".into()),
            ("Forwarded", "host=kwa.example".into()),
            ("X-Tenant-ID", "KWA".into()),
            ("X-Tenant-ID", String::new()),
        ] {
            for path in [
                "/v1/patients".to_owned(),
                format!("/v1/patients/{hidden}"),
                "/auth/users".into(),
                "/auth/me".into(),
                "/v1/audit".into(),
            ] {
                let reply = of_b.send(of_b.request(Method::GET, &path).header(name, &value)).await;
                assert!([200, 400, 404].contains(&reply.status), "{path} {name}: {}", reply.text);
                for secret in [hidden.as_str(), "admin@people.example", "\"777\""] {
                    assert!(
                        !reply.text.contains(secret),
                        "{path} {name} shows {secret}: {}",
                        reply.text
                    );
                }
                if name == "X-Tenant-ID" && path != "/v1/audit" {
                    assert_eq!(reply.problem(), "400 tenant_mismatch", "{path}");
                    assert!(recorded(app, &reply).await[0].starts_with("refused"), "{path}");
                }
            }
            let write =
                of_b.request(Method::PATCH, &format!("/v1/patients/{hidden}")).header(name, &value);
            let reply = of_b.send(write.json(&json!({"firstName": "Eve"}))).await;
            assert!([400, 404].contains(&reply.status), "{name}: {}", reply.text);
        }
        let own = of_b
            .send(of_b.request(Method::GET, "/auth/me").header("X-Tenant-ID", b.id.to_string()))
            .await;
        assert_eq!(own.status, 200, "naming one's own is no fault");
        assert_eq!(
            app.ask(&format!("select p::text from clinic.patient p where tenant_id = '{}'", a.id))
                .await,
            before
        );
    });
}

#[test]
fn t16_a_suspended_organisation_is_told_so_by_key_token_login_and_refresh() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let mut platform = app.platform().await;
        let id = civic.id.to_string();
        let key = tenant::create_key(&mut platform, &Clock::default(), &id, "n8n", "admin")
            .await
            .unwrap();
        let key = app.persona(Some(key.1.as_str().to_owned()), key.0.id);
        let manager = civic.role("manager");
        for replica in [0, 1] {
            assert_eq!(key.at(app.url(replica)).get("/auth/me").await.status, 200);
            assert_eq!(manager.at(app.url(replica)).get("/auth/me").await.status, 200);
        }
        tenant::suspend(&mut platform, "kwa", false).await.unwrap();
        felt(app, &key, 2, "403 tenant_suspended").await;
        felt(app, manager, 2, "403 tenant_suspended").await;
        let token = manager.refresh.as_ref().unwrap();
        for replica in [0, 1] {
            let there = app.anonymous().at(app.url(replica));
            let login = there.sign_in(&id, &civic.email("admin"), PASSWORD).await;
            assert_eq!(login.problem(), "403 tenant_suspended");
            assert_eq!(recorded(app, &login).await, ["refused auth:login tenant_suspended"]);
            let wrong = there.sign_in(&id, &civic.email("admin"), "not the password").await;
            assert_eq!(
                wrong.problem(),
                "401 invalid_credentials",
                "a stranger learns nothing of it"
            );
            let reply = refresh(app, replica, token).await;
            assert_eq!(reply.problem(), "403 tenant_suspended");
        }
        // Clients try again and again: that is no theft, and their sessions are there afterwards.
        after_the_grace(app, civic.id).await;
        assert_eq!(
            refresh(app, 0, token).await.problem(),
            "403 tenant_suspended",
            "a minute later"
        );
        assert_eq!(refusals(app, civic.id, "refresh_reuse").await, 0);
        tenant::suspend(&mut platform, "kwa", true).await.unwrap();
        until(FELT, "the return", async || key.get("/auth/me").await.status == 200).await;
        let ends = format!(
            "select coalesce(end_reason, 'lives') from kernel.session where id = '{}'",
            session_of(manager)
        );
        assert_eq!(one(app, &ends).await, "lives", "the session of who tried again");
        let reply = refresh(app, 1, token).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    });
}

#[test]
fn c10_the_organisation_of_a_login_is_named_or_found() {
    run(async |app| {
        app.without_limits().await;
        let (kwa, tsh) = (place(app, "civic", "kwa").await, place(app, "civic", "tsh").await);
        let school = place(app, "athletics", "central").await;
        for there in [&kwa, &tsh] {
            account(app, there, "manager", "both@people.example").await;
        }
        account(app, &school, "coach", "one@people.example").await;
        let default = app.add_replica(&with(&[("DEFAULT_TENANT", "KWA")])).await;
        let ask = async |replica: usize,
                         email: &str,
                         tenant: Value,
                         header: Option<String>,
                         host: Option<&str>| {
            let there = app.anonymous().at(app.url(replica));
            let mut asked = there.request(Method::POST, "/auth/login");
            if let Some(id) = header {
                asked = asked.header("X-Tenant-ID", id);
            }
            if let Some(host) = host {
                asked = asked.header("Host", host);
            }
            let mut body = json!({"email": email, "password": PASSWORD});
            if let Some(name) = tenant.as_str() {
                body["tenant"] = json!(name);
            }
            let reply = there.send(asked.json(&body)).await;
            match reply.status {
                200 => there.with_tokens(&reply).get("/auth/me").await.json()["tenant_id"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                _ => reply.problem(),
            }
        };
        let (both, k, t, s) =
            ("both@people.example", kwa.id.to_string(), tsh.id.to_string(), school.id.to_string());
        for named in [&k, "KWA", "kwa"] {
            assert_eq!(ask(0, both, json!(named), None, None).await, k, "{named}");
        }
        assert_eq!(ask(0, both, json!(null), Some(t.clone()), None).await, t, "X-Tenant-ID");
        assert_eq!(
            ask(0, both, json!("tsh"), Some(k.clone()), None).await,
            t,
            "the body is before the header"
        );
        for host in ["tsh.example", "tsh.example:8000", "TSH.EXAMPLE"] {
            assert_eq!(ask(0, both, json!(null), None, Some(host)).await, t, "{host}");
        }
        assert_eq!(
            ask(0, both, json!(null), Some(k.clone()), Some("tsh.example")).await,
            k,
            "the header is before the host"
        );
        assert_eq!(ask(default, both, json!(null), None, None).await, k, "the default");
        assert_eq!(
            ask(default, both, json!(null), None, Some("tsh.example")).await,
            t,
            "the host is before the default"
        );
        assert_eq!(
            ask(default, "one@people.example", json!(null), None, None).await,
            s,
            "not known at the default"
        );
        assert_eq!(ask(0, "one@people.example", json!(null), None, None).await, s, "the only one");
        let refused = "401 invalid_credentials";
        assert_eq!(ask(0, both, json!(null), None, None).await, refused, "several, and no hint");
        assert_eq!(
            ask(0, "one@people.example", json!("kwa"), None, None).await,
            refused,
            "a hint is not passed over"
        );
        assert_eq!(ask(0, both, json!("nowhere"), None, None).await, refused);
        assert_eq!(ask(0, both, json!(null), Some("x".into()), None).await, "422 invalid");
        let alias = json!({"email": both, "password": PASSWORD, "municipality_code": "TSH"});
        assert_eq!(app.anonymous().post("/auth/login", &alias).await.status, 200);
    });
}

#[test]
fn the_same_credential_twice_is_as_ambiguous_as_two() {
    run(async |app| {
        let (kwa, tsh) =
            (app.organisation("civic", "kwa").await, app.organisation("civic", "tsh").await);
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let bearers = [kwa.role("admin"), tsh.role("admin")].map(|p| p.token.clone().unwrap());
        let keys = [&north.admin, &south.admin].map(|p| p.key.clone().unwrap());
        let mut told = vec![];
        for (first, second) in [(0, 1), (1, 0)] {
            let nobody = app.anonymous();
            let two = nobody.request(Method::GET, "/auth/me").bearer_auth(&bearers[first]);
            let reply = nobody.send(two.bearer_auth(&bearers[second])).await;
            told.push(("bearers", reply.status));
            let two = nobody.request(Method::GET, "/auth/me").header("X-Api-Key", &keys[first]);
            let reply = nobody.send(two.header("X-Api-Key", &keys[second])).await;
            told.push(("keys", reply.status));
        }
        assert!(told.iter().all(|(_, status)| [400, 401].contains(status)), "{told:?}");
    });
}

#[test]
fn an_administrator_sees_and_changes_nobody_of_another_organisation() {
    run(async |app| {
        let (kwa, tsh) =
            (app.organisation("civic", "kwa").await, app.organisation("civic", "tsh").await);
        let (before, admin) = (accounts(app, tsh.id).await, kwa.role("admin"));
        let path = user(tsh.role("citizen").id);
        let replies = [
            admin.get(&path).await,
            admin.patch(&path, &json!({"role": "manager"})).await,
            admin.patch(&path, &json!({"is_active": false})).await,
            admin.delete(&path).await,
            admin.post(&format!("{path}/reset"), &json!({})).await,
        ];
        for (number, reply) in replies.iter().enumerate() {
            assert_eq!(reply.problem(), "404 not_found", "{number}");
        }
        let listed = admin.get("/auth/users").await;
        assert!(!listed.text.contains(&tsh.id.simple().to_string()), "{}", listed.text);
        let next = tsh.role("admin").get("/auth/users?limit=1").await.json();
        let cursor = next["next_cursor"].as_str().map(str::to_owned);
        if let Some(cursor) = cursor {
            let reply = admin.get(&format!("/auth/users?limit=1&cursor={cursor}")).await;
            assert_eq!(reply.status, 422, "another one's cursor: {}", reply.text);
        }
        assert_eq!(accounts(app, tsh.id).await, before);
    });
}
