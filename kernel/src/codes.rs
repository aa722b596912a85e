//! The key under which PostgreSQL makes the codes of analytics, as a transaction is told of it.

use jiff::civil::Date;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// SHA-256's block, to which HMAC pads its key (RFC 2104).
const BLOCK: usize = 64;

/// The salt as HMAC uses it. It is as good as the salt, so it does not print.
pub(crate) struct Codes {
    inner: String,
    outer: String,
}

impl Codes {
    pub(crate) fn new(salt: &[u8]) -> Self {
        Self { inner: padded(salt, 0x36), outer: padded(salt, 0x5c) }
    }

    /// What the functions of the schema `deid` read: the padded keys, and the day to which ages refer.
    pub(crate) fn setting(&self, today: Date) -> Value {
        json!({"inner": self.inner, "outer": self.outer, "today": today.to_string()})
    }
}

/// The key xor the pad, in hex.
fn padded(key: &[u8], pad: u8) -> String {
    let digest;
    let key = if key.len() > BLOCK {
        digest = Sha256::digest(key);
        digest.as_slice()
    } else {
        key
    };
    let bytes = key.iter().copied().chain(std::iter::repeat(0)).take(BLOCK);
    bytes.map(|byte| format!("{:02x}", byte ^ pad)).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn the_pads_make_the_hmac_of_the_standard_for_keys_of_any_length() {
        for length in [0, 1, 32, 63, 64, 65, 200] {
            let salt = vec![0xa7; length];
            let codes = Codes::new(&salt);
            let inside = Sha256::new().chain_update(bytes(&codes.inner)).chain_update("Hi There");
            let outside = Sha256::new().chain_update(bytes(&codes.outer));
            let made = outside.chain_update(inside.finalize()).finalize();
            let key = hmac::Key::new(hmac::HMAC_SHA256, &salt);
            assert_eq!(made.as_slice(), hmac::sign(&key, b"Hi There").as_ref(), "{length}");
        }
    }
}
