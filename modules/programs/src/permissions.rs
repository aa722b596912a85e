//! The permissions of programmes and their rows of the role matrix, and nothing else.
//!
//! The boundary of personal data lies here (K-007): `analyst` and `program_manager` never hold
//! `participant:read_pii`. A test says so of the whole matrix. Fifteen names are the document's
//! (K-058); the others are what operating it needs (K-060).

use kernel::{destinations::EventType, permissions};
use policy::Grant;

permissions! {
    WriteParticipant = "participant:write", Writes;
    ReadRoster = "participant:read_roster", Discloses;
    ReadParticipant = "participant:read_pii", Discloses;
    WriteSession = "session:write", Writes;
    ReadSession = "session:read", Discloses;
    WriteEnrollment = "enrollment:write", Writes;
    ReadEnrollment = "enrollment:read", Discloses;
    /// How many are in each cohort: nobody among them.
    CountEnrollments = "enrollment:read", Reads;
    WriteIncident = "incident:write", Writes;
    /// Return to play, and what asks for somebody's attention now.
    EscalateIncident = "incident:escalate", Writes;
    ReadIncident = "incident:read", Discloses;
    /// Record a clinician's clearance.
    ClearReturn = "incident:clear", Writes;
    WriteConsent = "consent:write", Writes;
    ReadConsent = "consent:read", Discloses;
    WriteGoal = "goal:write", Writes;
    ReadGoal = "goal:read", Discloses;
    ReadKnowledge = "knowledge:read", Reads;
    WriteKnowledge = "knowledge:write", Writes;
    ReadAnalytics = "analytics:read_deid", Deidentifies;
    /// Programmes, cohorts, locations.
    ReadProgram = "program:read", Reads;
    WriteProgram = "program:write", Writes;
    ReadInstructor = "instructor:read", Discloses;
    WriteInstructor = "instructor:write", Writes;
    ReadSettings = "setting:read", Reads;
    WriteSettings = "setting:write", Writes;
}

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
            "destination:read",
            "destination:write",
            "key:read",
            "key:write",
            "user:read",
            "user:write",
            "incident:read",
            "knowledge:write",
            "program:read",
            "program:write",
            "instructor:read",
            "instructor:write",
            "setting:read",
            "setting:write",
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
            "knowledge:write",
            "program:read",
            "program:write",
            "instructor:read",
            "instructor:write",
            "setting:read",
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
            "program:read",
            "instructor:read",
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
            "incident:clear",
            "consent:write",
            "consent:read",
            "goal:read",
            "knowledge:read",
            "incident:read",
            "program:read",
            "instructor:read",
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
            "incident:read",
            "program:read",
            "instructor:read",
        ],
    },
    Grant {
        role: "analyst",
        permissions: &["knowledge:read", "analytics:read_deid", "program:read"],
    },
];

/// Who administrates clinicians' accounts clears nobody (S03).
pub(crate) const DELEGATES: &[(&str, &str)] = &[("admin", "incident:clear")];

/// What is told to other systems, and who may hear of it; the migrations announce the same.
pub(crate) const EVENTS: &[EventType] = &[
    EventType { name: "participant.created", permission: "participant:read_pii" },
    EventType { name: "participant.updated", permission: "participant:read_pii" },
    EventType { name: "participant.deleted", permission: "participant:read_pii" },
    EventType { name: "session.created", permission: "session:read" },
    EventType { name: "session.updated", permission: "session:read" },
    EventType { name: "incident.created", permission: "incident:read" },
    EventType { name: "incident.updated", permission: "incident:read" },
    EventType { name: "goal.created", permission: "goal:read" },
    EventType { name: "goal.updated", permission: "goal:read" },
];
