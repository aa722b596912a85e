//! Attribute policies of an organization: written, asked, and felt at every request on a resource.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Options, Organisation, Persona, run, run_with};

const POLICIES: &str = "/api/v1/policies";

async fn write(by: &Persona, body: Value) -> String {
    let reply = by.post(POLICIES, &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.id()
}

/// What the policies say of a developer who deploys an agent with these attributes.
async fn asked(by: &Persona, attributes: Value) -> Value {
    let question = json!({"action": "deploy", "resource": "agent", "role": "developer",
                          "attributes": attributes});
    let reply = by.post(&format!("{POLICIES}/evaluate"), &question).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[test]
fn a_new_organization_is_usable_and_says_which_rule_lets_it() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let owner = acme.role("org_owner");
        let answer = asked(owner, json!({"name": "triage"})).await;
        assert_eq!((&answer["allowed"], &answer["decided_by"]), (&json!(true), &json!("policy")));
        assert_eq!(answer["policies"].as_array().unwrap().len(), 1, "{answer}");
        let list = owner.get(POLICIES).await.json();
        assert_eq!(list.as_array().unwrap().len(), 4, "one for each kind: {list}");
        // No policy can give what the role lacks.
        let question = json!({"action": "deploy", "resource": "agents", "role": "viewer",
                              "attributes": {"name": "x"}});
        let answer = owner.post(&format!("{POLICIES}/evaluate"), &question).await.json();
        assert_eq!(answer["decided_by"], "permission", "{answer}");
        assert_eq!(answer["reason"], "permission_denied");
    });
}

#[test]
fn a_rule_that_denies_wins_and_one_that_is_removed_is_gone() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let owner = acme.role("org_owner");
        let id = write(owner, json!({
            "name": "Production is closed", "effect": "deny", "resource": "agents",
            "actions": ["deploy"],
            "conditions": [{"attribute": "resource.workspace_id", "operator": "eq", "value": "prod"}],
        }))
        .await;
        let item = format!("{POLICIES}/{id}");
        assert_eq!(owner.get(&item).await.json()["resource"], "agent", "the singular is stored");
        let closed = asked(owner, json!({"name": "a", "workspace_id": "prod"})).await;
        assert_eq!(
            (&closed["allowed"], &closed["reason"]),
            (&json!(false), &json!("denied_by_policy"))
        );
        assert_eq!(closed["policies"][0]["name"], "Production is closed", "{closed}");
        assert_eq!(
            asked(owner, json!({"name": "a", "workspace_id": "dev"})).await["allowed"],
            true
        );
        let etag = owner.get(&item).await.header("etag").unwrap().to_owned();
        let change = owner
            .request(reqwest::Method::PATCH, &item)
            .header("If-Match", etag.clone())
            .json(&json!({"effect": "allow"}));
        assert_eq!(owner.send(change).await.status, 200);
        let late = owner.request(reqwest::Method::PATCH, &item).header("If-Match", etag);
        let late = owner.send(late.json(&json!({"effect": "deny"}))).await;
        assert_eq!(late.problem(), "412 version_changed");
        assert_eq!(owner.delete(&item).await.status, 204);
        assert_eq!(owner.get(&item).await.problem(), "404 not_found");
        assert_eq!(
            asked(owner, json!({"name": "a", "workspace_id": "prod"})).await["allowed"],
            true
        );
    });
}

#[test]
fn what_is_wrong_with_a_policy_is_named_by_its_place_when_it_is_written() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let owner = acme.role("org_owner");
        let condition = |field: &str, operator: &str, value: Value| json!({"conditions": [{"field": field, "operator": operator, "value": value}]});
        for (change, place) in [
            (json!({"resource": "spaceship"}), "body.resource"),
            (json!({"actions": ["fly"]}), "body.actions.0"),
            (condition("resource.owner", "eq", json!("CANARY")), "body.conditions.0.field"),
            (condition("resource.name", "gt", json!(7)), "body.conditions.0"),
            (json!({"cedar": "permit(principal, action, resource"}), "body.cedar"),
            (json!({"cedar": "forbid(principal, action, resource);"}), "body.cedar"),
            (
                json!({"conditions": [], "cedar": "permit(principal, action, resource);"}),
                "body.cedar",
            ),
            (json!({"name": ""}), "body.name"),
            (json!({"tenant_id": acme.id}), "body.tenant_id"),
        ] {
            let mut body = json!({"name": "wrong", "resource": "agent", "actions": ["deploy"]});
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            let reply = owner.post(POLICIES, &body).await;
            assert_eq!(reply.status, 422, "{body}: {}", reply.text);
            let fields = reply.fields();
            assert!(fields.iter().any(|f| f.starts_with(place)), "{place} in {fields:?}");
            assert!(!reply.text.contains("CANARY"), "{}", reply.text);
        }
        let taken = json!({"name": "Twice", "resource": "agent"});
        write(owner, taken.clone()).await;
        assert_eq!(owner.post(POLICIES, &taken).await.problem(), "409 policy_name_taken");
    });
}

#[test]
fn one_organizations_policies_are_nothing_to_another() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let other = app.organisation("studio", "other").await;
        let body = json!({"name": "Nothing here", "effect": "deny", "resource": "agent"});
        let id = write(acme.role("org_owner"), body).await;
        let open = asked(other.role("org_owner"), json!({"name": "a"})).await;
        assert_eq!(open["allowed"], true, "{open}");
        let item = format!("{POLICIES}/{id}");
        assert_eq!(other.role("org_owner").get(&item).await.status, 404);
        assert_eq!(other.role("org_owner").delete(&item).await.status, 404);
        assert_eq!(asked(acme.role("org_owner"), json!({"name": "a"})).await["allowed"], false);
    });
}

/// A kind of resource with routes of its own, for tests: the policies' own table stands for it.
mod drones {
    use kernel::{
        authz::{Answer, Authorized, Committed, Fetched},
        db::Done,
        http::{Docs, Item, Problem, Routes},
        jobs::{Failure, Finished, Jobs, Kind, Run},
        module::Module,
        permissions,
        policies::AttributesRow,
        statements,
    };
    use policy::{Attribute, AttributeKind, Grant, ResourceKind};
    use uuid::Uuid;

    permissions! {
        ReadDrone = "drone:read", Reads, about find_attributes;
        FlyDrone = "drone:fly", Writes, about find_attributes;
    }

    statements! {
        /// A drone is a policy of its name, and its cargo is the description.
        fn find_attributes(id: Uuid) -> AttributesRow
            = "select jsonb_build_object('name', name, 'cargo', description) as attributes
                 from kernel.policy where tenant_id = kernel.tenant() and id = $1 and deleted_at is null";
        fn fly(id: Uuid) -> Done
            = "update kernel.policy set description = 'flown' where tenant_id = kernel.tenant() and id = $1
               returning true as done";
        fn see(id: Uuid) -> Done
            = "select true as done from kernel.policy where tenant_id = kernel.tenant() and id = $1";
        /// An hour from now.
        fn send(id: Uuid, job: Uuid) -> Done
            = "select kernel.enqueue($2, 'drones.fly', $1, '{}', 1, 3600) is not null as done";
    }

    #[derive(serde::Deserialize, serde::Serialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    const FLY: Kind<FlyDrone, Nothing> = Kind::new("drones.fly", 1);

    async fn fly_later(
        act: Authorized<FlyDrone>,
        Item(id): Item<Uuid>,
    ) -> Result<Committed<String>, Problem> {
        let job = act.new_id();
        act.write(send(id, job), move |_, _| Answer::ok(job.to_string())).await
    }

    async fn fly_now(act: Authorized<FlyDrone>, run: Run<Nothing>) -> Result<Finished, Failure> {
        let drone = run.record().ok_or_else(Problem::not_found)?;
        run.finish(&act, move |tx| Box::pin(async move { tx.run(fly(drone)).await.map(drop) }))
            .await
    }

    async fn fly_one(
        act: Authorized<FlyDrone>,
        Item(id): Item<Uuid>,
    ) -> Result<Committed<()>, Problem> {
        act.write(fly(id), |_, _| Answer::gone()).await
    }

    async fn read_one(
        act: Authorized<ReadDrone>,
        Item(id): Item<Uuid>,
    ) -> Result<Fetched<bool>, Problem> {
        act.fetch(see(id), |rows| Ok(Answer::ok(rows.len() == 1))).await
    }

    pub fn module() -> Module {
        let mut routes = Routes::default();
        let docs = Docs::new("drones", "", "");
        routes.post(FlyDrone, "/drones/{id}/fly", fly_one, docs.status(204));
        routes.post(FlyDrone, "/drones/{id}/send", fly_later, docs);
        routes.get(ReadDrone, "/drones/{id}", read_one, docs);
        let mut jobs = Jobs::default();
        jobs.on(&FLY, fly_now);
        Module {
            name: "drones",
            title: "probe",
            prefix: "/probes",
            migrations: vec![],
            privacy: "",
            realm: Some(studio::REALM),
            grants: &[
                Grant { role: "org_owner", permissions: &["drone:read", "drone:fly"] },
                Grant { role: "developer", permissions: &["drone:read", "drone:fly"] },
                Grant { role: "viewer", permissions: &["drone:read"] },
            ],
            above: None,
            delegates: &[],
            slices: &[],
            open: &[],
            open_slice: None,
            entities: &[],
            resources: &[ResourceKind {
                name: "drone",
                plural: "drones",
                actions: &["read", "fly"],
                attributes: &[
                    Attribute { name: "name", kind: AttributeKind::Text, required: true },
                    Attribute { name: "cargo", kind: AttributeKind::Text, required: false },
                ],
            }],
            statements: ALL.to_vec(),
            constraints: Vec::new,
            limit: None,
            routes,
            jobs,
            events: &[],
        }
    }
}

/// An organization with a drone that carries `cargo`.
async fn with_drone(acme: &Organisation, cargo: &str) -> String {
    let owner = acme.role("org_owner");
    let body = json!({"name": "a drone", "description": cargo, "resource": "agent"});
    write(owner, body).await
}

fn options() -> Options {
    Options { extra: Some(drones::module), ..Options::default() }
}

#[test]
fn permission_comes_first_then_policy_and_each_says_so_in_the_documents_words() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let fly = format!("/drones/{}/fly", with_drone(&acme, "letters").await);
        let viewer = acme.role("viewer").post(&fly, &Value::Null).await;
        assert_eq!((viewer.status, &viewer.json()["detail"]), (403, &json!("Permission denied")));
        // The tests' kind came after the organization's defaults: no policy speaks of it yet.
        let refused = developer.post(&fly, &Value::Null).await;
        assert_eq!(refused.problem(), "403 no_policy");
        assert_eq!(refused.json()["detail"], "Access denied by policy");
        let entry =
            "select permission from audit.entry where outcome = 'refused' and reason = 'no_policy'";
        assert_eq!(app.ask(entry).await, ["drone:fly"]);
        let allow = json!({"name": "Letters fly", "resource": "drone", "actions": ["fly"],
            "conditions": [{"field": "resource.cargo", "operator": "eq", "value": "letters"}]});
        write(owner, allow).await;
        assert_eq!(developer.post(&fly, &Value::Null).await.status, 204);
        // It has flown: its cargo is another, and the policy no longer holds.
        assert_eq!(developer.post(&fly, &Value::Null).await.problem(), "403 no_policy");
    });
}

#[test]
fn a_policy_on_another_action_or_kind_or_of_another_organization_changes_nothing() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let other = app.organisation("studio", "other").await;
        let drone = with_drone(&acme, "letters").await;
        let (read, fly) = (format!("/drones/{drone}"), format!("/drones/{drone}/fly"));
        write(
            acme.role("org_owner"),
            json!({"name": "Look", "resource": "drone", "actions": ["read"]}),
        )
        .await;
        assert_eq!(acme.role("viewer").get(&read).await.status, 200);
        assert_eq!(
            acme.role("developer").post(&fly, &Value::Null).await.problem(),
            "403 no_policy"
        );
        write(other.role("org_owner"), json!({"name": "Fly", "resource": "drone"})).await;
        assert_eq!(
            acme.role("developer").post(&fly, &Value::Null).await.problem(),
            "403 no_policy"
        );
        // Another organization's drone is not there, whatever its policies say.
        assert_eq!(
            other.role("developer").post(&fly, &Value::Null).await.problem(),
            "404 not_found"
        );
    });
}

#[test]
fn j12_a_job_is_judged_when_it_runs_by_the_policies_and_the_role_of_then() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        write(owner, json!({"name": "Fly", "resource": "drone"})).await;
        let drone = with_drone(&acme, "letters").await;
        let send = async || {
            let reply = developer.post(&format!("/drones/{drone}/send"), &Value::Null).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            reply.json().as_str().unwrap().to_owned()
        };
        let ends = async |id: &str| {
            let due = format!("update kernel.job_queue set due_at = now() where job_id = '{id}'");
            app.database.session("reeve_admin").await.batch_execute(&due).await.unwrap();
            let begun = Instant::now();
            loop {
                let job = owner.get(&format!("/api/v1/jobs/{id}")).await.json();
                if job["finished_at"].is_string() {
                    return format!("{} {}", job["status"], job["last_error"]["code"]);
                }
                assert!(begun.elapsed() < Duration::from_secs(10), "{job}");
            }
        };
        let (flies, denied, lowered) = (send().await, send().await, send().await);
        assert_eq!(developer.post("/auth/logout", &json!({})).await.status, 204);
        assert_eq!(ends(&flies).await, "\"succeeded\" null", "whoever wanted it need not be there");
        let stop =
            json!({"name": "Stop", "effect": "deny", "resource": "drone", "actions": ["fly"]});
        let stop = write(owner, stop).await;
        assert_eq!(ends(&denied).await, "\"failed\" \"forbidden\"");
        assert_eq!(owner.delete(&format!("{POLICIES}/{stop}")).await.status, 204);
        let account = format!("/auth/users/{}", developer.id);
        assert_eq!(owner.patch(&account, &json!({"role": "viewer"})).await.status, 200);
        assert_eq!(ends(&lowered).await, "\"failed\" \"forbidden\"");
        let refused = format!(
            "select reason from audit.entry where outcome = 'refused' and resource = 'drones.fly'
                and actor_id = '{}' and permission = 'drone:fly' order by sequence",
            developer.id
        );
        assert_eq!(app.ask(&refused).await, ["denied_by_policy", "forbidden"]);
        let flown = "select count(*)::text from audit.entry where permission = 'drone:fly'
                      and resource = 'kernel.policy' and operation = 'UPDATE'";
        assert_eq!(app.ask(flown).await, ["1"]);
    });
}

#[test]
fn z07_what_cannot_be_judged_is_refused_with_a_code_and_nothing_personal() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let drone = with_drone(&acme, "CANARY-cargo").await;
        let fly = format!("/drones/{drone}/fly");
        write(acme.role("org_owner"), json!({"name": "Fly", "resource": "drone"})).await;
        // What was stored before the vocabulary changed: an attribute that is unknown now.
        let break_it = "set session_replication_role = replica;
            update kernel.policy set conditions = '[{\"field\": \"resource.colour\", \"operator\": \"eq\", \"value\": \"CANARY-red\"}]'
             where name = 'Fly'; insert into kernel.credential_change (id) select tenant_id from kernel.policy limit 1";
        app.database.session("reeve_admin").await.batch_execute(break_it).await.unwrap();
        let begun = Instant::now();
        let refused = loop {
            let reply = acme.role("developer").post(&fly, &Value::Null).await;
            if reply.status == 403 || begun.elapsed() > Duration::from_secs(1) {
                break reply;
            }
        };
        assert_eq!(refused.problem(), "403 policy_error");
        assert!(!refused.text.contains("CANARY"), "{}", refused.text);
        assert!(!testkit::logged().contains("CANARY-red"), "nor the log");
    });
}

#[test]
fn a_change_of_a_policy_is_felt_on_every_replica_within_a_second() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let second = app.add_replica(&options()).await;
        let drone = with_drone(&acme, "letters").await;
        let read = format!("/drones/{drone}");
        write(acme.role("org_owner"), json!({"name": "Look", "resource": "drone"})).await;
        let elsewhere = acme.role("viewer").at(app.url(second));
        assert_eq!(elsewhere.get(&read).await.status, 200);
        let stop = json!({"name": "Stop", "effect": "deny", "resource": "drone"});
        write(acme.role("org_owner"), stop).await;
        let begun = Instant::now();
        while elsewhere.get(&read).await.status != 403 {
            assert!(begun.elapsed() < Duration::from_secs(1), "felt within a second");
        }
        assert_eq!(acme.role("viewer").get(&read).await.problem(), "403 denied_by_policy");
    });
}
