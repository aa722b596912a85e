//! Signing in: what a stranger learns from it, how often they may try, and whose login it is.

use reeve::settings::Settings;
use testkit::{run, run_with};

use super::*;

const WRONG: &str = "not the password";

/// How long the answer took, in milliseconds.
async fn timed(reply: impl Future<Output = Reply>) -> (f64, Reply) {
    let begun = Instant::now();
    let reply = reply.await;
    (begun.elapsed().as_secs_f64() * 1000.0, reply)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Accounts with the usual password, as copies of one that there is; their addresses.
async fn copies(app: &TestApp, there: &Organisation, role: &str, count: usize) -> Vec<String> {
    let sql = format!(
        "insert into kernel.account (tenant_id, id, email, full_name, role, state, password_hash)
         select tenant_id, gen_random_uuid(), 'copy' || n || '@people.example', 'Copy', role, state, password_hash
           from kernel.account, generate_series(1, {count}) n where email = '{}'",
        there.email(role)
    );
    execute(app, there.id, &sql).await;
    (1..=count).map(|n| format!("copy{n}@people.example")).collect()
}

#[test]
fn a13_an_unknown_address_and_a_wrong_password_are_told_alike_and_take_as_long() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let programs = app.organisation("programs", "kata").await;
        for (there, role, named, rounds) in [(&civic, "manager", true, 40), (&programs, "analyst", false, 24)] {
            let known = copies(app, there, role, rounds.div_ceil(4)).await;
            let (mut of_known, mut of_unknown) = (vec![], vec![]);
            for round in 0..rounds {
                let tenant = named.then(|| there.id.to_string());
                let ask = async |email: &str| {
                    let body = json!({"email": email, "password": WRONG, "tenant": tenant});
                    timed(app.anonymous().post("/auth/login", &body)).await
                };
                let (time, wrong) = ask(&known[round / 4]).await;
                of_known.push(time);
                let (time, unknown) = ask(&format!("nobody{}@people.example", round / 4)).await;
                of_unknown.push(time);
                assert_eq!(wrong.problem(), "401 invalid_credentials");
                assert_eq!(wrong.essence(), unknown.essence());
            }
            let (known, unknown) = (median(of_known), median(of_unknown));
            assert!((known - unknown).abs() < 10.0, "{role}: known {known:.1} ms, unknown {unknown:.1} ms");
            execute(app, there.id, "update kernel.account set deleted_at = now() where email like 'copy%'").await;
        }
    });
}

#[test]
fn s084_every_refusal_of_a_login_is_the_same_text() {
    run(async |app| {
        let (civic, other) = (app.organisation("civic", "kwa").await, app.organisation("civic", "tsh").await);
        let admin = civic.role("admin");
        let invited = json!({"email": "invited@people.example", "full_name": "In Vited", "role": "citizen"});
        assert_eq!(admin.post("/auth/users", &invited).await.status, 201);
        for (role, sent) in [("citizen", json!({"is_active": false})), ("manager", json!(null))] {
            let path = format!("/auth/users/{}", civic.role(role).id);
            let reply = if sent.is_null() { admin.delete(&path).await } else { admin.patch(&path, &sent).await };
            assert!(reply.status < 300, "{}", reply.text);
        }
        for there in [&civic, &other] {
            account(app, there, "citizen", "both@people.example").await;
        }
        let id = civic.id.to_string();
        let nobody = app.anonymous();
        let wrong = nobody.sign_in(&id, &civic.email("admin"), WRONG).await;
        let cases = [
            ("unknown", json!({"email": "nobody@people.example", "password": PASSWORD, "tenant": id})),
            ("disabled", json!({"email": civic.email("citizen"), "password": PASSWORD, "tenant": id})),
            ("deleted", json!({"email": civic.email("manager"), "password": PASSWORD, "tenant": id})),
            ("invited", json!({"email": "invited@people.example", "password": PASSWORD, "tenant": id})),
            ("no such organisation", json!({"email": civic.email("admin"), "password": PASSWORD, "tenant": "none"})),
            ("of another organisation", json!({"email": other.email("admin"), "password": PASSWORD, "tenant": id})),
            ("known to two", json!({"email": "both@people.example", "password": PASSWORD})),
            ("no address", json!({"email": "admin", "password": PASSWORD, "tenant": id})),
            ("a statement", json!({"email": "' or 1=1 --@x", "password": PASSWORD, "tenant": id})),
            ("an empty password", json!({"email": civic.email("admin"), "password": "", "tenant": id})),
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
fn the_count_of_attempts_tells_nobody_which_addresses_there_are() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let ask = async |email: &str, named: bool| {
            let tenant = named.then(|| civic.id.to_string());
            let body = json!({"email": email, "password": WRONG, "tenant": tenant});
            app.anonymous().post("/auth/login", &body).await.status
        };
        // Five attempts that name no organisation, then one that does.
        let mut told = vec![];
        for email in [civic.email("manager"), "nobody@people.example".to_owned()] {
            let mut statuses = vec![];
            for named in [false, false, false, false, false, true, true] {
                statuses.push(ask(&email, named).await);
            }
            told.push(statuses);
        }
        assert_eq!(told[0], told[1], "somebody who is known, and nobody");
    });
}

#[test]
fn a14_the_first_72_bytes_of_a_password_are_not_the_password_and_old_hashes_give_way() {
    run(async |app| {
        let studio = app.organisation("studio", "kaizen").await;
        let email = studio.email("developer");
        // bcrypt of 72 times `a`.
        let bcrypt = "$2b$04$oWGE0aeh80cjCPp0A.78IeWGQYoZRZn8uMD.FZDO1xfTe/IUP4Pna";
        let set = format!("update kernel.account set password_hash = '{bcrypt}' where email = '{email}'");
        execute(app, studio.id, &set).await;
        let hash = format!("select password_hash from kernel.account where email = '{email}'");
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
        let (took, reply) = timed(nobody.sign_in(&id, &email, &"a".repeat(900_000))).await;
        assert_eq!((reply.status, reply.fields()), (422, vec!["body.password".to_owned()]));
        assert!(took < 140.0, "{took} ms: nothing was hashed");
        let body = format!("username={email}&password={}", "a".repeat(900_000));
        assert_eq!(form(&nobody, &body).await.status, 422);
    });
}

#[test]
fn a15_guesses_are_slowed_for_strangers_wherever_they_say_they_are_and_not_for_the_owner() {
    run_with(with(&[("TRUSTED_PROXIES", "127.0.0.1")]), async |app| {
        let untrusting = app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let (id, email) = (civic.id.to_string(), civic.email("manager"));
        let from = async |replica: usize, address: &str, password: &str| {
            let there = app.anonymous().at(app.url(replica));
            let body = json!({"email": email, "password": password, "tenant": id});
            let asked = there.request(Method::POST, "/auth/login").header("X-Forwarded-For", address);
            there.send(asked.json(&body)).await
        };
        let home = from(0, "10.9.9.9, 203.0.113.7", PASSWORD).await;
        assert_eq!(home.status, 200, "{}", home.text);
        let stated = from(untrusting, "198.51.100.1", PASSWORD).await;
        let mut seen = app.anonymous().with_tokens(&stated).get("/auth/sessions").await.json();
        let mut addresses: Vec<Value> = seen.as_array_mut().unwrap().iter().map(|s| s["address"].clone()).collect();
        addresses.sort_by_key(Value::to_string);
        assert_eq!(addresses, ["127.0.0.1", "127.0.0.1", "203.0.113.7"], "who no proxy vouches for is not believed");

        for attempt in 1..=100 {
            let reply = from(0, &format!("192.0.2.{attempt}"), WRONG).await;
            if attempt <= 5 {
                assert_eq!(reply.problem(), "401 invalid_credentials", "attempt {attempt}");
            } else {
                assert_eq!(reply.problem(), "429 too_many_attempts", "attempt {attempt}");
                let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&seconds), "{seconds}");
                let row = ["refused auth:login too_many_attempts"];
                assert_eq!(recorded(app, &reply).await, row);
            }
        }
        let elsewhere = from(0, "198.51.100.77", PASSWORD).await;
        assert_eq!(elsewhere.status, 429, "even the right password, from a new place, waits");
        assert_eq!(from(0, "203.0.113.7", PASSWORD).await.status, 200, "from home it does not");
        for _ in 0..6 {
            from(0, "192.0.2.9", WRONG).await;
        }
        assert_eq!(from(0, "198.51.100.77", PASSWORD).await.status, 429);
        let over = "update kernel.login_guard set blocked_until = now() - interval '1 second' where blocked_until is not null";
        execute(app, civic.id, over).await;
        let reply = from(0, "198.51.100.77", PASSWORD).await;
        assert_eq!(reply.status, 200, "after the wait: {}", reply.text);
    });
}

#[test]
fn a20_o05_production_refuses_what_is_unsafe_and_names_each_fault() {
    let base = [
        ("ENVIRONMENT", "production"), ("DATABASE_URL", "postgres://h/d"),
        ("SECRET_KEY", "0123456789abcdef0123456789abcdef"), ("KATA_DEID_SALT", "0123456789abcdef"),
    ];
    let load = |more: &[(&str, &str)]| Settings::from_map(&with(&[&base[..], more].concat()).settings);
    assert!(load(&[]).is_ok(), "what is safe serves");
    let faults = [
        ("SECRET_KEY", "0123456789abcdef0123456789abcde"), ("SECRET_KEY", ""), ("KATA_DEID_SALT", ""),
        ("SECRET_KEY", "your-secret-key-change-in-production-please"), ("SECRET_KEY", "CHANGEME-CHANGEME-CHANGEME-CHANGEME"),
        ("DEBUG", "true"), ("DEBUG", "1"), ("KATA_AUTO_CREATE_SCHEMA", "true"), ("KATA_AUTO_CREATE_SCHEMA", "on"),
        ("DOCS", "true"), ("DOCS", "yes"),
    ];
    for (name, value) in faults {
        let error = load(&[(name, value)]).err().unwrap_or_else(|| panic!("{name}={value} serves"));
        assert!(error.to_string().contains(name), "{name}={value}: {error}");
    }
    let all = [("SECRET_KEY", "short"), ("KATA_DEID_SALT", ""), ("DEBUG", "true"), ("KATA_AUTO_CREATE_SCHEMA", "true"), ("DOCS", "true")];
    let text = load(&all).err().expect("refused").to_string();
    for (name, _) in all {
        assert!(text.contains(name), "{name} is not in: {text}");
    }
    assert!(!text.contains("\"short\"") && !text.contains("=short"), "no value is repeated: {text}");
    // Other ways to write the same word must not slip through.
    for name in ["Production", "PRODUCTION", " production ", "prod"] {
        let weak = [("ENVIRONMENT", name), ("DEBUG", "true"), ("KATA_DEID_SALT", "")];
        assert!(load(&weak).is_err(), "{name:?} is taken for something else than production");
    }
}

#[test]
fn c10_the_organisation_of_a_login_is_named_or_found() {
    run(async |app| {
        let (kwa, tsh) = (place(app, "civic", "kwa").await, place(app, "civic", "tsh").await);
        let school = place(app, "athletics", "central").await;
        for there in [&kwa, &tsh] {
            account(app, there, "manager", "both@people.example").await;
        }
        account(app, &school, "coach", "one@people.example").await;
        let default = app.add_replica(&with(&[("DEFAULT_TENANT", "KWA")])).await;
        let ask = async |replica: usize, email: &str, tenant: Value, header: Option<String>, host: Option<&str>| {
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
                200 => there.with_tokens(&reply).get("/auth/me").await.json()["tenant_id"].as_str().unwrap().to_owned(),
                _ => reply.problem(),
            }
        };
        let (both, k, t, s) = ("both@people.example", kwa.id.to_string(), tsh.id.to_string(), school.id.to_string());
        for named in [&k, "KWA", "kwa"] {
            assert_eq!(ask(0, both, json!(named), None, None).await, k, "{named}");
        }
        assert_eq!(ask(0, both, json!(null), Some(t.clone()), None).await, t, "X-Tenant-ID");
        assert_eq!(ask(0, both, json!("tsh"), Some(k.clone()), None).await, t, "the body is before the header");
        for host in ["tsh.example", "tsh.example:8000", "TSH.EXAMPLE"] {
            assert_eq!(ask(0, both, json!(null), None, Some(host)).await, t, "{host}");
        }
        assert_eq!(ask(0, both, json!(null), Some(k.clone()), Some("tsh.example")).await, k, "the header is before the host");
        assert_eq!(ask(default, both, json!(null), None, None).await, k, "the default");
        assert_eq!(ask(default, both, json!(null), None, Some("tsh.example")).await, t, "the host is before the default");
        assert_eq!(ask(default, "one@people.example", json!(null), None, None).await, s, "not known at the default");
        assert_eq!(ask(0, "one@people.example", json!(null), None, None).await, s, "the only one");
        let refused = "401 invalid_credentials";
        assert_eq!(ask(0, both, json!(null), None, None).await, refused, "several, and no hint");
        assert_eq!(ask(0, "one@people.example", json!("kwa"), None, None).await, refused, "a hint is not passed over");
        assert_eq!(ask(0, both, json!("nowhere"), None, None).await, refused);
        assert_eq!(ask(0, both, json!(null), Some("x".into()), None).await, "422 invalid");
        let alias = json!({"email": both, "password": PASSWORD, "municipality_code": "TSH"});
        assert_eq!(app.anonymous().post("/auth/login", &alias).await.status, 200);
    });
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
        assert_eq!(app.ask(&row).await, [format!("allowed auth:login CREATE kernel.session user {manager} {id}")]);

        let wrong = form(&nobody, &format!("grant_type=password&username={email}&password=CANARYwrong&tenant={id}")).await;
        assert_eq!(wrong.status, 401);
        assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
        assert_eq!(wrong.json()["error"], "invalid_grant");
        assert_eq!(recorded(app, &wrong).await, ["refused auth:login invalid_credentials"]);
        let whose = format!("select tenant_id from audit.entry where request_id = '{}'", wrong.header("x-request-id").unwrap());
        assert_eq!(one(app, &whose).await, id.to_string(), "in the ledger of the organisation");
        assert!(app.ask("select 1 from audit.entry e where e::text like '%CANARYwrong%'").await.is_empty());
        assert!(!testkit::logged().contains("CANARYwrong"));

        for grant in ["client_credentials", "refresh_token", "Password", "%00"] {
            let reply = form(&nobody, &format!("grant_type={grant}&username={email}&password=x&tenant={id}")).await;
            assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("unsupported_grant_type")), "{grant}");
        }
        assert_eq!(form(&nobody, "grant_type=password&username=a").await.fields(), ["body.password"]);
        let twice = format!("grant_type=password&username={email}&username=x&password=y");
        assert_eq!(form(&nobody, &twice).await.status, 422);
        let as_json = json!({"username": civic.email("manager"), "password": PASSWORD});
        assert_eq!(nobody.post("/auth/token", &as_json).await.status, 415);
        let in_query = nobody.request(Method::POST, &format!("/auth/token?username={email}&password=x"));
        assert!([415, 422].contains(&nobody.send(in_query).await.status));
    });
}
