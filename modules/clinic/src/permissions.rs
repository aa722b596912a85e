//! The clinic's permissions and its rows of the role matrix, and nothing else.

use kernel::{destinations::EventType, permissions};
use policy::Grant;

permissions! {
    ReadPatient = "patient:read", Discloses;
    WritePatient = "patient:write", Writes;
    ReadAppointment = "appointment:read", Discloses;
    WriteAppointment = "appointment:write", Writes;
    /// Book a doctor twice for one time, with a reason.
    Overbook = "appointment:overbook", Writes;
    /// See what of FHIR this server speaks, which says nothing of anybody.
    ReadCapabilities = "fhir:read_capabilities", Reads;
    /// Order patients' records in bulk; each file is read under the permission of what it holds.
    OrderExport = "patient:read", Reads;
    ReadCatalogue = "catalogue:read", Reads;
    WriteCatalogue = "catalogue:write", Writes;
    /// See the connections to other systems of record, and how it stands with them.
    ReadEhr = "ehr:read", Reads;
    WriteEhr = "ehr:write", Writes;
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
            "ehr:read",
            "ehr:write",
            "audit:read",
            "audit:read_personal",
            "destination:read",
            "destination:write",
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

/// What is told to other systems, and who may hear of it; the migrations announce the same.
pub(crate) const EVENTS: &[EventType] = &[
    EventType { name: "patient.created", permission: "patient:read" },
    EventType { name: "patient.updated", permission: "patient:read" },
    EventType { name: "patient.deleted", permission: "patient:read" },
    EventType { name: "appointment.created", permission: "appointment:read" },
    EventType { name: "appointment.updated", permission: "appointment:read" },
    EventType { name: "appointment.deleted", permission: "appointment:read" },
];
