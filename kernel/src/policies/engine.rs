//! The policies of a tenant, compiled and kept, and the two questions put to them: may this request
//! go on, and what would you say.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use policy::{
    Circumstances, Decision, Determining, Effect, PolicySet, Question, Reason, Role, Rule, Subject,
    Vocabulary, When,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sql::{self, PolicyRow};
use crate::{
    authz::{Answer, Attributes, Authorized, Committed, Governed, Permission, Writes},
    db::{Bound, Row},
    http::{Problem, Route},
    jobs::Task,
    row,
};

row! {
    /// What is known of a resource, as its kind's vocabulary has it. Says nothing about a person.
    pub struct AttributesRow { attributes: Value }
}

/// The compiled policies of the tenants that were asked about lately.
#[derive(Default)]
pub(crate) struct Policies {
    sets: RwLock<HashMap<Uuid, Arc<PolicySet>>>,
}

impl Policies {
    /// Forgets the tenants in `changed`.
    pub(crate) fn forget(&self, changed: &HashSet<Uuid>) {
        if !changed.is_empty() {
            let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
            sets.retain(|tenant, _| !changed.contains(tenant));
        }
    }

    async fn of(&self, governed: &Governed) -> Result<Arc<PolicySet>, Problem> {
        let tenant = governed.caller.tenant;
        let known = self.sets.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        if let Some(set) = known {
            return Ok(set);
        }
        let rows = governed.run("policy:read", &sql::list_policies()).await?;
        let rules: Vec<Rule> = rows.into_iter().map(rule).collect();
        // A stored rule that no longer compiles denies what it was about: closed, not open.
        let set = Arc::new(PolicySet::of(governed.core.vocabulary.restore(&rules)));
        self.sets.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, set.clone());
        Ok(set)
    }
}

/// A stored policy as the engine reads it.
pub(super) fn rule(row: PolicyRow) -> Rule {
    Rule {
        id: row.id,
        name: row.name,
        effect: if row.effect == "deny" { Effect::Deny } else { Effect::Allow },
        resource: row.resource,
        actions: row.actions,
        when: match (row.cedar, row.conditions) {
            (Some(cedar), _) => When::Cedar(cedar),
            (None, Some(Value::Array(conditions))) => When::Conditions(conditions),
            (None, _) => When::Conditions(vec![]),
        },
    }
}

/// Whether the tenant's policies let this request on. The permission was checked before.
///
/// A request on one resource is judged by what the database knows of it. One that makes or changes a resource is
/// judged by what it made, before that is committed, and a list shows what is let through: see
/// [`Authorized::admitted`].
///
/// # Errors
/// 403 `Access denied by policy` (Z-014); 404 where there is no such resource.
pub(crate) async fn admit(
    governed: &Governed,
    route: &Route,
    id: Option<&str>,
    body: &[u8],
) -> Result<(), Problem> {
    let Some(attributes) = route.attributes.filter(|_| governed.narrows()) else { return Ok(()) };
    let Some(id) = id else { return Ok(()) };
    let id: Uuid = id.parse().map_err(|_| Problem::not_found())?;
    let find = match attributes {
        Attributes::Of(find) => find(id),
        Attributes::With(member, find) => find(id, named(&crate::http::parse_json(body)?, member)?),
    };
    let attributes = find_attributes(governed, route.permission, &find).await?;
    let decision = governed.decide(route.permission, &id.to_string(), &attributes).await?;
    if decision.allowed { Ok(()) } else { Err(denied(route.permission, &decision)) }
}

/// The record that a member of a body names.
fn named(body: &Value, member: &str) -> Result<Uuid, Problem> {
    let named = body.get(member).and_then(Value::as_str).and_then(|id| id.parse().ok());
    named.ok_or_else(|| Problem::field(&["body", member], "uuid", "give the id of a record"))
}

/// The same for a job that is about to run: judged by its record, or by what it was told where it has none.
///
/// # Errors
/// As [`admit`].
pub(crate) async fn admit_job(
    governed: &Governed,
    task: &Task,
    record: Option<Uuid>,
    payload: &Value,
) -> Result<(), Problem> {
    let Some(attributes) = task.attributes.filter(|_| governed.narrows()) else { return Ok(()) };
    let attributes = match (record, payload) {
        (Some(id), _) => {
            let find = match attributes {
                Attributes::Of(find) => find(id),
                Attributes::With(member, find) => find(id, named(payload, member)?),
            };
            find_attributes(governed, task.permission, &find).await?
        }
        (None, Value::Object(members)) => members.clone(),
        (None, _) => Map::new(),
    };
    let id = record.map_or_else(|| "new".to_owned(), |id| id.to_string());
    let decision = governed.decide(task.permission, &id, &attributes).await?;
    if decision.allowed { Ok(()) } else { Err(denied(task.permission, &decision)) }
}

/// Whether the tenant's policies let the caller do `P` to this record now, apart from any request of its own.
///
/// # Errors
/// As [`admit`].
pub(crate) async fn admit_to<P: Permission>(governed: &Governed, id: Uuid) -> Result<(), Problem> {
    let Some(attributes) = P::ATTRIBUTES.filter(|_| governed.narrows()) else { return Ok(()) };
    let Attributes::Of(find) = attributes else {
        return Err(Problem::internal("a permission about two records needs a body"));
    };
    let attributes = find_attributes(governed, P::NAME, &find(id)).await?;
    let decision = governed.decide(P::NAME, &id.to_string(), &attributes).await?;
    if decision.allowed { Ok(()) } else { Err(denied(P::NAME, &decision)) }
}

async fn find_attributes(
    governed: &Governed,
    permission: &'static str,
    find: &Bound<AttributesRow>,
) -> Result<Map<String, Value>, Problem> {
    let row = governed.run(permission, find).await?.into_iter().next();
    match row.ok_or_else(Problem::not_found)?.attributes {
        Value::Object(members) => Ok(members),
        _ => Err(Problem::internal("attributes are a JSON object")),
    }
}

/// The one refusal of policies; the ledger and the log say which kind it was.
fn denied(permission: &'static str, decision: &Decision) -> Problem {
    if let Reason::Error { policies, attributes } = &decision.reason {
        tracing::warn!(?policies, ?attributes, "a policy could not be evaluated: refused");
    }
    let code = decision.reason.code();
    let deciding: Vec<_> = deciding(decision).collect();
    Problem::new(403, code, "Access denied by policy")
        .refusing(permission)
        .with("policies", serde_json::json!(deciding))
}

/// The policies that decided, for who asks why.
fn deciding(decision: &Decision) -> impl Iterator<Item = DecidingPolicy> {
    let name = |effect| if effect == Effect::Deny { "deny" } else { "allow" };
    let view = move |p: &Determining| DecidingPolicy {
        id: p.id,
        name: p.name.to_string(),
        effect: name(p.effect),
    };
    decision.determining.iter().map(view)
}

impl Governed {
    /// Whether this request's realm narrows its roles by policies.
    fn narrows(&self) -> bool {
        self.core.realm(self.caller.realm).is_some_and(|realm| realm.attribute_policies)
    }

    /// What the policies say of an action on a resource.
    async fn decide(
        &self,
        permission: &str,
        resource_id: &str,
        attributes: &Map<String, Value>,
    ) -> Result<Decision, Problem> {
        let set = self.core.policies.of(self).await?;
        Ok(self.judge(&set, permission, resource_id, attributes))
    }

    fn judge(
        &self,
        set: &PolicySet,
        permission: &str,
        resource_id: &str,
        attributes: &Map<String, Value>,
    ) -> Decision {
        let (resource, action) = permission.split_once(':').unwrap_or((permission, ""));
        let id = self.caller.actor.id().unwrap_or_default().to_string();
        let address = self.origin.address.map(|a| a.to_string()).unwrap_or_default();
        let (hour, weekday) = hour_and_weekday(self.clock.now());
        let question = Question {
            subject: Subject { id: &id, role: self.caller.role.map_or("", |role| role.name) },
            action,
            resource,
            resource_id,
            attributes,
            circumstances: Circumstances {
                hour,
                weekday,
                address: &address,
                authenticated_by: self.caller.authenticated_by,
            },
        };
        self.core.vocabulary.decide(set, &question)
    }
}

/// What the tenant's policies say of records that a handler has before it: of a list, and of what it has just made
/// or changed and not yet committed.
pub struct Admitted {
    governed: Arc<Governed>,
    permission: &'static str,
    /// None where the caller's realm knows the matrix alone.
    set: Option<Arc<PolicySet>>,
}

impl Admitted {
    /// Whether this record is let through; `attributes` as its kind's vocabulary has them, an object.
    pub fn holds(&self, id: Uuid, attributes: &Value) -> bool {
        self.require(id, attributes).is_ok()
    }

    /// The same, for what must not be committed otherwise.
    ///
    /// # Errors
    /// 403 `Access denied by policy`, with the policies that decided.
    pub fn require(&self, id: Uuid, attributes: &Value) -> Result<(), Problem> {
        let Some(set) = &self.set else { return Ok(()) };
        let Value::Object(members) = attributes else {
            return Err(Problem::internal("attributes are a JSON object"));
        };
        let decision = self.governed.judge(set, self.permission, &id.to_string(), members);
        if decision.allowed { Ok(()) } else { Err(denied(self.permission, &decision)) }
    }
}

impl<P: Permission> Authorized<P> {
    /// What the tenant's policies say of the records that `P` is about.
    ///
    /// # Errors
    /// What [`Problem`] says of the database's failure.
    pub async fn admitted(&self) -> Result<Admitted, Problem> {
        let governed = self.governed.clone();
        let set = match governed.narrows() {
            true => Some(governed.core.policies.of(&governed).await?),
            false => None,
        };
        Ok(Admitted { governed, permission: P::NAME, set })
    }
}

impl<P: Permission<Effect = Writes>> Authorized<P> {
    /// Runs one writing statement and commits, if the tenant's policies let through what it made; no row written is
    /// 404. `about` says which record a row is and what policies know of it.
    ///
    /// # Errors
    /// As [`write`](Self::write), and 403 `Access denied by policy`.
    pub async fn write_admitted<R: Row, V: Serialize + Send + 'static>(
        &self,
        statement: Bound<R>,
        about: impl FnOnce(&R) -> (Uuid, &Value) + Send + 'static,
        view: impl FnOnce(R) -> Answer<V> + Send + 'static,
    ) -> Result<Committed<V>, Problem> {
        let admitted = self.admitted().await?;
        self.transact(move |tx| {
            Box::pin(async move {
                let row = tx.run(statement).await?.into_iter().next();
                let row = row.ok_or_else(Problem::not_found)?;
                let (id, attributes) = about(&row);
                admitted.require(id, attributes)?;
                Ok(view(row))
            })
        })
        .await
    }
}

/// The hour, 0 to 23, and the day of the week, 1 (Monday) to 7, in UTC.
fn hour_and_weekday(now: Timestamp) -> (u8, u8) {
    let now = now.to_zoned(jiff::tz::TimeZone::UTC);
    let day = now.weekday().to_monday_one_offset();
    (u8::try_from(now.hour()).unwrap_or(0), u8::try_from(day).unwrap_or(1))
}

/// A question asked of the policies without doing anything.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `deploy`.
    pub action: String,
    /// `agent`; its plural will do.
    pub resource: String,
    #[serde(default)]
    pub resource_id: Option<String>,
    /// What is known of the resource.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
    /// Whose role is asked about; the caller's own when not said.
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub user_id: Option<String>,
    /// 0 to 23, in UTC; now when not said.
    #[serde(default)]
    pub hour: Option<u8>,
    /// 1 (Monday) to 7; today when not said.
    #[serde(default)]
    pub weekday: Option<u8>,
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub authenticated_by: Option<String>,
}

/// What was decided, and by what.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verdict {
    pub allowed: bool,
    /// `permission` where the role does not hold it, else `policy`.
    pub decided_by: &'static str,
    /// `allowed`, `permission_denied`, `denied_by_policy`, `no_policy` or `policy_error`.
    pub reason: &'static str,
    /// In words.
    pub explanation: String,
    /// The policies that decided.
    pub policies: Vec<DecidingPolicy>,
}

/// A policy that decided.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecidingPolicy {
    id: Uuid,
    name: String,
    effect: &'static str,
}

/// Answers a question: the matrix first, then the policies.
pub(super) fn evaluate(
    (matrix, vocabulary): (&policy::Matrix, &Vocabulary),
    set: &PolicySet,
    role: Option<Role>,
    case: &Case,
    now: Timestamp,
) -> Verdict {
    let kind = vocabulary.kind(&case.resource).map_or(case.resource.as_str(), |kind| kind.name);
    let permission = format!("{kind}:{}", case.action);
    if !matrix.permits(role, &permission) {
        let name = role.map_or("nobody", |role| role.name);
        return Verdict {
            allowed: false,
            decided_by: "permission",
            reason: "permission_denied",
            explanation: format!("`{name}` does not hold `{permission}`; no policy can give it"),
            policies: vec![],
        };
    }
    let (hour, weekday) = hour_and_weekday(now);
    let decision = vocabulary.decide(
        set,
        &Question {
            subject: Subject {
                id: case.user_id.as_deref().unwrap_or_default(),
                role: role.map_or("", |role| role.name),
            },
            action: &case.action,
            resource: kind,
            resource_id: case.resource_id.as_deref().unwrap_or("new"),
            attributes: &case.attributes,
            circumstances: Circumstances {
                hour: case.hour.unwrap_or(hour),
                weekday: case.weekday.unwrap_or(weekday),
                address: case.address.as_deref().unwrap_or_default(),
                authenticated_by: case.authenticated_by.as_deref().unwrap_or("password"),
            },
        },
    );
    Verdict {
        allowed: decision.allowed,
        decided_by: "policy",
        reason: decision.reason.code(),
        explanation: explain(&decision),
        policies: deciding(&decision).collect(),
    }
}

fn explain(decision: &Decision) -> String {
    let names: Vec<_> = decision.determining.iter().map(|p| format!("`{}`", p.name)).collect();
    let names = names.join(", ");
    match &decision.reason {
        Reason::Allowed => format!("allowed by {names}, and no policy denies it"),
        Reason::Denied => format!("denied by {names}: one that denies wins over all that allow"),
        Reason::NoMatch => "no policy of this resource and action holds".to_owned(),
        Reason::Error { policies, attributes } => format!(
            "refused because it cannot be judged: {} policies failed, attributes at fault: {}",
            policies.len(),
            if attributes.is_empty() { "none".into() } else { attributes.join(", ") },
        ),
    }
}
