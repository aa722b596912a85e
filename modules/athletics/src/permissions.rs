//! The permissions of athletics and their rows of the role matrix, and nothing else. Which fields a role
//! sees of what it may read is in [`crate::ferpa`].

use kernel::{destinations::EventType, permissions};
use policy::Grant;

permissions! {
    ReadSchool = "school:read", Reads;
    WriteSchool = "school:write", Writes;
    ReadTeam = "team:read", Reads;
    WriteTeam = "team:write", Writes;
    ReadRoster = "roster:read", Discloses;
    WatchRoster = "roster:watch", Follows;
    ReadAthlete = "athlete:read", Discloses;
    WriteAthlete = "athlete:write", Writes;
    ReadGuardian = "guardian:read", Discloses;
    WriteGuardian = "guardian:write", Writes;
    ReadCase = "case:read", Discloses;
    WriteCase = "case:write", Writes;
    ReadEvent = "event:read", Discloses;
    WriteEvent = "event:write", Writes;
    /// The trainer's words; the database opens them under this permission, and to who writes them.
    ReadClinicalNote = "clinical_note:read", Discloses;
    /// Let somebody play again.
    ClearAthlete = "case:clear", Writes;
    ReadMilestone = "milestone:read", Discloses;
    WriteMilestone = "milestone:write", Writes;
    /// Ask to inspect a record, as who holds the rights in it.
    RequestInspection = "inspection:request", Writes;
    ReadInspection = "inspection:read", Discloses;
    ReviewInspection = "inspection:review", Writes;
    /// Read what an inspection released.
    InspectRecord = "inspection:inspect", Discloses;
    ReadDisclosure = "disclosure:read", Discloses;
    WriteDisclosure = "disclosure:write", Writes;
}

const FAMILY: &[&str] = &[
    "school:read",
    "roster:watch",
    "athlete:read",
    "case:read",
    "event:read",
    "milestone:read",
    "inspection:request",
    "inspection:read",
    "inspection:inspect",
    "disclosure:read",
];

/// The roles of a school's people.
pub(crate) const GRANTS: &[Grant] = &[
    // Runs the school's accounts, roster and teams; no case of anybody's.
    Grant {
        role: "school_admin",
        permissions: &[
            "audit:read",
            "destination:read",
            "destination:write",
            "key:read",
            "key:write",
            "user:read",
            "user:write",
            "school:read",
            "school:write",
            "team:read",
            "team:write",
            "roster:read",
            "roster:watch",
            "athlete:read",
            "athlete:write",
            "guardian:read",
            "guardian:write",
            "inspection:read",
            "disclosure:read",
            "disclosure:write",
        ],
    },
    Grant {
        role: "athletic_trainer",
        permissions: &[
            "school:read",
            "team:read",
            "team:write",
            "roster:read",
            "roster:watch",
            "athlete:read",
            "athlete:write",
            "guardian:read",
            "guardian:write",
            "case:read",
            "case:write",
            "case:clear",
            "event:read",
            "event:write",
            "clinical_note:read",
            "milestone:read",
            "milestone:write",
            "inspection:read",
            "inspection:review",
            "disclosure:read",
            "disclosure:write",
            "destination:read",
            "destination:write",
        ],
    },
    Grant {
        role: "coach",
        permissions: &[
            "school:read",
            "team:read",
            "roster:read",
            "roster:watch",
            "case:read",
            "event:read",
            "milestone:read",
        ],
    },
    Grant { role: "parent", permissions: FAMILY },
    // The rights pass to the student who comes of age (34 CFR 99.5).
    Grant { role: "student", permissions: FAMILY },
];

/// Who makes the accounts of trainers, coaches and families sees nobody's case.
pub(crate) const DELEGATES: &[(&str, &str)] = &[
    ("school_admin", "case:read"),
    ("school_admin", "case:write"),
    ("school_admin", "case:clear"),
    ("school_admin", "event:read"),
    ("school_admin", "event:write"),
    ("school_admin", "clinical_note:read"),
    ("school_admin", "milestone:read"),
    ("school_admin", "milestone:write"),
    ("school_admin", "inspection:request"),
    ("school_admin", "inspection:review"),
    ("school_admin", "inspection:inspect"),
];

/// What is told to other systems, and who may hear of it; the migrations announce the same.
pub(crate) const EVENTS: &[EventType] = &[
    EventType { name: "athlete.created", permission: "athlete:read" },
    EventType { name: "athlete.updated", permission: "athlete:read" },
    EventType { name: "athlete.deleted", permission: "athlete:read" },
    EventType { name: "case.created", permission: "case:read" },
    EventType { name: "case.updated", permission: "case:read" },
    EventType { name: "case.cleared", permission: "case:read" },
];
