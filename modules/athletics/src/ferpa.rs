//! The FERPA matrix: which role sees which field of what. Everything that this module
//! shows goes through it; the views of `athletics_coach` and `athletics_family` hold the same in the
//! database, and `docs/ferpa.md` is written from it.

use policy::Entity;

const TRAINER: &str = "athletic_trainer";
const OFFICE: &str = "school_admin";
const COACH: &str = "coach";
const PARENT: &str = "parent";
const STUDENT: &str = "student";

/// The roles, in the order of the document's columns.
pub const ROLES: &[&str] = &[TRAINER, OFFICE, COACH, PARENT, STUDENT];

type Seers = &'static [&'static str];
const T: Seers = &[TRAINER];
const TO: Seers = &[TRAINER, OFFICE];
const TC: Seers = &[TRAINER, COACH];
const TOC: Seers = &[TRAINER, OFFICE, COACH];
const TF: Seers = &[TRAINER, PARENT, STUDENT];
const TOF: Seers = &[TRAINER, OFFICE, PARENT, STUDENT];
const TCF: Seers = &[TRAINER, COACH, PARENT, STUDENT];
const F: Seers = &[PARENT, STUDENT];
const ALL: Seers = ROLES;

/// A line of the roster: everybody's for the school, a team's for its coach, no family's.
pub const ROSTER: Entity = Entity {
    name: "roster",
    fields: &[
        ("id", TOC),
        ("external_id", TOC),
        ("school_id", TOC),
        ("first_name", TOC),
        ("last_name", TOC),
        ("grade", TOC),
        ("sports", TOC),
        ("team", TOC),
        ("teams", TOC),
        ("current_status", TOC),
        ("status_changed_at", TOC),
        ("restrictions", TC),
        ("expected_return_on", TC),
        ("parent_ids", TO),
        ("active_case_ids", T),
        ("attention_level", T),
    ],
};

/// An athlete's record: the school's, and the family's part of it.
pub const ATHLETE: Entity = Entity {
    name: "athlete",
    fields: &[
        ("id", TOF),
        ("external_id", TOF),
        ("school_id", TOF),
        ("first_name", TOF),
        ("last_name", TOF),
        ("grade", TOF),
        ("sports", TOF),
        ("team", TOF),
        ("teams", TOF),
        ("current_status", TOF),
        ("status_changed_at", TOF),
        ("restrictions", TF),
        ("date_of_birth", TO),
        ("parent_ids", TO),
        ("created_at", TO),
        ("updated_at", TO),
    ],
};

/// What the live roster tells of an athlete.
pub const STATUS: Entity = Entity {
    name: "status",
    fields: &[
        ("id", ALL),
        ("external_id", ALL),
        ("first_name", ALL),
        ("last_name", ALL),
        ("current_status", ALL),
        ("status_changed_at", ALL),
        ("restrictions", TCF),
    ],
};

/// A parent or guardian.
pub const GUARDIAN: Entity = Entity {
    name: "guardian",
    fields: &[
        ("id", TO),
        ("athlete_id", TO),
        ("account_id", TO),
        ("full_name", TO),
        ("relation", TO),
        ("email", TO),
        ("phone", TO),
        ("is_primary", TO),
        ("kept_basis", TO),
        ("kept_on", TO),
    ],
};

/// A case: the coach sees that there is one and what it means for play, and no diagnosis.
pub const CASE: Entity = Entity {
    name: "case",
    fields: &[
        ("id", TCF),
        ("school_id", TCF),
        ("athlete_id", TCF),
        ("status", TCF),
        ("availability", TCF),
        ("restrictions", TCF),
        ("expected_return_on", TCF),
        ("opened_at", TCF),
        ("external_id", TF),
        ("title", TF),
        ("body_part", TF),
        ("severity", TF),
        ("head_injury", TF),
        ("resolved_at", TF),
        ("reopened_at", TF),
        ("return_to_play", TF),
        ("attention_level", T),
        ("primary_at_id", T),
        ("jurisdiction", T),
        ("version", T),
        ("created_at", T),
    ],
};

/// A case's return to play; the family sees where it stands and who cleared, not the notes of the steps.
pub const RETURN_TO_PLAY: Entity = Entity {
    name: "return_to_play",
    fields: &[
        ("protocol", TF),
        ("stage", TF),
        ("stage_name", TF),
        ("entered_at", TF),
        ("earliest_next", TF),
        ("removed_on", TF),
        ("cleared", TF),
        ("clearance", TF),
        ("symptomatic", T),
        ("steps", T),
    ],
};

/// An event: those marked for them, for all but the trainer.
pub const EVENT: Entity = Entity {
    name: "event",
    fields: &[
        ("id", TCF),
        ("school_id", TCF),
        ("case_id", TCF),
        ("athlete_id", TCF),
        ("kind", TCF),
        ("occurred_at", TCF),
        ("note", TCF),
        ("restriction", TCF),
        ("restriction_until", TCF),
        ("lifts", TCF),
        ("corrects", TCF),
        ("availability", TCF),
        ("recorded_at", TF),
        ("body_part", TF),
        ("mechanism", TF),
        ("severity", TF),
        ("removed_from_play", TF),
        ("visibility", T),
        ("recorded_by", T),
        ("client_id", T),
        //
        ("clinical_notes", T),
    ],
};

/// A milestone: the gate of its case; its title may say what the injury is.
pub const MILESTONE: Entity = Entity {
    name: "milestone",
    fields: &[
        ("id", TCF),
        ("school_id", TCF),
        ("case_id", TCF),
        ("phase", TCF),
        ("position", TCF),
        ("state", TCF),
        ("target_on", TCF),
        ("reached_on", TCF),
        ("title", TF),
        ("rtp_stage", T),
    ],
};

/// A request to inspect a record (34 CFR 99.10).
pub const INSPECTION: Entity = Entity {
    name: "inspection",
    fields: &[
        ("id", TOF),
        ("athlete_id", TOF),
        ("requested_at", TOF),
        ("due_on", TOF),
        ("reason", TOF),
        ("status", TOF),
        ("reviewed_at", TOF),
        ("review_note", TOF),
        ("requested_by", TO),
        ("reviewed_by", TO),
    ],
};

/// A line of a record under inspection: what the review did not withhold, the trainer's words among it.
pub const INSPECTED: Entity = Entity {
    name: "inspected_event",
    fields: &[
        ("id", F),
        ("case_id", F),
        ("title", F),
        ("body_part", F),
        ("severity", F),
        ("kind", F),
        ("occurred_at", F),
        ("mechanism", F),
        ("removed_from_play", F),
        ("note", F),
        ("restriction", F),
        ("restriction_until", F),
        ("availability", F),
        ("words", F),
    ],
};

/// A disclosure on record (34 CFR 99.32).
pub const DISCLOSURE: Entity = Entity {
    name: "disclosure",
    fields: &[
        ("id", TOF),
        ("athlete_id", TOF),
        ("disclosed_at", TOF),
        ("recipient", TOF),
        ("interest", TOF),
        ("basis", TOF),
        ("what", TOF),
        ("threat", TOF),
        ("recorded_by", TO),
    ],
};

/// All of them, for the registry.
pub const ENTITIES: &[&Entity] = &[
    &ROSTER,
    &ATHLETE,
    &STATUS,
    &GUARDIAN,
    &CASE,
    &RETURN_TO_PLAY,
    &EVENT,
    &MILESTONE,
    &INSPECTION,
    &INSPECTED,
    &DISCLOSURE,
];

/// Whose slice of the school a request reads.
#[derive(Clone, Copy)]
pub enum Slice {
    School,
    Coach,
    Family,
}

impl Slice {
    /// The caller's.
    pub fn of(role: Option<policy::Role>) -> Self {
        match role.map(|role| role.name) {
            Some(COACH) => Self::Coach,
            Some(PARENT | STUDENT) => Self::Family,
            _ => Self::School,
        }
    }
}

/// The one of three that is the caller's slice's: the school's, the coach's, the family's.
macro_rules! by_slice {
    ($act:expr; $school:expr, $coach:expr, $family:expr $(,)?) => {
        match $crate::ferpa::Slice::of($act.caller().role) {
            $crate::ferpa::Slice::School => $school,
            $crate::ferpa::Slice::Coach => $coach,
            $crate::ferpa::Slice::Family => $family,
        }
    };
}
pub(crate) use by_slice;

/// As which role of the database's these read.
pub const SLICES: &[(&str, &str)] =
    &[(COACH, "reeve_coach"), (PARENT, "reeve_family"), (STUDENT, "reeve_family")];
