//! A module of the test's own in the realm of municipalities, with every way there is into an organisation.

use ::kernel::{
    authz::{Answer, Authorized, Committed, Fetched, Permission},
    http::{Body, Docs, FromQuery, Hints, Limit, Problem, Query, QueryReader, Routes},
    module::{Above, Module},
    permissions, row, statements, tenant,
};
use policy::Grant;
use serde_json::{Value, json};
use uuid::Uuid;

permissions! {
    Peek = "probe:peek", Reads;
    Report = "probe:report", Writes;
    Keyed = "probe:keyed", Writes;
    Mine = "probe:mine", Reads;
    Rule = "probe:rule", Writes;
}

row! {
    /// Where a request has come to, and who it is there.
    pub struct Who {
        tenant: Uuid,
        actor: Option<String>,
        role: String,
    }
}

statements! {
    fn who() -> Who
        = "select kernel.tenant() as tenant, kernel.setting('app.actor_id') as actor, current_user::text as role";
}

fn told(who: Who) -> Answer<Value> {
    Answer::ok(json!({"tenant": who.tenant, "actor": who.actor, "role": who.role}))
}

pub struct Named(Option<String>);

impl FromQuery for Named {
    fn read(query: &mut QueryReader) -> Self {
        Self(query.text("organisation", 100))
    }

    fn parameters() -> Vec<Value> {
        vec![]
    }
}

async fn peek(
    act: Authorized<Peek>,
    (Query(Named(named)), hints): (Query<Named>, Hints),
) -> Result<Fetched<Value>, Problem> {
    act.at(named.as_deref(), hints.host.as_deref()).await?.fetch_one(who(), told).await
}

async fn mine(act: Authorized<Mine>, (): ()) -> Result<Fetched<Value>, Problem> {
    act.fetch_one(who(), told).await
}

fn words(body: &Value, field: &str) -> Option<String> {
    body[field].as_str().map(str::to_owned)
}

async fn report(
    act: Authorized<Report>,
    Body(body): Body<Value>,
) -> Result<Committed<Value>, Problem> {
    let key = words(&body, "api_key").unwrap_or_default();
    act.by_key::<Keyed>(&key).await?.write(who(), |row, _| told(row)).await
}

async fn change(
    act: Authorized<Rule>,
    Body(body): Body<Value>,
) -> Result<Committed<Value>, Problem> {
    let organisation = words(&body, "organisation").unwrap_or_default();
    let purpose = words(&body, "purpose").unwrap_or_default();
    let there = act.enter(&organisation, &purpose, &["body", "purpose"]).await?;
    let change = tenant::change_tenant(words(&body, "name"), body["is_active"].as_bool());
    there.write(change, |tenant, _| Answer::ok(json!(tenant))).await
}

async fn found(
    act: Authorized<Rule>,
    Body(body): Body<Value>,
) -> Result<Committed<Value>, Problem> {
    let there = act.found(&words(&body, "purpose").unwrap_or_default())?;
    let name = words(&body, "name").unwrap_or_default();
    let found = tenant::found_tenant(name, "civic", words(&body, "code"));
    there.write(found, |tenant, _| Answer::created(json!(tenant), "/probe".into())).await
}

pub fn module() -> Module {
    let mut routes = Routes::default();
    let docs = Docs::new("probe", "", "");
    routes.limited(Limit::per_minute("open", 120), |routes| {
        routes.get(Peek, "/probe/peek", peek, docs);
        routes.post(Report, "/probe/report", report, docs);
    });
    routes.get(Mine, "/probe/mine", mine, docs);
    routes.post(Rule, "/probe/change", change, docs);
    routes.post(Rule, "/probe/found", found, docs);
    Module {
        name: "probe",
        title: "probe",
        prefix: "/probes",
        migrations: vec![],
        privacy: "",
        realm: Some(civic::REALM),
        grants: &[Grant { role: "admin", permissions: &[Keyed::NAME, Mine::NAME, Rule::NAME] }],
        above: Some(Above {
            realm: civic::PLATFORM,
            grants: &[Grant { role: "platform_admin", permissions: &[Rule::NAME] }],
        }),
        delegates: &[],
        slices: &[],
        open: &[Peek::NAME, Report::NAME],
        open_slice: None,
        entities: &[],
        resources: &[],
        statements: ALL.to_vec(),
        constraints: Vec::new,
        limit: Some(Limit::per_minute("default", 60)),
        routes,
        jobs: Default::default(),
        events: &[],
    }
}
