//! What of a record its reader sees: the fields that the matrix of the entity gives to their role.

use std::borrow::Cow;

use policy::Entity;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// How a caller sees. Made by [`Authorized::sight`](super::Authorized::sight).
#[derive(Clone, Copy)]
pub struct Sight {
    role: Seer,
}

#[derive(Clone, Copy)]
enum Seer {
    Operator,
    Role(&'static str),
    Nobody,
}

impl Sight {
    pub(super) fn everything() -> Self {
        Self { role: Seer::Operator }
    }

    pub(super) fn of(role: &'static str) -> Self {
        Self { role: Seer::Role(role) }
    }

    pub(super) fn nothing() -> Self {
        Self { role: Seer::Nobody }
    }

    /// The record as the caller sees it: a field that the matrix does not give is absent, not null.
    pub fn show<T>(self, entity: &'static Entity, record: T) -> Shown<T> {
        Shown { record, entity, sight: self }
    }

    fn sees(self, entity: &Entity, field: &str) -> bool {
        match self.role {
            Seer::Operator => true,
            Seer::Role(role) => entity.shows(role, field),
            Seer::Nobody => false,
        }
    }
}

/// A record, of which only what its reader may see is ever serialised.
pub struct Shown<T> {
    record: T,
    entity: &'static Entity,
    sight: Sight,
}

impl<T: Serialize> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::to_value(&self.record).map_err(S::Error::custom)? {
            Value::Object(fields) => {
                let seen = |field: &str| self.sight.sees(self.entity, field);
                serializer.collect_map(fields.into_iter().filter(|(field, _)| seen(field)))
            }
            _ => Err(S::Error::custom("a record that is shown has fields")),
        }
    }
}

impl<T: ToSchema> PartialSchema for Shown<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Shown<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOTE: Entity =
        Entity { name: "note", fields: &[("id", &["nurse", "clerk"]), ("words", &["nurse"])] };

    fn seen(sight: Sight) -> Value {
        let record = json!({"id": 1, "words": "CANARY", "unlisted": 2});
        serde_json::to_value(sight.show(&NOTE, record)).expect("a record")
    }

    #[test]
    fn a_field_is_absent_for_whom_the_matrix_does_not_name() {
        assert_eq!(seen(Sight::of("nurse")), json!({"id": 1, "words": "CANARY"}));
        assert_eq!(seen(Sight::of("clerk")), json!({"id": 1}));
        assert_eq!(seen(Sight::of("visitor")), json!({}));
        assert_eq!(seen(Sight::nothing()), json!({}));
    }

    #[test]
    fn a_field_that_the_matrix_does_not_know_is_shown_to_no_role() {
        assert!(seen(Sight::of("nurse")).get("unlisted").is_none());
        assert!(seen(Sight::everything()).get("unlisted").is_some());
    }
}
