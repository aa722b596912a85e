//! `kill -9`, SIGTERM and lost database sessions: what was acknowledged is there, once.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use testkit::{Options, Persona, patient, run, run_with};
use tokio::{sync::Notify, time::timeout};

use super::{Server, free_port};

/// Kills in the suite; `REEVE_KILLS=1000 cargo test x01` for the long run.
fn kills() -> u32 {
    std::env::var("REEVE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// One request that may fail on the way: the status, when there was an answer.
async fn create(persona: &Persona, number: &str, key: &str) -> Option<(u16, String)> {
    let request = persona.request(Method::POST, "/v1/patients").header("Idempotency-Key", key);
    let response =
        request.json(&patient(number)).timeout(Duration::from_secs(10)).send().await.ok()?;
    let status = response.status().as_u16();
    Some((status, response.text().await.ok()?))
}

#[test]
fn x01_every_acknowledged_write_survives_a_hundred_kills_with_its_entry_and_nothing_is_half() {
    run(async |app| {
        let north = app.tenant("north").await;
        let port = free_port();
        let acknowledged = Arc::new(Mutex::new(vec![]));
        let next = Arc::new(AtomicU32::new(0));
        for kill in 0..kills() {
            let server = Server::start(&app.database, port).await;
            let (stop, first) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
            let writers: Vec<_> = (0..4)
                .map(|_| {
                    let (persona, stop) = (north.integration.at(server.url.clone()), stop.clone());
                    let (acknowledged, next) = (acknowledged.clone(), next.clone());
                    let first = first.clone();
                    tokio::spawn(async move {
                        while !stop.load(Ordering::Relaxed) {
                            let number = next.fetch_add(1, Ordering::Relaxed).to_string();
                            match create(&persona, &number, &number).await {
                                Some((201, _)) => {
                                    acknowledged.lock().unwrap().push(number);
                                    first.notify_one();
                                }
                                Some((status, text)) => panic!("{status} {text}"),
                                None => {}
                            }
                        }
                    })
                })
                .collect();
            timeout(Duration::from_secs(20), first.notified()).await.expect("a write");
            // A random instant of a server that writes: there is no event to wait for.
            tokio::time::sleep(Duration::from_millis(30 + u64::from(kill * 37 % 110))).await;
            server.kill().await;
            stop.store(true, Ordering::Relaxed);
            for writer in writers {
                writer.await.unwrap();
            }
        }
        let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
        let stored = app.ask("select doc_number from clinic.patient order by 1").await;
        for number in &acknowledged {
            assert!(stored.binary_search(number).is_ok(), "{number} was acknowledged and is gone");
        }
        let without_entry = app.ask(
            "select p.id from clinic.patient p where (select count(*) from audit.entry e
              where e.tenant_id = p.tenant_id and e.record_id = p.id and e.operation = 'CREATE') <> 1").await;
        assert_eq!(without_entry, Vec::<String>::new());
        let without_record = app.ask(
            "select e.id from audit.entry e where e.resource = 'clinic.patient' and not exists (
               select from clinic.patient p where p.id = e.record_id)").await;
        assert_eq!(without_record, Vec::<String>::new());
        let without_answer =
            app.ask("select key from kernel.idempotency where status is null").await;
        assert_eq!(without_answer, Vec::<String>::new());
    });
}

#[test]
fn c05_a_retry_after_a_kill_between_commit_and_answer_gets_the_first_answer() {
    run(async |app| {
        let north = app.tenant("north").await;
        let port = free_port();
        for attempt in 0..10 {
            let server = Server::start(&app.database, port).await;
            let number = attempt.to_string();
            let persona = north.integration.at(server.url.clone());
            let (sent, own) = (number.clone(), persona.clone());
            let unread = tokio::spawn(async move { create(&own, &sent, &sent).await });
            let session = app.database.session("reeve_admin").await;
            let begun = Instant::now();
            while session
                .query("select from clinic.patient where doc_number = $1", &[&number])
                .await
                .unwrap()
                .is_empty()
            {
                assert!(begun.elapsed() < Duration::from_secs(10));
            }
            server.kill().await;
            unread.abort();
            let server = Server::start(&app.database, port).await;
            let (status, text) = create(&persona, &number, &number).await.unwrap();
            let kept = session
                .query_one("select body from kernel.idempotency where key = $1", &[&number])
                .await
                .unwrap();
            assert_eq!((status, text.as_bytes()), (201, kept.get::<_, &[u8]>(0)));
            server.kill().await;
        }
        assert_eq!(app.ask("select count(*) from clinic.patient").await, ["10"]);
    });
}

#[test]
fn x02_when_all_database_sessions_are_ended_under_load_requests_get_503_and_service_returns() {
    run_with(Options { pool: 4, ..Options::default() }, async |app| {
        let north = app.tenant("north").await;
        let stop = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let (persona, stop) = (north.integration.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut made = vec![];
                    for n in 0.. {
                        let number = format!("{worker}-{n}");
                        let mut status = 0;
                        // A client that retries under its key.
                        while status != 201 {
                            let (answer, text) =
                                create(&persona, &number, &number).await.expect("an answer");
                            assert!([201, 503, 409].contains(&answer), "{answer} {text}");
                            status = answer;
                        }
                        made.push(number);
                        if stop.load(Ordering::Relaxed) {
                            return made;
                        }
                    }
                    made
                })
            })
            .collect();
        for _ in 0..5 {
            let ended = app
                .ask(
                    "select pg_terminate_backend(pid) from pg_stat_activity
                                  where usename = 'reeve_app' and datname = current_database()",
                )
                .await;
            assert!(!ended.is_empty());
            let begun = Instant::now();
            while north.reader.get("/v1/patients?limit=1").await.status != 200 {
                assert!(begun.elapsed() < Duration::from_secs(5), "service must return");
            }
        }
        stop.store(true, Ordering::Relaxed);
        let mut made = 0;
        for worker in workers {
            made += worker.await.unwrap().len();
        }
        assert_eq!(app.ask("select count(*) from clinic.patient").await, [made.to_string()]);
    });
}

#[test]
fn x06_two_replicas_are_restarted_one_after_the_other_under_load_and_no_request_fails() {
    run(async |app| {
        let north = app.tenant("north").await;
        let ports = [free_port(), free_port()];
        let mut servers = vec![
            Server::start(&app.database, ports[0]).await,
            Server::start(&app.database, ports[1]).await,
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..6)
            .map(|worker| {
                let replicas =
                    servers.iter().map(|s| north.integration.at(s.url.clone())).collect::<Vec<_>>();
                let stop = stop.clone();
                tokio::spawn(async move {
                    let mut made = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let number = format!("{worker}-{made}");
                        // A client that tries the other replica, under the same key.
                        let mut answer = None;
                        for replica in replicas.iter().cycle().skip(made % 2).take(20) {
                            answer = create(replica, &number, &number)
                                .await
                                .filter(|(status, _)| *status != 503);
                            if answer.is_some() {
                                break;
                            }
                        }
                        let (status, text) = answer.expect("one of the two answers");
                        assert!([201, 409].contains(&status), "{status} {text}");
                        made += 1;
                    }
                    made
                })
            })
            .collect();
        for (index, port) in ports.into_iter().enumerate() {
            let old = servers.remove(0);
            assert_eq!(old.terminate().await, Some(0), "replica {index} ends in order");
            servers.push(Server::start(&app.database, port).await);
        }
        stop.store(true, Ordering::Relaxed);
        let mut made = 0;
        for worker in workers {
            made += worker.await.unwrap();
        }
        assert!(made > 20, "{made} requests");
        assert_eq!(app.ask("select count(*) from clinic.patient").await, [made.to_string()]);
        for server in servers {
            server.kill().await;
        }
    });
}
