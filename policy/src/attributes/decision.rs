//! The question and its answer.

use std::sync::Arc;

use cedar_policy::{Authorizer, Response};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::facts;
use super::index::{Candidate, PolicySet};
use super::rule::Effect;
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
            return Decision::failed(shelf.failing.clone(), faulty);
        }
        let candidates = shelf.candidates.iter().map(|candidate| &**candidate);
        let candidates: Vec<_> =
            candidates.filter(|candidate| facts::may_match(question, candidate)).collect();
        if candidates.is_empty() {
            return Decision::refused(Reason::NoMatch);
        }
        let Some((request, entities)) = facts::request(self, kind, &candidates, question) else {
            return Decision::failed(vec![], vec![]);
        };
        conclude(&candidates, |policy| Authorizer::new().is_authorized(&request, policy, &entities))
    }
}

/// Puts the question to each candidate and joins what they say.
fn conclude(
    candidates: &[&Candidate],
    ask: impl Fn(&cedar_policy::PolicySet) -> Response,
) -> Decision {
    let (mut failed, mut allowing, mut denying) = (vec![], vec![], vec![]);
    for candidate in candidates {
        let Candidate { id, name, effect, policy, .. } = candidate;
        let answer = ask(policy);
        if answer.diagnostics().errors().next().is_some() {
            failed.push(*id);
        } else if answer.diagnostics().reason().next().is_some() {
            let matched = match effect {
                Effect::Allow => &mut allowing,
                Effect::Deny => &mut denying,
            };
            matched.push(Determining { id: *id, name: name.clone(), effect: *effect });
        }
    }
    match (failed.is_empty(), denying.is_empty(), allowing.is_empty()) {
        (false, ..) => Decision::failed(failed, vec![]),
        (_, false, _) => Decision { allowed: false, determining: denying, reason: Reason::Denied },
        (_, _, false) => Decision { allowed: true, determining: allowing, reason: Reason::Allowed },
        _ => Decision::refused(Reason::NoMatch),
    }
}
