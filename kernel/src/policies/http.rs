//! Requests on attribute policies.

use jiff::Timestamp;
use policy::{Effect, PolicySet, Rule, RuleFault, Vocabulary, When};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    EvaluatePolicies, ReadPolicies, WritePolicies,
    engine::{self, Case, Verdict},
    sql::{self, PolicyRow},
};
use crate::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, FieldError, Item, Patch, Problem, text},
};

/// A policy, whole or in part.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyBody {
    name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    description: Patch<String>,
    /// `allow` (when not said) or `deny`.
    effect: Option<EffectName>,
    /// The kind of resource: `agent`; its plural will do.
    resource: Option<String>,
    /// `["deploy"]`; `["*"]` when not said.
    actions: Option<Vec<String>>,
    /// All must hold; an empty list holds. Give these or `cedar`.
    #[schema(value_type = Option<Vec<Object>>)]
    conditions: Option<Vec<Value>>,
    /// One whole policy in Cedar.
    cedar: Option<String>,
}

/// What a policy does where it holds.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EffectName {
    Allow,
    Deny,
}

/// A stored policy.
#[derive(Serialize, ToSchema)]
pub struct PolicyView {
    id: Uuid,
    name: String,
    description: Option<String>,
    effect: String,
    resource: String,
    actions: Vec<String>,
    #[schema(value_type = Option<Vec<Object>>)]
    conditions: Option<Value>,
    cedar: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<PolicyRow> for PolicyView {
    fn from(row: PolicyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            effect: row.effect,
            resource: row.resource,
            actions: row.actions,
            conditions: row.conditions,
            cedar: row.cedar,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub async fn list(
    act: Authorized<ReadPolicies>,
    (): (),
) -> Result<Fetched<Vec<PolicyView>>, Problem> {
    act.fetch(sql::list_policies(), |rows| {
        Ok(Answer::ok(rows.into_iter().map(PolicyView::from).collect()))
    })
    .await
}

pub async fn find(
    act: Authorized<ReadPolicies>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<PolicyView>, Problem> {
    act.fetch(sql::find_policy(id), |rows| {
        let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
        let version = row.version;
        Ok(Answer::ok(PolicyView::from(row)).version(version))
    })
    .await
}

pub async fn create(
    act: Authorized<WritePolicies>,
    Body(body): Body<PolicyBody>,
) -> Result<Committed<PolicyView>, Problem> {
    let (id, missing) = (act.new_id(), |field: &str| {
        Problem::field(&["body", field], "missing", "this field is required")
    });
    let rule = Rule {
        id,
        name: parse_name(body.name.ok_or_else(|| missing("name"))?)?,
        effect: effect(body.effect.unwrap_or(EffectName::Allow)),
        resource: body.resource.ok_or_else(|| missing("resource"))?,
        actions: body.actions.unwrap_or_else(|| vec!["*".into()]),
        when: when(body.conditions, body.cedar)?.unwrap_or(When::Conditions(vec![])),
    };
    let description = describe(body.description.value())?;
    let Stored { name, effect, resource, actions, conditions, cedar } =
        Stored::check(&act.core().vocabulary, rule)?;
    let insert =
        sql::insert_policy(id, name, description, effect, resource, actions, conditions, cedar);
    let done = act.write(insert, move |row, _| {
        let version = row.version;
        Answer::created(PolicyView::from(row), format!("/api/v1/policies/{id}")).version(version)
    });
    felt(&act, done.await?)
}

pub async fn change(
    act: Authorized<WritePolicies>,
    (Item(id), Body(body)): (Item<Uuid>, Body<PolicyBody>),
) -> Result<Committed<PolicyView>, Problem> {
    let expected = act.expected_version()?;
    let core = act.core().clone();
    let done = act.transact(move |tx| {
        Box::pin(async move {
            let old = tx.run(sql::find_policy(id)).await?.into_iter().next();
            let old = old.ok_or_else(Problem::not_found)?;
            let description = match body.description {
                Patch::Absent => old.description.clone(),
                given => describe(given.value())?,
            };
            let mut rule = engine::rule(old);
            if let Some(name) = body.name {
                rule.name = parse_name(name)?;
            }
            rule.effect = body.effect.map_or(rule.effect, effect);
            rule.resource = body.resource.unwrap_or(rule.resource);
            rule.actions = body.actions.unwrap_or(rule.actions);
            rule.when = when(body.conditions, body.cedar)?.unwrap_or(rule.when);
            let Stored { name, effect, resource, actions, conditions, cedar } =
                Stored::check(&core.vocabulary, rule)?;
            let update = sql::update_policy(
                id,
                expected,
                name,
                description,
                effect,
                resource,
                actions,
                conditions,
                cedar,
            );
            let row = tx.run(update).await?.into_iter().next().ok_or_else(Problem::not_found)?;
            let version = row.version;
            Ok(Answer::ok(PolicyView::from(row)).version(version))
        })
    });
    felt(&act, done.await?)
}

pub async fn remove(
    act: Authorized<WritePolicies>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let done = act.write(sql::delete_policy(id, act.expected_version()?), |_, _| Answer::gone());
    felt(&act, done.await?)
}

/// This replica feels the change at once, the others by the feed.
fn felt<V>(act: &Authorized<WritePolicies>, done: Committed<V>) -> Result<Committed<V>, Problem> {
    act.core().policies.forget(&[act.caller().tenant].into());
    Ok(done)
}

pub async fn evaluate(
    act: Authorized<EvaluatePolicies>,
    Body(case): Body<Case>,
) -> Result<Fetched<Verdict>, Problem> {
    let core = act.core().clone();
    let role = match &case.role {
        Some(name) => core.matrix.role(act.caller().realm, name),
        None => act.caller().role,
    };
    let now = act.now();
    act.fetch(sql::list_policies(), |rows| {
        let rules: Vec<_> = rows.into_iter().map(engine::rule).collect();
        let set = PolicySet::of(core.vocabulary.restore(&rules));
        let judges = (&core.matrix, &*core.vocabulary);
        Ok(Answer::ok(engine::evaluate(judges, &set, role, &case, now)))
    })
    .await
}

/// A policy that the vocabulary has let through, as it is stored.
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) effect: &'static str,
    pub(super) resource: String,
    pub(super) actions: Vec<String>,
    pub(super) conditions: Option<Value>,
    pub(super) cedar: Option<String>,
}

impl Stored {
    /// # Errors
    /// 422 with every fault and its place.
    pub(super) fn check(vocabulary: &Vocabulary, rule: Rule) -> Result<Self, Problem> {
        vocabulary.compile(&rule).map_err(faults)?;
        // C-26: a plural is accepted and the singular is stored.
        let known = vocabulary.kind(&rule.resource).map(|kind| kind.name.to_owned());
        let (conditions, cedar) = match rule.when {
            When::Conditions(conditions) => (Some(Value::Array(conditions)), None),
            When::Cedar(text) => (None, Some(text)),
        };
        Ok(Self {
            name: rule.name,
            effect: if rule.effect == Effect::Deny { "deny" } else { "allow" },
            resource: known.unwrap_or(rule.resource),
            actions: rule.actions,
            conditions,
            cedar,
        })
    }
}

fn faults(faults: Vec<RuleFault>) -> Problem {
    let fault = |fault: RuleFault| {
        let loc = std::iter::once("body".to_owned()).chain(fault.path).collect();
        FieldError { loc, msg: fault.message, kind: "policy" }
    };
    Problem::invalid(faults.into_iter().map(fault).collect())
}

fn when(conditions: Option<Vec<Value>>, cedar: Option<String>) -> Result<Option<When>, Problem> {
    match (conditions, cedar) {
        (Some(_), Some(_)) => {
            let msg = "give `conditions` or `cedar`, not both";
            Err(Problem::field(&["body", "cedar"], "policy", msg))
        }
        (Some(conditions), None) => Ok(Some(When::Conditions(conditions))),
        (None, Some(text)) => Ok(Some(When::Cedar(text))),
        (None, None) => Ok(None),
    }
}

fn effect(name: EffectName) -> Effect {
    match name {
        EffectName::Allow => Effect::Allow,
        EffectName::Deny => Effect::Deny,
    }
}

fn parse_name(name: String) -> Result<String, Problem> {
    text(80)(name).map_err(|(kind, msg)| Problem::field(&["body", "name"], kind, msg))
}

fn describe(description: Option<String>) -> Result<Option<String>, Problem> {
    let fault =
        |(kind, msg): crate::http::Fault| Problem::field(&["body", "description"], kind, msg);
    description.map(|given| text(500)(given).map_err(fault)).transpose()
}
