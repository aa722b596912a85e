//! The permissions of athletics and their rows of the role matrix, and nothing else.

use policy::Grant;

/// The roles of a school's people.
pub(crate) const GRANTS: &[Grant] = &[
    Grant {
        role: "school_admin",
        permissions: &["audit:read", "key:read", "key:write", "user:read", "user:write"],
    },
    Grant { role: "athletic_trainer", permissions: &[] },
    Grant { role: "coach", permissions: &[] },
    Grant { role: "parent", permissions: &[] },
];
