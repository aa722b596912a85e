//! An appointment of ours as an Appointment of FHIR's, and back. Pure.

use fhir::{
    Issue, dates,
    elements::{CodeableConcept, Coding, Extension, Identifier, Reference, extension},
    resources::{self, Participant},
};
use kernel::http::{Code, Patch};
use uuid::Uuid;

use crate::{
    appointments::{Appointment, AppointmentBody},
    fhir::rules::{Document, Mapping, Places, meta},
};

/// The ids by which an appointment's participants are found here.
#[derive(Clone, Copy, Default)]
pub struct Links {
    /// Where the patient is on record.
    pub patient: Option<Uuid>,
    pub practitioner: Option<Uuid>,
}

/// An appointment as FHIR has one. Its participants are named by their documents, and by our ids where these are known.
pub fn export(
    appointment: &Appointment,
    version: i32,
    links: Links,
    mapping: &Mapping,
) -> resources::Appointment {
    let url = |name: &str| mapping.url(name);
    let words = |name: &str, text: &String| Extension::string(url(name), text.clone());
    let notification = appointment.notification_state.iter();
    let extensions = notification
        .map(|code| Extension::code(url("notification-state"), code.clone()))
        .chain(appointment.overbook_reason.iter().map(|reason| words("overbook-reason", reason)))
        .chain(mapping.custom_fields(&appointment.custom_fields));
    let mut meta = meta(version, appointment.updated_at);
    meta.tag = vec![Coding::new(url("state"), appointment.state.clone())];
    let modality = Coding::new(url("modality"), appointment.modality.clone());
    resources::Appointment {
        id: Some(appointment.id.to_string()),
        meta: Some(meta),
        extension: extensions.collect(),
        identifier: vec![mapping.own_identifier("appointment", appointment.id)],
        status: Some(mapping.status(&appointment.state)),
        service_type: vec![CodeableConcept::of(modality)],
        appointment_type: appointment.appointment_type.clone().map(CodeableConcept::text),
        start: Some(appointment.start_utc.to_string()),
        end: Some(appointment.end_utc.to_string()),
        created: Some(appointment.created_at.to_string()),
        comment: appointment.comment.clone(),
        participant: participants(appointment, links, mapping),
        ..resources::Appointment::default()
    }
}

fn participants(appointment: &Appointment, links: Links, mapping: &Mapping) -> Vec<Participant> {
    let open = matches!(appointment.state.as_str(), "proposed" | "pending" | "waitlist");
    let status = if open { "needs-action" } else { "accepted" };
    let actor = |kind: &str, id: Option<Uuid>, identifier| Participant {
        kind: vec![],
        actor: Some(Reference {
            reference: id.map(|id| format!("{kind}/{id}")),
            kind: Some(kind.to_owned()),
            identifier: Some(identifier),
            display: None,
        }),
        status: Some(status.to_owned()),
    };
    let Appointment { patient_doc_type_id, patient_doc_number, .. } = appointment;
    let Appointment { doctor_doc_type_id, doctor_doc_number, .. } = appointment;
    let patient = mapping.identifier(patient_doc_type_id, patient_doc_number);
    let doctor = mapping.identifier(doctor_doc_type_id, doctor_doc_number);
    let place = appointment.clinic_id.iter().map(|id| {
        let identifier = mapping.own_identifier("clinic", id);
        actor("Location", None, identifier)
    });
    [actor("Patient", links.patient, patient), actor("Practitioner", links.practitioner, doctor)]
        .into_iter()
        .chain(place)
        .collect()
}

/// An Appointment as a body of ours, whole: what it does not say is cleared, but custom fields that are not among its
/// extensions. It is a body of a change, also where a new one is meant: who takes part may be named by ids alone,
/// and these the database resolves.
pub struct Imported {
    pub body: AppointmentBody,
    pub places: Places,
    /// Who takes part and is named by an id alone.
    pub links: Links,
}

/// Reads an Appointment.
///
/// # Errors
/// What of it no appointment of ours can be, or is missing: all of them. What its values must be,
/// `appointments::rules` says; with the places, its faults are told by their own names.
pub fn import(given: &resources::Appointment, mapping: &Mapping) -> Result<Imported, Vec<Issue>> {
    let mut faults = vec![];
    let mut note = |issue: Issue| faults.push(issue);
    let mut places = Places::default();
    let (start, end) =
        (instant(given, "start").map_err(&mut note), instant(given, "end").map_err(&mut note));
    let state = state(given, mapping).map_err(&mut note);
    let patient = actor(given, "Patient", mapping).map_err(&mut note);
    let doctor = actor(given, "Practitioner", mapping).map_err(&mut note);
    let custom_fields =
        mapping.read_custom_fields(&given.extension, "Appointment").map_err(&mut note);
    let (Ok(start), Ok(end), Ok(state), Ok(patient), Ok(doctor), Ok(custom_fields)) =
        (start, end, state, patient, doctor, custom_fields)
    else {
        return Err(faults);
    };
    for (field, place) in [
        ("startAppointment", "start"),
        ("endAppointment", "end"),
        ("state", "status"),
        ("modality", "serviceType"),
        ("appointmentType", "appointmentType.text"),
        ("comment", "comment"),
        ("clinicId", "participant"),
    ] {
        places.put(field, format!("Appointment.{place}"));
    }
    for (field, name) in [
        ("notificationState", "notification-state"),
        ("overbookReason", "overbook-reason"),
        ("customFields", "custom-fields"),
    ] {
        places.put(field, mapping.place_of(&given.extension, "Appointment", name, "value"));
    }
    let extension = |name: &str| extension(&given.extension, &mapping.url(name));
    let notification = extension("notification-state").and_then(|e| e.value_code.clone());
    let reason = extension("overbook-reason").and_then(|e| e.value_string.clone());
    let (patient_doc_type_id, patient_doc_number) =
        patient.put(["patientDocTypeId", "patientDocNumber"], &mut places);
    let (doctor_doc_type_id, doctor_doc_number) =
        doctor.put(["doctorDocTypeId", "doctorDocNumber"], &mut places);
    let body = AppointmentBody {
        event_type: Patch::Value("APPOINTMENT".to_owned()),
        action_type: Patch::Value("UPDATE".to_owned()),
        start_appointment: Patch::Value(start),
        end_appointment: Patch::Value(end),
        patient_doc_type_id,
        patient_doc_number,
        doctor_doc_type_id,
        doctor_doc_number,
        modality: Patch::Value(Code(modality(given, mapping))),
        state: Patch::Value(Code(state)),
        notification_state: or_null(notification.map(Code)),
        appointment_type: or_null(appointment_type(given).map(Code)),
        clinic_id: or_null(location(given, mapping).map(Code)),
        comment: or_null(given.comment.clone()),
        overbook_reason: or_null(reason),
        custom_fields: custom_fields.map_or(Patch::Absent, Patch::Value),
    };
    Ok(Imported { body, places, links: Links { patient: patient.id(), practitioner: doctor.id() } })
}

fn or_null<T>(given: Option<T>) -> Patch<T> {
    given.map_or(Patch::Null, Patch::Value)
}

fn instant(given: &resources::Appointment, member: &str) -> Result<String, Issue> {
    let text = if member == "start" { &given.start } else { &given.end };
    let place = format!("Appointment.{member}");
    match text {
        None => Err(Issue::new("required", place, "no appointment is without start and end here")),
        Some(text) if dates::instant(text).is_some() => Ok(text.clone()),
        Some(_) => {
            let msg =
                "expected an instant with seconds and offset, such as 2027-03-01T09:00:00-05:00";
            Err(Issue::new("value", place, msg))
        }
    }
}

/// Our state: the one that the tag names where that has this status, else the first that has.
fn state(given: &resources::Appointment, mapping: &Mapping) -> Result<String, Issue> {
    let place = "Appointment.status";
    let Some(status) = given.status.as_deref() else {
        return Err(Issue::new("required", place, "this member is required"));
    };
    let states = mapping.states(status);
    let tagged = given.meta.iter().flat_map(|meta| &meta.tag);
    let mut tagged = tagged.filter(|tag| tag.system == Some(mapping.url("state")));
    let named = tagged.find_map(|tag| states.iter().find(|s| Some(**s) == tag.code.as_deref()));
    let state = named.or(states.first()).map(|state| (*state).to_owned());
    state.ok_or_else(|| Issue::new("code-invalid", place, "no state of ours has this status"))
}

/// Who takes part: by a document, or by an id alone.
enum Actor {
    Document(Document),
    Id(Uuid),
}

impl Actor {
    fn id(&self) -> Option<Uuid> {
        match self {
            Self::Document(_) => None,
            Self::Id(id) => Some(*id),
        }
    }

    /// As type and number of a body, where each of these fields stood.
    fn put(&self, fields: [&'static str; 2], places: &mut Places) -> (Patch<Code>, Patch<Code>) {
        let Self::Document(Document { place, doc_type, number }) = self else {
            return (Patch::Absent, Patch::Absent);
        };
        for (field, member) in fields.into_iter().zip(["type", "value"]) {
            places.put(field, format!("{place}.{member}"));
        }
        let code = |text: &String| Patch::Value(Code(text.clone()));
        (code(doc_type), code(number))
    }
}

/// The one participant of this type. A document tells more than an id does: where there are both, it counts.
fn actor(given: &resources::Appointment, kind: &str, mapping: &Mapping) -> Result<Actor, Issue> {
    let of_kind = |actor: &Reference| match (&actor.kind, &actor.reference) {
        (Some(named), _) => named == kind,
        (None, _) => actor.id_of(kind).is_some(),
    };
    let all = given.participant.iter().enumerate();
    let mut all =
        all.filter_map(|(index, one)| Some((index, one.actor.as_ref().filter(|a| of_kind(a))?)));
    let Some((index, actor)) = all.next() else {
        let msg = format!("give a participant whose actor is a {kind}");
        return Err(Issue::new("required", "Appointment.participant", msg));
    };
    if let Some((second, _)) = all.next() {
        let place = format!("Appointment.participant[{second}]");
        return Err(Issue::new(
            "not-supported",
            place,
            format!("an appointment has one {kind} here"),
        ));
    }
    let place = format!("Appointment.participant[{index}].actor");
    if let Some(identifier) = &actor.identifier {
        let place = format!("{place}.identifier");
        let mut found = mapping.document(std::slice::from_ref(identifier), &place)?;
        found.place = place;
        return Ok(Actor::Document(found));
    }
    let id = actor.id_of(kind).and_then(|id| id.parse().ok());
    id.map(Actor::Id).ok_or_else(|| {
        let msg =
            format!("give the document in `identifier`, or `{kind}/` and an id in `reference`");
        Issue::new("value", place, msg)
    })
}

/// An identifier of another system's as it is kept: the system, a bar, the value.
pub fn joined(system: &str, value: &str) -> String {
    format!("{system}|{value}")
}

/// The same as an identifier again. A system has no bar in it.
pub fn external_identifier(kept: &str) -> Identifier {
    let (system, value) = kept.split_once('|').unwrap_or(("", kept));
    let system = (!system.is_empty()).then(|| system.to_owned());
    Identifier { system, value: Some(value.to_owned()), ..Identifier::default() }
}

/// The identifier of another system's among an appointment's, as it is kept.
///
/// # Errors
/// There are several, or it is longer than 200 characters.
pub fn read_external(all: &[Identifier], mapping: &Mapping) -> Result<Option<String>, Issue> {
    let own = mapping.url("appointment");
    let others = all.iter().enumerate().filter(|(_, one)| one.system.as_deref() != Some(&own));
    let mut others = others
        .filter_map(|(index, one)| Some((index, one.system.as_deref(), one.value.as_deref()?)));
    let Some((index, system, value)) = others.next() else { return Ok(None) };
    let place = |index: usize| format!("Appointment.identifier[{index}]");
    if let Some((second, ..)) = others.next() {
        return Err(Issue::new(
            "not-supported",
            place(second),
            "one identifier of another system is kept",
        ));
    }
    let system = system.unwrap_or_default();
    let printable = |text: &str| !text.chars().any(char::is_control);
    if system.contains('|')
        || system.len() + value.len() > 200
        || !printable(system)
        || !printable(value)
    {
        return Err(Issue::new(
            "value",
            place(index),
            "give 200 characters at the most, and no `|` in the system",
        ));
    }
    Ok(Some(joined(system, value)))
}

fn modality(given: &resources::Appointment, mapping: &Mapping) -> String {
    let system = mapping.url("modality");
    let found = given.service_type.iter().find_map(|concept| concept.code_in(&system));
    found.unwrap_or("in_person").to_owned()
}

fn appointment_type(given: &resources::Appointment) -> Option<String> {
    let concept = given.appointment_type.as_ref()?;
    let coded = || concept.coding.iter().find_map(|coding| coding.code.clone());
    concept.text.clone().or_else(coded)
}

fn location(given: &resources::Appointment, mapping: &Mapping) -> Option<String> {
    let system = mapping.url("clinic");
    let actors = given.participant.iter().filter_map(|one| one.actor.as_ref()?.identifier.as_ref());
    let mut ours = actors.filter(|identifier| identifier.system.as_deref() == Some(&system));
    ours.find_map(|identifier| identifier.value.clone())
}

#[cfg(test)]
mod tests {
    use fhir::parse;
    use jiff::Timestamp;
    use kernel::http::{Problem, Purpose};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        appointments::rules,
        catalogues::rules::Catalogues,
        fhir::rules::{Quiet, invalid},
    };

    fn read(resource: &Value, mapping: &Mapping) -> Result<Imported, Problem> {
        let given = parse(resource.to_string().as_bytes()).map_err(|issue| invalid(vec![issue]))?;
        let imported = import(&given, mapping).map_err(invalid)?;
        let parsed = rules::parse(imported.body.clone(), Purpose::Change, &Catalogues::default());
        parsed.map_err(|problem| imported.places.locate(problem))?;
        Ok(imported)
    }

    fn least() -> Value {
        let actor = |kind: &str| json!({"actor": {"reference": format!("{kind}/{}", Uuid::nil())}});
        json!({
            "resourceType": "Appointment", "status": "booked",
            "start": "2027-03-01T09:00:00-05:00", "end": "2027-03-01T09:30:00-05:00",
            "participant": [actor("Patient"), actor("Practitioner")],
        })
    }

    fn faults(changes: &Value) -> Vec<String> {
        let mut resource = least();
        for (name, value) in changes.as_object().expect("an object") {
            resource[name] = value.clone();
        }
        let problem = read(&resource, &Mapping::default()).err();
        problem.map_or(vec![], |p| p.errors.into_iter().flat_map(|e| e.loc).collect())
    }

    #[test]
    fn who_takes_part_may_be_named_by_ids_alone() {
        let imported = read(&least(), &Mapping::default()).expect("fine");
        assert!(imported.links.patient == Some(Uuid::nil()));
        assert!(imported.body.patient_doc_number == Patch::Absent);
    }

    #[test]
    fn a_fault_is_named_by_its_place_in_the_resource() {
        let all = ["Appointment.start", "Appointment.end", "Appointment.status"];
        assert_eq!(
            faults(&json!({"start": null, "end": "2027-02-30T09:00:00Z", "status": "CANARY"})),
            all
        );
        let one = json!([{"actor": {"type": "Patient", "identifier": {"value": "1"}}}]);
        let places = ["Appointment.participant[0].actor.identifier", "Appointment.participant"];
        assert_eq!(faults(&json!({"participant": one})), places);
        assert_eq!(faults(&json!({"end": "2027-03-01T09:00:00-05:00"})), ["Appointment.end"]);
        let modality =
            json!([{"coding": [{"system": "urn:reeve:fhir:modality", "code": "CANARY"}]}]);
        assert_eq!(faults(&json!({"serviceType": modality})), ["Appointment.serviceType"]);
    }

    #[test]
    fn a_tenants_states_come_back_by_their_tag_or_as_the_first() {
        let statuses = [("arrived".to_owned(), "checked-in".to_owned())].into();
        let mapping = Mapping { statuses, ..Mapping::default() };
        let mut resource = least();
        resource["status"] = json!("checked-in");
        let state = |resource: &Value| {
            let Ok(imported) = read(resource, &mapping) else { panic!("it is fine") };
            imported.body.state.value().map(|Code(state)| state)
        };
        assert_eq!(state(&resource).as_deref(), Some("checked-in"));
        resource["meta"] = json!({"tag": [{"system": "urn:reeve:fhir:state", "code": "arrived"}]});
        assert_eq!(state(&resource).as_deref(), Some("arrived"));
        resource["status"] = json!("cancelled");
        assert_eq!(state(&resource).as_deref(), Some("cancelled"));
    }

    fn appointments() -> impl Strategy<Value = Quiet<Appointment>> {
        let some = |word: &'static str| proptest::option::of(word);
        let document = || (prop_oneof!["CC", "TI", "PA"], "[A-Z0-9]{1,16}");
        let codes = (
            prop_oneof!["in_person", "virtual", "home"],
            prop_oneof!["booked", "arrived", "waitlist", "noshow"],
            some("sent|failed"),
        );
        let words = (
            some("[A-Z][a-z ]{0,20}[a-z]"),
            some("[a-z-]{1,20}"),
            some("[ -~]{0,20}[a-z]"),
            some("[a-z]{1,20}"),
        );
        (document(), document(), 0..4_000_000_000_000_000_i64, 1..90_000_000_i64, codes, words)
            .prop_map(|(patient, doctor, start, long, codes, words)| {
                let at = |micros| Timestamp::from_microsecond(micros).expect("a time");
                Quiet(Appointment {
                    id: Uuid::from_u128(9),
                    start_utc: at(start),
                    end_utc: at(start + long),
                    patient_doc_type_id: patient.0,
                    patient_doc_number: patient.1,
                    doctor_doc_type_id: doctor.0,
                    doctor_doc_number: doctor.1,
                    modality: codes.0,
                    state: codes.1,
                    notification_state: codes.2,
                    appointment_type: words.0,
                    clinic_id: words.1,
                    comment: words.2,
                    overbook_reason: words.3,
                    custom_fields: serde_json::from_str(r#"{"a":1.0}"#).expect("JSON"),
                    created_at: at(0),
                    updated_at: at(0),
                })
            })
    }

    proptest! {
        #[test]
        fn what_goes_out_comes_back_equal(Quiet(appointment) in appointments()) {
            let mapping = Mapping::default();
            let told = export(&appointment, 3, Links::default(), &mapping);
            let told = serde_json::to_value(told).expect("JSON");
            let Ok(Imported { body, .. }) = read(&told, &mapping) else { panic!("what we tell we take") };
            let text = |given: Patch<String>| given.value();
            let code = |given: Patch<Code>| given.value().map(|Code(code)| code);
            prop_assert_eq!(text(body.start_appointment), Some(appointment.start_utc.to_string()));
            prop_assert_eq!(text(body.end_appointment), Some(appointment.end_utc.to_string()));
            prop_assert_eq!(code(body.patient_doc_type_id), Some(appointment.patient_doc_type_id));
            prop_assert_eq!(code(body.patient_doc_number), Some(appointment.patient_doc_number));
            prop_assert_eq!(code(body.doctor_doc_type_id), Some(appointment.doctor_doc_type_id));
            prop_assert_eq!(code(body.doctor_doc_number), Some(appointment.doctor_doc_number));
            prop_assert_eq!(code(body.modality), Some(appointment.modality));
            prop_assert_eq!(code(body.state), Some(appointment.state));
            prop_assert_eq!(code(body.notification_state), appointment.notification_state);
            prop_assert_eq!(code(body.appointment_type), appointment.appointment_type);
            prop_assert_eq!(code(body.clinic_id), appointment.clinic_id);
            prop_assert_eq!(text(body.comment), appointment.comment);
            prop_assert_eq!(text(body.overbook_reason), appointment.overbook_reason);
            let custom = body.custom_fields.value().map(|raw| raw.get().to_owned());
            prop_assert_eq!(custom.as_deref(), Some(appointment.custom_fields.get()));
        }
    }
}
