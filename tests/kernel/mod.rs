//! The kernel's promises, seen from outside. What several of these files need stands here.

mod catalogue;
mod checkpoints;
mod clock;
mod connections;
mod credentials;
mod deidentified;
mod erasure;
mod isolation;
mod jobs;
mod ledger;
pub mod privacy;
mod statutes;
mod streams;

use std::{
    collections::BTreeMap,
    future::Future,
    time::{Duration, Instant},
};

use ::kernel::{
    http::{Method, Route},
    tokio_postgres::SimpleQueryMessage,
};
use serde_json::Value;
use testkit::{Persona, Reply, TestApp, TestTenant};
use uuid::Uuid;

use crate::conformance::routes::of_keys;

/// The routes of records. Those of an export are under no id: see `fhir::export`.
fn routes() -> Vec<Route> {
    of_keys().into_iter().filter(|route| !route.path.contains("export")).collect()
}

/// Those that name a record in their path.
fn item_routes() -> Vec<Route> {
    routes().into_iter().filter(|route| route.path.contains("{id}")).collect()
}

/// Those that write, in an order in which each finds its record: first those that make one, last
/// those that end it.
fn writes() -> Vec<Route> {
    let mut all: Vec<_> = routes().into_iter().filter(|route| route.effect == "write").collect();
    all.sort_by_key(|route| match (route.method, route.path.contains("{id}")) {
        (Method::Post, false) => 0,
        (Method::Delete, _) => 2,
        _ => 1,
    });
    all
}

/// What a route is called with: its documented example, which works as it stands.
fn example(route: &Route) -> Option<Value> {
    route.docs.example.map(|make| make())
}

/// A request to `route` at `path`, with its example.
fn request(persona: &Persona, route: &Route, path: &str) -> reqwest::RequestBuilder {
    let method: reqwest::Method = route.method.name().parse().expect("a method");
    let request = persona.request(method, path);
    match example(route) {
        Some(body) => request.json(&body),
        None => request,
    }
}

/// One record of every collection that can be created: the collection's path and the record's id.
struct Records(BTreeMap<String, String>);

impl Records {
    /// Creates them from the examples of the registry.
    async fn create(persona: &Persona) -> Self {
        let mut made = BTreeMap::new();
        for route in routes().iter().filter(|r| r.method == Method::Post && !r.path.contains('{')) {
            let reply = persona.send(request(persona, route, route.path)).await;
            assert_eq!(reply.status, 201, "{}: {}", route.name, reply.text);
            if let Some(id) = reply.json()["id"].as_str() {
                made.insert(route.path.to_owned(), id.to_owned());
            }
        }
        // These are no records of their own.
        let doctors = persona.get("/fhir/r4/Practitioner").await.json();
        let doctor = doctors["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
        made.insert("/fhir/r4/Practitioner".to_owned(), doctor);
        made.insert("/fhir/r4/Consent".to_owned(), made["/v1/patients"].clone());
        let mut made = Self(made);
        // A delivery is made by what happens.
        let test = format!("{}/test", made.path_of("/api/v1/event-destinations"));
        made.note(&persona.post(&test, &serde_json::json!({})).await);
        made
    }

    fn path_of(&self, collection: &str) -> String {
        format!("{collection}/{}", self.0[collection])
    }

    /// Keeps what an answer says was created, by its own place.
    fn note(&mut self, reply: &Reply) {
        let place = reply.header("location").and_then(|at| at.rsplit_once('/'));
        if let (201, Some((collection, id))) = (reply.status, place) {
            self.0.insert(collection.to_owned(), id.to_owned());
        }
    }

    /// The route's path with the id of its record.
    fn path(&self, route: &Route) -> String {
        let Some((collection, _)) = route.path.split_once("/{id}") else {
            return route.path.to_owned();
        };
        let known = self.0.get(collection);
        let id = known.unwrap_or_else(|| panic!("{}: no example makes such a record", route.name));
        route.path.replace("{id}", id)
    }

    fn ids(&self) -> impl Iterator<Item = &String> {
        self.0.values()
    }
}

/// The callers of a tenant, by role.
fn personas(tenant: &TestTenant) -> [(&'static str, &Persona); 4] {
    [
        ("admin", &tenant.admin),
        ("integration", &tenant.integration),
        ("reader", &tenant.reader),
        ("auditor", &tenant.auditor),
    ]
}

/// All tables that hold tenants' rows, partitions left to their parents.
async fn tenant_tables(app: &TestApp) -> Vec<String> {
    app.ask(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema)'
            and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
          order by 1",
    )
    .await
}

/// What a tenant has in each table, as one hash a table. What the server notes by itself is left out: when
/// keys were used, checkpoints, how events are told.
async fn contents(app: &TestApp, tenant: Uuid) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for table in tenant_tables(app).await {
        let by_itself = [
            "kernel.api_key_use",
            "audit.checkpoint",
            "kernel.delivery",
            "kernel.delivery_attempt",
            "kernel.destination_health",
        ];
        if by_itself.contains(&table.as_str()) {
            continue;
        }
        let sql = format!(
            "select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '')
               from {table} t where tenant_id = '{tenant}'"
        );
        all.insert(table, app.ask(&sql).await.remove(0));
    }
    all
}

/// The same without the ledger, for work that must leave nothing but an entry.
async fn records(app: &TestApp, tenant: Uuid) -> BTreeMap<String, String> {
    let mut all = contents(app, tenant).await;
    all.remove("audit.entry");
    all
}

/// One number.
pub async fn count(app: &TestApp, sql: &str) -> u64 {
    app.ask(sql).await.remove(0).parse().expect("a number")
}

/// Runs statements as the superuser of the test's database.
pub async fn execute(app: &TestApp, sql: &str) {
    app.database.session("reeve_admin").await.batch_execute(sql).await.expect(sql);
}

/// How a statement fails under `session`: its SQLSTATE, or `ok` with the number of rows it showed.
async fn sqlstate(session: &::kernel::tokio_postgres::Client, sql: &str) -> String {
    match session.simple_query(sql).await {
        Ok(messages) => {
            let rows = messages.iter().filter(|m| matches!(m, SimpleQueryMessage::Row(_)));
            format!("ok {}", rows.count())
        }
        Err(error) => error.code().map_or(error.to_string(), |state| state.code().to_owned()),
    }
}

/// Nobody who serves may write the ledger until [`mend_ledger`].
async fn break_ledger(app: &TestApp) {
    execute(app, "revoke insert on audit.entry from reeve_app, reeve_owner, reeve_search").await;
}

/// As [`testkit::run`], with nobody who does jobs meanwhile: what they change is a change too.
fn run_without_jobs(test: impl AsyncFnOnce(&mut TestApp)) {
    let settings = [("JOBS_AT_ONCE".to_owned(), "0".to_owned())].into();
    testkit::run_with(testkit::Options { settings, ..testkit::Options::default() }, test);
}

/// Gives back exactly what migration 0002 granted.
async fn mend_ledger(app: &TestApp) {
    let grant =
        "grant insert (operation, resource, record_id, record_ids, before, after, outcome, reason)
                 on audit.entry to reeve_app, reeve_owner, reeve_search";
    execute(app, grant).await;
}

/// Asks until the answer is yes; how long that took. Fails after `patience`.
pub async fn until<F: Future<Output = bool>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> Duration {
    let begun = Instant::now();
    loop {
        if ask().await {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < patience, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A word that is nowhere else.
pub fn canary(what: &str) -> String {
    format!("CANARY{}{what}", Uuid::now_v7().simple().to_string().to_uppercase())
}

/// All that an answer says: status line, headers, body.
pub fn everything(reply: &Reply) -> String {
    format!("{} {:?} {}", reply.status, reply.headers, reply.text)
}

/// The ids of a page.
fn ids(reply: &Reply) -> Vec<String> {
    let page = reply.json();
    let items = page["items"].as_array().unwrap_or_else(|| panic!("no page: {}", reply.text));
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// A session of the server's own role that has this tenant's context.
async fn as_tenant(app: &TestApp, tenant: Uuid) -> ::kernel::tokio_postgres::Client {
    let session = app.database.session("reeve_app").await;
    let begin = format!(
        "select set_config('app.tenant_id', '{tenant}', false), set_config('app.actor_kind', 'api_key', false),
                set_config('app.actor_id', gen_random_uuid()::text, false),
                set_config('app.request_id', gen_random_uuid()::text, false)"
    );
    session.batch_execute(&begin).await.expect("the context");
    session
}
