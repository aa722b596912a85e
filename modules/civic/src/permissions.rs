//! The permissions of municipalities and their rows of the role matrix, and nothing else.

use policy::Grant;

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
