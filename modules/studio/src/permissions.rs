//! The permissions of organizations and their rows of the role matrix, and nothing else.

use policy::Grant;

/// The roles of an organization's people.
pub(crate) const GRANTS: &[Grant] = &[
    Grant {
        role: "org_owner",
        permissions: &[
            "audit:read",
            "audit:read_personal",
            "key:read",
            "key:write",
            "user:read",
            "user:write",
        ],
    },
    Grant {
        role: "org_admin",
        permissions: &["audit:read", "key:read", "user:read", "user:write"],
    },
    Grant { role: "developer", permissions: &[] },
    Grant { role: "viewer", permissions: &[] },
];
