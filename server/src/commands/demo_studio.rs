//! The demo's organization of developers: a gateway beside the server, a rule, and an agent that was drawn,
//! published and is deployed by a job as soon as the demo is served.

use std::{future::Future, net::SocketAddr, sync::Arc};

use gateway::{Bearer, Gateway};
use kernel::{
    Clock, Core,
    authz::Operator,
    http::{Problem, Route},
};
use outbound::Allowed;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use studio::{canvas, permissions::UpdateAgent};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{Failure, demo_requests::field, show};
use crate::settings::Settings;

/// The demo's gateway, as it is kept: where it listens, what it is shown, and what runs on it.
#[derive(Serialize, Deserialize)]
pub struct DemoGateway {
    address: SocketAddr,
    secret: String,
    /// What is deployed to it, once it was loaded.
    pub agent: Option<String>,
}

/// Opens the gateway where it was before; it serves as long as the future is awaited.
///
/// # Errors
/// Its address is taken, or its folder cannot be used.
pub async fn open(
    settings: &Settings,
    kept: &mut Option<DemoGateway>,
) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let clock = Clock::default();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let before = kept.as_ref().map_or(anywhere, |gateway| gateway.address);
    let listener = TcpListener::bind(before).await?;
    let address = listener.local_addr()?;
    let random = kernel::random_bytes().map_err(|e| Failure::Usage(e.to_string()))?;
    let secret = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let known = kept.get_or_insert(DemoGateway { address, secret, agent: None });
    let short = || Failure::Usage("the secret of the demo's gateway is too short".to_owned());
    let gateway = Gateway::open(
        gateway::Settings {
            secret: Bearer::new(&known.secret).ok_or_else(short)?,
            invoke_secret: None,
            folder: settings.data.join("gateway"),
            url: format!("http://{address}"),
            model: None,
            allowed: Allowed::default(),
            limits: gateway::Limits::default(),
        },
        clock,
    )?;
    Ok(gateway.serve(listener, std::future::pending()))
}

impl DemoGateway {
    /// Prints how to ask the agent.
    pub fn introduce(&self) {
        let Self { address, secret, agent: Some(agent) } = self else { return };
        show::line(&format!(
            "
  # what is deployed at Acme Agents answers on the demo's gateway, http://{address}
  curl -s http://{address}/v1/agents/{agent}/invoke -H 'Authorization: Bearer {secret}' \\
    -H 'Content-Type: application/json' -d '{{\"input\":{{\"question\":\"When do you open?\",\"urgent\":false}}}}'"
        ));
    }
}

/// Loads the organization.
pub struct Loader<'a> {
    operator: Operator,
    routes: &'a [Route],
    gateway: &'a DemoGateway,
}

impl<'a> Loader<'a> {
    pub fn new(
        core: &Arc<Core>,
        routes: &'a [Route],
        tenant: Uuid,
        gateway: &'a DemoGateway,
    ) -> Self {
        let run = Clock::default().new_id();
        Self { operator: Operator::new(core, tenant, run, "reeve demo"), routes, gateway }
    }

    /// Loads all of it, as its owner and its developer; the agent's id. What an interrupted start left is left as it
    /// is.
    ///
    /// # Errors
    /// A refusal that the demo did not expect, in words.
    pub async fn load(&self) -> Result<String, Failure> {
        let known = self.send(&self.operator, "GET /api/v1/agents", "", &Value::Null).await?;
        if let Some(agent) = known.as_array().and_then(|known| known.first()) {
            return Ok(field(agent, "id"));
        }
        let (owner, developer) = (self.person("org_owner").await?, self.person("developer").await?);
        let url = format!("http://{}", self.gateway.address);
        let gateway = json!({"name": "Front desk", "url": url, "environment": "production",
                             "secret": self.gateway.secret});
        let gateway = self.send(&owner, "POST /api/v1/gateways", "", &gateway).await?;
        let night = json!({
            "name": "Developers leave production alone after hours",
            "description": "From 18:00 on, UTC.", "effect": "deny", "resource": "agent", "actions": ["deploy"],
            "conditions": [
                {"field": "user.role", "operator": "eq", "value": "developer"},
                {"field": "resource.environment", "operator": "eq", "value": "production"},
                {"field": "context.hour", "operator": "gte", "value": 18},
            ],
        });
        self.send(&owner, "POST /api/v1/policies", "", &night).await?;
        let agent = json!({"name": "Front desk", "description": "Answers what people ask."});
        let agent = self.send(&developer, "POST /api/v1/agents", "", &agent).await?;
        let agent = field(&agent, "id");
        self.draw(&developer, &agent).await?;
        let note = json!({"note": "As it was drawn."});
        self.send(&developer, "POST /api/v1/agents/{id}/versions", &agent, &note).await?;
        let to = json!({"gateway_id": field(&gateway, "id")});
        self.send(&owner, "POST /api/v1/agents/{id}/deploy", &agent, &to).await?;
        Ok(agent)
    }

    /// Draws the example on the agent's canvas, a node or an edge at a time.
    async fn draw(&self, developer: &Operator, agent: &str) -> Result<(), Failure> {
        let act = developer.authorize::<UpdateAgent>();
        let agent: Uuid = agent.parse().map_err(|_| Failure::Usage("an agent has an id".into()))?;
        let drawn: Value = serde_json::from_str(workflow::EXAMPLE)
            .map_err(|e| Failure::Usage(format!("the example: {e}")))?;
        let each = |list: &str, kind: &'static str, member: &'static str| {
            let all = drawn.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
            all.into_iter().map(move |one| json!({"type": kind, member: one}))
        };
        let nodes = each("nodes", "node.put", "node");
        for operation in nodes.chain(each("edges", "edge.put", "edge")) {
            canvas::draw(&act, agent, operation).await.map_err(|p| unexpected("drawing", &p))?;
        }
        Ok(())
    }

    /// The one of this role, at work.
    async fn person(&self, role: &str) -> Result<Operator, Failure> {
        let people = self.send(&self.operator, "GET /auth/users", "", &Value::Null).await?;
        let list = people.get("items").unwrap_or(&people).as_array().cloned().unwrap_or_default();
        let found = list.iter().find(|person| field(person, "role") == role);
        let id = found.and_then(|person| field(person, "id").parse().ok());
        let id = id.ok_or_else(|| Failure::Usage(format!("the demo has no {role}")))?;
        self.operator.acting_as(id).await.map_err(|p| unexpected("acting as somebody", &p))
    }

    async fn send(
        &self,
        who: &Operator,
        name: &str,
        id: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let route = self.routes.iter().find(|route| route.name == name);
        let route = route.ok_or_else(|| Failure::Registry(format!("there is no {name}")))?;
        who.call(route, id, body).await.map_err(|problem| unexpected(name, &problem))
    }
}

fn unexpected(what: &str, problem: &Problem) -> Failure {
    Failure::Usage(format!("{what}: {}", problem.detail))
}
