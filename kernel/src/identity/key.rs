//! API keys: `reeve_sk_`, 256 random bits in base64url, six hexadecimal digits of checksum.
//!
//! The prefix lets secret scanners find a leaked key (`reeve_sk_[A-Za-z0-9_-]{43}[0-9a-f]{6}`), the
//! checksum lets the server refuse a mistyped one without asking the database.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// How every key begins.
pub const PREFIX: &str = "reeve_sk_";
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;

/// A key in the clear. It does not print; [`KeyText`] does, once, for whom it was made.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let random = URL_SAFE_NO_PAD.encode(crate::random_bytes()?);
        let checksum = checksum(&random);
        Ok(Self(format!("{PREFIX}{random}{checksum}")))
    }

    /// What is stored and looked up. The key is random, so a fast hash is enough.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The last four characters, by which a person tells keys apart.
    pub fn last_four(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default()
    }

    /// The key in the clear, for the one answer that shows it.
    pub fn show_once(self) -> KeyText {
        KeyText(self.0)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[api key]")
    }
}

/// Not a key of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAKey;

impl FromStr for ApiKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let body = text.strip_prefix(PREFIX).filter(|b| b.is_ascii()).ok_or(NotAKey)?;
        if body.len() != RANDOM + CHECKSUM {
            return Err(NotAKey);
        }
        let (random, given) = body.split_at(RANDOM);
        if checksum(random) == given { Ok(Self(text.to_owned())) } else { Err(NotAKey) }
    }
}

/// A key's text on its only way out.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct KeyText(String);

impl KeyText {
    /// For a terminal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checksum(random: &str) -> String {
    let digest = Sha256::digest(random.as_bytes());
    digest.iter().take(CHECKSUM / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_parses_and_two_differ() {
        let (a, b) = (ApiKey::generate().expect("random"), ApiKey::generate().expect("random"));
        assert_ne!(a.hash(), b.hash());
        assert_eq!(
            a.clone().show_once().as_str().parse::<ApiKey>().expect("parses").hash(),
            a.hash()
        );
    }

    #[test]
    fn one_changed_character_is_refused_without_the_database() {
        let text = ApiKey::generate().expect("random").show_once();
        for at in [0, 9, 30, text.as_str().len() - 1] {
            let mut bytes = text.as_str().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(changed.parse::<ApiKey>(), Err(NotAKey), "{at}");
        }
    }

    #[test]
    fn other_texts_are_not_keys() {
        for text in [
            "",
            "reeve_sk_",
            "reeve_sk_ñ",
            &format!("reeve_sk_{}", "é".repeat(24)),
            &"x".repeat(10_000),
        ] {
            assert_eq!(text.parse::<ApiKey>(), Err(NotAKey));
        }
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", ApiKey::generate().expect("random")), "[api key]");
    }
}
