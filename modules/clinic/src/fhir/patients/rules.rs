//! A patient of ours as a Patient of FHIR's, and back. Pure.

use fhir::{
    Issue,
    elements::{Beside, Coding, ContactPoint, Extension, HumanName, extension},
    resources,
};
use kernel::http::{Code, Patch, Purpose};

use crate::{
    catalogues::rules::Kind,
    fhir::rules::{Mapping, Places, meta},
    patients::{Patient, PatientBody},
};

/// The parts of a family name: R4's own extensions.
const FATHERS: &str = "http://hl7.org/fhir/StructureDefinition/humanname-fathers-family";
const MOTHERS: &str = "http://hl7.org/fhir/StructureDefinition/humanname-mothers-family";
/// The same as the national guide has them.
const FATHERS_CO: &str =
    "https://fhir.minsalud.gov.co/rda/StructureDefinition/ExtensionFathersFamilyName";
const MOTHERS_CO: &str =
    "https://fhir.minsalud.gov.co/rda/StructureDefinition/ExtensionMothersFamilyName";

/// A patient as FHIR has one. The consent to the treatment of data is a Consent.
pub fn export(patient: &Patient, version: i32, mapping: &Mapping) -> resources::Patient {
    let gender = patient.gender_id.as_deref();
    let own_gender = gender.filter(|code| !is_shipped(code));
    let code = |name: &str, code: &str| Extension::code(mapping.url(name), code.to_owned());
    let insurer = patient
        .eps_id
        .as_deref()
        .map(|eps| Extension::coding(mapping.url("eps"), Coding::new(mapping.url("eps"), eps)));
    let extensions = insurer
        .into_iter()
        .chain(own_gender.map(|gender| code("gender", gender)))
        .chain(mapping.custom_fields(&patient.custom_fields));
    let contact = |system: &str, value: &String| ContactPoint {
        system: Some(system.to_owned()),
        value: Some(value.clone()),
        usage: None,
    };
    let phones = patient.phones.iter().map(|phone| contact("phone", phone));
    resources::Patient {
        id: Some(patient.id.to_string()),
        meta: Some(meta(version, patient.updated_at)),
        extension: extensions.collect(),
        identifier: vec![
            mapping.identifier(&patient.doc_type_id, &patient.doc_number),
            mapping.own_identifier("patient", patient.id),
        ],
        active: Some(true),
        name: vec![name(patient)],
        telecom: phones.chain(patient.email.iter().map(|email| contact("email", email))).collect(),
        gender: gender.map(|code| if is_shipped(code) { code } else { "other" }.to_owned()),
        birth_date: patient.birth_date.map(|date| date.to_string()),
        ..resources::Patient::default()
    }
}

fn is_shipped(gender: &str) -> bool {
    Kind::Gender.shipped().iter().any(|entry| entry.code == gender)
}

fn name(patient: &Patient) -> HumanName {
    let given = std::iter::once(&patient.first_name).chain(&patient.middle_name);
    let mothers = patient.second_last_name.as_ref();
    let family = match mothers {
        Some(second) => format!("{} {second}", patient.last_name),
        None => patient.last_name.clone(),
    };
    let part = |url: &str, name: &String| Extension::string(url.to_owned(), name.clone());
    let parts = std::iter::once(part(FATHERS, &patient.last_name))
        .chain(mothers.map(|second| part(MOTHERS, second)));
    HumanName {
        usage: Some("official".to_owned()),
        text: None,
        family: Some(family),
        family_parts: Some(Beside { extension: parts.collect() }),
        given: given.cloned().collect(),
    }
}

/// A Patient as a body of ours, whole: what it does not say is cleared. The consent to the treatment of data stays as
/// it is, and so do custom fields that are not among its extensions.
///
/// # Errors
/// What of it no patient of ours can be. What its values must be, `patients::rules` says; with the places, its faults
/// are told by their own names.
pub fn import(
    given: &resources::Patient,
    purpose: Purpose,
    mapping: &Mapping,
) -> Result<(PatientBody, Places), Vec<Issue>> {
    let mut faults = unsupported(given);
    let mut places = Places::default();
    let document = mapping.document(&given.identifier, "Patient.identifier");
    let custom_fields = mapping.read_custom_fields(&given.extension, "Patient");
    let (document, custom_fields) = match (document, custom_fields) {
        (Ok(document), Ok(fields)) if faults.is_empty() => (document, fields),
        (document, fields) => {
            faults.extend(document.err().into_iter().chain(fields.err()));
            return Err(faults);
        }
    };
    places.put("docTypeId", format!("{}.type", document.place));
    places.put("docNumber", format!("{}.value", document.place));
    places.put(
        "customFields",
        mapping.place_of(&given.extension, "Patient", "custom-fields", "valueString"),
    );
    places.put("epsId", mapping.place_of(&given.extension, "Patient", "eps", "valueCoding"));
    places.put("birthDate", "Patient.birthDate");
    places.put("genderId", "Patient.gender");
    let action = if purpose == Purpose::Create { "CREATE" } else { "UPDATE" };
    let eps = extension(&given.extension, &mapping.url("eps"));
    let eps = eps.and_then(|eps| eps.value_coding.as_ref()?.code.clone());
    let body = PatientBody {
        event_type: Patch::Value("PATIENT".to_owned()),
        action_type: Patch::Value(action.to_owned()),
        doc_type_id: Patch::Value(Code(document.doc_type)),
        doc_number: Patch::Value(Code(document.number)),
        birth_date: or_null(given.birth_date.clone()),
        gender_id: or_null(gender(given, mapping).map(Code)),
        eps_id: or_null(eps.map(Code)),
        habeas_data: Patch::Absent,
        custom_fields: custom_fields.map_or(Patch::Absent, Patch::Value),
        ..PatientBody::default()
    };
    Ok((with_telecom(with_name(body, given, &mut places), given, &mut places), places))
}

fn or_null<T>(given: Option<T>) -> Patch<T> {
    given.map_or(Patch::Null, Patch::Value)
}

/// Members that turn the meaning of the record into what no record of ours can say.
fn unsupported(given: &resources::Patient) -> Vec<Issue> {
    let is_dead = given.deceased_boolean == Some(true) || given.deceased_date_time.is_some();
    let all = [
        (given.active == Some(false), "active", "no record is inactive here: delete it"),
        (is_dead, "deceased", "that somebody has died cannot be kept here"),
        (!given.link.is_empty(), "link", "records cannot be linked here"),
    ];
    let faults = all.into_iter().filter(|(is, ..)| *is);
    faults
        .map(|(_, member, msg)| Issue::new("not-supported", format!("Patient.{member}"), msg))
        .collect()
}

/// A code of the tenant's own counts where FHIR has no better word.
fn gender(given: &resources::Patient, mapping: &Mapping) -> Option<String> {
    let own = extension(&given.extension, &mapping.url("gender"));
    let own = own.and_then(|own| own.value_code.clone());
    match given.gender.as_deref() {
        Some("other") => own.or_else(|| given.gender.clone()),
        _ => given.gender.clone(),
    }
}

/// The official name, or else the first that is not old.
fn with_name(body: PatientBody, given: &resources::Patient, places: &mut Places) -> PatientBody {
    let usable =
        |name: &&HumanName| !matches!(name.usage.as_deref(), Some("old" | "maiden" | "nickname"));
    let official = given.name.iter().position(|name| name.usage.as_deref() == Some("official"));
    let index = official.or_else(|| given.name.iter().position(|name| usable(&name))).unwrap_or(0);
    let name = given.name.get(index).cloned().unwrap_or_default();
    let at = format!("Patient.name[{index}]");
    for field in ["lastName", "secondLastName"] {
        places.put(field, format!("{at}.family"));
    }
    places.put("firstName", format!("{at}.given"));
    places.put("middleName", format!("{at}.given"));
    let parts = name.family_parts.map(|beside| beside.extension).unwrap_or_default();
    let part = |urls: [&str; 2]| {
        let found = urls.into_iter().find_map(|url| extension(&parts, url));
        found.and_then(|part| part.value_string.clone())
    };
    let (fathers, mothers) = (part([FATHERS, FATHERS_CO]), part([MOTHERS, MOTHERS_CO]));
    let mut names = name.given.into_iter();
    let first = names.next();
    let others: Vec<_> = names.collect();
    PatientBody {
        first_name: or_null(first),
        middle_name: or_null((!others.is_empty()).then(|| others.join(" "))),
        last_name: or_null(fathers.or(name.family)),
        second_last_name: or_null(mothers),
        ..body
    }
}

/// Phones and the first e-mail address; what is old is left out.
fn with_telecom(body: PatientBody, given: &resources::Patient, places: &mut Places) -> PatientBody {
    let current = |(_, one): &(usize, &ContactPoint)| one.usage.as_deref() != Some("old");
    let of = |systems: &'static [&'static str]| {
        let all = given.telecom.iter().enumerate().filter(current);
        all.filter(move |(_, one)| one.system.as_deref().is_some_and(|s| systems.contains(&s)))
    };
    let phones: Vec<String> =
        of(&["phone", "sms"]).filter_map(|(_, one)| one.value.clone()).collect();
    let email = of(&["email"]).find_map(|(index, one)| Some((index, one.value.clone()?)));
    places.put("phones", "Patient.telecom");
    let at = email.as_ref().map_or(0, |(index, _)| *index);
    places.put("email", format!("Patient.telecom[{at}].value"));
    PatientBody {
        phones: Patch::Value(phones),
        email: or_null(email.map(|(_, email)| email)),
        ..body
    }
}

#[cfg(test)]
mod tests {
    use fhir::parse;
    use kernel::http::Problem;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        catalogues::rules::Catalogues,
        fhir::rules::{NATIONAL, Quiet, invalid},
        patients::rules,
    };

    fn read(resource: &Value, mapping: &Mapping) -> Result<PatientBody, Problem> {
        let given = parse(resource.to_string().as_bytes()).map_err(|issue| invalid(vec![issue]))?;
        let (body, places) = import(&given, Purpose::Create, mapping).map_err(invalid)?;
        let now = "2026-02-28T12:00:00Z".parse().expect("a time");
        let own = vec![
            ("gender".to_owned(), "travesti".to_owned()),
            ("doc_type".to_owned(), "XX".to_owned()),
        ];
        let parsed = rules::parse(body.clone(), Purpose::Create, &Catalogues { added: own }, now);
        parsed.map(|_| body).map_err(|problem| places.locate(problem))
    }

    fn faults(changes: &Value) -> Vec<String> {
        let mut resource = json!({
            "resourceType": "Patient",
            "identifier": [{"type": {"coding": [{"system": NATIONAL, "code": "CC"}]},
                            "value": "1020"}],
            "name": [{"family": "Rojas", "given": ["Ana"]}],
        });
        for (name, value) in changes.as_object().expect("an object") {
            resource[name] = value.clone();
        }
        let problem = read(&resource, &Mapping::default()).err();
        problem.map_or(vec![], |p| p.errors.into_iter().flat_map(|e| e.loc).collect())
    }

    #[test]
    fn the_least_that_a_patient_needs_is_enough() {
        assert_eq!(faults(&json!({})), Vec::<String>::new());
    }

    #[test]
    fn a_fault_is_named_by_its_place_in_the_resource() {
        assert_eq!(faults(&json!({"identifier": []})), ["Patient.identifier"]);
        let unknown = json!([{"system": "urn:elsewhere", "value": "1"}]);
        assert_eq!(faults(&json!({"identifier": unknown})), ["Patient.identifier"]);
        let ambiguous =
            json!([{"system": "https://fhir.minsalud.gov.co/rda/NamingSystem/RNEC", "value": "1"}]);
        assert_eq!(faults(&json!({"identifier": ambiguous})), ["Patient.identifier[0].type"]);
        assert_eq!(faults(&json!({"name": [{"given": ["Ana"]}]})), ["Patient.name[0].family"]);
        assert_eq!(faults(&json!({"birthDate": "2024-02-30"})), ["Patient.birthDate"]);
        assert_eq!(faults(&json!({"birthDate": "1990"})), ["Patient.birthDate"]);
        assert_eq!(faults(&json!({"gender": "CANARY"})), ["Patient.gender"]);
        let telecom =
            json!([{"system": "phone", "value": "3005550142"}, {"system": "email", "value": "x"}]);
        assert_eq!(faults(&json!({"telecom": telecom})), ["Patient.telecom[1].value"]);
        let extension = json!([{"url": "urn:reeve:fhir:custom-fields", "valueString": "{"}]);
        assert_eq!(faults(&json!({"extension": extension})), ["Patient.extension[0].valueString"]);
    }

    #[test]
    fn what_would_turn_the_meaning_is_refused() {
        assert_eq!(faults(&json!({"active": false})), ["Patient.active"]);
        assert_eq!(faults(&json!({"deceasedDateTime": "2026-01-01"})), ["Patient.deceased"]);
        assert_eq!(faults(&json!({"link": [{"type": "seealso"}]})), ["Patient.link"]);
        assert_eq!(faults(&json!({"deceasedBoolean": false})), Vec::<String>::new());
    }

    fn patients() -> impl Strategy<Value = Quiet<Patient>> {
        let word = || "[A-ZÑÁ][a-zñé]{1,9}( [A-Z][a-z]{1,5})?";
        let some = |word: &'static str| proptest::option::of(word);
        let codes = prop_oneof!["CC", "TI", "PA", "NI", "XX"];
        let genders =
            proptest::option::of(prop_oneof!["male", "female", "other", "unknown", "travesti"]);
        let phones = proptest::collection::vec("\\+?[0-9]{7,15}", 0..5);
        let custom = prop_oneof![Just("{}"), Just(r#"{"plan":"gold","n":9007199254740993}"#)];
        let names = (word(), some("[A-Z][a-z]{1,9}"), word(), some("[A-Z][a-z]{1,9}"));
        let rest =
            (some("19[0-9]{2}-0[1-9]-[12][0-9]"), some("[a-z]{1,9}@example\\.org"), some("EPS010"));
        (codes, "[A-Z0-9-]{1,32}", names, genders, phones, rest, custom).prop_map(
            |(doc_type_id, doc_number, names, gender_id, phones, rest, custom)| {
                Quiet(Patient {
                    id: uuid::Uuid::from_u128(7),
                    doc_type_id,
                    doc_number,
                    first_name: names.0,
                    middle_name: names.1,
                    last_name: names.2,
                    second_last_name: names.3,
                    birth_date: rest.0.map(|date| date.parse().expect("a date")),
                    gender_id,
                    phones,
                    email: rest.1,
                    eps_id: rest.2,
                    habeas_data: None,
                    custom_fields: serde_json::from_str(custom).expect("JSON"),
                    created_at: jiff::Timestamp::UNIX_EPOCH,
                    updated_at: jiff::Timestamp::UNIX_EPOCH,
                })
            },
        )
    }

    proptest! {
        #[test]
        fn what_goes_out_comes_back_equal(Quiet(patient) in patients()) {
            let mapping = Mapping::default();
            let told = serde_json::to_value(export(&patient, 3, &mapping)).expect("JSON");
            let body = read(&told, &mapping).expect("what we tell we take");
            let text = |given: Patch<String>| given.value();
            let code = |given: Patch<Code>| given.value().map(|Code(code)| code);
            prop_assert_eq!(code(body.doc_type_id), Some(patient.doc_type_id));
            prop_assert_eq!(code(body.doc_number), Some(patient.doc_number));
            prop_assert_eq!(text(body.first_name), Some(patient.first_name));
            prop_assert_eq!(text(body.middle_name), patient.middle_name);
            prop_assert_eq!(text(body.last_name), Some(patient.last_name));
            prop_assert_eq!(text(body.second_last_name), patient.second_last_name);
            prop_assert_eq!(text(body.birth_date), patient.birth_date.map(|d| d.to_string()));
            prop_assert_eq!(code(body.gender_id), patient.gender_id);
            prop_assert_eq!(body.phones.value(), Some(patient.phones));
            prop_assert_eq!(text(body.email), patient.email);
            prop_assert_eq!(code(body.eps_id), patient.eps_id);
            let custom = body.custom_fields.value().map_or("{}".to_owned(), |raw| raw.get().to_owned());
            prop_assert_eq!(custom, patient.custom_fields.get());
        }
    }
}
