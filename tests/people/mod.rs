//! People, their tokens and sessions, as strangers and insiders would attack them. What several of
//! these files need stands here.

mod accounts;
mod administrators;
mod guesses;
mod invitations;
mod keys;
mod login;
mod races;
mod sessions;
mod tenants;
mod tokens;

use std::{
    collections::HashMap,
    future::Future,
    time::{Duration, Instant},
};

use ::kernel::{
    Clock,
    people::{NewAccount, People},
    tenant::{self, NewTenant},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Options, Organisation, PASSWORD, Persona, Reply, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

/// A password that is nobody's.
const WRONG: &str = "not the password";

/// How soon an end must be felt, on every replica.
const FELT: Duration = Duration::from_secs(1);

/// A server with these settings.
pub fn with(settings: &[(&str, &str)]) -> Options {
    let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Options { settings: settings.collect::<HashMap<_, _>>(), ..Options::default() }
}

/// Asks until the answer is yes; fails after `patience`.
pub async fn until<F: Future<Output = bool>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) {
    let begun = Instant::now();
    while !ask().await {
        assert!(begun.elapsed() < patience, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// This caller is refused with this problem at each of the replicas, within a second.
async fn felt(app: &TestApp, caller: &Persona, replicas: usize, problem: &str) {
    let begun = Instant::now();
    for replica in 0..replicas {
        let there = caller.at(app.url(replica));
        loop {
            let reply = there.get("/auth/me").await;
            if reply.status >= 400 && reply.problem() == problem {
                break;
            }
            assert!(begun.elapsed() < FELT, "replica {replica} still says {}", reply.text);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Runs statements as the superuser, in the context of a tenant.
pub async fn execute(app: &TestApp, tenant: Uuid, sql: &str) {
    let session = app.database.session("reeve_admin").await;
    session.batch_execute(&context(tenant)).await.expect("the context");
    session.batch_execute(sql).await.expect(sql);
}

/// What makes a session of the database speak for a tenant.
fn context(tenant: Uuid) -> String {
    format!(
        "select set_config('app.tenant_id', '{tenant}', false), set_config('app.actor_kind', 'user', false),
                set_config('app.actor_id', gen_random_uuid()::text, false),
                set_config('app.request_id', gen_random_uuid()::text, false)"
    )
}

/// One text, or nothing.
pub async fn one(app: &TestApp, sql: &str) -> String {
    app.ask(sql).await.into_iter().next().unwrap_or_default()
}

/// What the ledger says of the request that this answers.
pub async fn recorded(app: &TestApp, reply: &Reply) -> Vec<String> {
    let id = reply.header("x-request-id").expect("an id");
    app.ask(&format!(
        "select concat_ws(' ', outcome, permission, reason) from audit.entry where request_id = '{id}'"
    ))
    .await
}

/// An organisation with a code and a host of its own, and nobody in it.
pub async fn place(app: &TestApp, realm: &str, name: &str) -> Organisation {
    let new = NewTenant {
        name: name.into(),
        realm: realm.into(),
        code: Some(name.to_uppercase()),
        host: Some(format!("{name}.example")),
        ..NewTenant::default()
    };
    let mut platform = app.platform().await;
    let made = tenant::create(&mut platform, &Clock::default(), &reeve::registry().unwrap(), new)
        .await
        .expect("a tenant");
    Organisation { id: made.id, realm: realm.into(), people: [].into() }
}

/// One more account with the usual password: its id.
pub async fn account(app: &TestApp, there: &Organisation, role: &str, email: &str) -> Uuid {
    let registry = reeve::registry().expect("a registry");
    let (mut platform, clock) = (app.platform().await, Clock::default());
    let tenant = tenant::find(&mut platform, &there.id.to_string()).await.expect("the tenant");
    let realm = *registry.realms.iter().find(|r| r.name == there.realm).expect("a realm");
    let matrix = &registry.matrix;
    let mut people = People { platform: &mut platform, clock: &clock, matrix, realm, tenant };
    let new = NewAccount {
        email: email.into(),
        full_name: "Noor Naidoo".into(),
        role: role.into(),
        password: Some(passwords::Password::new(PASSWORD)),
    };
    people.create(new).await.expect("an account").0.id
}

/// Signs in at an organisation with the usual password, which must work.
pub async fn signed_in(app: &TestApp, there: &Organisation, email: &str) -> Persona {
    let nobody = app.anonymous();
    let reply = nobody.sign_in(&there.id.to_string(), email, PASSWORD).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    nobody.with_tokens(&reply)
}

/// Asks for the next tokens of somebody, at a replica.
async fn refresh(app: &TestApp, replica: usize, refresh_token: &str) -> Reply {
    let there = app.anonymous().at(app.url(replica));
    there.post("/auth/refresh", &json!({"refresh_token": refresh_token})).await
}

/// A part of a token: 0 the header, 1 the claims.
fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("a part");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Somebody with nothing but this token.
fn holder(app: &TestApp, token: impl Into<String>) -> Persona {
    let mut holder = app.anonymous();
    holder.token = Some(token.into());
    holder
}

/// The form of RFC 6749.
async fn form(caller: &Persona, body: &str) -> Reply {
    let request = caller.request(Method::POST, "/auth/token");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    caller.send(request.body(body.to_owned())).await
}

/// The status of a request that is sent as it stands here, without a client to tidy its path.
async fn raw(app: &TestApp, method: &str, path: &str, headers: &str) -> u16 {
    let mut stream = TcpStream::connect(app.address()).await.expect("a connection");
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = vec![];
    stream.read_to_end(&mut answer).await.expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{text}"))
}

/// How many refusals of this reason a tenant's ledger holds.
pub async fn refusals(app: &TestApp, tenant: Uuid, reason: &str) -> usize {
    let sql = format!(
        "select 1 from audit.entry where tenant_id = '{tenant}' and outcome = 'refused' and reason = '{reason}'"
    );
    app.ask(&sql).await.len()
}

/// The grace of every rotated token of a tenant is over.
async fn after_the_grace(app: &TestApp, tenant: Uuid) {
    execute(app, tenant, "update kernel.session set turned_at = turned_at - interval '1 minute'")
        .await;
}

fn session_of(caller: &Persona) -> String {
    part(caller.token.as_ref().unwrap(), 1)["sid"].as_str().unwrap().to_owned()
}

/// Sets a password with a code.
async fn use_code(app: &TestApp, replica: usize, code: &Value, password: &str) -> Reply {
    let there = app.anonymous().at(app.url(replica));
    there.post("/auth/password/reset", &json!({"code": code, "new_password": password})).await
}

fn user(id: Uuid) -> String {
    format!("/auth/users/{id}")
}

/// The accounts of a tenant, as one text.
async fn accounts(app: &TestApp, tenant: Uuid) -> Vec<String> {
    app.ask(&format!(
        "select a::text from kernel.account a where tenant_id = '{tenant}' order by id"
    ))
    .await
}

/// How long the answer took, in milliseconds.
async fn timed(reply: impl Future<Output = Reply>) -> (f64, Reply) {
    let begun = Instant::now();
    let reply = reply.await;
    (begun.elapsed().as_secs_f64() * 1000.0, reply)
}
