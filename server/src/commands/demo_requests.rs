//! What the demo's loaders ask of a module's own routes, as of any time that has passed, so that every gate
//! and the ledger saw what they load.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use kernel::{Clock, Core, authz::Operator, http::Route};
use serde_json::Value;
use uuid::Uuid;

use super::Failure;

/// Requests in flight at once.
pub const AT_ONCE: usize = 8;

/// The routes, for one organisation.
pub struct Requests<'a> {
    core: &'a Arc<Core>,
    tenant: Uuid,
    routes: HashMap<&'static str, &'a Route>,
    /// When the loading began.
    pub now: Timestamp,
}

impl<'a> Requests<'a> {
    pub fn new(core: &'a Arc<Core>, routes: &'a [Route], tenant: Uuid) -> Self {
        let routes = routes.iter().map(|route| (route.name, route)).collect();
        Self { core, tenant, routes, now: core.clock.now() }
    }

    /// Of which organisation.
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// One request as of when the loading began: the body of its answer.
    ///
    /// # Errors
    /// A refusal that the demo did not expect, in words.
    pub async fn send(&self, route: &str, id: &str, body: &Value) -> Result<Value, Failure> {
        self.send_at(self.now, route, id, body).await
    }

    /// One request as of a time that has passed.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_at(
        &self,
        at: Timestamp,
        route: &str,
        id: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        self.send_in(Clock::default().new_id(), at, route, id, body).await
    }

    /// The same in a run of this id, which is who asks where it matters.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_in(
        &self,
        run: Uuid,
        at: Timestamp,
        route: &str,
        id: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let known = self.routes.get(route);
        let known = known.ok_or_else(|| Failure::Registry(format!("there is no {route}")))?;
        let operator = Operator::at(self.core, self.tenant, run, "reeve demo", Clock::fixed(at));
        let answer = operator.call(known, id, body).await;
        answer.map_err(|problem| Failure::Usage(format!("{route}: {}", problem.detail)))
    }

    /// Makes a record: its id.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn create(&self, route: &str, body: &Value) -> Result<String, Failure> {
        self.create_at(self.now, route, "", body).await
    }

    /// The same as of a time that has passed.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn create_at(
        &self,
        at: Timestamp,
        route: &str,
        id: &str,
        body: &Value,
    ) -> Result<String, Failure> {
        Ok(field(&self.send_at(at, route, id, body).await?, "id"))
    }

    /// What time it is now, after what was loaded so far.
    pub fn later(&self) -> Timestamp {
        self.core.clock.now()
    }
}

/// A text of an answer.
pub fn field(answer: &Value, name: &str) -> String {
    answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
