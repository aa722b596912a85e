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
    const MAX_BRACKETS: usize = 8;
    const MAX_LINKS: usize = 60;
    const MAX_DOTS: usize = 60;
    let (mut open, mut links, mut dots, mut quoted, mut escaped) =
        (0usize, 0usize, 0usize, false, false);
    for c in source.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => open += 1,
            // Clauses are a chain too.
            '{' => (open, links) = (open + 1, links + 1),
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '.' => dots += 1,
            '&' | '|' | '+' | '-' | '*' | '!' => links += 1,
            _ => {}
        }
        if open > MAX_BRACKETS || links > MAX_LINKS || dots > MAX_DOTS {
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

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::super::sample::{cedar, decide, fault, object, question, rule, vocabulary};
    use super::super::{PolicySet, Reason, Rule};
    use super::*;

    fn refused(text: &str) -> String {
        let (path, message) = fault(&cedar(Effect::Allow, text));
        assert_eq!(path, "cedar");
        message
    }

    #[test]
    fn a_text_decides_of_its_own_kind_and_reaches_no_other() {
        let vocabulary = vocabulary();
        let text = cedar(Effect::Allow, "permit(principal, action, resource);");
        let set = PolicySet::of(vec![vocabulary.compile(&text).expect("compiles")]);
        let agent = object(json!({"workspace_id": "w", "cost": 1}));
        let workflow = object(json!({"owner_id": "u1"}));
        let mut asked = question("read", &agent);
        assert!(vocabulary.decide(&set, &asked).allowed);
        (asked.resource, asked.attributes) = ("workflow", &workflow);
        assert_eq!(vocabulary.decide(&set, &asked).reason, Reason::NoMatch);
    }

    #[test]
    fn a_text_that_names_another_kind_or_action_is_refused() {
        for scope in
            ["resource is workflow", "resource == workflow::\"x\"", "resource in agent::\"x\""]
        {
            let message = refused(&format!("permit(principal, action, {scope});"));
            assert!(message.contains("resource is agent"), "{message}");
        }
        refused("permit(principal, action == Action::\"run\", resource);");
        refused("permit(principal, action, resource) when { resource is workflow };");
        let text = "permit(principal, action == Action::\"deploy\", resource);";
        let only_reads = Rule { actions: vec!["read".into()], ..cedar(Effect::Allow, text) };
        assert_eq!(fault(&only_reads).0, "cedar");
    }

    #[test]
    fn the_effect_of_a_text_is_the_stored_one() {
        assert!(refused("forbid(principal, action, resource);").contains("permit"));
        let text = "permit(principal, action, resource);";
        assert!(fault(&cedar(Effect::Deny, text)).1.contains("forbid"));
    }

    #[test]
    fn a_text_is_one_policy_without_slots() {
        let one = "permit(principal, action, resource);";
        for text in [
            "",
            "resource.cost > 1",
            &format!("{one}{one}"),
            "permit(principal == ?principal, action, resource);",
            "permit(principal, action, resource == ?resource);",
        ] {
            assert!(refused(text).contains("one whole Cedar policy"), "{text}");
        }
    }

    #[test]
    fn a_text_that_the_strict_validator_refuses_is_refused_in_our_words() {
        let when = |condition: &str| {
            refused(&format!("permit(principal, action, resource) when {{ {condition} }};"))
        };
        assert!(when("resource.secret == 1").contains("does not have"));
        assert!(when("resource.region == \"eu\"").contains("optional"));
        assert!(when("resource.cost == \"s3cret\"").contains("wrong type"));
        assert!(when("Group::\"x\" == principal").contains("type"));
        assert!(when("User::\"x\".role == \"admin\"").contains("alone"));
        assert!(when("resource.cost > 1 && false").contains("never"));
    }

    #[test]
    fn a_long_or_deep_text_is_refused_and_none_overflows_the_stack() {
        let when = |condition: String| {
            format!("permit(principal, action, resource) when {{ {condition} }};")
        };
        let long = when(format!("resource.workspace_id == \"{}\"", "x".repeat(10_000)));
        assert!(refused(&long).contains("10000"));
        let cost = "resource.cost";
        for text in [
            when(format!("{}true{}", "(".repeat(4_000), ")".repeat(4_000))),
            when(format!("{}true{}", "[".repeat(4_000), "]".repeat(4_000))),
            when(format!("{}true", "true&&".repeat(1_600))),
            when(format!("{}true", "if true then true else ".repeat(400))),
            when(format!("{cost} == {}1", "1+".repeat(4_000))),
            when(format!("{cost}{} == 1", ".a".repeat(4_000))),
            when(format!("{cost} == {}1", "-".repeat(4_000))),
            format!("permit(principal, action, resource) {};", "when{true}".repeat(900)),
            format!("{} permit(principal, action, resource);", "@a ".repeat(3_000)),
        ] {
            refused(&text);
        }
    }

    /// In a build for tests, whose frames are the largest.
    #[test]
    fn the_deepest_text_that_is_taken_fits_the_stack_of_a_thread() {
        let chain = "resource.cost == 5 && ".repeat(28);
        let nested = format!("{}{chain}true{}", "(".repeat(6), ")".repeat(6));
        let branches = "if resource.cost == 7 then false else ".repeat(8);
        for condition in [format!("{chain}true"), nested, format!("{branches}true")] {
            let text = format!("permit(principal, action, resource) when {{ {condition} }};");
            let ask = move || {
                let rules = [cedar(Effect::Allow, &text)];
                decide(&rules, "read", json!({"workspace_id": "w", "cost": 5})).allowed
            };
            let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(ask);
            assert!(thread.expect("starts").join().expect("does not overflow"));
        }
        let dots = format!("resource{} == 1", ".a".repeat(60));
        refused(&format!("permit(principal, action, resource) when {{ {dots} }};"));
    }

    #[test]
    fn z07_a_text_that_fails_while_it_is_asked_denies() {
        let all = rule(Effect::Allow, &["*"], json!([]));
        for effect in [Effect::Allow, Effect::Deny] {
            let word = cedar_effect(effect);
            let text = format!(
                "{word}(principal, action, resource) when {{ resource.cost * 9223372036854775807 > 1 }};"
            );
            let mut failing = cedar(effect, &text);
            failing.id = uuid::Uuid::from_u128(99);
            let answer =
                decide(&[all.clone(), failing], "read", json!({"workspace_id": "w", "cost": 5}));
            let expected =
                Reason::Error { policies: vec![uuid::Uuid::from_u128(99)], attributes: vec![] };
            assert_eq!((answer.allowed, answer.reason), (false, expected));
        }
    }

    #[test]
    fn a_text_reads_the_user_the_resource_and_the_context() {
        let text = "permit(principal, action, resource is agent) when {
            principal.role == \"member\" && principal.id == \"u1\" && resource.id == \"a1\"
            && context.hour > 9 && context.weekday == 1 && context.address like \"10.*\"
            && context.authenticated_by == \"sso\" && resource has labels && resource.labels.contains(\"x\")
        } unless { resource has draft && resource.draft };";
        let ask = |more: &[(&str, serde_json::Value)]| {
            let mut agent: Map<_, _> =
                object(json!({"workspace_id": "w", "cost": 1, "labels": ["x"]}));
            agent.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            decide(&[cedar(Effect::Allow, text)], "read", agent.into()).allowed
        };
        assert!(ask(&[]));
        assert!(!ask(&[("draft", json!(true))]));
        assert!(!ask(&[("labels", json!(["y"]))]));
    }
}
