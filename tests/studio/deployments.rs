//! An agent on its way to a gateway: queued, allowed twice, registered once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use kernel::Clock;
use serde_json::{Value, json};
use testkit::{Options, Organisation, Persona, TestApp, run_with};

use super::agents::{agent, publish};
use crate::gateway::{
    Folder, SECRET, Setup,
    target::{Target, response},
};

/// A server that may call loopback.
fn options() -> Options {
    let settings = HashMap::from([("OUTBOUND_ALLOW".to_owned(), "127.0.0.1".to_owned())]);
    Options { settings, ..Options::default() }
}

async fn gateway(acme: &Organisation, url: &str, environment: &str) -> String {
    let name = format!("Gateway at {url} for {environment}");
    let body = json!({"name": name, "url": url, "environment": environment, "secret": SECRET});
    let reply = acme.role("org_owner").post("/api/v1/gateways", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.id()
}

async fn published(persona: &Persona) -> String {
    let id = agent(persona).await;
    publish(persona, &id, "Good morning, {{input.name}}.").await;
    id
}

/// Deploys, and gives what was answered.
async fn deploy(persona: &Persona, agent: &str, gateway: &str) -> Value {
    let body = json!({"gateway_id": gateway});
    let reply = persona.post(&format!("/api/v1/agents/{agent}/deploy"), &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["status"], "queued");
    reply.json()
}

/// Waits until the record at this path has the status; the record.
async fn until(persona: &Persona, path: &str, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let record = persona.get(path).await.json();
        if record["status"] == status {
            return record;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{status} is awaited: {record}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn job(queued: &Value) -> String {
    format!("/api/v1/jobs/{}", queued["job_id"].as_str().unwrap())
}

fn deployment(queued: &Value) -> String {
    format!("/api/v1/deployments/{}", queued["deployment_id"].as_str().unwrap())
}

#[test]
fn a_published_agent_is_deployed_answers_under_its_hash_and_is_stopped() {
    run_with(options(), async |app| {
        let (folder, acme) = (Folder::new(), app.organisation("studio", "acme").await);
        let running = Setup::default().start(&folder).await;
        let gateway = gateway(&acme, &running.caller.url, "staging").await;
        let developer = acme.role("developer");
        let agent = published(developer).await;
        let queued = deploy(developer, &agent, &gateway).await;
        until(developer, &job(&queued), "succeeded").await;
        let active = until(developer, &deployment(&queued), "active").await;
        assert_eq!(active["registration_id"], queued["deployment_id"]);

        let answered = running.caller.invoke(agent.parse().unwrap(), json!({"name": "Ada"})).await;
        assert_eq!(answered.body["output"]["greeting"], "Good morning, Ada.", "{}", answered.body);
        assert_eq!(answered.body["version_hash"], active["version_hash"]);

        // The gateway and the agent stay while it runs.
        let owner = acme.role("org_owner");
        let gone = owner.delete(&format!("/api/v1/gateways/{gateway}")).await;
        assert_eq!(gone.problem(), "409 gateway_in_use");
        let gone = owner.delete(&format!("/api/v1/agents/{agent}")).await;
        assert_eq!(gone.problem(), "409 agent_deployed");

        let stop = format!("{}/stop", deployment(&queued));
        let stopping = owner.post(&stop, &json!({})).await;
        assert_eq!(stopping.status, 200, "{}", stopping.text);
        until(owner, &deployment(&queued), "stopped").await;
        let answered = running.caller.invoke(agent.parse().unwrap(), json!({"name": "Ada"})).await;
        assert_eq!(answered.status, 404, "{}", answered.body);
        // Once more, in case the gateway has it all the same.
        let again = owner.post(&stop, &json!({})).await;
        until(owner, &job(&again.json()), "succeeded").await;
        assert_eq!(owner.get(&deployment(&queued)).await.json()["status"], "stopped");
        running.stop().await;
    });
}

#[test]
fn the_later_of_two_deployments_stays_and_the_earlier_is_superseded() {
    run_with(options(), async |app| {
        let (folder, acme) = (Folder::new(), app.organisation("studio", "acme").await);
        let running = Setup::default().start(&folder).await;
        let gateway = gateway(&acme, &running.caller.url, "staging").await;
        let developer = acme.role("developer");
        let agent = published(developer).await;
        let first = deploy(developer, &agent, &gateway).await;
        until(developer, &deployment(&first), "active").await;
        publish(developer, &agent, "Good evening, {{input.name}}.").await;
        let second = deploy(developer, &agent, &gateway).await;
        until(developer, &deployment(&second), "active").await;
        let gone = until(developer, &deployment(&first), "superseded").await;
        assert_eq!(gone["invoke_url"], Value::Null, "it answers nowhere: {gone}");
        let stop = format!("{}/stop", deployment(&first));
        let late = acme.role("org_owner").post(&stop, &json!({})).await;
        assert_eq!(late.problem(), "409 deployment_superseded");
        let answered = running.caller.invoke(agent.parse().unwrap(), json!({"name": "Ada"})).await;
        assert_eq!(answered.body["output"]["greeting"], "Good evening, Ada.");
        // And back: the earlier version, deployed anew.
        let body = json!({"gateway_id": gateway, "version": 1});
        let back = developer.post(&format!("/api/v1/agents/{agent}/deploy"), &body).await.json();
        let active = until(developer, &deployment(&back), "active").await;
        assert_eq!(active["version_number"], 1);
        running.stop().await;
    });
}

#[test]
fn j13_of_many_deployments_at_once_one_is_active_here_and_there() {
    run_with(options(), async |app| {
        let (folder, acme) = (Folder::new(), app.organisation("studio", "acme").await);
        let running = Setup::default().start(&folder).await;
        let gateway = gateway(&acme, &running.caller.url, "staging").await;
        let developer = acme.role("developer");
        let agent = published(developer).await;
        let all: Vec<_> = (0..8).map(|_| deploy(developer, &agent, &gateway)).collect();
        let all = futures::future::join_all(all).await;
        for queued in &all {
            until(developer, &job(queued), "succeeded").await;
        }
        let list = developer.get(&format!("/api/v1/deployments?agent_id={agent}")).await.json();
        let list = list.as_array().unwrap();
        let (active, rest): (Vec<_>, Vec<_>) = list.iter().partition(|d| d["status"] == "active");
        assert_eq!((active.len(), rest.len()), (1, 7), "{list:?}");
        assert!(rest.iter().all(|d| d["status"] == "superseded"), "{list:?}");
        let newest = list.iter().map(|d| d["sequence"].as_i64().unwrap()).max();
        assert_eq!(active[0]["sequence"].as_i64(), newest);
        running.stop().await;
    });
}

#[test]
fn j12_who_may_no_longer_deploy_when_the_job_runs_deploys_nothing() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        // A gateway that fails until the person has lost the right, and would then take it.
        let open = Arc::new(AtomicUsize::new(503));
        let says = open.clone();
        let target = Target::answering(move |_| {
            let status = u16::try_from(says.load(Ordering::SeqCst)).unwrap();
            let body = response(status, "application/json", r#"{"id":"r1"}"#);
            Box::pin(async move { body })
        })
        .await;
        let gateway = gateway(&acme, &target.url, "staging").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let agent = published(developer).await;
        let queued = deploy(developer, &agent, &gateway).await;
        until(developer, &deployment(&queued), "deploying").await;
        let account = format!("/auth/users/{}", developer.id);
        assert_eq!(owner.patch(&account, &json!({"role": "viewer"})).await.status, 200);
        open.store(201, Ordering::SeqCst);
        let failed = until(owner, &job(&queued), "failed").await;
        assert_eq!(failed["last_error"]["code"], "forbidden", "{failed}");
        let left = until(owner, &deployment(&queued), "failed").await;
        assert_eq!(left["registration_id"], Value::Null);
    });
}

#[test]
fn a_policy_keeps_developers_from_production_after_hours_and_says_so() {
    let (clock, hand) = Clock::movable("2026-11-23T17:50:00Z".parse().unwrap());
    run_with(Options { clock, ..options() }, async |app| {
        let acme = app.organisation("studio", "acme").await;
        let target = Target::saying(201, "application/json", r#"{"id":"r1"}"#).await;
        let production = gateway(&acme, &target.url, "production").await;
        let staging = gateway(&acme, &target.url, "staging").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let agent = published(developer).await;
        let no = json!({"name": "No production at night", "effect": "deny", "resource": "agent", "actions": ["deploy"],
            "conditions": [{"field": "user.role", "operator": "eq", "value": "developer"},
                           {"field": "resource.environment", "operator": "eq", "value": "production"},
                           {"field": "context.hour", "operator": "gte", "value": 18}]});
        let reply = owner.post("/api/v1/policies", &no).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let queued = deploy(developer, &agent, &production).await;
        until(developer, &deployment(&queued), "active").await;
        hand.set("2026-11-23T18:00:00Z".parse().unwrap());
        let path = format!("/api/v1/agents/{agent}/deploy");
        let refused = developer.post(&path, &json!({"gateway_id": production})).await;
        assert_eq!(refused.problem(), "403 denied_by_policy");
        assert_eq!(refused.json()["detail"], "Access denied by policy");
        assert_eq!(refused.json()["policies"][0]["name"], "No production at night");
        assert_eq!(target.connections(), 1);
        deploy(developer, &agent, &staging).await;
        deploy(owner, &agent, &production).await;
        // A gateway that is not there is no way around it.
        let nowhere = developer.post(&path, &json!({"gateway_id": agent})).await;
        assert_eq!(nowhere.problem(), "404 not_found");
        let wrong = developer.post(&path, &json!({"gateway_id": 5})).await;
        assert_eq!((wrong.status, wrong.fields()), (422, vec!["body.gateway_id".to_owned()]));
        assert_eq!(developer.post(&path, &json!({})).await.status, 422);
    });
}

#[test]
fn a_gateway_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let agent = published(developer).await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let busy = Target::answering(move |_| {
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            let body = match first {
                true => "HTTP/1.1 503 X\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into(),
                false => response(201, "application/json", r#"{"id":"r1"}"#),
            };
            Box::pin(async move { body })
        })
        .await;
        let gateway_id = gateway(&acme, &busy.url, "staging").await;
        let queued = deploy(developer, &agent, &gateway_id).await;
        until(developer, &deployment(&queued), "active").await;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let request = &busy.requests()[1];
        assert!(request.head.contains(&format!("Bearer {SECRET}")), "{}", request.head);
        assert_eq!(request.json()["agent_id"], agent);

        let closed = Target::saying(401, "application/json", "{}").await;
        let gateway_id = gateway(&acme, &closed.url, "staging").await;
        let queued = deploy(developer, &agent, &gateway_id).await;
        let failed = until(developer, &deployment(&queued), "failed").await;
        assert!(failed["error"].as_str().unwrap().contains("secret"), "{failed}");
        assert_eq!(closed.connections(), 1);

        // J05: it sends elsewhere, where nobody goes.
        let inner = Target::saying(201, "application/json", r#"{"id":"r1"}"#).await;
        let moved = format!(
            "HTTP/1.1 307 X\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            inner.url
        );
        let away = Target::raw(moved).await;
        let gateway_id = gateway(&acme, &away.url, "staging").await;
        let queued = deploy(developer, &agent, &gateway_id).await;
        until(developer, &deployment(&queued), "failed").await;
        assert_eq!(inner.connections(), 0);
    });
}

#[test]
fn j04_an_address_that_may_no_longer_be_called_is_not_called() {
    run_with(Options::default(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let agent = published(developer).await;
        let target = Target::saying(201, "application/json", r#"{"id":"r1"}"#).await;
        // A server whose operator allowed loopback, and does no longer.
        let lenient = app.add_replica(&options()).await;
        let owner = acme.role("org_owner").at(app.url(lenient));
        let body =
            json!({"name": "inner", "url": target.url, "environment": "staging", "secret": SECRET});
        let gateway = owner.post("/api/v1/gateways", &body).await.id();
        app.stop_newest_replica().await;
        let queued = deploy(developer, &agent, &gateway).await;
        let failed = until(developer, &job(&queued), "failed").await;
        assert_eq!(failed["last_error"]["code"], "gateway_unreached", "{failed}");
        assert_eq!(target.connections(), 0);
        until(developer, &deployment(&queued), "failed").await;
    });
}

#[test]
fn j01_a_refused_deployment_leaves_neither_a_job_nor_a_record() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let gateway = gateway(&acme, "https://gateway.example.org", "staging").await;
        let draft = agent(developer).await;
        let path = format!("/api/v1/agents/{draft}/deploy");
        let refused = developer.post(&path, &json!({"gateway_id": gateway})).await;
        assert_eq!(refused.problem(), "409 not_published");
        let disabled = json!({"status": "disabled"});
        acme.role("org_owner").patch(&format!("/api/v1/gateways/{gateway}"), &disabled).await;
        publish(developer, &draft, "{{input.name}}").await;
        let refused = developer.post(&path, &json!({"gateway_id": gateway})).await;
        assert_eq!(refused.problem(), "409 gateway_disabled");
        assert_eq!(left(app).await, ["0"]);
    });
}

async fn left(app: &TestApp) -> Vec<String> {
    let count = "select (select count(*) from studio.deployment) + (select count(*) from kernel.job where kind like 'studio.%')";
    app.ask(count).await
}

#[test]
fn a_gateway_or_an_agent_that_was_taken_out_of_use_meanwhile_gets_nothing() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        for (path, change) in [("gateways", "disabled"), ("agents", "archived")] {
            let busy = Arc::new(AtomicUsize::new(503));
            let says = busy.clone();
            let target = Target::answering(move |_| {
                let status = u16::try_from(says.load(Ordering::SeqCst)).unwrap();
                let body = response(status, "application/json", r#"{"id":"r1"}"#);
                Box::pin(async move { body })
            })
            .await;
            let gateway = gateway(&acme, &target.url, "staging").await;
            let agent = published(developer).await;
            let queued = deploy(developer, &agent, &gateway).await;
            until(developer, &deployment(&queued), "deploying").await;
            let record = if path == "gateways" { &gateway } else { &agent };
            let reply =
                owner.patch(&format!("/api/v1/{path}/{record}"), &json!({"status": change})).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            busy.store(201, Ordering::SeqCst);
            let failed = until(developer, &deployment(&queued), "failed").await;
            assert_eq!(failed["registration_id"], Value::Null, "{failed}");
        }
    });
}

#[test]
fn what_is_cancelled_while_the_gateway_takes_it_is_taken_off_again() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let (asked, hear) = tokio::sync::mpsc::unbounded_channel();
        let (go, gone) = tokio::sync::watch::channel(false);
        let target = Target::answering(move |request| {
            let (asked, mut gone) = (asked.clone(), gone.clone());
            Box::pin(async move {
                asked.send(request.line().to_owned()).unwrap();
                let _open = gone.wait_for(|go| *go).await;
                response(201, "application/json", r#"{"id":"r1"}"#)
            })
        })
        .await;
        let mut hear = hear;
        let gateway = gateway(&acme, &target.url, "staging").await;
        let agent = published(developer).await;
        let queued = deploy(developer, &agent, &gateway).await;
        assert!(hear.recv().await.unwrap().starts_with("PUT"));
        let cancel = owner.post(&format!("{}/cancel", job(&queued)), &json!({})).await;
        assert_eq!(cancel.status, 200, "{}", cancel.text);
        go.send(true).unwrap();
        assert!(hear.recv().await.unwrap().starts_with("DELETE"));
        until(developer, &deployment(&queued), "stopped").await;
    });
}

#[test]
fn who_stops_a_deployment_twice_wants_one_job_and_it_is_stopped_whoever_cancels_that() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (owner, developer) = (acme.role("org_owner"), acme.role("developer"));
        let (asked, mut hear) = tokio::sync::mpsc::unbounded_channel();
        let (go, gone) = tokio::sync::watch::channel(false);
        let target = Target::answering(move |request| {
            let (asked, mut gone) = (asked.clone(), gone.clone());
            Box::pin(async move {
                if request.line().starts_with("DELETE") {
                    asked.send(()).unwrap();
                    let _open = gone.wait_for(|go| *go).await;
                    return response(204, "application/json", "");
                }
                response(201, "application/json", r#"{"id":"r1"}"#)
            })
        })
        .await;
        let gateway = gateway(&acme, &target.url, "staging").await;
        let agent = published(developer).await;
        let queued = deploy(developer, &agent, &gateway).await;
        until(developer, &deployment(&queued), "active").await;
        let stop = format!("{}/stop", deployment(&queued));
        let first = owner.post(&stop, &json!({})).await.json();
        hear.recv().await.unwrap();
        assert_eq!(owner.post(&stop, &json!({})).await.json(), first, "one job");
        let cancel = owner.post(&format!("{}/cancel", job(&first)), &json!({})).await;
        assert_eq!(cancel.status, 200, "{}", cancel.text);
        go.send(true).unwrap();
        // It is off the gateway, and that is on record whatever became of the job.
        until(developer, &deployment(&queued), "stopped").await;
        until(owner, &job(&first), "cancelled").await;
    });
}

#[test]
fn j10_a_gateway_that_says_its_secret_aloud_is_not_repeated() {
    run_with(options(), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let agent = published(developer).await;
        let body = format!(r#"{{"code":"Bearer{SECRET}"}}"#);
        let target = Target::saying(400, "application/json", &body).await;
        let gateway = gateway(&acme, &target.url, "staging").await;
        let queued = deploy(developer, &agent, &gateway).await;
        until(developer, &deployment(&queued), "failed").await;
        let said = format!("select e::text from audit.entry e where e::text like '%{SECRET}%'");
        assert_eq!(app.ask(&said).await, Vec::<String>::new());
        let kept = format!("select j::text from kernel.job j where j::text like '%{SECRET}%'");
        assert_eq!(app.ask(&kept).await, Vec::<String>::new());
    });
}
