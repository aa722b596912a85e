//! Cedar text: one static policy, confined to the kind and the actions that it was stored for.

use cedar_policy::pst::{
    self, ActionConstraint, EntityOrSlot, EntityType, EntityUID, ResourceConstraint,
};
use cedar_policy::{Policy, PolicyId, ValidationResult, ValidationWarning};

use super::rule::{Effect, RuleFault};
use super::vocabulary::ResourceKind;

const MAX_BYTES: usize = 10_000;

fn fault(message: impl Into<String>) -> RuleFault {
    RuleFault::new(&["cedar"], message)
}

/// The policy that a text is, scoped to the kind.
pub(super) fn template(
    kind: &ResourceKind,
    effect: Effect,
    source: &str,
) -> Result<pst::Template, RuleFault> {
    if source.len() > MAX_BYTES {
        return Err(fault(format!("must be at most {MAX_BYTES} bytes")));
    }
    if too_deep(source) {
        return Err(fault("is nested too deep or too long a chain: make two policies of it"));
    }
    let not_one = || fault("must be one whole Cedar policy, permit or forbid, without slots");
    let policy = Policy::parse(Some(PolicyId::new("0")), source).map_err(|_| not_one())?;
    let pst::Policy::Static(policy) = policy.to_pst().map_err(|_| not_one())? else {
        return Err(not_one());
    };
    let mut template = policy.body().clone();
    if template.effect != cedar_effect(effect) {
        let expected = match effect {
            Effect::Allow => "permit",
            Effect::Deny => "forbid",
        };
        return Err(fault(format!("must begin with {expected}, as the policy's effect says")));
    }
    template.annotations.clear();
    template.resource = confined(kind, template.resource)?;
    Ok(template)
}

/// The scope of the resource, with the kind in it.
fn confined(
    kind: &ResourceKind,
    found: ResourceConstraint,
) -> Result<ResourceConstraint, RuleFault> {
    let own = entity_type(kind.name)?;
    match found {
        ResourceConstraint::Any => Ok(ResourceConstraint::Is(own)),
        ResourceConstraint::Is(kind) if kind == own => Ok(ResourceConstraint::Is(own)),
        ResourceConstraint::Eq(EntityOrSlot::Entity(entity)) if entity.ty == own => {
            Ok(ResourceConstraint::Eq(EntityOrSlot::Entity(entity)))
        }
        _ => Err(fault(format!(
            "must have as its resource: resource, resource is {0}, or resource == {0}::\"id\"",
            kind.name
        ))),
    }
}

/// Refuses a text that names actions which the policy does not have.
pub(super) fn check_actions(scope: &ActionConstraint, actions: &[&str]) -> Result<(), RuleFault> {
    let named = match scope {
        ActionConstraint::Any => &[][..],
        ActionConstraint::Eq(action) => std::slice::from_ref(action),
        ActionConstraint::In(actions) => actions,
    };
    if named.iter().all(|action| actions.contains(&action.eid.as_str())) {
        return Ok(());
    }
    Err(fault("may name only actions that are in the policy's actions"))
}

/// The scope that a policy has of these actions.
pub(super) fn action_scope(actions: &[&str]) -> Result<ActionConstraint, RuleFault> {
    let ty = entity_type("Action")?;
    let entity = |action: &&str| EntityUID { ty: ty.clone(), eid: (*action).into() };
    Ok(ActionConstraint::In(actions.iter().map(entity).collect()))
}

pub(super) fn entity_type(name: &str) -> Result<EntityType, RuleFault> {
    let name = pst::Name::unqualified(name).map_err(|_| fault("has no such type of resource"))?;
    Ok(EntityType::from_name(name))
}

pub(super) fn cedar_effect(effect: Effect) -> pst::Effect {
    match effect {
        Effect::Allow => pst::Effect::Permit,
        Effect::Deny => pst::Effect::Forbid,
    }
}

/// Cedar's parser and its dropping of a tree call themselves once for each level, so what is deep is
/// refused while it is text. A level is a bracket, or one more link in a chain of operators.
fn too_deep(source: &str) -> bool {
    const MAX_BRACKETS: usize = 24;
    const MAX_LINKS: usize = 400;
    let (mut open, mut links, mut quoted, mut escaped) = (0usize, 0usize, false, false);
    for c in source.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '&' | '|' | '.' | '+' | '-' | '*' | '!' => links += 1,
            _ => {}
        }
        if open > MAX_BRACKETS || links > MAX_LINKS {
            return true;
        }
    }
    source.matches("if").count() > MAX_BRACKETS
}

/// What Cedar's validator found, in words of ours: its own repeat the text.
pub(super) fn explain(found: &ValidationResult) -> Option<String> {
    use cedar_policy::ValidationError::{
        EntityDerefLevelViolation, UnrecognizedActionId, UnrecognizedEntityType,
        UnsafeAttributeAccess, UnsafeOptionalAttributeAccess,
    };
    if let Some(error) = found.validation_errors().next() {
        let message = match error {
            UnrecognizedEntityType(_) => "names a type that is not known",
            UnrecognizedActionId(_) => "names an action that is not known",
            UnsafeAttributeAccess(_) => "reads an attribute that the kind does not have",
            UnsafeOptionalAttributeAccess(_) => {
                "reads an optional attribute: ask first, with `resource has` and `&&`"
            }
            EntityDerefLevelViolation(_) => {
                "may read attributes of principal, resource and context alone"
            }
            _ => "has a value of the wrong type for what is done with it",
        };
        return Some(message.into());
    }
    let never = |warning: &ValidationWarning| {
        matches!(
            warning,
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
        )
    };
    found
        .validation_warnings()
        .any(never)
        .then(|| "can never match: its conditions exclude it".into())
}
