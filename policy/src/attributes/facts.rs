//! What Cedar is told of a question: as little as the policies at hand read.

use std::collections::HashSet;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use serde_json::{Map, Value};

use super::decision::Question;
use super::index::Candidate;
use super::operators::{self, Fact};
use super::vocabulary::{
    Attribute, AttributeKind, CONTEXT, RESOURCE, ResourceKind, Source, USER, Vocabulary,
};

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

/// What a question has for an attribute; of a set, nothing.
pub(super) fn fact<'a>(question: &Question<'a>, source: Source, name: &str) -> Option<Fact<'a>> {
    let circumstances = &question.circumstances;
    match (source, name) {
        (Source::User, "id") => Some(Fact::Text(question.subject.id)),
        (Source::User, "role") => Some(Fact::Text(question.subject.role)),
        (Source::Context, "address") => Some(Fact::Text(circumstances.address)),
        (Source::Context, "authenticated_by") => Some(Fact::Text(circumstances.authenticated_by)),
        (Source::Context, "hour") => Some(Fact::Number(circumstances.hour.into())),
        (Source::Context, "weekday") => Some(Fact::Number(circumstances.weekday.into())),
        (Source::Resource, "id") => Some(Fact::Text(question.resource_id)),
        (Source::Resource, name) => match question.attributes.get(name)? {
            Value::String(text) => Some(Fact::Text(text)),
            Value::Number(number) => number.as_i64().map(Fact::Number),
            Value::Bool(boolean) => Some(Fact::Boolean(*boolean)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a policy may match: none of its needs fails.
pub(super) fn may_match(question: &Question<'_>, candidate: &Candidate) -> bool {
    candidate.needs.iter().all(|need| {
        let fact = fact(question, need.source, need.attribute);
        fact.is_some_and(|fact| operators::met(need.operator, fact, &need.constants))
    })
}

/// The question in Cedar's terms, with what the candidates read. `None` if Cedar does not take it.
pub(super) fn request(
    vocabulary: &Vocabulary,
    kind: &ResourceKind,
    candidates: &[&Candidate],
    question: &Question<'_>,
) -> Option<(Request, Entities)> {
    let uid = |name: &str, id: &str| {
        let name: &EntityTypeName = vocabulary.types.get(name)?;
        Some(EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id)))
    };
    let told = |source, attributes: &[Attribute]| -> Vec<(String, RestrictedExpression)> {
        let read = |name| candidates.iter().any(|candidate| candidate.reads(source, name));
        let attributes = attributes.iter().filter(|attribute| read(attribute.name));
        let values = attributes.filter_map(|attribute| {
            Some((attribute.name.to_owned(), value(question, source, attribute.name)?))
        });
        values.collect()
    };
    let user = uid("User", question.subject.id)?;
    let action = uid("Action", question.action)?;
    let resource = uid(kind.name, question.resource_id)?;
    let mut attributes = told(Source::Resource, kind.attributes);
    attributes.extend(told(Source::Resource, RESOURCE));
    let entities = [entity(&user, told(Source::User, USER))?, entity(&resource, attributes)?];
    let entities = Entities::from_entities(entities.into_iter().flatten(), None).ok()?;
    let context = Context::from_pairs(told(Source::Context, CONTEXT)).ok()?;
    Some((Request::new(user, action, resource, context, None).ok()?, entities))
}

/// An entity of which nothing is told is left out: an inner `None`.
fn entity(
    uid: &EntityUid,
    attributes: Vec<(String, RestrictedExpression)>,
) -> Option<Option<Entity>> {
    if attributes.is_empty() {
        return Some(None);
    }
    Entity::new(uid.clone(), attributes.into_iter().collect(), HashSet::new()).ok().map(Some)
}

fn value(question: &Question<'_>, source: Source, name: &str) -> Option<RestrictedExpression> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    match fact(question, source, name) {
        Some(Fact::Text(fact)) => Some(text(fact)),
        Some(Fact::Number(number)) => Some(RestrictedExpression::new_long(number)),
        Some(Fact::Boolean(boolean)) => Some(RestrictedExpression::new_bool(boolean)),
        None => {
            let set = question.attributes.get(name).filter(|_| source == Source::Resource);
            let members = set?.as_array()?.iter().filter_map(Value::as_str);
            Some(RestrictedExpression::new_set(members.map(text)))
        }
    }
}
