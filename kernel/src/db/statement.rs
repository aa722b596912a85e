//! Statements as typed constants.
//!
//! The SQL, the types of its parameters and the type of its rows stand together in a module's
//! `sql.rs`. [`check`] compares types, names, order and nullability with the migrated schema.

use std::collections::HashSet;

use postgres_types::{ToSql, Type};
use serde_json::Value;
use tokio_postgres::Row as PgRow;

use super::Scope;

/// One column of a row type.
pub struct Field {
    pub name: &'static str,
    pub accepts: fn(&Type) -> bool,
    pub takes_null: fn() -> bool,
}

/// A type that a result row becomes. Made by [`row!`](crate::row).
pub trait Row: Sized + Send + 'static {
    const FIELDS: &'static [Field];
    /// # Errors
    /// The driver's, if the row does not fit; [`check`] in a test makes that impossible.
    fn from_row(row: &PgRow) -> Result<Self, tokio_postgres::Error>;
}

/// A statement with its declared types. Made by [`statements!`](crate::statements).
pub struct Statement {
    pub name: &'static str,
    pub sql: &'static str,
    pub params: &'static [fn(&Type) -> bool],
    pub fields: &'static [Field],
    /// Whether it wants a job done: when it has committed, this server's worker is woken.
    pub enqueues: bool,
}

/// Whether a statement's text calls `kernel.enqueue`.
pub const fn enqueues(sql: &str) -> bool {
    let mut rest = sql.as_bytes();
    while let [_, tail @ ..] = rest {
        if let [
            b'k',
            b'e',
            b'r',
            b'n',
            b'e',
            b'l',
            b'.',
            b'e',
            b'n',
            b'q',
            b'u',
            b'e',
            b'u',
            b'e',
            b'(',
            ..,
        ] = rest
        {
            return true;
        }
        rest = tail;
    }
    false
}

/// A value that can be sent and kept until the flush is over.
pub type Param = Box<dyn ToSql + Sync + Send>;

/// A statement with its values, ready to be sent, whose rows are `R`.
pub struct Bound<R> {
    pub(crate) statement: &'static Statement,
    pub(crate) params: Vec<Param>,
    search: Option<Value>,
    row: std::marker::PhantomData<fn() -> R>,
}

impl<R> Bound<R> {
    pub fn new(statement: &'static Statement, params: Vec<Param>) -> Self {
        Self { statement, params, search: None, row: std::marker::PhantomData }
    }

    /// Runs it as `reeve_search` under this search, for statements on tables that
    /// `kernel.govern_search` made searchable. It takes a flush of its own: in an open transaction it
    /// is refused.
    pub fn searching(self, search: Value) -> Self {
        Self { search: Some(search), ..self }
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        self.search.as_ref().map_or(Scope::Own, Scope::Search)
    }

    pub(crate) fn refs(&self) -> impl ExactSizeIterator<Item = &(dyn ToSql + Sync)> {
        self.params.iter().map(|p| p.as_ref() as &(dyn ToSql + Sync))
    }
}

/// A statement that writes its own READ entry into the ledger, for rows about people. Only
/// [`Authorized::disclose`](crate::authz::Authorized::disclose) runs it, and only it yields what
/// opens the rows' personal values.
pub struct Disclosing<R> {
    pub(crate) bound: Bound<R>,
}

impl<R> Disclosing<R> {
    pub fn new(statement: &'static Statement, params: Vec<Param>) -> Self {
        Self { bound: Bound::new(statement, params) }
    }

    /// Runs it under this search, as [`Bound::searching`] does.
    pub fn searching(self, search: Value) -> Self {
        Self { bound: self.bound.searching(search) }
    }
}

/// Declares a row type: a struct whose fields are the columns, in order.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fm:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        pub struct $name { $($(#[$fm])* pub $field: $ty),* }
        impl $crate::db::Row for $name {
            const FIELDS: &'static [$crate::db::Field] = &[$($crate::db::Field {
                name: stringify!($field),
                accepts: <$ty as $crate::postgres_types::FromSql>::accepts,
                takes_null: || <$ty as $crate::postgres_types::FromSql>::from_sql_null(
                    &$crate::postgres_types::Type::TEXT).is_ok(),
            }),*];
            #[allow(unused_variables, unused_mut, reason = "a row may have no columns")]
            fn from_row(row: &$crate::tokio_postgres::Row)
                -> Result<Self, $crate::tokio_postgres::Error>
            {
                let mut next = 0..;
                $(let $field = row.try_get(next.next().unwrap_or(usize::MAX))?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// Declares statements.
///
/// ```text
/// statements! {
///     fn insert_patient(id: PatientId, …) -> PatientRow = "insert into … returning …";
///     fn find_patient(id: PatientId) -> PatientRow, discloses "clinic.patient" = "select id, …";
/// }
/// ```
///
/// Each becomes a function that binds the values. With `discloses`, the statement that reads also
/// writes its READ entry, in one: there is no way to run the one without the other. Its rows must
/// have an `id`.
#[macro_export]
macro_rules! statements {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident : $ty:ty),* $(,)?) -> $row:ty
        $(, discloses $resource:literal)? = $sql:expr;)*) => {
        $($(#[$meta])*
        pub fn $name($($arg: $ty),*) -> $crate::bound_kind!([$($resource)?] $row) {
            <$crate::bound_kind!([$($resource)?] $row)>::new(&statics::$name, vec![$(Box::new($arg)),*])
        })*

        #[allow(non_upper_case_globals, reason = "each is found under its function's name")]
        mod statics {
            #[allow(unused_imports, reason = "a file may declare only built-in types")]
            use super::*;
            $(pub static $name: $crate::db::Statement = $crate::db::Statement {
                name: stringify!($name),
                sql: $crate::statement_sql!([$($resource)?] $sql),
                params: &[$(<$ty as $crate::postgres_types::ToSql>::accepts),*],
                fields: <$row as $crate::db::Row>::FIELDS,
                enqueues: $crate::db::enqueues($crate::statement_sql!([$($resource)?] $sql)),
            };)*
        }

        /// Every statement of this file, for the schema test.
        pub const ALL: &[&$crate::db::Statement] = &[$(&statics::$name),*];
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! bound_kind {
    ([] $row:ty) => { $crate::db::Bound<$row> };
    ([$resource:literal] $row:ty) => { $crate::db::Disclosing<$row> };
}

#[doc(hidden)]
#[macro_export]
macro_rules! statement_sql {
    ([] $sql:expr) => {
        $sql
    };
    ([$resource:literal] $sql:expr) => {
        concat!(
            "with hit as materialized (",
            $sql,
            "), seen as (",
            "insert into audit.entry (operation, resource, record_id, record_ids) ",
            "select 'READ', '",
            $resource,
            "', case when count(*) = 1 then (array_agg(id))[1] end, ",
            "case when count(*) > 1 then array_agg(id) end from hit having count(*) > 0) ",
            "select * from hit"
        )
    };
}

row! {
    /// For statements that return nothing.
    pub struct Nothing {}
}

row! {
    /// For statements that only do something.
    pub struct Done { done: bool }
}

/// Every disagreement between the statements and the schema, one line each.
///
/// # Errors
/// The driver's, when the catalogue cannot be read.
pub async fn check(
    client: &tokio_postgres::Client,
    statements: &[&Statement],
) -> Result<Vec<String>, tokio_postgres::Error> {
    // Of a view's columns PostgreSQL does not say whether they can be null; a test's answers do.
    let catalogue =
        "select attrelid, attnum from pg_attribute a join pg_class c on c.oid = a.attrelid
                      where a.attnotnull or c.relkind = 'v'";
    let not_null: HashSet<(u32, i16)> = client
        .query(catalogue, &[])
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    let mut found = vec![];
    for statement in statements {
        let faults = match client.prepare(statement.sql).await {
            Ok(prepared) => disagreements(statement, &prepared, &not_null),
            Err(error) => vec![error.as_db_error().map_or(error.to_string(), |e| e.to_string())],
        };
        found.extend(faults.into_iter().map(|fault| format!("{}: {fault}", statement.name)));
    }
    Ok(found)
}

fn disagreements(
    declared: &Statement,
    prepared: &tokio_postgres::Statement,
    not_null: &HashSet<(u32, i16)>,
) -> Vec<String> {
    let mut faults = vec![];
    if prepared.params().len() != declared.params.len() {
        let (real, ours) = (prepared.params().len(), declared.params.len());
        faults.push(format!("{real} parameters, {ours} declared"));
    }
    for (i, (real, accepts)) in prepared.params().iter().zip(declared.params).enumerate() {
        if !accepts(real) {
            faults.push(format!("${} is {real}", i + 1));
        }
    }
    if prepared.columns().len() != declared.fields.len() {
        let (real, ours) = (prepared.columns().len(), declared.fields.len());
        faults.push(format!("{real} columns, {ours} fields"));
    }
    for (column, field) in prepared.columns().iter().zip(declared.fields) {
        if column.name() != field.name {
            faults.push(format!("column {} where {} is expected", column.name(), field.name));
        }
        if !(field.accepts)(column.type_()) {
            faults.push(format!("{} is {}", column.name(), column.type_()));
        }
        if let (Some(table), Some(number)) = (column.table_oid(), column.column_id())
            && !not_null.contains(&(table, number))
            && !(field.takes_null)()
        {
            faults.push(format!("{} may be null", column.name()));
        }
    }
    faults
}
