//! Partial bodies and the collection of their faults: absent, null and a value are three things.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{FieldError, Problem};

/// A field of a body that may be partial.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Null, Self::Value))
    }
}

impl<T> Patch<T> {
    /// The same through `change`, which may find fault.
    pub fn try_map<U, E>(self, change: impl FnOnce(T) -> Result<U, E>) -> Result<Patch<U>, E> {
        Ok(match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(change(value)?),
        })
    }

    /// What was given, if anything was: null is a given nothing.
    pub fn as_given(&self) -> Option<Option<&T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// A catalogue's code as clients send it: text, or a number.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(pub String);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Code;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a code or a number of the catalogue")
            }
            fn visit_str<E>(self, text: &str) -> Result<Code, E> {
                Ok(Code(text.to_owned()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Code, E> {
                Ok(Code(number.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Code, E> {
                Ok(Code(number.to_string()))
            }
        }
        from.deserialize_any(Visitor)
    }
}

/// Sets a member of a JSON object; of anything else there are none.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// What a body is for: everything required must be there, or only what changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Create,
    Change,
}

/// Columns on their way to the database, and every fault found on the way.
pub struct Fields {
    purpose: Purpose,
    columns: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// Why a value will not do: a stable kind and a sentence.
pub type Fault = (&'static str, String);

impl Fields {
    pub fn new(purpose: Purpose) -> Self {
        Self { purpose, columns: Map::new(), errors: vec![] }
    }

    /// A field that must be there on creation and may never be null.
    pub fn required<T, V: Into<Value>>(
        &mut self,
        column: &str,
        field: &str,
        given: Patch<T>,
        parse: impl FnOnce(T) -> Result<V, Fault>,
    ) {
        match (given, self.purpose) {
            (Patch::Absent, Purpose::Change) => {}
            (Patch::Absent, Purpose::Create) | (Patch::Null, _) => {
                self.fault(field, ("missing", "this field is required".into()));
            }
            (given, _) => self.optional(column, field, given, parse),
        }
    }

    /// A field that may be absent or null.
    pub fn optional<T, V: Into<Value>>(
        &mut self,
        column: &str,
        field: &str,
        given: Patch<T>,
        parse: impl FnOnce(T) -> Result<V, Fault>,
    ) {
        match given.try_map(parse) {
            Ok(Patch::Absent) => {}
            Ok(Patch::Null) => drop(self.columns.insert(column.to_owned(), Value::Null)),
            Ok(Patch::Value(value)) => drop(self.columns.insert(column.to_owned(), value.into())),
            Err(fault) => self.fault(field, fault),
        }
    }

    /// Notes a fault; a field within a field is named with a dot, `recipient.agency_name`.
    pub fn fault(&mut self, field: &str, (kind, msg): Fault) {
        let loc = std::iter::once("body").chain(field.split('.')).map(str::to_owned).collect();
        self.errors.push(FieldError { loc, msg, kind });
    }

    /// The columns, or every fault.
    ///
    /// # Errors
    /// 422 with all faults.
    pub fn finish(self) -> Result<Value, Problem> {
        if self.errors.is_empty() {
            Ok(Value::Object(self.columns))
        } else {
            Err(Problem::invalid(self.errors))
        }
    }
}

/// Text of 1 to `longest` characters, trimmed, with no control characters but line breaks and tabs, and something to see.
///
/// # Errors
/// The fault, without the value.
pub fn text(longest: usize) -> impl Fn(String) -> Result<String, Fault> {
    move |given| {
        let given = given.trim();
        let length = given.chars().count();
        if given.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
            return Err(("control_character", "control characters cannot be stored".into()));
        }
        if length == 0 || length > longest {
            return Err(("length", format!("give 1 to {longest} characters")));
        }
        if !given.chars().any(shows) {
            return Err(("invisible", "give at least one character that can be seen".into()));
        }
        Ok(given.to_owned())
    }
}

/// Whether a character leaves something to see. What Unicode calls default ignorable does not
/// (`DerivedCoreProperties.txt`), nor do blanks.
fn shows(c: char) -> bool {
    let ignorable = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    // U+2800 is the braille pattern without dots.
    !(ignorable || c.is_whitespace() || c == '\u{2800}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_something_to_see() {
        let said = |given: &str| text(10)(given.to_owned()).map_err(|(kind, _)| kind);
        for blank in ["\u{200b}", " \u{2060}\u{feff} ", "\u{3164}\u{fe0f}", "\u{e0041}", "\u{2800}"]
        {
            assert_eq!(said(blank), Err("invisible"), "{}", blank.escape_unicode());
        }
        for shown in ["a", "\u{200f}\u{5d0}", "\u{1f468}\u{200d}\u{1f33e}", "\u{26a0}\u{fe0f}"] {
            assert_eq!(said(shown).as_deref(), Ok(shown), "{}", shown.escape_unicode());
        }
        assert_eq!((said("  "), said("\u{7}")), (Err("length"), Err("control_character")));
    }
}
