//! How often somebody may come, and what they are told of it.

use std::collections::BTreeSet;

use ::kernel::jiff::{SignedDuration, Timestamp};
use futures::future::join_all;
use testkit::run_with;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

fn options() -> Options {
    Options { extra: Some(probe::module), ..Options::behind_a_proxy() }
}

/// What is left, as the header says.
fn rest(reply: &Reply) -> u32 {
    let header = reply.header("ratelimit").expect("a limited route tells");
    let rest = header.split(';').find_map(|part| part.strip_prefix("r=")).expect("r");
    rest.parse().expect("a number")
}

#[test]
fn r12_a_burst_at_two_servers_with_one_key_is_counted_once() {
    run_with(options(), async |app| {
        app.add_replica(&options()).await;
        let kwa = place(app, "civic", "kwa").await;
        let key = keyed(app, &kwa, "admin").await;
        let ask = async |number: u32| {
            let from =
                key.at(app.url(number as usize % 2)).coming_from(&format!("192.0.2.{number}"));
            from.get("/probe/mine").await
        };
        let replies = join_all((0..75).map(ask)).await;
        let let_in: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
        let told: BTreeSet<u32> = let_in.iter().map(|reply| rest(reply)).collect();
        assert_eq!(told, (0..60).collect(), "each of sixty was told its own number");
        for reply in &replies {
            assert_eq!(reply.header("ratelimit-policy"), Some("\"default\";q=60;w=60"));
        }
        let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
        assert_eq!((let_in.len(), refused.len()), (60, 15));
        for reply in refused {
            assert_eq!(reply.problem(), "429 too_many_requests");
            assert_eq!(rest(reply), 0);
            let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
        }
        let colleague = keyed(app, &kwa, "admin").await;
        assert_eq!(
            rest(&colleague.get("/probe/mine").await),
            59,
            "who it is counts, not where from"
        );
        let nobody = app.anonymous().coming_from("198.51.100.1");
        let reply = nobody.get("/probe/mine").await;
        assert_eq!((reply.status, rest(&reply)), (401, 59), "a refusal tells as well");
        assert!(app.anonymous().get("/auth/me").await.header("ratelimit").is_none());
    });
}

#[test]
fn a15_an_address_registers_three_times_an_hour_whatever_it_says_it_is() {
    run_with(options(), async |app| {
        let untrusting = app.add_replica(&Options::default()).await;
        place(app, "civic", "kwa").await;
        let body = registration("a@b.example", "short", "KWA");
        let mut statuses = vec![];
        for last in 1..=5 {
            let liar =
                app.anonymous().at(app.url(untrusting)).coming_from(&format!("192.0.2.{last}"));
            statuses.push(liar.post("/auth/register", &body).await.status);
        }
        assert_eq!(statuses, [422, 422, 422, 429, 429]);
        // Before a byte of the body is read: none is sent here.
        let mut stream = TcpStream::connect(app.address()).await.unwrap();
        let head = "POST /auth/register HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                    Content-Type: application/json\r\nContent-Length: 100\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 429");
        for last in 1..=4 {
            let vouched = app.anonymous().coming_from(&format!("198.51.100.{last}"));
            assert_eq!(vouched.post("/auth/register", &body).await.status, 422);
        }
        let networks =
            ["2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:1:ffff::", "2001:db8:1:1::9"];
        let mut statuses = vec![];
        for address in networks {
            let there = app.anonymous().coming_from(address);
            statuses.push(there.post("/auth/register", &body).await.status);
        }
        assert_eq!(statuses, [422, 422, 422, 429], "one network, one subscriber");
    });
}

#[test]
fn of_several_lines_about_the_way_the_last_ones_end_is_the_address() {
    run_with(options(), async |app| {
        place(app, "civic", "kwa").await;
        let mut statuses = vec![];
        for last in 1..=4 {
            let liar = app.anonymous().coming_from(&format!("192.0.2.{last}"));
            let sent = liar.request(reqwest::Method::POST, "/auth/register").json(&json!({}));
            let sent = sent.header("X-Forwarded-For", "198.51.100.200, 203.0.113.9");
            statuses.push(liar.send(sent).await.status);
        }
        assert_eq!(statuses, [422, 422, 422, 429]);
    });
}

#[test]
fn a_day_that_has_room_for_one_success_is_not_used_up_by_failures() {
    run_with(options(), async |app| {
        app.add_replica(&options()).await;
        let kwa = app.organisation("civic", "kwa").await;
        let citizen = kwa.role("citizen");
        let path = "/api/v1/data-rights/delete-account";
        for number in 0..3 {
            let who = citizen.at(app.url(number % 2));
            let failed = who.delete(&format!("{path}?plan=another")).await;
            assert_eq!((failed.problem(), rest(&failed)), ("409 plan_changed".into(), 1));
        }
        let both = [0, 1].map(async |number: usize| citizen.at(app.url(number)).delete(path).await);
        let mut statuses: Vec<_> = join_all(both).await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{statuses:?}");
        assert!([401, 403, 404, 429].contains(&statuses[1]), "{statuses:?}");
        let left = app.ask("select requests from kernel.rate where requests <> 0 and began_at > now() - interval '1 day'").await;
        assert!(left.contains(&"1".to_owned()), "{left:?}");
    });
}

#[test]
fn a_window_begins_with_its_first_request_and_ends_to_the_second() {
    let (clock, hand) = Clock::movable(Timestamp::now());
    run_with(Options { clock, ..Options::default() }, async |app| {
        let ask = async || app.anonymous().post("/auth/register", &json!({})).await;
        let told = |reply: &Reply| reply.header("ratelimit").unwrap().to_owned();
        assert_eq!(told(&ask().await), "\"register\";r=2;t=3600");
        hand.advance(SignedDuration::from_secs(1000));
        assert_eq!(told(&ask().await), "\"register\";r=1;t=2600");
        assert_eq!(told(&ask().await), "\"register\";r=0;t=2600");
        hand.advance(SignedDuration::from_secs(2599));
        let late = ask().await;
        assert_eq!((late.status, late.header("retry-after")), (429, Some("1")));
        assert_eq!(late.header("ratelimit-policy"), Some("\"register\";q=3;w=3600"));
        hand.advance(SignedDuration::from_secs(1));
        let fresh = ask().await;
        assert_eq!((fresh.status, told(&fresh)), (422, "\"register\";r=2;t=3600".into()));
    });
}

#[test]
fn people_of_municipalities_sign_in_five_times_a_minute_and_strangers_learn_nothing_of_it() {
    run_with(options(), async |app| {
        let (kwa, kata) = (place(app, "civic", "kwa").await, place(app, "programs", "kata").await);
        account(app, &kwa, "manager", "ana@people.example").await;
        account(app, &kata, "analyst", "ben@people.example").await;
        let ask = async |address: &str, email: &str, password: &str, tenant: Option<Uuid>| {
            let body = json!({"email": email, "password": password, "tenant": tenant});
            app.anonymous().coming_from(address).post("/auth/login", &body).await
        };
        for (address, tenant) in [("192.0.2.1", Some(kwa.id)), ("192.0.2.2", None)] {
            let mut statuses = vec![];
            for _ in 0..6 {
                statuses.push(ask(address, "ana@people.example", PASSWORD, tenant).await.status);
            }
            assert_eq!(statuses, [200, 200, 200, 200, 200, 429], "{tenant:?}");
        }
        let reply = ask("192.0.2.1", "ana@people.example", PASSWORD, Some(kwa.id)).await;
        assert_eq!(reply.problem(), "429 too_many_requests");
        assert_eq!(reply.header("ratelimit-policy"), Some("\"login\";q=5;w=60"));
        assert_eq!(ask("192.0.2.3", "ana@people.example", PASSWORD, None).await.status, 200);
        for (address, tenant) in [("192.0.2.1", Some(kata.id)), ("192.0.2.2", None)] {
            for number in 0..7 {
                let reply = ask(address, "ben@people.example", PASSWORD, tenant).await;
                assert_eq!(reply.status, 200, "{number}: {}", reply.text);
                assert!(reply.header("ratelimit").is_none());
            }
        }
        // Five logins with the right password, then a wrong one that names no organisation: whose it is, or
        // nobody's, it is answered alike.
        for email in ["ana@people.example", "ben@people.example"] {
            let wrong = ask("192.0.2.2", email, "not the password", None).await;
            assert_eq!(wrong.problem(), "429 too_many_requests", "{email}");
        }
        let mut told = vec![];
        for email in ["ana@people.example", "ben@people.example", "nobody@people.example"] {
            let reply = ask("192.0.2.9", email, "not the password", None).await;
            told.push((reply.essence(), reply.header("ratelimit").map(|_| rest(&reply))));
        }
        assert_eq!((&told[0], told[0].1), (&told[1], Some(4)));
        assert_eq!(told[1], told[2]);
    });
}
