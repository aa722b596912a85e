//! Two hundred people sign in at once, each with the dearest hash there is (PBKDF2, 600,000 rounds),
//! while somebody asks `/health`: the rest of the server must not feel it.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::{
    Outcome,
    http::{Connection, request},
    report,
    stand::{Server, Stand},
};

const PEOPLE: usize = 200;
/// How long each measurement lasts.
const LASTS: Duration = Duration::from_secs(6);

/// Measures it and prints the figures.
///
/// # Errors
/// The server or its database did not go along.
pub async fn measure(stand: &Stand) -> Outcome<()> {
    let server = stand.serve().await?;
    // As many accounts as people, with the password of one that the demo made.
    let fill = format!(
        "set session_replication_role = replica;
         select set_config('app.tenant_id', tenant_id::text, false) from kernel.account
          where email_index = kernel.blind('analyst@harbor.example');
         insert into kernel.account (tenant_id, id, email, email_index, full_name, role, password_hash)
         select a.tenant_id, p.id, kernel.seal(p.id, p.email), kernel.blind(p.email), kernel.seal(p.id, 'Person'),
                a.role, a.password_hash
           from kernel.account a, (select gen_random_uuid() as id, 'person' || n || '@harbor.example' as email
                                     from generate_series(1, {PEOPLE}) n) p
          where a.email_index = kernel.blind('analyst@harbor.example')"
    );
    stand.admin().await?.batch_execute(&fill).await?;
    let quiet = health(&server, async { tokio::time::sleep(LASTS).await }).await?;
    let password = stand.password()?;
    let statuses = std::cell::RefCell::new(vec![]);
    let storm = async {
        let begun = Instant::now();
        let people = (1..=PEOPLE).map(|n| sign_in(&server, n, &password, begun));
        let found = join_all(people).await;
        statuses.borrow_mut().extend(found.into_iter().flatten());
    };
    let busy = health(&server, storm).await?;
    let statuses = statuses.into_inner();
    let count = |status: u16| statuses.iter().filter(|s| **s == status).count();
    println!(
        "{PEOPLE} people sign in over and over for {} s: {} let in, {} told to wait (429, 503), {} other answers",
        LASTS.as_secs(),
        count(200),
        count(429) + count(503),
        statuses.len() - count(200) - count(429) - count(503),
    );
    report::figure("/health, p99, nobody signs in", quiet, "ms", 100.0);
    report::figure("/health, p99, meanwhile", busy, "ms", 100.0);
    Ok(())
}

/// One person who tries again at once when told to wait, which no client should.
async fn sign_in(server: &Server, n: usize, password: &str, begun: Instant) -> Vec<u16> {
    let body = format!(r#"{{"email":"person{n}@harbor.example","password":"{password}"}}"#);
    let asked = request("POST", "/auth/login", "", &body);
    let mut statuses = vec![];
    let Ok(mut connection) = Connection::open(server.address).await else { return statuses };
    while begun.elapsed() < LASTS {
        let Ok(status) = connection.send(&asked).await else { return statuses };
        statuses.push(status);
        if status != 200 {
            // As long as a person needs to press the button again.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    statuses
}

/// The 99th percentile of `/health`, in milliseconds, while `work` goes on.
async fn health(server: &Server, work: impl Future<Output = ()>) -> Outcome<f64> {
    let asked = request("GET", "/health", "", "");
    let mut connection = Connection::open(server.address).await?;
    let mut times = vec![];
    tokio::pin!(work);
    loop {
        let begun = Instant::now();
        let answered = async {
            let status = connection.send(&asked).await;
            (status, begun.elapsed().as_secs_f64() * 1000.0)
        };
        let (status, took) = tokio::select! {
            biased;
            answer = answered => answer,
            () = &mut work => break,
        };
        if status? != 200 {
            return Err("/health did not answer".into());
        }
        times.push(took);
        tokio::select! {
            () = &mut work => break,
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
    times.sort_by(f64::total_cmp);
    let at = times.len() * 99 / 100;
    Ok(times.get(at).copied().unwrap_or(f64::INFINITY))
}
