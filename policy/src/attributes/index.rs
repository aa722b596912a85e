//! An organization's policies, laid out so that a question puts few of them to Cedar, which takes
//! about a microsecond for each.
//!
//! They lie by kind and action; and a policy made of conditions has [`Need`]s, tests so plain that
//! their outcome is known at sight. A policy of which a need is not met cannot match and is passed
//! over. Whether any other matches is Cedar's to say.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{Policy, pst};
use uuid::Uuid;

use super::operators::{Constant, Operator};
use super::rule::{CompiledRule, Effect};
use super::vocabulary::Source;

/// A test without which a policy cannot match.
#[derive(Clone, Debug)]
pub(super) struct Need {
    pub source: Source,
    pub attribute: &'static str,
    pub operator: Operator,
    /// One of them, where the operator takes one.
    pub constants: Vec<Constant>,
}

/// A policy that Cedar can be asked about.
#[derive(Debug)]
pub(super) struct Candidate {
    pub id: Uuid,
    pub name: Arc<str>,
    pub effect: Effect,
    pub needs: Vec<Need>,
    /// The attributes read; `None` for Cedar text, which may read any.
    pub reads: Option<Vec<(Source, &'static str)>>,
    /// It alone.
    pub policy: cedar_policy::PolicySet,
}

impl Candidate {
    /// Whether Cedar must be told of an attribute.
    pub fn reads(&self, source: Source, attribute: &str) -> bool {
        self.reads.as_ref().is_none_or(|read| read.contains(&(source, attribute)))
    }
}

/// The policies of one kind and action.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub candidates: Vec<Arc<Candidate>>,
    /// Policies that cannot be asked.
    pub failing: Vec<Uuid>,
}

/// The policies of one organization. Made once, then shared.
#[derive(Debug, Default)]
pub struct PolicySet {
    shelves: HashMap<&'static str, HashMap<&'static str, Shelf>>,
}

impl PolicySet {
    /// Lays out policies that have been compiled.
    pub fn of(rules: Vec<CompiledRule>) -> Self {
        let mut shelves: HashMap<_, HashMap<_, Shelf>> = HashMap::new();
        for rule in rules {
            let CompiledRule { id, kind, ref actions, .. } = rule;
            let actions = actions.clone();
            let candidate = candidate(rule).map(Arc::new);
            for action in actions {
                let shelf = shelves.entry(kind).or_default().entry(action).or_default();
                match &candidate {
                    Some(candidate) => shelf.candidates.push(candidate.clone()),
                    None => shelf.failing.push(id),
                }
            }
        }
        Self { shelves }
    }

    pub(super) fn shelf(&self, kind: &str, action: &str) -> Option<&Shelf> {
        self.shelves.get(kind)?.get(action)
    }
}

fn candidate(rule: CompiledRule) -> Option<Candidate> {
    let CompiledRule { id, name, effect, body, .. } = rule;
    let body = body?;
    let policy = alone(body.template)?;
    Some(Candidate { id, name, effect, needs: body.needs, reads: body.reads, policy })
}

/// A set of one policy. `None` if Cedar does not take it.
pub(super) fn alone(template: pst::Template) -> Option<cedar_policy::PolicySet> {
    let policy = Policy::from_pst(pst::Policy::Static(template.try_into().ok()?)).ok()?;
    cedar_policy::PolicySet::from_policies([policy]).ok()
}
