//! What the OpenAPI document says of FHIR.

use kernel::http::Docs;
use serde_json::{Value, json};

const TAG: &str = "HL7 FHIR R4";

pub(super) const METADATA: Docs =
    Docs::new(TAG, "CapabilityStatement", "What of FHIR R4 this server speaks. Open to everybody.");

pub(super) const READ_PATIENT: Docs =
    Docs::new(TAG, "Read a Patient", "The read is on record in the ledger.");
pub(super) const SEARCH_PATIENTS: Docs = Docs::new(
    TAG,
    "Search Patients",
    "A searchset. What is not known of a question is left out of it and of the link `self`; with `Prefer: \
     handling=strict` it is refused. Follow the link `next` as it is.",
);
pub(super) const CREATE_PATIENT: Docs = Docs::new(
    TAG,
    "Create a Patient",
    "By the rules of `POST /v1/patients`. With `If-None-Exist: identifier=system|value` a retry makes nothing twice.",
)
.status(201)
.example(|| patient("2040608010"));
pub(super) const REPLACE_PATIENT: Docs = Docs::new(
    TAG,
    "Replace a Patient",
    "The whole of it: what it does not say is cleared. None is made where there is none.",
)
.example(|| patient("2040608011"));

pub(super) const READ_APPOINTMENT: Docs =
    Docs::new(TAG, "Read an Appointment", "The read is on record in the ledger.");
pub(super) const SEARCH_APPOINTMENTS: Docs =
    Docs::new(TAG, "Search Appointments", "A searchset in the order of their starts.");
pub(super) const CREATE_APPOINTMENT: Docs = Docs::new(
    TAG,
    "Create an Appointment",
    "By the rules and gates of `POST /v1/appointments`: a doctor who is taken is 409. Who takes part is named by a \
     document in `identifier`, or by an id in `reference`.",
)
.status(201)
.example(|| appointment("2027-03-02T09"));
pub(super) const REPLACE_APPOINTMENT: Docs = Docs::new(
    TAG,
    "Replace an Appointment",
    "The whole of it: what it does not say is cleared. None is made where there is none.",
)
.example(|| appointment("2027-03-02T15"));

pub(super) const READ_PRACTITIONER: Docs = Docs::new(
    TAG,
    "Read a Practitioner",
    "A doctor whom appointments name. The id is made of the organisation and the document, and stays.",
);
pub(super) const SEARCH_PRACTITIONERS: Docs =
    Docs::new(TAG, "Search Practitioners", "Each doctor whom an appointment names, once.");
pub(super) const READ_CONSENT: Docs = Docs::new(
    TAG,
    "Read a Consent",
    "What a patient said to the treatment of their data (`habeasData`), under the patient's id.",
);
pub(super) const SEARCH_CONSENTS: Docs =
    Docs::new(TAG, "Search Consents", "All of them, or that of a patient.");
pub(super) const SEARCH_AUDIT_EVENTS: Docs = Docs::new(
    TAG,
    "Search AuditEvents",
    "The ledger, newest first, without what records were before and after. Reading it is itself an entry.",
);

pub(super) const EXPORT: Docs = Docs::new(
    TAG,
    "Order an export of everything",
    "Bulk data: 202, and where its state is told. Nothing is kept: the address is the order, sealed for whoever made it.",
)
.status(202);
pub(super) const EXPORT_PATIENTS: Docs = Docs::new(
    TAG,
    "Order an export of patients' records",
    "Bulk data: 202, and where its state is told.",
)
.status(202);
pub(super) const EXPORT_STATUS: Docs =
    Docs::new(TAG, "Ask for the state of an export", "It is ready at once: the files that it has.");
pub(super) const EXPORT_FILE: Docs = Docs::new(
    TAG,
    "Fetch a file of an export",
    "A resource in each line, as they are now. The read is on record in the ledger.",
);

fn document(number: &str) -> Value {
    json!({
        "type": {"coding": [{"system": "https://fhir.minsalud.gov.co/rda/CodeSystem/ColombianPersonIdentifier",
                             "code": "CC"}]},
        "value": number,
    })
}

fn patient(number: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "identifier": [document(number)],
        "name": [{"family": "Rojas", "given": ["Ana", "María"]}],
        "telecom": [{"system": "phone", "value": "+573005550142"}, {"system": "email", "value": "ana@example.org"}],
        "gender": "female",
        "birthDate": "1990-02-28",
    })
}

fn appointment(hour: &str) -> Value {
    let actor = |kind: &str, number: &str| json!({"actor": {"type": kind, "identifier": document(number)}, "status": "accepted"});
    json!({
        "resourceType": "Appointment",
        "status": "booked",
        "start": format!("{hour}:00:00-05:00"),
        "end": format!("{hour}:30:00-05:00"),
        "participant": [actor("Patient", "1020304050"), actor("Practitioner", "79555123")],
    })
}
