//! Who calls: from a credential to a [`Caller`](crate::authz::Caller), without holding a database
//! connection. And what credentials are made of: keys, tokens, the ring that signs them.

mod callers;
mod key;
pub(crate) mod notary;
mod realm;
mod ring;
pub mod rotation;
pub(crate) mod sql;
mod system;
mod token;
mod watch;

use uuid::Uuid;

pub use callers::Callers;
pub(crate) use callers::{Credential, Refused, confirm, recall};
pub use key::{ApiKey, KeyText, PREFIX};
pub use notary::NotaryError;
pub use realm::{Purpose, Realm, Signature};
pub use ring::RingError;
pub(crate) use ring::SigningKey;
use ring::{check_rsa, generate};
pub use system::SystemAccount;
pub(crate) use system::WATCH;
pub use token::TokenText;
pub(crate) use token::{Bearer, Family, OneTimeCode, Tokens};
pub use watch::Watch;

use crate::{
    core::Core,
    db::{Context, DbError, Origin, Scope},
    http::Problem,
};

/// What the server's settings say of identity.
#[derive(Clone, Default)]
pub struct IdentitySettings {
    /// What keys, cursors and cookies are sealed under; the same on every replica.
    pub secret: Vec<u8>,
    /// The `iss` of tokens: one for an environment, so that a token of another one is refused.
    pub issuer: String,
    /// The tenant of a login that names none and whose address is known there (C-14).
    pub default_tenant: Option<String>,
    /// Minutes that access tokens of a realm last, where the settings say so.
    pub access_minutes: Vec<(&'static str, u32)>,
    /// An RSA private key in PEM that signs RS256 tokens from now on (C-03).
    pub private_key: Option<String>,
    /// Identity providers of the server's own settings (Z-002, Z-003), for organizations of Studio.
    pub providers: Vec<sso::Provider>,
    /// Under which browsers reach this server; providers send people back there.
    pub public_url: String,
    /// Where a sign-on may send a browser back to.
    pub origins: Vec<String>,
    /// What sign-ons are sealed under, where it is not `secret` (Z-051).
    pub session_secret: Option<Vec<u8>>,
    /// What the codes of analytics are made under (KATA_DEID_SALT); made from `secret` when not said.
    pub deid_salt: Option<Vec<u8>>,
    /// The secret is this process's own (C-05, DEBUG): keys of another are passed over.
    pub ephemeral: bool,
}

impl IdentitySettings {
    pub(crate) fn browser_secret(&self) -> &[u8] {
        self.session_secret.as_deref().unwrap_or(&self.secret)
    }

    pub(crate) fn code_salt(&self) -> Vec<u8> {
        let derived = || crate::seal::derive(&self.secret, "participant codes").to_vec();
        self.deid_salt.clone().unwrap_or_else(derived)
    }

    /// What providers must be told: `{PUBLIC_URL}/auth/sso/callback`.
    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/auth/sso/callback", self.public_url)
    }

    fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The prefix binds the cookie to this host and to TLS (RFC 6265bis section 4.1.3.2).
    pub(crate) fn cookie_name(&self) -> &'static str {
        if self.is_https() { "__Host-reeve_sso" } else { "reeve_sso" }
    }

    /// The sign-on's cookie, for `seconds`. Lax: the provider's redirect is a top-level GET.
    pub(crate) fn cookie(&self, value: &str, seconds: i64) -> String {
        let secure = if self.is_https() { "; Secure" } else { "" };
        let name = self.cookie_name();
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }

    /// An address to send a browser back to: at one of our origins and no other.
    pub(crate) fn check_return(&self, to: String) -> Result<String, Problem> {
        let ours = |origin: &String| {
            to.strip_prefix(origin.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        };
        let plain = to.chars().all(|c| c.is_ascii_graphic() && c != '#' && c != '\\');
        if plain && self.origins.iter().any(ours) {
            return Ok(to);
        }
        let msg = "expected an address at one of ALLOWED_ORIGINS, without a fragment";
        Err(Problem::field(&["query", "return_to"], "origin", msg))
    }

    /// How long an access token of this realm lasts, in minutes.
    pub(crate) fn minutes(&self, realm: &Realm) -> u32 {
        let set = self.access_minutes.iter().find(|(name, _)| *name == realm.name);
        set.map_or(realm.access_minutes, |(_, minutes)| *minutes)
    }
}

/// Why the ring cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error("cannot read the signing keys: {0}")]
    Db(#[from] DbError),
}

impl Core {
    /// Loads the key ring, and makes the first key of a purpose that has none.
    ///
    /// # Errors
    /// The database's, or keys that were sealed under another secret.
    pub async fn load_ring(&self) -> Result<(), LoadError> {
        self.read_ring().await?;
        let mut made = false;
        if let Some(pem) = &self.identity.private_key {
            check_rsa(pem)?;
        }
        let realms = self.realms.iter().map(|realm| Purpose::Tokens(*realm));
        for purpose in realms.chain([Purpose::Notary]) {
            let imported = match (purpose, &self.identity.private_key) {
                (Purpose::Tokens(realm), Some(pem)) if realm.signature == Signature::Rs256 => {
                    Some(pem.clone().into_bytes())
                }
                _ => None,
            };
            let id = match &imported {
                Some(pem) => thumbprint(pem),
                None => self.clock.new_id(),
            };
            let keys = self.tokens.ring.all();
            if keys.iter().any(|k| k.is_for(purpose) && (imported.is_none() || k.id == id)) {
                continue;
            }
            let key = match imported {
                Some(pem) => pem,
                None => generate(purpose.signature())?,
            };
            let sealed = self.seal.seal(id.as_bytes(), &key);
            let sealed = sealed.map_err(|e| RingError::Random(e.to_string()))?;
            let algorithm = purpose.signature().name();
            let insert = sql::insert_key_of_ring(id, purpose.name(), algorithm, sealed);
            self.run_as_watch(&insert).await?;
            made = true;
        }
        if made { self.read_ring().await } else { Ok(()) }
    }

    /// Whether there are tenants made for a demonstration that still work.
    ///
    /// # Errors
    /// The database's.
    pub async fn has_demo_tenants(&self) -> Result<bool, DbError> {
        let rows = self.run_as_watch(&sql::find_demo()).await?;
        Ok(rows.first().is_some_and(|row| row.done))
    }

    /// Reads the ring again: a key was added, or has ended.
    pub(crate) async fn read_ring(&self) -> Result<(), LoadError> {
        let rows = self.run_as_watch(&sql::list_ring()).await?;
        let opened: Result<Vec<_>, _> = rows
            .into_iter()
            .map(|row| ring::SigningKey::open(row, &self.realms, &self.seal))
            .filter(|opened| !(self.identity.ephemeral && opened.is_err()))
            .collect();
        self.tokens.ring.replace(opened?.into_iter().flatten().collect());
        Ok(())
    }

    pub(crate) async fn run_as_watch<R: crate::db::Row>(
        &self,
        bound: &crate::db::Bound<R>,
    ) -> Result<Vec<R>, DbError> {
        let origin = Origin::internal(self.clock.new_id());
        let context = Context {
            tenant: Uuid::nil(),
            actor: WATCH.actor(),
            permission: "server:watch",
            origin: &origin,
            scope: Scope::Own,
            now: None,
        };
        self.flush(&context, bound).await
    }
}

/// A given key is known by what it is, so that replicas and restarts add it once.
fn thumbprint(pem: &[u8]) -> Uuid {
    let digest: [u8; 32] = crate::seal::derive(pem, "key id");
    let (half, _) = digest.split_at(16);
    uuid::Builder::from_custom_bytes(half.try_into().unwrap_or_default()).into_uuid()
}
