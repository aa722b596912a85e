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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::{cedar, decide, plain_agent, question, rule, vocabulary};
    use super::super::{Rule, When};
    use super::*;

    fn agent() -> Value {
        plain_agent().into()
    }

    #[test]
    fn no_policy_denies_and_an_empty_list_of_conditions_allows() {
        assert_eq!(decide(&[], "deploy", agent()), Decision::refused(Reason::NoMatch));
        let open = rule(Effect::Allow, &["deploy"], json!([]));
        let answer = decide(&[open], "deploy", agent());
        assert!(answer.allowed);
        assert_eq!(answer.determining[0].name.as_ref(), "sample");
    }

    #[test]
    fn the_action_is_compared() {
        let reads = rule(Effect::Allow, &["read"], json!([]));
        assert!(decide(std::slice::from_ref(&reads), "read", agent()).allowed);
        assert_eq!(decide(std::slice::from_ref(&reads), "deploy", agent()).reason, Reason::NoMatch);
        assert_eq!(decide(&[reads], "fly", agent()).reason, Reason::NoMatch);
    }

    #[test]
    fn one_policy_that_matches_is_enough_and_all_its_conditions_must_hold() {
        let costs = |least, most| {
            json!([
                {"field": "resource.cost", "operator": "gte", "value": least},
                {"field": "resource.cost", "operator": "lte", "value": most},
            ])
        };
        let one = rule(Effect::Allow, &["*"], costs(6, 9));
        let other = rule(Effect::Allow, &["*"], costs(1, 5));
        assert!(!decide(std::slice::from_ref(&one), "read", agent()).allowed);
        assert!(decide(&[one, other], "read", agent()).allowed);
    }

    #[test]
    fn a_denial_wins_and_is_the_one_named() {
        let open = rule(Effect::Allow, &["*"], json!([]));
        let no = rule(Effect::Deny, &["deploy"], json!([]));
        let answer = decide(&[open.clone(), no.clone(), open], "deploy", agent());
        assert_eq!(answer.reason, Reason::Denied);
        let named = Determining { id: no.id, name: "sample".into(), effect: Effect::Deny };
        assert_eq!(answer.determining, [named]);
    }

    #[test]
    fn z07_a_required_attribute_that_is_absent_or_of_another_type_denies() {
        let open = [rule(Effect::Allow, &["*"], json!([]))];
        for (attributes, name) in [
            (json!({"cost": 5}), "workspace_id"),
            (json!({"cost": 5, "workspace_id": null}), "workspace_id"),
            (json!({"cost": "5", "workspace_id": "w"}), "cost"),
            (json!({"cost": 5.5, "workspace_id": "w"}), "cost"),
            (json!({"cost": 5, "workspace_id": "w", "labels": ["x", 1]}), "labels"),
            (json!({"cost": 5, "workspace_id": "w", "draft": "yes"}), "draft"),
        ] {
            let answer = decide(&open, "read", attributes);
            assert_eq!(answer, Decision::failed(vec![], vec![name]));
            assert_eq!(answer.reason.code(), "policy_error");
        }
    }

    #[test]
    fn z07_an_attribute_that_the_kind_does_not_have_is_passed_over() {
        let open = [rule(Effect::Allow, &["*"], json!([]))];
        let more = json!({"cost": 5, "workspace_id": "w", "other": {"deep": [1]}});
        assert!(decide(&open, "read", more).allowed);
    }

    #[test]
    fn z07_a_stored_policy_that_no_longer_compiles_denies() {
        let vocabulary = vocabulary();
        let gone = json!([{"field": "resource.gone", "operator": "exists"}]);
        let broken = Rule { id: Uuid::from_u128(9), ..rule(Effect::Deny, &["read"], gone) };
        let set =
            PolicySet::of(vocabulary.restore(&[rule(Effect::Allow, &["*"], json!([])), broken]));
        let attributes = plain_agent();
        let answer = vocabulary.decide(&set, &question("read", &attributes));
        assert_eq!(answer, Decision::failed(vec![Uuid::from_u128(9)], vec![]));
        assert!(vocabulary.decide(&set, &question("deploy", &attributes)).allowed);
    }

    #[test]
    fn the_default_policies_leave_it_to_the_role() {
        let vocabulary = vocabulary();
        let mut next = 0;
        let rules = vocabulary.default_rules(|| {
            next += 1;
            Uuid::from_u128(next)
        });
        assert_eq!(rules[0].name, "Everyone's role decides (agent)");
        let set = PolicySet::of(vocabulary.restore(&rules));
        let attributes = plain_agent();
        for action in ["read", "deploy"] {
            assert!(vocabulary.decide(&set, &question(action, &attributes)).allowed);
        }
    }

    #[test]
    fn a_text_and_a_list_decide_side_by_side() {
        let text =
            cedar(Effect::Deny, "forbid(principal, action, resource) when { resource.cost > 4 };");
        assert!(matches!(text.when, When::Cedar(_)));
        let open = rule(Effect::Allow, &["*"], json!([]));
        assert_eq!(decide(&[open, text], "read", agent()).reason, Reason::Denied);
    }
}
