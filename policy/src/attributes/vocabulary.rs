//! The words that policies are written in: kinds of resources, their actions and attributes.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{EntityTypeName, Schema, Validator};
use serde_json::{Map, Value, json};

/// What an attribute holds. A number is a whole one of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    Text,
    Number,
    Boolean,
    TextSet,
}

impl AttributeKind {
    fn schema(self) -> Value {
        match self {
            Self::Text => json!({"type": "String"}),
            Self::Number => json!({"type": "Long"}),
            Self::Boolean => json!({"type": "Boolean"}),
            Self::TextSet => json!({"type": "Set", "element": {"type": "String"}}),
        }
    }
}

/// One attribute. One that is not required may be absent or null.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    pub name: &'static str,
    pub kind: AttributeKind,
    pub required: bool,
}

/// One kind of resource: what can be done to it and what is known of it. Every kind also has
/// `resource.id`, which is not listed.
#[derive(Clone, Copy, Debug)]
pub struct ResourceKind {
    pub name: &'static str,
    pub plural: &'static str,
    pub actions: &'static [&'static str],
    pub attributes: &'static [Attribute],
}

/// A field that a condition on some kind may name, such as `user.role`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub path: String,
    pub kind: AttributeKind,
    pub required: bool,
}

/// Whose an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    User,
    Resource,
    Context,
}

const fn text(name: &'static str) -> Attribute {
    Attribute { name, kind: AttributeKind::Text, required: true }
}

const fn number(name: &'static str) -> Attribute {
    Attribute { name, kind: AttributeKind::Number, required: true }
}

/// What is known of whoever asks.
pub(super) const USER: &[Attribute] = &[text("id"), text("role")];
/// What is known of the moment and the way of asking.
pub(super) const CONTEXT: &[Attribute] =
    &[text("address"), text("authenticated_by"), number("hour"), number("weekday")];
/// What every resource has.
pub(super) const RESOURCE: &[Attribute] = &[text("id")];

/// All kinds of resources, with the schema that policies are checked against.
#[derive(Debug)]
pub struct Vocabulary {
    kinds: BTreeMap<&'static str, ResourceKind>,
    pub(super) types: BTreeMap<&'static str, EntityTypeName>,
    pub(super) validator: Validator,
}

impl Vocabulary {
    /// Builds the schema, once.
    ///
    /// # Errors
    /// A sentence that names the kind at fault: a name given twice or one that Cedar cannot hold.
    pub fn new(kinds: impl IntoIterator<Item = ResourceKind>) -> Result<Self, String> {
        let mut known = BTreeMap::new();
        let mut types =
            BTreeMap::from([("User", type_name("User")?), ("Action", type_name("Action")?)]);
        let mut names = BTreeSet::new();
        for kind in kinds {
            check(&kind)?;
            if !names.insert(kind.name) || !names.insert(kind.plural) {
                return Err(format!("resource kind {}: its name or plural is taken", kind.name));
            }
            types.insert(kind.name, type_name(kind.name)?);
            known.insert(kind.name, kind);
        }
        let schema = Schema::from_json_value(schema(&known))
            .map_err(|error| format!("the policies' schema: {error}"))?;
        Ok(Self { kinds: known, types, validator: Validator::new(schema) })
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &ResourceKind> {
        self.kinds.values()
    }

    /// A kind by its name or, as older policies have it, its plural.
    pub fn kind(&self, name: &str) -> Option<&ResourceKind> {
        self.kinds.get(name).or_else(|| self.kinds.values().find(|kind| kind.plural == name))
    }

    /// Every field that a condition on this kind may name; none for an unknown kind.
    pub fn fields(&self, kind: &str) -> Vec<Field> {
        self.kind(kind).map(fields).unwrap_or_default()
    }
}

pub(super) fn fields(kind: &ResourceKind) -> Vec<Field> {
    let groups = [
        ("resource", RESOURCE),
        ("resource", kind.attributes),
        ("user", USER),
        ("context", CONTEXT),
    ];
    let field = |group: &str, attribute: &Attribute| Field {
        path: format!("{group}.{}", attribute.name),
        kind: attribute.kind,
        required: attribute.required,
    };
    let all = groups.iter().flat_map(|(group, list)| list.iter().map(move |a| field(group, a)));
    all.collect()
}

/// The attribute behind a field's name, and whose it is.
pub(super) fn resolve(kind: &ResourceKind, path: &str) -> Option<(Source, Attribute)> {
    let (group, name) = path.split_once('.')?;
    let (source, groups) = match group {
        "resource" => (Source::Resource, [RESOURCE, kind.attributes]),
        "user" => (Source::User, [USER, &[]]),
        "context" => (Source::Context, [CONTEXT, &[]]),
        _ => return None,
    };
    let attribute = groups.iter().copied().flatten().find(|attribute| attribute.name == name)?;
    Some((source, *attribute))
}

fn type_name(name: &str) -> Result<EntityTypeName, String> {
    name.parse().map_err(|_| format!("resource kind {name}: Cedar cannot have it as a name"))
}

/// Lower case only, so that a kind is never taken for `User` or `Action`.
fn check(kind: &ResourceKind) -> Result<(), String> {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let attributes: Vec<_> = kind.attributes.iter().chain(RESOURCE).map(|a| a.name).collect();
    let fault = |text: &str| Err(format!("resource kind {}: {text}", kind.name));
    let mut names = [kind.name, kind.plural].into_iter().chain(kind.actions.iter().copied());
    if !names.all(plain) || !attributes.iter().copied().all(plain) {
        return fault("names are lower case letters, digits and underscores");
    }
    if attributes.iter().collect::<BTreeSet<_>>().len() < attributes.len() {
        return fault("an attribute is given twice (each kind has `id` already)");
    }
    if kind.actions.is_empty() {
        return fault("it has no action");
    }
    Ok(())
}

fn record(attributes: impl IntoIterator<Item = Attribute>) -> Value {
    let mut fields = Map::new();
    for attribute in attributes {
        let mut field = attribute.kind.schema();
        if let Some(field) = field.as_object_mut() {
            field.insert("required".into(), attribute.required.into());
        }
        fields.insert(attribute.name.into(), field);
    }
    json!({"type": "Record", "attributes": fields})
}

fn schema(kinds: &BTreeMap<&'static str, ResourceKind>) -> Value {
    let mut types = Map::new();
    types.insert("User".into(), json!({"shape": record(USER.iter().copied())}));
    let mut by_action: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in kinds.values() {
        let shape = record(RESOURCE.iter().chain(kind.attributes).copied());
        types.insert(kind.name.into(), json!({"shape": shape}));
        for action in kind.actions {
            by_action.entry(action).or_default().push(kind.name);
        }
    }
    let mut actions = Map::new();
    for (action, kinds) in by_action {
        let applies = json!({
            "principalTypes": ["User"],
            "resourceTypes": kinds,
            "context": record(CONTEXT.iter().copied()),
        });
        actions.insert(action.into(), json!({"appliesTo": applies}));
    }
    json!({"": {"entityTypes": types, "actions": actions}})
}

#[cfg(test)]
mod tests {
    use super::super::sample::{AGENT, WORKFLOW, vocabulary};
    use super::*;

    #[test]
    fn the_fields_of_a_kind_are_its_own_and_those_that_all_have() {
        let paths: Vec<_> = vocabulary().fields("workflow").into_iter().map(|f| f.path).collect();
        let expected = "resource.id resource.owner_id user.id user.role context.address \
                        context.authenticated_by context.hour context.weekday";
        assert_eq!(paths.join(" "), expected);
        assert!(vocabulary().fields("nothing").is_empty());
    }

    #[test]
    fn a_kind_that_cannot_be_held_is_refused_by_name() {
        let double = AGENT.attributes[0];
        for kind in [
            ResourceKind { name: "User", ..AGENT },
            ResourceKind { name: "in", ..AGENT },
            ResourceKind { name: "a b", ..AGENT },
            ResourceKind { plural: "workflow", ..AGENT },
            ResourceKind { actions: &[], ..AGENT },
            ResourceKind { attributes: Box::leak(Box::new([double, double])), ..AGENT },
            ResourceKind { attributes: RESOURCE, ..AGENT },
        ] {
            let fault = Vocabulary::new([WORKFLOW, kind]).expect_err("refused");
            assert!(fault.contains(kind.name), "{fault}");
        }
    }
}
