//! An operator at the command line, who works through the same handlers, gates and ledger as requests.

use std::{marker::PhantomData, sync::Arc};

use serde_json::Value;
use uuid::Uuid;

use super::{Authorized, Caller, Governed, Permission};
use crate::{
    core::{Clock, Core},
    db::{Actor, Origin},
    http::{Incoming, Problem, Route},
    identity::recall,
};

/// An operator at the command line, at work for one tenant. Only who starts the server has a
/// [`Core`] to make one from; handlers do not.
pub struct Operator {
    governed: Arc<Governed>,
}

impl Operator {
    /// `run` names this run of the command in the ledger; `command` is what it is.
    pub fn new(core: &Arc<Core>, tenant: Uuid, run: Uuid, command: &'static str) -> Self {
        Self::at(core, tenant, run, command, core.clock.clone())
    }

    /// The same by another clock, to load what happened long ago. The ledger keeps the real time.
    pub fn at(
        core: &Arc<Core>,
        tenant: Uuid,
        run: Uuid,
        command: &'static str,
        clock: Clock,
    ) -> Self {
        let caller = Caller { tenant, actor: Actor::Operator(run), ..Caller::anonymous() };
        let governed = Governed {
            core: core.clone(),
            caller,
            origin: Origin::internal(run),
            route: command,
            realm: None,
            above: None,
            slice: None,
            if_match: None,
            idempotency: None,
            call: None,
            clock,
            counted: Arc::default(),
        };
        Self { governed: Arc::new(governed) }
    }

    /// The same at work for somebody of the tenant, as whom everything is then asked and written.
    ///
    /// # Errors
    /// There is no such account, or it is good no more.
    pub async fn acting_as(&self, account: Uuid) -> Result<Self, Problem> {
        let Governed { core, origin, caller, .. } = &*self.governed;
        let known = recall(core, origin, caller.tenant, Actor::User(account)).await;
        let caller = known.map_err(|refused| *refused.problem)?;
        Ok(Self { governed: Arc::new(Governed { caller, ..(*self.governed).clone() }) })
    }

    /// The right to do `P`: whoever may run the command may do it, and the ledger names the run.
    pub fn authorize<P: Permission>(&self) -> Authorized<P> {
        Authorized { governed: self.governed.clone(), permission: PhantomData }
    }

    /// Does what a request to this route would do, with this record in its path and this JSON as its
    /// body; the answer's body.
    ///
    /// # Errors
    /// What a request would be answered.
    pub async fn call(&self, route: &Route, id: &str, body: &Value) -> Result<Value, Problem> {
        let incoming = Incoming::json(id, body);
        let governed = Governed { realm: route.realm, ..(*self.governed).clone() };
        let encoded = (route.handler)(Arc::new(governed), &incoming).await?;
        match encoded.body.is_empty() {
            true => Ok(Value::Null),
            false => serde_json::from_slice(&encoded.body).map_err(Problem::internal),
        }
    }
}
