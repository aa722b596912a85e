//! Guessing: what it takes, what it tells, and whom it slows down.

use futures::future::join_all;
use testkit::{run, run_with};

use super::*;

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Accounts with the usual password, as copies of one that there is; their addresses.
async fn copies(app: &TestApp, there: &Organisation, role: &str, count: usize) -> Vec<String> {
    let sql = format!(
        "insert into kernel.account (tenant_id, id, email, email_index, full_name, role, state, password_hash)
         select a.tenant_id, c.id, kernel.seal(c.id, c.email), kernel.blind(c.email), kernel.seal(c.id, 'Copy'),
                a.role, a.state, a.password_hash
           from kernel.account a, (select gen_random_uuid() as id, 'copy' || n || '@people.example' as email
                                     from generate_series(1, {count}) n) c
          where a.email_index = kernel.blind('{}')",
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
        for (there, role, named, rounds) in
            [(&civic, "manager", true, 16_usize), (&programs, "analyst", false, 16)]
        {
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
                let (time, unknown) = ask(&format!("{role}{}@nobody.example", round / 4)).await;
                of_unknown.push(time);
                assert_eq!(wrong.problem(), "401 invalid_credentials");
                assert_eq!(wrong.essence(), unknown.essence());
            }
            let (known, unknown) = (median(of_known), median(of_unknown));
            assert!(
                (known - unknown).abs() < 10.0,
                "{role}: known {known:.1} ms, unknown {unknown:.1} ms"
            );
            let gone = "update kernel.account set deleted_at = now() where kernel.open(email) like 'copy%';
                        update kernel.login_guard set attempts = 0, blocked_until = null;
                        delete from kernel.rate";
            execute(app, there.id, gone).await;
        }
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
        // Those who signed in a moment ago are counted by address: here all come from one.
        execute(app, civic.id, "delete from kernel.rate").await;
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
fn a15_guesses_are_slowed_for_strangers_wherever_they_say_they_are_and_not_for_the_owner() {
    run_with(with(&[("TRUSTED_PROXIES", "127.0.0.1")]), async |app| {
        let untrusting = app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let (id, email) = (civic.id.to_string(), civic.email("manager"));
        let from = async |replica: usize, address: &str, password: &str| {
            let there = app.anonymous().at(app.url(replica));
            let body = json!({"email": email, "password": password, "tenant": id});
            let asked =
                there.request(Method::POST, "/auth/login").header("X-Forwarded-For", address);
            there.send(asked.json(&body)).await
        };
        let home = from(0, "10.9.9.9, 203.0.113.7", PASSWORD).await;
        assert_eq!(home.status, 200, "{}", home.text);
        let stated = from(untrusting, "198.51.100.1", PASSWORD).await;
        let mut seen = app.anonymous().with_tokens(&stated).get("/auth/sessions").await.json();
        let mut addresses: Vec<Value> =
            seen.as_array_mut().unwrap().iter().map(|s| s["address"].clone()).collect();
        addresses.sort_by_key(Value::to_string);
        assert_eq!(
            addresses,
            ["127.0.0.1", "127.0.0.1", "203.0.113.7"],
            "who no proxy vouches for is not believed"
        );

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
        for last in 200..206 {
            from(0, &format!("192.0.2.{last}"), WRONG).await;
        }
        assert_eq!(from(0, "198.51.100.77", PASSWORD).await.status, 429);
        let over = "update kernel.login_guard set blocked_until = now() - interval '1 second' where blocked_until is not null";
        execute(app, civic.id, over).await;
        let reply = from(0, "198.51.100.77", PASSWORD).await;
        assert_eq!(reply.status, 200, "after the wait: {}", reply.text);
    });
}

#[test]
fn whoever_knows_the_password_is_not_slowed_down_however_often_they_change_it() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let mut present = PASSWORD.to_owned();
        for number in 1..=7 {
            let next = format!("seven wet otters, {number}");
            let body = json!({"current_password": present, "new_password": next});
            let reply = civic.role("citizen").post("/auth/password", &body).await;
            assert_eq!(reply.status, 204, "change {number}: {}", reply.text);
            present = next;
        }
    });
}

#[test]
fn guesses_at_once_are_counted_like_guesses_in_a_row() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let (id, email) = (civic.id.to_string(), civic.email("manager"));
        let guess = async |number: usize| {
            let there = app.anonymous().at(app.url(number % 2));
            there.sign_in(&id, &email, &format!("{WRONG} {number}")).await.status
        };
        let statuses = join_all((0..24).map(guess)).await;
        let looked_at = statuses.iter().filter(|status| **status == 401).count();
        assert!((1..=5).contains(&looked_at), "{statuses:?}");
        assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    });
}
