//! Signatures of Standard Webhooks 1.0.0, and the secrets that they are made with.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};

use crate::core::random_bytes;

/// How every secret begins.
const PREFIX: &str = "whsec_";

/// A secret in the clear, at the only moment it is shown. It does not print.
pub struct SecretText(String);

impl SecretText {
    /// A new one, of 32 bytes.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{PREFIX}{}", STANDARD.encode(random_bytes()?))))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body`, in base64; the timestamp in seconds since 1970. None when the
/// secret is no secret of ours.
pub(super) fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    Some(format!("v1,{}", STANDARD.encode(context.sign())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a", 1, b""), None);
        assert_eq!(sign("whsec_%", "a", 1, b""), None);
    }

    #[test]
    fn a_new_secret_has_32_bytes_and_does_not_print() {
        let (one, other) = (SecretText::generate().unwrap(), SecretText::generate().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(STANDARD.decode(one.expose().strip_prefix(PREFIX).unwrap()).unwrap().len(), 32);
        assert_eq!(format!("{one:?}"), "[secret]");
    }
}
