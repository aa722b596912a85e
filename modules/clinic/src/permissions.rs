//! The clinic's permissions and its rows of the role matrix, and nothing else.

use kernel::permissions;
use policy::Grant;

permissions! {
    ReadPatient = "patient:read", Discloses;
    WritePatient = "patient:write", Writes;
    ReadAppointment = "appointment:read", Discloses;
    WriteAppointment = "appointment:write", Writes;
    /// Book a doctor twice for one time, with a reason.
    Overbook = "appointment:overbook", Writes;
    ReadCatalogue = "catalogue:read", Reads;
    WriteCatalogue = "catalogue:write", Writes;
}

/// The roles of the clinic's people and API keys.
pub(crate) const GRANTS: &[Grant] = &[
    Grant {
        role: "admin",
        permissions: &[
            "patient:read",
            "patient:write",
            "appointment:read",
            "appointment:write",
            "appointment:overbook",
            "catalogue:read",
            "catalogue:write",
            "audit:read",
            "audit:read_personal",
            "key:read",
            "key:write",
            "user:read",
            "user:write",
        ],
    },
    // A chatbot, an n8n flow, an external medical system.
    Grant {
        role: "integration",
        permissions: &[
            "patient:read",
            "patient:write",
            "appointment:read",
            "appointment:write",
            "catalogue:read",
        ],
    },
    Grant { role: "reader", permissions: &["patient:read", "appointment:read", "catalogue:read"] },
    // A compliance officer: who did what, without the personal values.
    Grant { role: "auditor", permissions: &["audit:read", "key:read"] },
];
