//! The permissions of municipalities and their rows of the role matrix, and nothing else.

use kernel::{authz::Permission, permissions};
use policy::Grant;

permissions! {
    /// Make an account for oneself.
    Register = "auth:register", Writes;
}

/// What anybody may do who has no credential.
pub(crate) const OPEN: &[&str] = &[Register::NAME];

/// The roles of a municipality's people, in the document's order (S-025).
pub(crate) const GRANTS: &[Grant] = &[
    Grant { role: "citizen", permissions: &[] },
    Grant { role: "field_worker", permissions: &[] },
    Grant { role: "manager", permissions: &["user:read"] },
    Grant {
        role: "admin",
        permissions: &[
            "audit:read",
            "audit:read_personal",
            "key:read",
            "key:write",
            "user:read",
            "user:write",
        ],
    },
    Grant { role: "saps_liaison", permissions: &[] },
];

/// Those who stand above the municipalities.
pub(crate) const ABOVE: &[Grant] =
    &[Grant { role: "platform_admin", permissions: &["audit:read", "user:read", "user:write"] }];
