//! An organization's policies, laid out so that a question meets few of them.
//!
//! Cedar evaluates every policy of a set, at nearly a microsecond each. So there is a set for each
//! kind and action; and within these, one for each text that some attribute must equal. A policy left
//! out so is one whose equality does not hold. What matches is always Cedar's to say.

use std::collections::HashMap;

use cedar_policy::pst;
use cedar_policy::{Policy, PolicyId};

use super::rule::{Body, CompiledRule};
use super::vocabulary::Source;

/// A policy with more texts than this in its key is asked every time, rather than kept once for each.
const MAX_TEXTS: usize = 16;

/// An attribute that must have one of these texts.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub source: Source,
    pub attribute: &'static str,
    pub texts: Vec<String>,
}

/// The policies of one organization. Made once, then shared.
#[derive(Debug, Default)]
pub struct PolicySet {
    rules: Vec<CompiledRule>,
    shelves: HashMap<&'static str, HashMap<&'static str, Shelf>>,
}

/// The policies of one kind and action.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Policies that cannot be asked, by their place.
    pub failing: Vec<usize>,
    /// Those without a key.
    open: cedar_policy::PolicySet,
    keyed: Vec<Keyed>,
    /// All attributes read here; `None` if it may be any.
    reads: Option<Vec<(Source, &'static str)>>,
}

#[derive(Debug)]
struct Keyed {
    source: Source,
    attribute: &'static str,
    sets: HashMap<String, cedar_policy::PolicySet>,
}

impl PolicySet {
    /// Lays out policies that have been compiled.
    pub fn of(rules: Vec<CompiledRule>) -> Self {
        let mut shelves: HashMap<_, HashMap<_, Shelf>> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            let ready = rule.body.as_ref().and_then(|b| Some((b, policy(place, &b.template)?)));
            for action in &rule.actions {
                let shelf = shelves.entry(rule.kind).or_default().entry(*action).or_default();
                let put = ready.as_ref().and_then(|(body, policy)| shelf.put(body, policy));
                if put.is_none() {
                    shelf.failing.push(place);
                }
            }
        }
        Self { rules, shelves }
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(super) fn shelf(&self, kind: &str, action: &str) -> Option<&Shelf> {
        self.shelves.get(kind)?.get(action)
    }

    pub(super) fn rule(&self, place: usize) -> Option<&CompiledRule> {
        self.rules.get(place)
    }
}

impl Default for Shelf {
    fn default() -> Self {
        let open = cedar_policy::PolicySet::new();
        Self { failing: vec![], open, keyed: vec![], reads: Some(vec![]) }
    }
}

impl Shelf {
    /// `None` if Cedar does not take the policy.
    fn put(&mut self, body: &Body, policy: &Policy) -> Option<()> {
        match (&mut self.reads, &body.reads) {
            (Some(all), Some(more)) => {
                for read in more {
                    if !all.contains(read) {
                        all.push(*read);
                    }
                }
            }
            (all, _) => *all = None,
        }
        match body.key.as_ref().filter(|key| key.texts.len() <= MAX_TEXTS) {
            None => self.open.add(policy.clone()).ok(),
            Some(key) => {
                let sets = self.sets(key);
                // A text given twice is one.
                let mut texts: Vec<_> = key.texts.iter().collect();
                texts.sort();
                texts.dedup();
                for text in texts {
                    sets.entry(text.clone()).or_default().add(policy.clone()).ok()?;
                }
                Some(())
            }
        }
    }

    fn sets(&mut self, key: &Key) -> &mut HashMap<String, cedar_policy::PolicySet> {
        let same = |k: &Keyed| k.source == key.source && k.attribute == key.attribute;
        let place = self.keyed.iter().position(same).unwrap_or_else(|| {
            let (source, attribute) = (key.source, key.attribute);
            self.keyed.push(Keyed { source, attribute, sets: HashMap::new() });
            self.keyed.len() - 1
        });
        #[allow(clippy::indexing_slicing, reason = "the place was found or made just above")]
        &mut self.keyed[place].sets
    }

    /// The sets that a question must be put to, given the texts of its attributes.
    pub fn sets_for<'a>(
        &'a self,
        text: impl Fn(Source, &str) -> Option<&'a str>,
    ) -> Vec<&'a cedar_policy::PolicySet> {
        let found = self
            .keyed
            .iter()
            .filter_map(|keyed| keyed.sets.get(text(keyed.source, keyed.attribute)?));
        std::iter::once(&self.open).chain(found).filter(|set| !set.is_empty()).collect()
    }

    pub fn reads(&self, source: Source, attribute: &str) -> bool {
        self.reads
            .as_ref()
            .is_none_or(|all| all.iter().any(|(v, name)| *v == source && *name == attribute))
    }
}

/// A policy whose id is its place among the rules.
pub(super) fn policy(place: usize, template: &pst::Template) -> Option<Policy> {
    let template = template.clone().with_id(pst::PolicyID(place.to_string().into()));
    Policy::from_pst(pst::Policy::Static(template.try_into().ok()?)).ok()
}

/// The place that an id stands for.
pub(super) fn place(id: &PolicyId) -> Option<usize> {
    let text: &str = id.as_ref();
    text.parse().ok()
}
