//! A stored hash, read and bounded before any work is done for it.
//!
//! Stored hashes come from imports and other programs as well; none may cost the server more memory
//! or time than the bounds here.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{self, Output, Salt},
};
use sha2::Sha256;

const MAX_ROUNDS: u32 = 5_000_000;
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 16;
const MAX_BCRYPT_COST: u32 = 16;
/// bcrypt reads no further.
const BCRYPT_BYTES: usize = 72;

/// A stored hash that this server does not verify: another family, broken, or beyond the bounds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error(
        "the stored password hash is of a family that is not known here: let the person reset the password"
    )]
    UnknownFamily,
    #[error("the stored password hash cannot be read: let the person reset the password")]
    Malformed,
    #[error(
        "the stored password hash asks for more work than is allowed: let the person reset the password"
    )]
    TooCostly,
}

/// A stored hash that can be verified at a bounded cost.
pub(crate) enum Stored<'a> {
    Pbkdf2 { rounds: u32, salt: Salt, output: Output },
    Argon2id { params: Params, version: Version, salt: Salt, output: Output },
    Bcrypt(&'a str),
}

impl<'a> Stored<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Unreadable> {
        match text.split('$').nth(1) {
            Some("pbkdf2-sha256") => read_pbkdf2(text),
            Some("argon2id") => read_argon2(text),
            Some("2a" | "2b" | "2y") => read_bcrypt(text),
            _ => Err(Unreadable::UnknownFamily),
        }
    }

    /// Whether it is `password`'s. As slow as the hash asks for, whatever the answer.
    pub(crate) fn is_of(&self, password: &str) -> Result<bool, Unreadable> {
        let bytes = password.as_bytes();
        match self {
            Self::Pbkdf2 { rounds, salt, output } => {
                Ok(pbkdf2(bytes, *rounds, salt, output.len())? == *output)
            }
            Self::Argon2id { params, version, salt, output } => {
                Ok(argon2id(bytes, params, *version, salt, output.len())? == *output)
            }
            Self::Bcrypt(text) => {
                let right = bcrypt::verify(bytes, text).map_err(|_| Unreadable::Malformed)?;
                // Otherwise whatever begins with the same 72 bytes would be right too.
                Ok(right && bytes.len() <= BCRYPT_BYTES)
            }
        }
    }
}

pub(crate) fn pbkdf2(
    password: &[u8],
    rounds: u32,
    salt: &Salt,
    length: usize,
) -> Result<Output, Unreadable> {
    Output::init_with(length, |out| {
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, out);
        Ok(())
    })
    .map_err(|_| Unreadable::Malformed)
}

pub(crate) fn argon2id(
    password: &[u8],
    params: &Params,
    version: Version,
    salt: &Salt,
    length: usize,
) -> Result<Output, Unreadable> {
    let hasher = Argon2::new(Algorithm::Argon2id, version, params.clone());
    let mut buffer = [0; Output::MAX_LENGTH];
    let out = buffer.get_mut(..length).ok_or(Unreadable::Malformed)?;
    hasher.hash_password_into(password, salt, out).map_err(|_| Unreadable::Malformed)?;
    Output::new(out).map_err(|_| Unreadable::Malformed)
}

fn read_pbkdf2<'a>(text: &str) -> Result<Stored<'a>, Unreadable> {
    let (phc, salt, output) = read_phc(text, &["i", "l"])?;
    let rounds = number(&phc, "i")?;
    if phc.version.is_some() || rounds == 0 {
        return Err(Unreadable::Malformed);
    }
    // Not every program writes the length; the output has it anyway.
    if phc.params.get("l").is_some() && number(&phc, "l")? as usize != output.len() {
        return Err(Unreadable::Malformed);
    }
    if rounds > MAX_ROUNDS {
        return Err(Unreadable::TooCostly);
    }
    Ok(Stored::Pbkdf2 { rounds, salt, output })
}

fn read_argon2<'a>(text: &str) -> Result<Stored<'a>, Unreadable> {
    let (phc, salt, output) = read_phc(text, &["m", "t", "p"])?;
    // The format leaves the version out where it is the first.
    let version = phc.version.unwrap_or(0x10).try_into().map_err(|_| Unreadable::Malformed)?;
    let [memory, passes, lanes] = [number(&phc, "m")?, number(&phc, "t")?, number(&phc, "p")?];
    if memory > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
        return Err(Unreadable::TooCostly);
    }
    let params = Params::new(memory, passes, lanes, Some(output.len()))
        .map_err(|_| Unreadable::Malformed)?;
    Ok(Stored::Argon2id { params, version, salt, output })
}

fn read_bcrypt(text: &str) -> Result<Stored<'_>, Unreadable> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| Unreadable::Malformed)?;
    if parts.get_cost() > MAX_BCRYPT_COST {
        return Err(Unreadable::TooCostly);
    }
    Ok(Stored::Bcrypt(text))
}

/// A PHC string with its salt and output, and no parameter but those `known`.
fn read_phc(text: &str, known: &[&str]) -> Result<(phc::PasswordHash, Salt, Output), Unreadable> {
    let phc = phc::PasswordHash::new(text).map_err(|_| Unreadable::Malformed)?;
    if phc.params.iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Unreadable::Malformed);
    }
    match (phc.salt, phc.hash) {
        (Some(salt), Some(output)) => Ok((phc, salt, output)),
        _ => Err(Unreadable::Malformed),
    }
}

fn number(phc: &phc::PasswordHash, name: &str) -> Result<u32, Unreadable> {
    phc.params.get_decimal(name).ok_or(Unreadable::Malformed)
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
