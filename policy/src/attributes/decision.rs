//! The question and its answer.

use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, Response};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::facts;
use super::index::{self, PolicySet};
use super::rule::{CompiledRule, Effect};
use super::vocabulary::Vocabulary;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub id: &'a str,
    pub role: &'a str,
}

/// When and how somebody asks; a policy's `context`.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// 0 to 23, in UTC.
    pub hour: u8,
    /// 1 (Monday) to 7.
    pub weekday: u8,
    pub address: &'a str,
    /// `password`, `sso` or `api_key`.
    pub authenticated_by: &'a str,
}

/// May this subject do this to this resource?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub subject: Subject<'a>,
    pub action: &'a str,
    /// The kind of the resource.
    pub resource: &'a str,
    /// Empty for a resource that is yet to be made.
    pub resource_id: &'a str,
    /// As the database has them; those that the kind does not have are passed over.
    pub attributes: &'a Map<String, Value>,
    pub circumstances: Circumstances<'a>,
}

/// A policy that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Determining {
    pub id: Uuid,
    pub name: Arc<str>,
    pub effect: Effect,
}

/// Why the answer is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// At least one policy allows, and none denies.
    Allowed,
    /// A policy denies.
    Denied,
    /// No policy matches.
    NoMatch,
    /// It could not be decided: these policies failed, or the resource came without these attributes
    /// or with others in their place.
    Error { policies: Vec<Uuid>, attributes: Vec<&'static str> },
}

impl Reason {
    /// The reason as one word, for answers and the ledger.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied_by_policy",
            Self::NoMatch => "no_policy",
            Self::Error { .. } => "policy_error",
        }
    }
}

/// The answer, with the policies that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub determining: Vec<Determining>,
    pub reason: Reason,
}

impl Decision {
    fn refused(reason: Reason) -> Self {
        Self { allowed: false, determining: vec![], reason }
    }

    fn failed(policies: Vec<Uuid>, attributes: Vec<&'static str>) -> Self {
        Self::refused(Reason::Error { policies, attributes })
    }
}

impl Vocabulary {
    /// Answers a question. Closed by default, and closed by any failure: Cedar passes over a policy
    /// that fails, which would open what a failing `Deny` closes.
    pub fn decide(&self, set: &PolicySet, question: &Question<'_>) -> Decision {
        let Some(kind) = self.kind(question.resource) else {
            return Decision::refused(Reason::NoMatch);
        };
        let Some(shelf) = set.shelf(kind.name, question.action) else {
            return Decision::refused(Reason::NoMatch);
        };
        let faulty = facts::faulty(kind, question.attributes);
        if !shelf.failing.is_empty() || !faulty.is_empty() {
            let failing = shelf.failing.iter().filter_map(|place| set.rule(*place));
            return Decision::failed(failing.map(|rule| rule.id).collect(), faulty);
        }
        let sets = shelf.sets_for(|source, name| facts::text(question, source, name));
        if sets.is_empty() {
            return Decision::refused(Reason::NoMatch);
        }
        let Some((request, entities)) = facts::request(self, kind, shelf, question) else {
            return Decision::failed(vec![], vec![]);
        };
        let authorizer = Authorizer::new();
        let ask = |policies| authorizer.is_authorized(&request, policies, &entities);
        let answers: Vec<_> = sets.into_iter().map(ask).collect();
        conclude(set, &answers)
    }
}

/// One answer from those of several sets.
fn conclude(set: &PolicySet, answers: &[Response]) -> Decision {
    let rule = |id| index::place(id).and_then(|place| set.rule(place));
    let failures = answers.iter().flat_map(|answer| answer.diagnostics().errors());
    let mut failed: Vec<_> = failures
        .map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => rule(error.policy_id()),
        })
        .collect();
    let matched = answers.iter().flat_map(|answer| answer.diagnostics().reason()).map(rule);
    let (known, unknown): (Vec<_>, Vec<_>) = matched.partition(Option::is_some);
    failed.extend(unknown);
    if !failed.is_empty() {
        let mut ids: Vec<_> = failed.into_iter().flatten().map(|rule| rule.id).collect();
        ids.sort_unstable();
        return Decision::failed(ids, vec![]);
    }
    let of = |effect| {
        let rules = known.iter().copied().flatten().filter(move |rule| rule.effect == effect);
        let mut rules: Vec<_> = rules.map(determining).collect();
        rules.sort_unstable_by_key(|rule| rule.id);
        rules
    };
    let (denying, allowing) = (of(Effect::Deny), of(Effect::Allow));
    match (denying.is_empty(), allowing.is_empty()) {
        (false, _) => Decision { allowed: false, determining: denying, reason: Reason::Denied },
        (true, false) => Decision { allowed: true, determining: allowing, reason: Reason::Allowed },
        (true, true) => Decision::refused(Reason::NoMatch),
    }
}

fn determining(rule: &CompiledRule) -> Determining {
    Determining { id: rule.id, name: rule.name.clone(), effect: rule.effect }
}
