//! Pages by keyset: a page, and a sealed cursor to the next.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Object, Ref, RefOr, Schema,
        schema::{Array, SchemaType, Type},
    },
};

use super::{FromQuery, Problem, QueryReader, parameter};

/// One page of a list.
#[derive(Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub limit: i64,
    /// Send it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let cursor = Object::builder()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Send it as `cursor` for the next page; null on the last."));
        Object::builder()
            .description(Some("One page of a list."))
            .property("items", List::<T>::schema())
            .property("limit", i64::schema())
            .property("next_cursor", cursor)
            .required("items")
            .required("limit")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        List::<T>::schemas(schemas);
    }
}

/// Where a list goes on, and how far.
pub struct Paging {
    pub limit: i64,
    pub cursor: Option<String>,
}

impl FromQuery for Paging {
    fn read(query: &mut QueryReader) -> Self {
        Self { limit: query.limit(), cursor: query.text("cursor", 2000) }
    }

    fn parameters() -> Vec<Value> {
        Page::<()>::parameters()
    }
}

/// One page as a bare array, where a document shows its lists so.
#[derive(Serialize)]
#[serde(transparent)]
pub struct List<T>(pub Vec<T>);

impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        Array::new(Ref::from_schema_name(T::name())).into()
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T> Page<T> {
    /// Cuts `limit` rows from one more than that, and seals the place of the last when there are
    /// more to come.
    ///
    /// # Errors
    /// The cursor could not be sealed.
    pub fn cut(
        mut rows: Vec<T>,
        limit: i64,
        seal: impl FnOnce(&T) -> Result<String, Problem>,
    ) -> Result<Self, Problem> {
        let most = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > most;
        rows.truncate(most);
        let next_cursor = match rows.last() {
            Some(last) if more => Some(seal(last)?),
            _ => None,
        };
        Ok(Self { items: rows, limit, next_cursor })
    }

    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, limit, next_cursor } = self;
        Page { items: items.into_iter().map(view).collect(), limit, next_cursor }
    }

    /// The same without what `shown` does not hold of: such a page is short, and the next still follows it.
    pub fn only(mut self, shown: impl FnMut(&T) -> bool) -> Self {
        self.items.retain(shown);
        self
    }

    /// The query parameters that every list has.
    pub fn parameters() -> Vec<Value> {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50});
        vec![
            parameter("limit", limit, "how many at the most"),
            parameter(
                "cursor",
                json!({"type": "string"}),
                "`next_cursor`, or the cursor in `Link`, of the page before",
            ),
        ]
    }
}
