//! The accounts under which the server itself acts. Each has a name, an id that follows from the
//! name (so that the ledger of every installation reads alike) and a row of its own in the matrix.

use policy::{Grant, Role};
use sha2::{Digest, Sha256};

use crate::db::Actor;

/// An account of the server's own.
#[derive(Clone, Copy, Debug)]
pub struct SystemAccount {
    pub name: &'static str,
    /// All that it may do.
    pub permissions: &'static [&'static str],
}

/// Watches over credentials, notes their use.
pub(crate) const WATCH: SystemAccount =
    SystemAccount { name: "watch", permissions: &["server:watch"] };

/// The realm of all system accounts in the matrix.
const REALM: &str = "system";

impl SystemAccount {
    /// Its row of the matrix.
    pub fn grant(&self) -> (&'static str, Grant) {
        (REALM, Grant { role: self.name, permissions: self.permissions })
    }

    pub fn role(&self) -> Role {
        Role { realm: REALM, name: self.name }
    }

    /// As the ledger knows it.
    pub fn actor(&self) -> Actor {
        let digest: [u8; 32] = Sha256::digest(format!("reeve system {}", self.name)).into();
        let (half, _) = digest.split_at(16);
        let id = uuid::Builder::from_custom_bytes(half.try_into().unwrap_or_default());
        Actor::System(id.into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_account_has_one_id_everywhere_and_two_have_two() {
        let other = SystemAccount { name: "other", permissions: &[] };
        assert_eq!(WATCH.actor(), WATCH.actor());
        assert_ne!(WATCH.actor(), other.actor());
        assert_ne!(WATCH.actor().id(), Some(Uuid::nil()));
    }
}
