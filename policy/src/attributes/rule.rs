//! A policy as it is stored, and as it is once it has been checked.

use std::sync::Arc;

use cedar_policy::ValidationMode;
use cedar_policy::pst::{self, ActionConstraint, Clause, PrincipalConstraint, ResourceConstraint};
use serde_json::Value;
use uuid::Uuid;

use super::conditions::{self, Understood};
use super::index::{self, Need};
use super::text;
use super::vocabulary::{ResourceKind, Source, Vocabulary};

/// What a policy does when it matches. A `Deny` wins over every `Allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    Allow,
    Deny,
}

/// When a policy matches: if all of a list of JSON conditions hold, or as a Cedar policy says.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    Conditions(Vec<Value>),
    Cedar(String),
}

/// A policy as an organization wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub id: Uuid,
    pub name: String,
    pub effect: Effect,
    /// The kind's name; its plural is understood.
    pub resource: String,
    /// Names of actions, or `*` alone for all of the kind.
    pub actions: Vec<String>,
    pub when: When,
}

/// What is wrong with a policy: the place, and a sentence that says what is expected there. It names
/// fields and never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    pub path: Vec<String>,
    pub message: String,
}

impl RuleFault {
    pub(super) fn new(path: &[&str], message: impl Into<String>) -> Self {
        Self { path: path.iter().map(ToString::to_string).collect(), message: message.into() }
    }
}

/// A policy that has been checked and is ready to be asked.
#[derive(Clone, Debug)]
pub struct CompiledRule {
    pub(super) id: Uuid,
    pub(super) name: Arc<str>,
    pub(super) effect: Effect,
    pub(super) kind: &'static str,
    pub(super) actions: Vec<&'static str>,
    /// `None` for a stored policy that no longer fits the vocabulary.
    pub(super) body: Option<Body>,
}

/// What Cedar is to judge, and what it needs for that.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub template: pst::Template,
    pub needs: Vec<Need>,
    /// The attributes read; `None` for Cedar text, which may read any.
    pub reads: Option<Vec<(Source, &'static str)>>,
}

impl Vocabulary {
    /// Checks a policy and makes it ready.
    ///
    /// # Errors
    /// Every fault found, each with its place.
    pub fn compile(&self, rule: &Rule) -> Result<CompiledRule, Vec<RuleFault>> {
        let Some(kind) = self.kind(&rule.resource) else {
            let names: Vec<_> = self.kinds().map(|kind| kind.name).collect();
            let message = format!("must be one of: {}", names.join(", "));
            return Err(vec![RuleFault::new(&["resource"], message)]);
        };
        let (actions, body) = match (actions(kind, &rule.actions), body(kind, rule)) {
            (Ok(actions), Ok(body)) => (actions, body),
            (actions, body) => {
                let faults = actions.err().into_iter().chain(body.err()).flatten();
                return Err(faults.collect());
            }
        };
        self.validate(&body.template, &actions, &rule.when).map_err(|fault| vec![fault])?;
        Ok(CompiledRule::new(rule, kind, actions, Some(body)))
    }

    /// Makes stored policies ready. One that no longer compiles is kept as a failing one: to leave out
    /// a `Deny` would open what it closes. One of an unknown kind concerns no question at all.
    pub fn restore(&self, rules: &[Rule]) -> Vec<CompiledRule> {
        rules
            .iter()
            .filter_map(|rule| self.compile(rule).ok().or_else(|| self.failing(rule)))
            .collect()
    }

    fn failing(&self, rule: &Rule) -> Option<CompiledRule> {
        let kind = self.kind(&rule.resource)?;
        // An unknown action may be the old name of any.
        let actions = actions(kind, &rule.actions).unwrap_or_else(|_| kind.actions.to_vec());
        Some(CompiledRule::new(rule, kind, actions, None))
    }

    /// One policy for each kind that allows every action without condition: with these alone, a
    /// person's role decides. `id` gives each its own.
    pub fn default_rules(&self, mut id: impl FnMut() -> Uuid) -> Vec<Rule> {
        let rule = |kind: &ResourceKind| Rule {
            id: id(),
            name: format!("Everyone's role decides ({})", kind.name),
            effect: Effect::Allow,
            resource: kind.name.into(),
            actions: vec!["*".into()],
            when: When::Conditions(vec![]),
        };
        self.kinds().map(rule).collect()
    }

    /// Cedar's own check, strict. It is the only one of Cedar text; what is built from conditions has
    /// been checked before and goes through it so that a mistake of ours is found here.
    fn validate(
        &self,
        template: &pst::Template,
        actions: &[&str],
        when: &When,
    ) -> Result<(), RuleFault> {
        let mut template = template.clone();
        match when {
            When::Cedar(_) => text::check_actions(&template.action, actions)?,
            When::Conditions(_) => {}
        }
        if template.action == ActionConstraint::Any {
            template.action = text::action_scope(actions)?;
        }
        let place = match when {
            When::Conditions(_) => "conditions",
            When::Cedar(_) => "cedar",
        };
        let policies = index::alone(template)
            .ok_or_else(|| RuleFault::new(&[place], "cannot be made into a policy"))?;
        // Level 1: attributes of the user, the resource and the context, and of nothing they point at.
        let found = self.validator.validate_with_level(&policies, ValidationMode::Strict, 1);
        let message = match when {
            When::Cedar(_) => text::explain(&found),
            // That such a policy never matches is its writer's affair.
            When::Conditions(_) => (!found.validation_passed())
                .then(|| "cannot be checked by Cedar: make the policy simpler".into()),
        };
        message.map_or(Ok(()), |message| Err(RuleFault::new(&[place], message)))
    }
}

impl CompiledRule {
    fn new(
        rule: &Rule,
        kind: &ResourceKind,
        actions: Vec<&'static str>,
        body: Option<Body>,
    ) -> Self {
        let name = rule.name.as_str().into();
        Self { id: rule.id, name, effect: rule.effect, kind: kind.name, actions, body }
    }
}

fn body(kind: &ResourceKind, rule: &Rule) -> Result<Body, Vec<RuleFault>> {
    let one = |fault| vec![fault];
    let list = match &rule.when {
        When::Conditions(list) => list,
        When::Cedar(source) => {
            let template = text::template(kind, rule.effect, source).map_err(one)?;
            return Ok(Body { template, needs: vec![], reads: None });
        }
    };
    let Understood { expression, needs, reads } = conditions::understand(kind, rule.effect, list)?;
    let template = pst::Template::new(
        pst::PolicyID("0".into()),
        text::cedar_effect(rule.effect),
        PrincipalConstraint::Any,
        ActionConstraint::Any,
        ResourceConstraint::Is(text::entity_type(kind.name).map_err(one)?),
    );
    let template = template
        .try_with_clauses(vec![Clause::When(Arc::new(expression))])
        .map_err(|_| vec![RuleFault::new(&["conditions"], "cannot be made into a policy")])?;
    Ok(Body { template, needs, reads: Some(reads) })
}

/// The actions meant, as the vocabulary's own names.
fn actions(kind: &ResourceKind, names: &[String]) -> Result<Vec<&'static str>, Vec<RuleFault>> {
    if names == ["*"] {
        return Ok(kind.actions.to_vec());
    }
    let expected = format!("must be * alone or one of: {}", kind.actions.join(", "));
    if names.is_empty() {
        return Err(vec![RuleFault::new(&["actions"], expected)]);
    }
    let (mut found, mut faults) = (vec![], vec![]);
    for (place, name) in names.iter().enumerate() {
        match kind.actions.iter().find(|action| *action == name) {
            Some(action) if found.contains(action) => {}
            Some(action) => found.push(*action),
            None => faults.push(RuleFault::new(&["actions", &place.to_string()], &*expected)),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::sample::{faults, rule, vocabulary};
    use super::*;

    #[test]
    fn a_plural_is_understood_as_its_kind() {
        let mut plural = rule(Effect::Allow, &["*"], json!([]));
        plural.resource = "agents".into();
        let compiled = vocabulary().compile(&plural).expect("compiles");
        assert_eq!(
            (compiled.kind, compiled.actions.as_slice()),
            ("agent", &["read", "deploy"][..])
        );
    }

    #[test]
    fn an_unknown_kind_or_action_is_refused_with_the_names_of_the_known() {
        let mut unknown = rule(Effect::Allow, &["*"], json!([]));
        unknown.resource = "Agent".into();
        assert_eq!(faults(&unknown)[0].message, "must be one of: agent, workflow");
        for actions in [&["read", "fly"][..], &["read", "*"], &["run", "read"], &[]] {
            let found = faults(&rule(Effect::Allow, actions, json!([])));
            assert_eq!(found[0].path[0], "actions", "{found:?}");
            assert!(found[0].message.contains("read, deploy"));
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let wrong =
            json!([{"field": "x", "operator": "eq"}, {"field": "user.role", "operator": "gt"}]);
        let paths: Vec<_> = faults(&rule(Effect::Allow, &["fly"], wrong))
            .into_iter()
            .map(|fault| fault.path.join("."))
            .collect();
        assert_eq!(paths, ["actions.0", "conditions.0.field", "conditions.1.operator"]);
    }
}
