//! Personal values: types that cannot print and cannot be serialised by accident.

use std::{error::Error, fmt};

use bytes::BytesMut;
use postgres_types::{FromSql, IsNull, ToSql, Type};

/// A personal value on its way between a request, the rules and the database. It has no `Display`,
/// no `Serialize`, and its `Debug` shows nothing. Only a [`Reveal`] opens it, and the kernel hands
/// one out only with rows whose reading or writing is in the ledger (P4).
#[derive(Clone, PartialEq, Eq)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// A look at the value, for what is made of it.
    pub fn peek(&self, _: &Reveal) -> &T {
        &self.0
    }

    /// The value, for an answer.
    pub fn reveal(self, _: &Reveal) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

impl<'a, T: FromSql<'a>> FromSql<'a> for Pii<T> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        T::from_sql(ty, raw).map(Self)
    }

    fn accepts(ty: &Type) -> bool {
        T::accepts(ty)
    }
}

impl<T: ToSql> ToSql for Pii<T> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        T::accepts(ty)
    }

    postgres_types::to_sql_checked!();
}

/// The right to open personal values: handed out with rows whose disclosure is on record, or which
/// the caller has just written.
pub struct Reveal(());

impl Reveal {
    pub(crate) fn on_record() -> Self {
        Self(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_personal_value_does_not_print() {
        let name = Some(Pii::new("CANARY".to_owned()));
        assert_eq!(format!("{name:?}"), "Some([personal])");
    }
}
