//! The two secrets of this crate. Neither prints.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};
use zeroize::Zeroizing;

/// More than any password is; what is longer is not worth hashing.
pub(crate) const MAX_BYTES: usize = 1024;

/// A password in the clear, as a person typed it. It does not print or serialise, and its memory is
/// wiped when it is dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes any text; [`check`](crate::check) says whether it may become somebody's password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Whether it can be somebody's at all. A NUL would make two passwords one: HMAC fills its key up
    /// with them, and bcrypt ends at one.
    pub fn is_possible(&self) -> bool {
        self.0.len() <= MAX_BYTES && !self.0.contains('\0')
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password]")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AsText)
    }
}

struct AsText;

/// serde's own message would repeat a password that was sent as a number.
impl Visitor<'_> for AsText {
    type Value = Password;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Password, E> {
        Ok(Password::new(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Password, E> {
        Ok(Password::new(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Password, E> {
        Err(E::invalid_type(Unexpected::Other("another value"), &self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Password, E> {
        Err(E::invalid_type(Unexpected::Other("another value"), &self))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Password, E> {
        Err(E::invalid_type(Unexpected::Other("another value"), &self))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Password, E> {
        Err(E::invalid_type(Unexpected::Other("another value"), &self))
    }
}

/// A password's hash as the database keeps it: a PHC string, or bcrypt's own. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// What the database gave, or what an import brought; read only when a password is verified.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_password_nor_its_hash_prints() {
        assert_eq!(format!("{:?}", Password::new("hunter2")), "[password]");
        assert_eq!(format!("{:?}", PasswordHash::from_stored("$2b$x")), "[password hash]");
    }

    #[test]
    fn a_password_is_read_from_json() {
        let read: Password = serde_json::from_str("\"caf\\u00e9 noir\"").expect("a text");
        assert_eq!(read.text(), "café noir");
    }

    #[test]
    fn a_password_sent_as_a_number_is_refused_without_repeating_it() {
        let fault = serde_json::from_str::<Password>("123456").expect_err("a number").to_string();
        assert!(fault.contains("expected a text") && !fault.contains("123456"), "{fault}");
    }
}
