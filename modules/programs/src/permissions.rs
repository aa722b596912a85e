//! The permissions of programmes and their rows of the role matrix, and nothing else.
//!
//! The boundary of personal data lies here (K-007): `analyst` and `program_manager` never hold
//! `participant:read_pii`. A test says so of the whole matrix.

use policy::Grant;

/// The roles of a programme's people (K-059).
pub(crate) const GRANTS: &[Grant] = &[
    Grant {
        role: "admin",
        permissions: &[
            "participant:write",
            "participant:read_roster",
            "participant:read_pii",
            "session:write",
            "session:read",
            "enrollment:write",
            "enrollment:read",
            "incident:write",
            "incident:escalate",
            "consent:write",
            "consent:read",
            "goal:write",
            "goal:read",
            "knowledge:read",
            "analytics:read_deid",
            "audit:read",
            "audit:read_personal",
            "key:read",
            "key:write",
            "user:read",
            "user:write",
        ],
    },
    // Runs the programme by its numbers and its roster, without anybody's record.
    Grant {
        role: "program_manager",
        permissions: &[
            "participant:read_roster",
            "session:write",
            "session:read",
            "enrollment:write",
            "enrollment:read",
            "incident:write",
            "consent:read",
            "goal:read",
            "knowledge:read",
            "analytics:read_deid",
        ],
    },
    Grant {
        role: "instructor",
        permissions: &[
            "participant:read_roster",
            "session:write",
            "session:read",
            "enrollment:read",
            "incident:write",
            "consent:read",
            "goal:read",
            "knowledge:read",
        ],
    },
    // Escalates incidents and clears a return to play.
    Grant {
        role: "clinician",
        permissions: &[
            "participant:read_roster",
            "participant:read_pii",
            "session:read",
            "incident:write",
            "incident:escalate",
            "consent:write",
            "consent:read",
            "goal:read",
            "knowledge:read",
        ],
    },
    Grant {
        role: "case_manager",
        permissions: &[
            "participant:write",
            "participant:read_roster",
            "participant:read_pii",
            "session:read",
            "enrollment:write",
            "enrollment:read",
            "incident:write",
            "consent:write",
            "consent:read",
            "goal:write",
            "goal:read",
            "knowledge:read",
        ],
    },
    Grant { role: "analyst", permissions: &["knowledge:read", "analytics:read_deid"] },
];
