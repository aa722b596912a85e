//! The notary: what the server says and anybody can check, years later and without asking it. A compact
//! JWS (RFC 7515) under a key of the ring that signs nothing else; its public half stands in
//! `/.well-known/jwks.json` for ever, also after it has given way to a newer one.

use jiff::Timestamp;
use jsonwebtoken::{Header, Validation, decode, decode_header, encode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    LoadError, Purpose, RingError, Tokens,
    ring::{Ring, SigningKey},
    sql, token,
};
use crate::{db::Platform, seal::Seal};

/// Why nothing was signed; each a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    #[error("the key ring holds no key of the notary's")]
    NoKey,
    #[error("`{0}` is no type of what a notary signs")]
    Type(&'static str),
    #[error("claims are an object, without `iss` and `iat`")]
    Claims,
    #[error("the key could not sign")]
    Key,
}

impl Tokens {
    /// Signs `claims`, with `iss` and `iat` (seconds) added, as a document of the type `typ`.
    ///
    /// # Errors
    /// No key, a type that is not `…+jwt` or is an access token's, or claims that are no object.
    pub(crate) fn sign(
        &self,
        typ: &'static str,
        claims: &impl Serialize,
        now: Timestamp,
    ) -> Result<String, NotaryError> {
        if typ == token::TYPE || !typ.ends_with("+jwt") {
            return Err(NotaryError::Type(typ));
        }
        let keys = self.ring.all();
        let position = Ring::position_of_signer(&keys, Purpose::Notary, now);
        let key = position.and_then(|i| keys.get(i)).ok_or(NotaryError::NoKey)?;
        let mut header = Header::new(key.algorithm);
        header.typ = Some(typ.into());
        header.kid = Some(key.id.to_string());
        let Ok(Value::Object(mut claims)) = serde_json::to_value(claims) else {
            return Err(NotaryError::Claims);
        };
        for (name, value) in [("iss", json!(self.issuer)), ("iat", json!(now.as_second()))] {
            if claims.insert(name.into(), value).is_some() {
                return Err(NotaryError::Claims);
            }
        }
        encode(&header, &claims, &key.signs).map_err(|_| NotaryError::Key)
    }

    /// The claims of a document of this type that the notary signed.
    pub(crate) fn read_signed(&self, typ: &str, text: &str) -> Option<Map<String, Value>> {
        read(&self.ring.all(), typ, text)
    }
}

/// The claims of a document of this type, if one of the notary's keys signed it.
pub(crate) fn read(keys: &[SigningKey], typ: &str, text: &str) -> Option<Map<String, Value>> {
    let header = decode_header(text).ok()?;
    if header.typ.as_deref() != Some(typ) {
        return None;
    }
    let kid: Uuid = header.kid.as_deref()?.parse().ok()?;
    let key = keys.iter().find(|key| key.id == kid && key.is_for(Purpose::Notary))?;
    let mut rules = Validation::new(key.algorithm);
    rules.set_required_spec_claims::<&str>(&[]);
    rules.validate_exp = false;
    rules.validate_aud = false;
    Some(decode(text, &key.verifies, &rules).ok()?.claims)
}

/// The notary's keys, for an operator who verifies. A key is believed because its seal opens under the
/// server's secret, which the database does not hold.
///
/// # Errors
/// The database's, or a key that is none.
pub(crate) async fn load_keys(
    platform: &mut Platform,
    secret: &[u8],
) -> Result<Vec<SigningKey>, LoadError> {
    let seal = Seal::new(secret, "stored secret");
    let rows = platform.run(Uuid::nil(), "token-key:read", &sql::list_ring()).await?;
    let opened = rows.into_iter().map(|row| SigningKey::open(row, &[], &seal));
    let opened: Vec<_> = opened.collect::<Result<_, RingError>>()?;
    Ok(opened.into_iter().flatten().collect())
}
