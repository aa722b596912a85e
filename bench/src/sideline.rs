//! Friday night: two hundred entries a second from the sidelines of one school of two thousand athletes, each
//! on time, whether or not the ones before have been answered.

use std::time::{Duration, Instant};

use futures::future::try_join_all;

use crate::{
    Outcome,
    http::{Connection, request},
    load::{CONNECTIONS, quantile, scatter},
    options::Options,
    report,
    stand::Stand,
};

const A_SECOND: u64 = 200;
const ATHLETES: u64 = 2_000;
const PARTS: [&str; 8] =
    ["left ankle", "right ankle", "left knee", "right knee", "wrist", "shoulder", "hip", "head"];

/// Measures it and prints the figure.
///
/// # Errors
/// The server or its database did not go along, or an entry was not taken.
pub async fn measure(options: &Options, stand: &Stand) -> Outcome<()> {
    let server = stand.serve().await?;
    let admin = stand.admin().await?;
    let school: String = admin
        .query_one("select id::text from kernel.tenant where realm = 'athletics' limit 1", &[])
        .await?
        .try_get(0)?;
    let athletes = format!(
        "set session_replication_role = replica;
         insert into athletics.athlete (tenant_id, id, external_id, first_name, last_name, date_of_birth)
         select '{school}', gen_random_uuid(), 'bench_' || n, 'A', 'B', '2010-05-10'
           from generate_series(1, {ATHLETES}) n"
    );
    admin.batch_execute(&athletes).await?;
    let trainer = trainer(&server, stand, &admin, &school).await?;
    let seconds = options.run_seconds() * 2;
    // Each connection to the database prepares some hundred statements when it is made: that is before.
    let warm = Duration::from_secs(3);
    let begun = Instant::now() + warm;
    let one = async |place: u64| -> Outcome<Vec<u32>> {
        let mut connection = Connection::open(server.address).await?;
        let mut times = vec![];
        for n in 0..10 {
            let early = entry(1_000_000 + place * 10 + n, &trainer);
            if connection.send(&early).await? != 201 {
                return Err("an entry was not taken".into());
            }
        }
        for n in (place..A_SECOND * seconds).step_by(CONNECTIONS) {
            let due = begun + Duration::from_micros(n * 1_000_000 / A_SECOND);
            tokio::time::sleep_until(due.into()).await;
            let entry = connection.send(&entry(n, &trainer)).await?;
            if entry != 201 {
                return Err(format!("an entry was answered {entry}").into());
            }
            times.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        Ok(times)
    };
    let all = try_join_all((0..CONNECTIONS as u64).map(one)).await?;
    let mut times: Vec<u32> = all.into_iter().flatten().collect();
    times.sort_unstable();
    let title = format!("sideline at {A_SECOND}/s, p99");
    report::figure(
        &format!("{title}, p50 {:.1}", quantile(&times, 50)),
        quantile(&times, 99),
        "ms",
        50.0,
    );
    Ok(())
}

/// A trainer's token.
async fn trainer(
    server: &crate::stand::Server,
    stand: &Stand,
    admin: &tokio_postgres::Client,
    school: &str,
) -> Outcome<String> {
    let context = format!("select set_config('app.tenant_id', '{school}', false)");
    admin.batch_execute(&context).await?;
    let find = format!(
        "select kernel.open(email) from kernel.account
          where tenant_id = '{school}' and role = 'athletic_trainer' limit 1"
    );
    let email: String = admin.query_one(&find, &[]).await?.try_get(0)?;
    let body = serde_json::json!({"email": email, "password": stand.password()?}).to_string();
    let mut connection = Connection::open(server.address).await?;
    let (status, answer) = connection.ask(&request("POST", "/auth/login", "", &body)).await?;
    let answer: serde_json::Value = serde_json::from_str(&answer)?;
    let token = answer.get("access_token").and_then(|token| token.as_str());
    Ok(token.ok_or(format!("the trainer could not sign in: {status}"))?.to_owned())
}

fn entry(n: u64, token: &str) -> Vec<u8> {
    let athlete = scatter(n) % ATHLETES + 1;
    let part = PARTS.get((scatter(n + 1) % 8) as usize).unwrap_or(&"knee");
    let body = format!(
        r#"{{"athlete_id":"bench_{athlete}","body_part":"{part}","severity":"mild","mechanism":"contact","removed_from_play":true,"client_id":"{n}"}}"#
    );
    format!(
        "POST /api/v1/events/sideline-entry HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
