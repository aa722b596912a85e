//! What the OpenAPI document says of programmes, cohorts and locations.

use kernel::http::Docs;
use serde_json::json;

pub(super) const CREATE_PROGRAM: Docs = Docs::new(
    "programs",
    "Create a programme",
    "`consent_purposes` are what a participant's consent must cover before attendance is taken at its \
     sessions; `participation` when not said. `setting` decides which section of the law of concussions \
     speaks to it.",
)
.status(201)
.example(|| {
    json!({
        "name": "Saturday boxing",
        "description": "Non-contact boxing and mentoring.",
        "setting": "youth_sports",
        "consent_purposes": ["participation"],
        "starts_on": "2027-01-09",
        "ends_on": "2027-06-26",
    })
})
.required(&["name"]);

pub(super) const LIST_PROGRAMS: Docs =
    Docs::new("programs", "List programmes", "By name. The `Link` header leads to the next page.");

pub(super) const CREATE_COHORT: Docs = Docs::new(
    "cohorts",
    "Create a cohort",
    "A group that goes through a programme together. With `capacity`, it takes no more than that at once.",
)
.status(201)
.example(|| {
    json!({
        "program_id": "00000000-0000-7000-8000-000000000001",
        "name": "Spring, ages 12 to 13",
        "capacity": 20,
        "starts_on": "2027-01-09",
        "ends_on": "2027-03-27",
    })
})
.required(&["program_id", "name"]);

pub(super) const LIST_COHORTS: Docs =
    Docs::new("cohorts", "List cohorts", "By name; `program_id` leaves those of one programme.");

pub(super) const CREATE_LOCATION: Docs =
    Docs::new("locations", "Create a location", "Where sessions are held.")
        .status(201)
        .example(|| {
            json!({
                "name": "North gym",
                "address": "100 Main Street, Columbus, OH 43215",
                "county": "Franklin",
            })
        })
        .required(&["name"]);

pub(super) const LIST_LOCATIONS: Docs = Docs::new("locations", "List locations", "By name.");

pub(super) const READ: Docs = Docs::new("programs", "Read one", "By its id.");
