//! The ID token: OpenID Connect Core, section 3.1.3.7.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm::{self, ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512},
    DecodingKey, Header, Validation,
    errors::ErrorKind,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::Refusal;

/// Signatures of which only the provider has the key.
const ALGORITHMS: [Algorithm; 9] = [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];
/// How far apart two clocks may be, in seconds.
const LEEWAY: u64 = 60;

/// What an ID token, or the user information, says about a person.
#[derive(Deserialize)]
pub(crate) struct Person {
    pub(crate) sub: String,
    #[serde(default, deserialize_with = "plain")]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    pub(crate) email_verified: bool,
    #[serde(default, deserialize_with = "plain")]
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    nonce: Option<String>,
    at_hash: Option<String>,
    #[serde(flatten)]
    person: Person,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// A token for several clients must name us as the one that asked for it.
    fn is(&self, client_id: &str, asked_by: Option<&str>) -> bool {
        let (meant, alone) = match self {
            Self::One(one) => (one == client_id, true),
            Self::Many(all) => (all.iter().any(|one| one == client_id), all.len() == 1),
        };
        meant && asked_by.map_or(alone, |asked| asked == client_id)
    }
}

/// What a token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) access_token: Option<&'a str>,
}

/// The head of a token whose algorithm is allowed; `none` does not even parse.
pub(crate) fn header(token: &str) -> Result<Header, Refusal> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Token)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Refusal::Algorithm);
    }
    // An extension that must be understood, and is not.
    if header.crit.is_some() { Err(Refusal::Token) } else { Ok(header) }
}

/// Whom the token is about, once its signature and all that it says were found right.
pub(crate) fn verify(
    token: &str,
    header: &Header,
    key: &DecodingKey,
    expected: &Expected<'_>,
) -> Result<Person, Refusal> {
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_audience(&[expected.client_id]);
    let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map_err(|error| refusal(error.kind()))?
        .claims;
    // Not left to the library, which would also take a list of issuers.
    if claims.iss != expected.issuer {
        return Err(Refusal::Issuer);
    }
    if !claims.aud.is(expected.client_id, claims.azp.as_deref()) {
        return Err(Refusal::Audience);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(Refusal::Nonce);
    }
    if let (Some(hash), Some(access)) = (&claims.at_hash, expected.access_token)
        && *hash != half_hash(header.alg, access)
    {
        return Err(Refusal::AccessToken);
    }
    if claims.person.sub.len() > 255 || !is_plain(&claims.person.sub) {
        return Err(Refusal::Token);
    }
    Ok(claims.person)
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => Refusal::Time,
        _ => Refusal::Token,
    }
}

/// The left half of a hash, as `at_hash` carries it.
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    let whole = match algorithm {
        RS384 | PS384 | ES384 => Sha384::digest(text).to_vec(),
        RS512 | PS512 | EdDSA => Sha512::digest(text).to_vec(),
        _ => Sha256::digest(text).to_vec(),
    };
    let half = whole.len() / 2;
    URL_SAFE_NO_PAD.encode(whole.get(..half).unwrap_or_default())
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// A text that can be kept; anything else counts as not said.
fn plain<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let Value::String(text) = Value::deserialize(input)? else { return Ok(None) };
    Ok(Some(text).filter(|text| is_plain(text)))
}

/// Some providers write `"true"`.
fn truth<'de, D: Deserializer<'de>>(input: D) -> Result<bool, D::Error> {
    let said = Value::deserialize(input)?;
    Ok(said == Value::Bool(true) || said == "true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person(claims: Value) -> Person {
        serde_json::from_value(claims).expect("a person")
    }

    #[test]
    fn an_email_is_verified_only_when_the_provider_says_true() {
        for (said, verified) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("True"), false),
            (json!(1), false),
            (json!(null), false),
            (json!([true]), false),
        ] {
            let person = person(json!({ "sub": "1", "email_verified": said }));
            assert_eq!(person.email_verified, verified, "{said}");
        }
        assert!(!person(json!({ "sub": "1" })).email_verified);
    }

    #[test]
    fn an_email_or_name_that_is_no_plain_text_counts_as_not_said() {
        for odd in [json!(7), json!(""), json!(null), json!("a\u{0}b"), json!({ "a": 1 })] {
            let person = person(json!({ "sub": "1", "email": odd, "name": odd }));
            assert!(person.email.is_none() && person.name.is_none(), "{odd}");
        }
    }

    #[test]
    fn half_a_hash_is_the_one_of_the_specification() {
        // OpenID Connect Core, appendix A.3.
        let hash = half_hash(RS256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
        assert_eq!(hash, "77QmUPtjPfzWtF2AnpK9RQ");
    }

    #[test]
    fn a_shared_secret_or_no_signature_is_not_an_algorithm() {
        let head = |alg: &str| {
            format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string()))
        };
        for alg in ["HS256", "HS384", "HS512"] {
            assert_eq!(header(&head(alg)).err(), Some(Refusal::Algorithm), "{alg}");
        }
        for alg in ["none", "None", "RS1", ""] {
            assert_eq!(header(&head(alg)).err(), Some(Refusal::Token), "{alg}");
        }
        assert!(header(&head("RS256")).is_ok());
    }

    #[test]
    fn an_extension_that_must_be_understood_is_refused() {
        let head = json!({ "alg": "RS256", "crit": ["exp"] }).to_string();
        let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(head));
        assert_eq!(header(&token).err(), Some(Refusal::Token));
    }
}
