//! The tokens of people: access tokens that any replica verifies by itself (RFC 9068), refresh
//! tokens that name a session's generation, and codes that work once.
//!
//! Each begins with what it is, so that none is taken for another: an access token has the header
//! `typ: at+jwt`, a refresh token the prefix `reeve_rt_`, a code `reeve_ot_`.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{Timestamp, ToSpan};
use jsonwebtoken::{Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Purpose, Realm, ring::Ring};
use crate::seal::derive;

/// How far two clocks may differ, in seconds.
const LEEWAY: i64 = 30;
pub(super) const TYPE: &str = "at+jwt";
const REFRESH: &str = "reeve_rt_";
const ONE_TIME: &str = "reeve_ot_";

/// Issues and verifies.
pub(crate) struct Tokens {
    pub(crate) ring: Ring,
    pub(super) issuer: String,
    refresh: hmac::Key,
}

/// A secret text on its only way out.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct TokenText(String);

impl TokenText {
    /// For a terminal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom an access token is for.
pub(crate) struct Bearer<'a> {
    pub(crate) realm: &'a Realm,
    pub(crate) tenant: Uuid,
    pub(crate) account: Uuid,
    pub(crate) session: Uuid,
    pub(crate) role: Option<&'a str>,
}

/// What a good access token says.
pub(crate) struct Presented {
    pub(crate) tenant: Uuid,
    pub(crate) account: Uuid,
    pub(crate) session: Uuid,
    /// When the token is good no more, the leeway included.
    pub(crate) until: Option<Timestamp>,
}

/// What a good refresh token says.
#[derive(Clone, Copy)]
pub(crate) struct Family {
    pub(crate) tenant: Uuid,
    pub(crate) account: Uuid,
    pub(crate) session: Uuid,
    pub(crate) generation: i32,
}

/// The claims (RFC 7519 section 4.1, RFC 9068 section 2.2). Times are whole seconds: text, fractions
/// and null are no times.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    jti: Uuid,
    sid: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
    role: Option<String>,
    /// The tenant, under the realm's own name for it.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Tokens {
    pub(crate) fn new(issuer: String, secret: &[u8]) -> Self {
        let refresh = hmac::Key::new(hmac::HMAC_SHA256, &derive(secret, "refresh token"));
        Self { ring: Ring::default(), issuer, refresh }
    }

    /// An access token; none when the ring holds no key of the realm.
    pub(crate) fn issue(
        &self,
        bearer: &Bearer<'_>,
        now: Timestamp,
        minutes: u32,
        id: Uuid,
    ) -> Option<TokenText> {
        let keys = self.ring.all();
        let purpose = Purpose::Tokens(*bearer.realm);
        let key = keys.get(Ring::position_of_signer(&keys, purpose, now)?)?;
        let mut header = Header::new(key.algorithm);
        header.typ = Some(TYPE.into());
        header.kid = Some(key.id.to_string());
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: bearer.realm.name.into(),
            sub: bearer.account,
            jti: id,
            sid: bearer.session,
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: (now + i64::from(minutes).minutes()).as_second(),
            role: bearer.role.map(Into::into),
            rest: Map::from_iter([(bearer.realm.tenant_claim().to_owned(), json!(bearer.tenant))]),
        };
        encode(&header, &claims, &key.signs).ok().map(TokenText)
    }

    /// Verifies an access token: the key of its `kid` says which realm, and with it which audience
    /// and algorithm; the token has no say in either (RFC 8725 sections 3.1 and 3.9). What the notary's
    /// key signed is never one.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Option<Presented> {
        let header = decode_header(token).ok()?;
        if header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let kid: Uuid = header.kid.as_deref()?.parse().ok()?;
        let keys = self.ring.all();
        let key = keys.iter().find(|key| key.id == kid && key.verifies(now))?;
        let Purpose::Tokens(realm) = key.purpose else { return None };
        let mut rules = Validation::new(key.algorithm);
        rules.set_audience(&[realm.name]);
        rules.set_issuer(&[&self.issuer]);
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // Times are compared below, with the clock of this server.
        rules.validate_exp = false;
        let claims = decode::<Claims>(token, &key.verifies, &rules).ok()?.claims;
        let now = now.as_second();
        if claims.exp.saturating_add(LEEWAY) <= now || claims.nbf.saturating_sub(LEEWAY) > now {
            return None;
        }
        let tenant = claims.rest.get(realm.tenant_claim())?.as_str()?.parse().ok()?;
        let until = Timestamp::from_second(claims.exp.saturating_add(LEEWAY)).ok();
        Some(Presented { tenant, account: claims.sub, session: claims.sid, until })
    }

    /// The refresh token of a generation. It is computed, not stored: asked for again, it is the
    /// same one.
    pub(crate) fn refresh_token(&self, family: &Family) -> TokenText {
        let body = family_bytes(family);
        let tag = hmac::sign(&self.refresh, &body);
        TokenText(format!(
            "{REFRESH}{}",
            URL_SAFE_NO_PAD.encode([&body[..], tag.as_ref()].concat())
        ))
    }

    /// The family and generation of a refresh token of ours; a forged one is refused here, without
    /// the database.
    pub(crate) fn read_refresh(&self, token: &str) -> Option<Family> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(REFRESH)?).ok()?;
        let (body, tag) = bytes.split_at_checked(52)?;
        hmac::verify(&self.refresh, body, tag).ok()?;
        let (tenant, rest) = body.split_first_chunk::<16>()?;
        let (account, rest) = rest.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let generation = rest.first_chunk::<4>()?;
        Some(Family {
            tenant: Uuid::from_bytes(*tenant),
            account: Uuid::from_bytes(*account),
            session: Uuid::from_bytes(*session),
            generation: i32::from_be_bytes(*generation),
        })
    }
}

fn family_bytes(family: &Family) -> Vec<u8> {
    let mut bytes = family.tenant.as_bytes().to_vec();
    bytes.extend(family.account.as_bytes());
    bytes.extend(family.session.as_bytes());
    bytes.extend(family.generation.to_be_bytes());
    bytes
}

/// A code that works once, for one account of one tenant; stored as a hash.
pub(crate) struct OneTimeCode {
    pub(crate) tenant: Uuid,
    pub(crate) id: Uuid,
    text: String,
}

impl OneTimeCode {
    /// # Errors
    /// The system has no randomness to give.
    pub(crate) fn generate(tenant: Uuid, id: Uuid) -> Result<Self, getrandom::Error> {
        let bytes = [&tenant.as_bytes()[..], id.as_bytes(), &crate::random_bytes()?].concat();
        Ok(Self { tenant, id, text: format!("{ONE_TIME}{}", URL_SAFE_NO_PAD.encode(bytes)) })
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(ONE_TIME)?).ok()?;
        let (tenant, rest) = bytes.split_first_chunk::<16>()?;
        let (id, secret) = rest.split_first_chunk::<16>()?;
        let code = Self {
            tenant: Uuid::from_bytes(*tenant),
            id: Uuid::from_bytes(*id),
            text: text.to_owned(),
        };
        (secret.len() == 32).then_some(code)
    }

    /// What is stored. The code is random, so a fast hash is enough.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.text.as_bytes()).to_vec()
    }

    pub(crate) fn show_once(self) -> TokenText {
        TokenText(self.text)
    }
}
