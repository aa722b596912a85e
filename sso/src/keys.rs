//! A provider's public keys.

use std::time::Duration;

use jsonwebtoken::{
    Algorithm, DecodingKey, Header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::discovery::FRESH;

const PAUSE: Duration = Duration::from_secs(30);

/// A JWKS. A key that we cannot read does not spoil the others.
#[derive(Deserialize)]
pub(crate) struct Published {
    keys: Vec<Value>,
}

#[derive(Default)]
pub(crate) struct Keys {
    keys: Vec<Jwk>,
    fetched: Option<Instant>,
    asked_again: Option<Instant>,
}

impl Keys {
    pub(crate) fn are_fresh(&self, now: Instant) -> bool {
        self.fetched.is_some_and(|at| now.duration_since(at) < FRESH)
    }

    /// Whether fresh keys may be fetched once more, for a key that is not among them. Says yes once
    /// in half a minute.
    pub(crate) fn may_ask_again(&mut self, now: Instant) -> bool {
        let may = self.asked_again.is_none_or(|at| now.duration_since(at) >= PAUSE);
        if may {
            self.asked_again = Some(now);
        }
        may
    }

    pub(crate) fn replace(&mut self, published: Published, now: Instant) {
        let readable = |key| serde_json::from_value(key).ok();
        self.keys = published.keys.into_iter().filter_map(readable).collect();
        self.fetched = Some(now);
    }

    /// The key of that id which fits the algorithm; without an id, the only one that fits.
    pub(crate) fn find(&self, header: &Header) -> Option<DecodingKey> {
        let named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
        let mut fitting = self.keys.iter().filter(named).filter(|key| fits(key, header.alg));
        let key = fitting.next()?;
        match fitting.next() {
            Some(_) => None,
            None => DecodingKey::from_jwk(key).ok(),
        }
    }
}

/// A key is used for what it was published for, so a public key never becomes an HMAC secret.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), RS256 | RS384 | RS512 | PS256 | PS384 | PS512) => true,
        (AlgorithmParameters::EllipticCurve(curve), ES256) => curve.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(curve), ES384) => curve.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(curve), EdDSA) => curve.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let signs = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let named = key.common.key_algorithm.as_ref();
    kind && signs && named.is_none_or(|named| *named == KeyAlgorithm::from(algorithm))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(published: Value) -> Keys {
        let mut keys = Keys::default();
        keys.replace(serde_json::from_value(published).expect("JWKS"), Instant::now());
        keys
    }

    fn rsa(kid: &str, more: &Value) -> Value {
        let mut key = json!({ "kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB" });
        for (name, value) in more.as_object().expect("object") {
            key[name] = value.clone();
        }
        key
    }

    fn found(keys: &Keys, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        keys.find(&header).is_some()
    }

    #[test]
    fn a_key_is_found_by_its_id_and_fits_its_kind_use_and_algorithm() {
        let keys = keys(json!({ "keys": [
            rsa("a", &json!({ "alg": "RS256", "use": "sig" })),
            rsa("b", &json!({ "use": "enc" })),
            { "kty": "oct", "kid": "c", "k": "AQAB" },
            { "kty": "EC", "kid": "d", "crv": "P-384", "x": "AQAB", "y": "AQAB" },
        ] }));
        assert!(found(&keys, Algorithm::RS256, Some("a")));
        assert!(!found(&keys, Algorithm::RS512, Some("a")), "published for RS256");
        assert!(!found(&keys, Algorithm::HS256, Some("a")));
        assert!(!found(&keys, Algorithm::RS256, Some("b")), "for encryption");
        assert!(!found(&keys, Algorithm::HS256, Some("c")));
        assert!(!found(&keys, Algorithm::ES256, Some("d")), "another curve");
        assert!(found(&keys, Algorithm::ES384, Some("d")));
        assert!(!found(&keys, Algorithm::RS256, Some("e")));
    }

    #[test]
    fn without_an_id_there_must_be_one_key_that_fits() {
        let one = keys(json!({ "keys": [rsa("a", &json!({})), { "kty": "new" }, 7] }));
        assert!(found(&one, Algorithm::RS256, None));
        let two = keys(json!({ "keys": [rsa("a", &json!({})), rsa("b", &json!({}))] }));
        assert!(!found(&two, Algorithm::RS256, None));
        assert!(found(&two, Algorithm::RS256, Some("b")));
    }

    #[test]
    fn keys_are_asked_for_again_once_in_half_a_minute() {
        let (mut keys, now) = (Keys::default(), Instant::now());
        assert!(keys.may_ask_again(now));
        assert!(!keys.may_ask_again(now + Duration::from_secs(29)));
        assert!(keys.may_ask_again(now + Duration::from_secs(30)));
        assert!(!keys.may_ask_again(now + Duration::from_secs(59)));
    }
}
