//! The permissions of municipalities and their rows of the role matrix, and nothing else.

use kernel::{destinations::EventType, permissions};
use policy::Grant;

permissions! {
    /// What everybody may know of a municipality.
    ReadPublic = "public:read", Reads;
    /// Counts in which nobody is to be found.
    ReadStatistics = "statistics:read", Deidentifies;
    /// Make an account for oneself.
    Register = "auth:register", Writes;
    /// Report violence, as nobody.
    ReportViolence = "gbv_report:create", Writes;
    /// Ask where a report of violence stands, by its code.
    FollowViolence = "gbv_report:follow", Reads;
    /// Report by the protocol of Open311, whose key is in the form.
    SubmitOpen311 = "open311:submit", Writes;
    /// See municipalities from above.
    ReadMunicipality = "municipality:read", Reads;
    /// Found, change and suspend municipalities.
    WriteMunicipality = "municipality:write", Writes;
    ReadOwnConsent = "own_consent:read", Discloses;
    WriteOwnConsent = "own_consent:write", Writes;
    /// Citizens' consents.
    ReadConsent = "consent:read", Discloses;
    /// Record a consent that a citizen gave on paper or by word.
    WriteConsent = "consent:write", Writes;
    /// Everything held about oneself.
    ReadOwnData = "data_rights:read", Discloses;
    /// What an erasure of oneself would do.
    PlanErasure = "data_rights:plan", Reads;
    /// Ask for a correction, a restriction; object.
    RequestRight = "data_rights:request", Writes;
    /// Have one's own data erased.
    EraseSelf = "data_rights:erase", Writes;
    /// What citizens ask for.
    ReviewRights = "data_rights:review", Discloses;
    DecideRight = "data_rights:decide", Writes;
    ReadCategory = "category:read", Reads;
    WriteCategory = "category:write", Writes;
    CreateRequest = "service_request:create", Writes;
    ReadOwnRequest = "own_request:read", Discloses;
    ReopenOwnRequest = "own_request:reopen", Writes;
    ReadRequest = "service_request:read", Discloses;
    WorkOnRequest = "service_request:work", Writes;
    AssignRequest = "service_request:assign", Writes;
    /// Reports of violence; the database opens them under these two and to who reports.
    ReadViolence = "gbv_report:read", Discloses;
    WorkOnViolence = "gbv_report:write", Writes;
}

/// What somebody without a credential may do.
pub(crate) const OPEN: &[&str] = &[
    "public:read",
    "statistics:read",
    "auth:register",
    "gbv_report:create",
    "gbv_report:follow",
    "open311:submit",
];

/// The roles of a municipality's people, in the document's order (S-025).
pub(crate) const GRANTS: &[Grant] = &[
    Grant {
        role: "citizen",
        permissions: &[
            "own_consent:read",
            "own_consent:write",
            "data_rights:read",
            "data_rights:request",
            "data_rights:plan",
            "data_rights:erase",
            "category:read",
            "service_request:create",
            "own_request:read",
            "own_request:reopen",
        ],
    },
    Grant {
        role: "field_worker",
        permissions: &[
            "own_consent:read",
            "own_consent:write",
            "data_rights:read",
            "data_rights:request",
            "category:read",
            "service_request:create",
            "own_request:read",
            "service_request:read",
            "service_request:work",
        ],
    },
    Grant {
        role: "manager",
        permissions: &[
            "audit:read",
            "user:read",
            "own_consent:read",
            "own_consent:write",
            "consent:read",
            "data_rights:read",
            "data_rights:request",
            "data_rights:review",
            "category:read",
            "category:write",
            "service_request:create",
            "own_request:read",
            "own_request:reopen",
            "service_request:read",
            "service_request:work",
            "service_request:assign",
        ],
    },
    Grant {
        role: "admin",
        permissions: &[
            "audit:read",
            "audit:read_personal",
            "destination:read",
            "destination:write",
            "key:read",
            "key:write",
            "user:read",
            "user:write",
            "own_consent:read",
            "own_consent:write",
            "consent:read",
            "consent:write",
            "data_rights:read",
            "data_rights:request",
            "data_rights:plan",
            "data_rights:erase",
            "data_rights:review",
            "data_rights:decide",
            "category:read",
            "category:write",
            "service_request:create",
            "own_request:read",
            "own_request:reopen",
            "service_request:read",
            "service_request:work",
            "service_request:assign",
            "gbv_report:read",
            "gbv_report:write",
        ],
    },
    Grant {
        role: "saps_liaison",
        permissions: &[
            "own_consent:read",
            "own_consent:write",
            "data_rights:read",
            "data_rights:request",
            "gbv_report:read",
            "gbv_report:write",
        ],
    },
];

/// Above all municipalities (S-042): founds and suspends them, and looks at their ledgers for a reason that they
/// see. No record of a citizen's.
pub(crate) const ABOVE: &[Grant] = &[Grant {
    role: "platform_admin",
    permissions: &[
        "audit:read",
        "user:read",
        "user:write",
        "municipality:read",
        "municipality:write",
    ],
}];

/// What is told to other systems, and who may hear of it; the migrations announce the same.
pub(crate) const EVENTS: &[EventType] = &[
    EventType { name: "service_request.created", permission: "service_request:read" },
    EventType { name: "service_request.updated", permission: "service_request:read" },
];
