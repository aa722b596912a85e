//! How new passwords of a realm are hashed, and which stored hashes that leaves behind.

use std::str::FromStr;

use argon2::{
    Params, Version,
    password_hash::phc::{self, Ident, ParamsString, Salt},
};

use crate::{
    HashError, Password, PasswordHash,
    stored::{Stored, argon2id, pbkdf2},
};

const ROUNDS: u32 = 600_000;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// How a realm hashes its new passwords. Both are OWASP's advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// PBKDF2 with HMAC-SHA-256 and 600,000 rounds, for where FIPS 140 is asked for.
    Pbkdf2Sha256,
    /// Argon2id with 19 MiB, two passes, one lane: what to choose otherwise.
    Argon2id,
}

/// Not a policy's name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("name a hash policy: pbkdf2-sha256 or argon2id")]
pub struct UnknownPolicy;

impl Policy {
    /// Its name, for settings and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Argon2id => "argon2id",
        }
    }

    /// A PHC string of this policy. Slow: for the threads of [`Hashers`](crate::Hashers) alone.
    pub(crate) fn hash(self, password: &Password) -> Result<PasswordHash, HashError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| HashError::Failed)?;
        self.hash_with(password, salt).map_err(|_| HashError::Failed)
    }

    fn hash_with(
        self,
        password: &Password,
        salt: [u8; SALT_BYTES],
    ) -> Result<PasswordHash, Box<dyn std::error::Error>> {
        let (bytes, salt) = (password.text().as_bytes(), Salt::new(&salt)?);
        let mut params = ParamsString::new();
        let (version, output) = match self {
            Self::Pbkdf2Sha256 => {
                params.add_decimal("i", ROUNDS)?;
                params.add_decimal("l", u32::try_from(OUTPUT_BYTES)?)?;
                (None, pbkdf2(bytes, ROUNDS, &salt, OUTPUT_BYTES)?)
            }
            Self::Argon2id => {
                let costs = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES))?;
                params = ParamsString::try_from(&costs)?;
                let version = Version::V0x13;
                (Some(version.into()), argon2id(bytes, &costs, version, &salt, OUTPUT_BYTES)?)
            }
        };
        let algorithm = Ident::new(self.as_str())?;
        let phc =
            phc::PasswordHash { algorithm, version, params, salt: Some(salt), hash: Some(output) };
        Ok(PasswordHash::from_stored(phc.to_string()))
    }
}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        [Self::Pbkdf2Sha256, Self::Argon2id]
            .into_iter()
            .find(|policy| policy.as_str() == name)
            .ok_or(UnknownPolicy)
    }
}

/// Whether `hash` is of another family than `policy`, or weaker. One that cannot be read is.
pub fn needs_rehash(hash: &PasswordHash, policy: Policy) -> bool {
    match (Stored::read(hash.as_str()), policy) {
        (Ok(Stored::Pbkdf2 { rounds, salt, output }), Policy::Pbkdf2Sha256) => {
            rounds < ROUNDS || salt.len() < SALT_BYTES || output.len() < OUTPUT_BYTES
        }
        (Ok(Stored::Argon2id { params, version, salt, output }), Policy::Argon2id) => {
            params.m_cost() < MEMORY_KIB
                || params.t_cost() < PASSES
                || version != Version::V0x13
                || salt.len() < SALT_BYTES
                || output.len() < OUTPUT_BYTES
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "c2l4dGVlbiBieXRlIHNhbA";
    const OUTPUT: &str = "G+ic8m8ejlsowRcmP1gnyhwTiBCEVqYn29W2icfo5uU";

    #[test]
    fn a_hash_of_each_policy_is_verified_and_says_how_it_was_made() {
        for (policy, beginning) in [
            (Policy::Pbkdf2Sha256, "$pbkdf2-sha256$i=600000,l=32$"),
            (Policy::Argon2id, "$argon2id$v=19$m=19456,t=2,p=1$"),
        ] {
            let password = Password::new("seven wet otters");
            let hash = policy.hash(&password).expect("hashes");
            assert!(hash.as_str().starts_with(beginning), "{}", hash.as_str());
            let stored = Stored::read(hash.as_str()).expect("readable");
            assert_eq!(stored.is_of("seven wet otters"), Ok(true));
            assert_eq!(stored.is_of("seven wet otter"), Ok(false));
            assert!(!needs_rehash(&hash, policy));
            assert_ne!(policy.hash(&password).expect("hashes"), hash, "the salt is new each time");
        }
    }

    #[test]
    fn what_python_makes_of_the_same_salt_is_the_same() {
        let (password, salt) = (Password::new("Grüße aus dem Wald"), *b"sixteen byte sal");
        for (policy, hash) in [
            (
                Policy::Pbkdf2Sha256,
                "$pbkdf2-sha256$i=600000,l=32$c2l4dGVlbiBieXRlIHNhbA$sTy6Ckdcabplrn1QWw9eDMFxFeFRDYe/He4vtih94zs",
            ),
            (
                Policy::Argon2id,
                "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlIHNhbA$M8K9Z3I+vKudLAjbmXXpsKjf/PHv1WiRzOmSiahSZGU",
            ),
        ] {
            assert_eq!(policy.hash_with(&password, salt).expect("hashes").as_str(), hash);
        }
    }

    #[test]
    fn another_family_or_weaker_parameters_need_a_new_hash() {
        use Policy::{Argon2id, Pbkdf2Sha256};
        for (text, policy, expected) in [
            (format!("$pbkdf2-sha256$i=600000${SALT}${OUTPUT}"), Pbkdf2Sha256, false),
            (format!("$pbkdf2-sha256$i=600001,l=32${SALT}${OUTPUT}"), Pbkdf2Sha256, false),
            (format!("$pbkdf2-sha256$i=599999${SALT}${OUTPUT}"), Pbkdf2Sha256, true),
            (format!("$pbkdf2-sha256$i=600000$c2FsdHNhbHQ${OUTPUT}"), Pbkdf2Sha256, true),
            (format!("$pbkdf2-sha256$i=600000${SALT}$c2FsdHNhbHRzYWx0c2FsdA"), Pbkdf2Sha256, true),
            (format!("$pbkdf2-sha256$i=600000${SALT}${OUTPUT}"), Argon2id, true),
            (format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}"), Argon2id, false),
            (format!("$argon2id$v=19$m=65536,t=3,p=4${SALT}${OUTPUT}"), Argon2id, false),
            (format!("$argon2id$v=19$m=19455,t=2,p=1${SALT}${OUTPUT}"), Argon2id, true),
            (format!("$argon2id$v=19$m=65536,t=1,p=1${SALT}${OUTPUT}"), Argon2id, true),
            (format!("$argon2id$v=16$m=19456,t=2,p=1${SALT}${OUTPUT}"), Argon2id, true),
            (format!("$argon2id$m=19456,t=2,p=1${SALT}${OUTPUT}"), Argon2id, true),
            (format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}"), Pbkdf2Sha256, true),
            ("not a hash".to_owned(), Argon2id, true),
        ] {
            let hash = PasswordHash::from_stored(&text);
            assert_eq!(needs_rehash(&hash, policy), expected, "{text} {policy:?}");
        }
        let bcrypt = "$2b$12$yFsnr8qjU7ZeIBcFPh6z0umXNQQXdp0/TpWabh52hWQhS7hJFei/2";
        assert!(needs_rehash(&PasswordHash::from_stored(bcrypt), Argon2id));
        assert!(needs_rehash(&PasswordHash::from_stored(bcrypt), Pbkdf2Sha256));
    }

    #[test]
    fn a_policy_is_read_by_its_name() {
        for policy in [Policy::Pbkdf2Sha256, Policy::Argon2id] {
            assert_eq!(policy.as_str().parse(), Ok(policy));
        }
        assert_eq!("md5".parse::<Policy>(), Err(UnknownPolicy));
    }
}
