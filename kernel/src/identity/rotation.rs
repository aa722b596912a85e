//! The ring at the command line: listed, rotated with an overlap, begun anew.

use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use uuid::Uuid;

use super::{Purpose, RingError, ring};
use crate::{
    core::Clock,
    db::{DbError, Nothing, Platform, Statement},
    row,
    seal::Seal,
    statements,
};

/// Seconds before a new key signs: by then every replica has heard of it, and who caches the JWKS
/// briefly has read it again.
const SIGNS_AFTER: i64 = 5;

row! {
    /// A key of the ring, without what is secret.
    #[derive(Serialize)]
    pub struct KeyInfo {
        id: Uuid,
        realm: String,
        algorithm: String,
        created_at: Timestamp,
        signs_from: Timestamp,
        verifies_until: Option<Timestamp>,
    }
}

statements! {
    fn list_keys() -> KeyInfo
        = "select id, realm, algorithm, created_at, signs_from, verifies_until
             from kernel.signing_key order by realm, signs_from, id";

    fn insert_key(id: Uuid, realm: &'static str, algorithm: &'static str, sealed: Vec<u8>, signs_from: Timestamp) -> Nothing
        = "insert into kernel.signing_key (id, realm, algorithm, sealed, signs_from) values ($1, $2, $3, $4, $5)";

    /// The other keys of the realm verify for a while longer.
    fn end_other_keys(id: Uuid, realm: &'static str, until: Timestamp) -> Nothing
        = "update kernel.signing_key set verifies_until = least(coalesce(verifies_until, 'infinity'), $3)
            where realm = $2 and id <> $1";
}

/// Statements of the platform, for the schema check.
pub const STATEMENTS: &[&Statement] = ALL;

/// Why the ring was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// All keys, those that have ended too.
///
/// # Errors
/// The database's.
pub async fn list(platform: &mut Platform) -> Result<Vec<KeyInfo>, RotationError> {
    Ok(platform.run(Uuid::nil(), "token-key:read", &list_keys()).await?)
}

/// A new key for a purpose. Those of a realm before it verify for `overlap_hours` more, and no token
/// lasts longer than that: with an overlap shorter than the realm's tokens, some people sign in again.
/// Those of the notary verify for ever, and sign no more.
///
/// # Errors
/// No randomness, or the database's.
pub async fn rotate(
    platform: &mut Platform,
    clock: &Clock,
    secret: &[u8],
    purpose: Purpose,
    overlap_hours: i64,
) -> Result<(), RotationError> {
    let (id, now) = (clock.new_id(), clock.now());
    let seal = Seal::new(secret, "stored secret");
    let sealed = seal.seal(id.as_bytes(), &ring::generate(purpose.signature())?);
    let sealed = sealed.map_err(|e| RingError::Random(e.to_string()))?;
    let signs_from = if overlap_hours == 0 { now } else { now + SIGNS_AFTER.seconds() };
    let algorithm = purpose.signature().name();
    let insert = insert_key(id, purpose.name(), algorithm, sealed, signs_from);
    platform.run(Uuid::nil(), "token-key:write", &insert).await?;
    if let Purpose::Tokens(realm) = purpose {
        let until = now + overlap_hours.hours();
        let end = end_other_keys(id, realm.name, until);
        platform.run(Uuid::nil(), "token-key:write", &end).await?;
    }
    Ok(())
}
