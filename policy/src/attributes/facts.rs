//! What Cedar is told of a question: as little as the policies at hand read.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use serde_json::{Map, Value};

use super::decision::Question;
use super::index::Shelf;
use super::vocabulary::{AttributeKind, ResourceKind, Source, Vocabulary};

/// The attributes of the kind that are required and absent, or not of their type.
pub(super) fn faulty(kind: &ResourceKind, given: &Map<String, Value>) -> Vec<&'static str> {
    let wrong = kind.attributes.iter().filter(|attribute| match given.get(attribute.name) {
        None | Some(Value::Null) => attribute.required,
        Some(value) => !fits(attribute.kind, value),
    });
    wrong.map(|attribute| attribute.name).collect()
}

fn fits(kind: AttributeKind, value: &Value) -> bool {
    match kind {
        AttributeKind::Text => value.is_string(),
        AttributeKind::Number => value.is_i64(),
        AttributeKind::Boolean => value.is_boolean(),
        AttributeKind::TextSet => value.as_array().is_some_and(|l| l.iter().all(Value::is_string)),
    }
}

/// The text that a question has for a field, if it is there and a text.
pub(super) fn text<'a>(question: &Question<'a>, source: Source, name: &str) -> Option<&'a str> {
    match (source, name) {
        (Source::User, "id") => Some(question.subject.id),
        (Source::User, "role") => Some(question.subject.role),
        (Source::Context, "address") => Some(question.circumstances.address),
        (Source::Context, "authenticated_by") => Some(question.circumstances.authenticated_by),
        (Source::Resource, "id") => Some(question.resource_id),
        (Source::Resource, name) => question.attributes.get(name)?.as_str(),
        _ => None,
    }
}

/// The question in Cedar's terms. `None` if Cedar does not take it.
pub(super) fn request(
    vocabulary: &Vocabulary,
    kind: &ResourceKind,
    shelf: &Shelf,
    question: &Question<'_>,
) -> Option<(Request, Entities)> {
    let uid = |name: &str, id: &str| {
        let name: &EntityTypeName = vocabulary.types.get(name)?;
        Some(EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id)))
    };
    let user = uid("User", question.subject.id)?;
    let action = uid("Action", question.action)?;
    let resource = uid(kind.name, question.resource_id)?;
    let read = |source, names: &[&str]| -> Vec<(String, RestrictedExpression)> {
        let names = names.iter().filter(|name| shelf.reads(source, name));
        let texts = names.filter_map(|name| Some((*name, text(question, source, name)?)));
        texts.map(|(name, text)| (name.to_owned(), string(text))).collect()
    };
    let mut context = read(Source::Context, &["address", "authenticated_by"]);
    let circumstances = &question.circumstances;
    for (name, number) in [("hour", circumstances.hour), ("weekday", circumstances.weekday)] {
        if shelf.reads(Source::Context, name) {
            context.push((name.into(), RestrictedExpression::new_long(number.into())));
        }
    }
    let mut attributes: HashMap<_, _> = read(Source::Resource, &["id"]).into_iter().collect();
    for attribute in kind.attributes {
        let value = question.attributes.get(attribute.name).filter(|value| !value.is_null());
        let Some(value) = value.filter(|_| shelf.reads(Source::Resource, attribute.name)) else {
            continue;
        };
        attributes.insert(attribute.name.into(), expression(value)?);
    }
    let known = read(Source::User, &["id", "role"]).into_iter().collect();
    let entities = [entity(&user, known)?, entity(&resource, attributes)?];
    let entities = Entities::from_entities(entities.into_iter().flatten(), None).ok()?;
    let context = Context::from_pairs(context).ok()?;
    Some((Request::new(user, action, resource, context, None).ok()?, entities))
}

/// An entity of which nothing is known need not be told of: an inner `None`.
fn entity(
    uid: &EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
) -> Option<Option<Entity>> {
    if attributes.is_empty() {
        return Some(None);
    }
    Entity::new(uid.clone(), attributes, HashSet::new()).ok().map(Some)
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn expression(value: &Value) -> Option<RestrictedExpression> {
    match value {
        Value::String(text) => Some(string(text)),
        Value::Bool(boolean) => Some(RestrictedExpression::new_bool(*boolean)),
        Value::Number(number) => number.as_i64().map(RestrictedExpression::new_long),
        Value::Array(list) => {
            let texts = list.iter().map(|value| value.as_str().map(string));
            Some(RestrictedExpression::new_set(texts.collect::<Option<Vec<_>>>()?))
        }
        _ => None,
    }
}
