//! What the database is told about a transaction: whose rows, who acts, why, from where.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Bound, Done};
use crate::statements;

/// Who acts. Sent to the ledger as it stands; no request can name another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// An API key, by its id.
    ApiKey(Uuid),
    /// A person, by the account's id.
    User(Uuid),
    /// A person at the command line of the server's machine; the id is the run's.
    Operator(Uuid),
    /// The server itself (housekeeping, the demo's loader); the id is the process's.
    System(Uuid),
    /// Nobody known: a refused credential.
    Anonymous,
}

impl Actor {
    pub fn kind(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api_key",
            Self::User(_) => "user",
            Self::Operator(_) => "operator",
            Self::System(_) => "system",
            Self::Anonymous => "anonymous",
        }
    }

    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::ApiKey(id) | Self::User(id) | Self::Operator(id) | Self::System(id) => Some(id),
            Self::Anonymous => None,
        }
    }
}

/// The request's own part of the context.
#[derive(Clone, Debug)]
pub struct Origin {
    pub request_id: Uuid,
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
    /// Why somebody looks at what is another organisation's (FHIR AuditEvent.purposeOfEvent).
    pub purpose_of_event: Option<String>,
}

impl Origin {
    /// For work that no request asked for: the request id is the run's own.
    pub fn internal(request_id: Uuid) -> Self {
        Self { request_id, address: None, user_agent: None, purpose_of_event: None }
    }
}

/// As which role a transaction works, and the setting that this role's policies and views read.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// As the server's own.
    Own,
    /// As `reeve_owner`, for an operator.
    Owner,
    /// As `reeve_search`, which sees the rows that match.
    Search(&'a Value),
    /// As `reeve_deid`, which sees the views of the schema `deid`.
    Deidentified(&'a Value),
    /// As a slice, which sees the views of its own schema.
    Slice(&'static str),
}

impl<'a> Scope<'a> {
    fn role(self) -> &'static str {
        match self {
            Self::Own => "none",
            Self::Owner => "reeve_owner",
            Self::Search(_) => "reeve_search",
            Self::Deidentified(_) => "reeve_deid",
            Self::Slice(role) => role,
        }
    }

    fn setting(self) -> Option<&'a Value> {
        match self {
            Self::Own | Self::Owner | Self::Slice(_) => None,
            Self::Search(setting) | Self::Deidentified(setting) => Some(setting),
        }
    }
}

/// The context of one transaction.
pub(crate) struct Context<'a> {
    pub(crate) tenant: Uuid,
    pub(crate) actor: Actor,
    pub(crate) permission: &'static str,
    pub(crate) origin: &'a Origin,
    pub(crate) scope: Scope<'a>,
    /// By which time the transaction decides (`kernel.now()`); the database's own when there is none.
    pub(crate) now: Option<Timestamp>,
}

impl Context<'_> {
    pub(crate) fn bound(&self) -> Bound<Done> {
        set_context(
            self.tenant,
            self.actor.kind(),
            self.actor.id(),
            self.permission,
            self.origin.request_id,
            self.origin.address.map(|a| a.to_string()),
            self.origin.user_agent.clone(),
            self.scope.setting().map(ToString::to_string),
            self.scope.role(),
            self.now.map(|now| now.to_string()),
            self.origin.purpose_of_event.clone(),
        )
    }
}

statements! {
    /// Everything a transaction must know, for this transaction only (`true` is SET LOCAL).
    fn set_context(tenant: Uuid, actor_kind: &'static str, actor: Option<Uuid>, permission: &'static str,
                   request: Uuid, address: Option<String>, user_agent: Option<String>,
                   search: Option<String>, role: &'static str, now: Option<String>,
                   purpose_of_event: Option<String>) -> Done
        = "select 11 = num_nonnulls(
                  set_config('app.tenant_id', $1::uuid::text, true),
                  set_config('app.actor_kind', $2::text, true),
                  set_config('app.actor_id', coalesce($3::uuid::text, ''), true),
                  set_config('app.permission', $4::text, true),
                  set_config('app.request_id', $5::uuid::text, true),
                  set_config('app.address', coalesce($6::text, ''), true),
                  set_config('app.user_agent', coalesce($7::text, ''), true),
                  set_config('app.search', coalesce($8::text, ''), true),
                  set_config('app.now', coalesce($10::text, ''), true),
                  set_config('app.purpose_of_event', coalesce($11::text, ''), true),
                  set_config('role', $9::text, true)) as done";
}
