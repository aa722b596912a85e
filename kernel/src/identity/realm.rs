//! A realm: the people of one module, and what their tokens and passwords are like.

use passwords::Policy;

use crate::http::Limit;

/// How a realm's tokens are signed (RFC 7518 section 3.1). The audience decides, never the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// HMAC-SHA256 under a secret that never leaves the server.
    Hs256,
    /// RSA; the public keys are in the JWKS, so that others can verify too.
    Rs256,
}

impl Signature {
    /// The `alg` of RFC 7518.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
        }
    }
}

/// The people of one module.
#[derive(Clone, Copy, Debug)]
pub struct Realm {
    /// The module's name, the tokens' audience.
    pub name: &'static str,
    pub signature: Signature,
    /// How long an access token lasts, in minutes.
    pub access_minutes: u32,
    /// How long a session lasts, in days, and with it its refresh tokens; `None`: the realm's
    /// clients know no refresh, and a session lasts as long as its one token.
    pub refresh_days: Option<u32>,
    /// How new passwords are hashed.
    pub passwords: Policy,
    /// What the realm's document calls the tenant: `school_id`, `organization_id`. The first is the
    /// claim in its tokens.
    pub tenant_fields: &'static [&'static str],
    /// Whether its organizations narrow roles by attribute policies (C-20).
    pub attribute_policies: bool,
    /// Whether each change that its people ask for leaves an entry of its own, with its answer's status (Z-053).
    pub calls_on_record: bool,
    /// The languages that its people are spoken to in, by ISO 639 code; `None`: any.
    pub languages: Option<&'static [&'static str]>,
    /// How often an address may sign in as one of its people; beside it guesses are slowed everywhere.
    pub login_limit: Option<Limit>,
}

/// What a key of the ring signs.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Access tokens of a realm.
    Tokens(Realm),
    /// Receipts and checkpoints, which anybody may verify, at any time to come.
    Notary,
}

impl Purpose {
    /// Under which name its keys are kept.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tokens(realm) => realm.name,
            Self::Notary => "notary",
        }
    }

    /// RS256 for the notary, so that others verify with what is published and can sign nothing.
    pub fn signature(&self) -> Signature {
        match self {
            Self::Tokens(realm) => realm.signature,
            Self::Notary => Signature::Rs256,
        }
    }
}

impl Realm {
    /// The claim that names the tenant.
    pub(crate) fn tenant_claim(&self) -> &'static str {
        self.tenant_fields.first().copied().unwrap_or("tenant_id")
    }
}
