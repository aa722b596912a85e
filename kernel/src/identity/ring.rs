//! The key ring: the keys that sign and verify, by `kid`.
//!
//! A key has one purpose (the tokens of one realm, or the notary's), and so one algorithm: an RSA public key can never be used as an
//! HMAC secret (RFC 8725 section 2.1). Keys lie in the database, sealed under the server's secret,
//! so that every replica has the same ones and a rotation is one command.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Purpose, Realm, Signature, sql::KeyOfRing};
use crate::seal::Seal;

/// A key of the ring.
pub(crate) struct SigningKey {
    pub(super) id: Uuid,
    pub(super) purpose: Purpose,
    pub(super) algorithm: Algorithm,
    pub(super) signs: EncodingKey,
    pub(super) verifies: DecodingKey,
    signs_from: Timestamp,
    verifies_until: Option<Timestamp>,
}

/// Why a key cannot be used; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error(
        "the signing keys in the database were sealed under another SECRET_KEY: set the former one, or run `reeve token-key rotate --all --overlap-hours 0`, after which people sign in again"
    )]
    Sealed,
    #[error(
        "JWT_PRIVATE_KEY is no RSA private key in PEM of 2048 bits or more: make one with `openssl genrsa 3072`"
    )]
    NotRsa,
    #[error("no key could be made: {0}")]
    Random(String),
}

/// The ring, as of the last look.
#[derive(Default)]
pub(crate) struct Ring {
    keys: RwLock<Arc<Vec<SigningKey>>>,
}

impl Ring {
    pub(super) fn replace(&self, keys: Vec<SigningKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    pub(super) fn all(&self) -> Arc<Vec<SigningKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that signs for a purpose now: the newest whose time has come. Where none's has, the first
    /// to come: a purpose's first key is made by the database's clock, which may be ahead of this one.
    pub(super) fn position_of_signer(
        keys: &[SigningKey],
        purpose: Purpose,
        now: Timestamp,
    ) -> Option<usize> {
        let same = keys.iter().enumerate().filter(|(_, key)| key.is_for(purpose));
        let good: Vec<_> = same.filter(|(_, key)| key.verifies(now)).collect();
        let age = |(_, key): &&(usize, &SigningKey)| (key.signs_from, key.id);
        let ready = good.iter().filter(|(_, key)| key.signs_from <= now).max_by_key(age);
        ready.or_else(|| good.iter().min_by_key(age)).map(|(i, _)| *i)
    }

    /// The public keys (RFC 7517): those of RS256 alone, coming and going ones included.
    pub(crate) fn jwks(&self, now: Timestamp) -> Value {
        let keys = self.all();
        let public: Vec<Value> = keys
            .iter()
            .filter(|key| key.algorithm == Algorithm::RS256 && key.verifies(now))
            .filter_map(SigningKey::jwk)
            .collect();
        json!({"keys": public})
    }
}

impl SigningKey {
    pub(super) fn is_for(&self, purpose: Purpose) -> bool {
        self.purpose.name() == purpose.name()
    }

    pub(super) fn verifies(&self, now: Timestamp) -> bool {
        self.verifies_until.is_none_or(|end| now < end)
    }

    fn jwk(&self) -> Option<Value> {
        let jwk = Jwk::from_encoding_key(&self.signs, self.algorithm).ok()?;
        let mut value = serde_json::to_value(jwk).ok()?;
        let members = value.as_object_mut()?;
        members.insert("kid".into(), json!(self.id));
        members.insert("use".into(), json!("sig"));
        Some(value)
    }

    /// Opens a kept key of the notary or of one of `realms`; of others there is nothing to sign. A key of
    /// the notary's that was sealed under another secret is passed over: it never ends, so that no
    /// rotation could take it out of the way, and whether it is ours cannot be told.
    pub(crate) fn open(
        row: KeyOfRing,
        realms: &[Realm],
        seal: &Seal,
    ) -> Result<Option<Self>, RingError> {
        let realm = realms.iter().find(|realm| realm.name == row.realm);
        let purpose = match realm {
            Some(realm) => Purpose::Tokens(*realm),
            None if row.realm == Purpose::Notary.name() => Purpose::Notary,
            None => return Ok(None),
        };
        let opened = match (seal.open(row.id.as_bytes(), &row.sealed), purpose) {
            (Some(opened), _) => opened,
            (None, Purpose::Tokens(_)) => return Err(RingError::Sealed),
            (None, Purpose::Notary) => {
                tracing::warn!(kid = %row.id, "a notary's key was sealed under another SECRET_KEY");
                return Ok(None);
            }
        };
        let (algorithm, signs, verifies) = match purpose.signature() {
            Signature::Hs256 => (
                Algorithm::HS256,
                EncodingKey::from_secret(&opened),
                DecodingKey::from_secret(&opened),
            ),
            Signature::Rs256 => {
                let signs = EncodingKey::from_rsa_pem(&opened).map_err(|_| RingError::NotRsa)?;
                let public = Jwk::from_encoding_key(&signs, Algorithm::RS256)
                    .and_then(|jwk| DecodingKey::from_jwk(&jwk));
                (Algorithm::RS256, signs, public.map_err(|_| RingError::NotRsa)?)
            }
        };
        Ok(Some(Self {
            id: row.id,
            purpose,
            algorithm,
            signs,
            verifies,
            signs_from: row.signs_from,
            verifies_until: row.verifies_until,
        }))
    }
}

/// New key material for a purpose: 32 random bytes, or an RSA key of 3072 bits in PEM.
pub(crate) fn generate(signature: Signature) -> Result<Vec<u8>, RingError> {
    let fault = |e: &dyn std::fmt::Display| RingError::Random(e.to_string());
    match signature {
        Signature::Hs256 => Ok(crate::random_bytes().map_err(|e| fault(&e))?.to_vec()),
        Signature::Rs256 => {
            let pair = KeyPair::generate(KeySize::Rsa3072).map_err(|e| fault(&e))?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|e| fault(&e))?;
            Ok(pem(der.as_ref()).into_bytes())
        }
    }
}

/// Whether this text is an RSA private key that may sign: PEM, 2048 bits or more (RFC 8725).
pub(crate) fn check_rsa(pem: &str) -> Result<(), RingError> {
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| RingError::NotRsa)?;
    let jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(|_| RingError::NotRsa)?;
    let long_enough = match jwk.algorithm {
        jsonwebtoken::jwk::AlgorithmParameters::RSA(rsa) => rsa.n.len() >= 2048 / 6,
        _ => false,
    };
    if long_enough { Ok(()) } else { Err(RingError::NotRsa) }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}
