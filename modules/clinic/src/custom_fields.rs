//! `customFields`: whatever a tenant wishes to keep beside the canonical fields, kept to the letter
//! (M-023, M-084) within bounds.

use std::{cell::Cell, collections::HashSet, fmt};

use kernel::http::{Fault, QueryReader};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

const DEEPEST: usize = 16;
const MOST_KEYS: usize = 500;
const LONGEST: usize = 64 * 1024;

/// A JSON object, checked, in the client's own words: numbers keep every digit.
#[derive(Clone)]
pub struct CustomFields(pub Box<RawValue>);

impl CustomFields {
    /// # Errors
    /// Not an object, a key given twice, U+0000, too deep, too many keys or too long.
    pub fn parse(raw: Box<RawValue>) -> Result<Self, Fault> {
        let text = raw.get();
        if text.len() > LONGEST {
            return Err(("length", format!("give {LONGEST} bytes at the most")));
        }
        if !text.trim_start().starts_with('{') {
            return Err(("type_error", "expected an object".into()));
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        let keys = Cell::new(0);
        match (Check { depth: 0, keys: &keys }).deserialize(&mut parser) {
            Ok(()) => Ok(Self(raw)),
            Err(error) => Err(("value_error", known_fault(&error.to_string()).into())),
        }
    }
}

const TWICE: &str = "a key is given twice";
const NUL: &str = "the character U+0000 cannot be stored";
const DEEP: &str = "nested more than 16 deep";
const MANY: &str = "more than 500 keys";

/// Our own sentence for a parser's error, which could repeat a value.
fn known_fault(error: &str) -> &'static str {
    let own = [TWICE, NUL, DEEP, MANY].into_iter().find(|known| error.starts_with(known));
    own.unwrap_or("this is not JSON that can be stored")
}

/// Walks a JSON value and keeps nothing of it.
#[derive(Clone, Copy)]
struct Check<'a> {
    depth: usize,
    keys: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(E::custom(NUL)) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            self.visit_str::<A::Error>(&key)?;
            self.keys.set(self.keys.get() + 1);
            if self.keys.get() > MOST_KEYS {
                return Err(de::Error::custom(MANY));
            }
            if !seen.insert(key) {
                return Err(de::Error::custom(TWICE));
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

impl Check<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            Err(E::custom(DEEP))
        } else {
            Ok(Self { depth: self.depth + 1, ..self })
        }
    }
}

/// The filters `custom_fields={"plan":"gold"}` (containment) and `custom_fields.plan=gold` (equality
/// of one key; the value is JSON where it reads as JSON, else text), joined.
pub fn filter(query: &mut QueryReader) -> Option<Value> {
    let mut wanted = Map::new();
    if let Some(text) = query.text("custom_fields", 4000) {
        match serde_json::from_str(&text).map(CustomFields::parse) {
            Ok(Ok(fields)) => wanted = Map::deserialize(&*fields.0).unwrap_or_default(),
            _ => query.fault("custom_fields", "type_error", "expected a JSON object"),
        }
    }
    for (key, text) in query.with_prefix("custom_fields.") {
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        wanted.insert(key, value);
    }
    (!wanted.is_empty()).then_some(Value::Object(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CustomFields, Fault> {
        CustomFields::parse(serde_json::from_str(text).expect("raw JSON"))
    }

    fn fault(text: &str) -> String {
        parse(text).err().expect("a fault").1
    }

    #[test]
    fn an_object_is_kept_to_the_letter() {
        for text in [r#"{}"#, r#"{"a":9007199254740993,"b":1.0,"Ñandú":{"c":[null,true,"🩺"]}}"#]
        {
            assert_eq!(parse(text).expect("fine").0.get(), text);
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", "\"a\"", "null"] {
            assert_eq!(fault(text), "expected an object");
        }
    }

    #[test]
    fn a_key_given_twice_is_refused_at_any_depth() {
        assert_eq!(fault(r#"{"a":1,"a":2}"#), TWICE);
        assert_eq!(fault(r#"{"x":[{"a":1,"\u0061":2}]}"#), TWICE);
    }

    #[test]
    fn nul_is_refused_in_keys_and_values() {
        assert_eq!(fault(r#"{"a":"\u0000"}"#), NUL);
        assert_eq!(fault(r#"{"a\u0000":1}"#), NUL);
    }

    #[test]
    fn sixteen_levels_are_allowed_and_seventeen_are_not() {
        let nested = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
        assert!(parse(&nested(16)).is_ok());
        assert_eq!(fault(&nested(17)), DEEP);
    }

    #[test]
    fn five_hundred_keys_are_allowed_and_one_more_is_not() {
        let keys = |n: usize| {
            format!("{{{}}}", (0..n).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(","))
        };
        assert!(parse(&keys(500)).is_ok());
        assert_eq!(fault(&keys(501)), MANY);
    }

    #[test]
    fn a_fault_never_repeats_the_value() {
        assert!(!fault(r#"{"CANARY":"\ud800"}"#).contains("CANARY"));
    }
}
