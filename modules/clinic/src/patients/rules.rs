//! What a patient's data must be. Pure.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Code, Fault, Fields, Patch, Problem, Purpose, email, phone, text},
    privacy::Pii,
};
use serde_json::{Value, json};

use super::http::{HabeasData, PatientBody};
use crate::{
    CustomFields,
    catalogues::rules::{Catalogues, Kind},
};

/// A patient's columns, checked, on their way to the database.
pub struct PatientFields {
    pub columns: Pii<Value>,
    pub custom_fields: Option<CustomFields>,
}

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(
    body: PatientBody,
    purpose: Purpose,
    catalogues: &Catalogues,
    now: Timestamp,
) -> Result<PatientFields, Problem> {
    let mut fields = Fields::new(purpose);
    check_event(&mut fields, purpose, "PATIENT", body.event_type, body.action_type);
    let code = |kind| move |Code(given): Code| catalogues.resolve(kind, &given);
    fields.required("doc_type_id", "docTypeId", body.doc_type_id, code(Kind::DocType));
    fields.required("doc_number", "docNumber", body.doc_number, |Code(given)| doc_number(&given));
    fields.required("first_name", "firstName", body.first_name, text(80));
    fields.optional("middle_name", "middleName", body.middle_name, text(80));
    fields.required("last_name", "lastName", body.last_name, text(80));
    fields.optional("second_last_name", "secondLastName", body.second_last_name, text(80));
    fields.optional("birth_date", "birthDate", body.birth_date, |given| birth_date(&given, now));
    fields.optional("gender_id", "genderId", body.gender_id, code(Kind::Gender));
    let phones_given = match body.phones {
        Patch::Null => Patch::Value(vec![]),
        given => given,
    };
    fields.optional("phones", "phones", phones_given, phones);
    fields.optional("email", "email", body.email, |given| email(&given));
    fields.optional("eps_id", "epsId", body.eps_id, code(Kind::Eps));
    fields.optional("habeas_data", "habeasData", body.habeas_data, |given| {
        Ok(habeas_data(given, now))
    });
    let custom_fields = custom_fields(&mut fields, body.custom_fields);
    Ok(PatientFields { columns: Pii::new(fields.finish()?), custom_fields })
}

/// `eventType` and `actionType` say what the payload is; on creation they must (M-029, M-031).
pub fn check_event(
    fields: &mut Fields,
    purpose: Purpose,
    event: &str,
    event_type: Patch<String>,
    action_type: Patch<String>,
) {
    let action = if purpose == Purpose::Create { "CREATE" } else { "UPDATE" };
    for (field, given, wanted) in
        [("eventType", event_type, event), ("actionType", action_type, action)]
    {
        match given {
            Patch::Value(given) if given == wanted => {}
            Patch::Absent if purpose == Purpose::Change => {}
            _ => fields.fault(field, ("literal_error", format!("expected `{wanted}`"))),
        }
    }
}

/// `customFields` are replaced whole; null empties them.
pub fn custom_fields(
    fields: &mut Fields,
    given: Patch<Box<serde_json::value::RawValue>>,
) -> Option<CustomFields> {
    let given = match given {
        Patch::Null => serde_json::value::to_raw_value(&json!({})).ok(),
        given => given.value(),
    };
    match given.map(CustomFields::parse) {
        Some(Err(fault)) => {
            fields.fault("customFields", fault);
            None
        }
        Some(Ok(parsed)) => Some(parsed),
        None => None,
    }
}

/// A document's number: letters, digits and hyphens; dots and blanks are how people group it.
///
/// # Errors
/// What a number is.
pub fn doc_number(given: &str) -> Result<String, Fault> {
    let number: String =
        given.chars().filter(|c| *c != '.' && *c != ' ').flat_map(char::to_uppercase).collect();
    let fits = (1..=32).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        Ok(number)
    } else {
        Err(("doc_number", "give 1 to 32 letters, digits or hyphens".into()))
    }
}

fn phones(given: Vec<String>) -> Result<Value, Fault> {
    if given.len() > 5 {
        return Err(("length", "give 5 phones at the most".into()));
    }
    let phones: Result<Vec<_>, _> = given.iter().map(|one| phone(one)).collect();
    Ok(json!(phones?))
}

/// A date of birth in the past 130 years. A day's grace covers whoever is already in tomorrow.
fn birth_date(given: &str, now: Timestamp) -> Result<String, Fault> {
    let fault = |msg: &str| ("date", msg.to_owned());
    if given.len() != 10 {
        return Err(fault("expected a date such as 1990-02-28"));
    }
    let date: Date = given.parse().map_err(|_| fault("expected a date such as 1990-02-28"))?;
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let latest = today.tomorrow().unwrap_or(today);
    if date > latest {
        return Err(fault("a birth date cannot be in the future"));
    }
    if i32::from(date.year()) < i32::from(today.year()) - 130 {
        return Err(fault("a birth date cannot be more than 130 years ago"));
    }
    Ok(date.to_string())
}

/// The authorization to treat personal data (Ley 1581 de 2012, art. 9), as evidence.
fn habeas_data(given: HabeasData, now: Timestamp) -> Value {
    match given {
        HabeasData::Plain(authorized) => {
            json!({"authorized": authorized, "at": now.to_string(), "text_version": null, "channel": null})
        }
        HabeasData::Evidence(given) => json!({
            "authorized": given.authorized,
            "at": given.at.unwrap_or(now).to_string(),
            "text_version": given.text_version,
            "channel": given.channel,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-02-28T12:00:00Z".parse().expect("a time")
    }

    fn errors(body: Value, purpose: Purpose) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        match parse(body, purpose, &Catalogues::default(), now()) {
            Ok(_) => vec![],
            Err(problem) => {
                problem.errors.into_iter().map(|e| format!("{} {}", e.loc[1], e.kind)).collect()
            }
        }
    }

    fn whole() -> Value {
        json!({"eventType": "PATIENT", "actionType": "CREATE", "docTypeId": 13, "docNumber": "1.020.304",
               "firstName": "Ana", "lastName": "Rojas"})
    }

    #[test]
    fn the_least_that_a_patient_needs_is_enough() {
        assert!(errors(whole(), Purpose::Create).is_empty());
    }

    #[test]
    fn every_missing_field_is_named_at_once() {
        let named = errors(json!({}), Purpose::Create);
        let wanted = [
            "eventType literal_error",
            "actionType literal_error",
            "docTypeId missing",
            "docNumber missing",
            "firstName missing",
            "lastName missing",
        ];
        assert_eq!(named, wanted);
    }

    #[test]
    fn a_change_needs_nothing_but_may_not_null_what_is_required() {
        assert!(errors(json!({}), Purpose::Change).is_empty());
        assert_eq!(errors(json!({"firstName": null}), Purpose::Change), ["firstName missing"]);
        assert!(
            errors(json!({"email": null, "phones": null, "customFields": null}), Purpose::Change)
                .is_empty()
        );
    }

    #[test]
    fn a_change_that_says_it_is_a_creation_is_refused() {
        assert_eq!(
            errors(json!({"actionType": "CREATE"}), Purpose::Change),
            ["actionType literal_error"]
        );
        assert!(
            errors(json!({"actionType": "UPDATE", "eventType": "PATIENT"}), Purpose::Change)
                .is_empty()
        );
    }

    #[test]
    fn a_number_is_kept_without_dots_and_blanks_in_capitals() {
        assert_eq!(doc_number(" 1.020 304 "), Ok("1020304".into()));
        assert_eq!(doc_number("ab-12"), Ok("AB-12".into()));
        for bad in ["", "...", "12/3", "١٢٣", &"9".repeat(33)] {
            assert!(doc_number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_birth_date_exists_lies_in_the_past_and_not_beyond_130_years() {
        for good in ["2024-02-29", "2026-03-01", "1896-01-01"] {
            assert!(birth_date(good, now()).is_ok(), "{good}");
        }
        for bad in [
            "2023-02-29",
            "2026-02-30",
            "2026-03-02",
            "1895-12-31",
            "10000-01-01",
            "28/02/1990",
            "1990-2-8",
        ] {
            assert!(birth_date(bad, now()).is_err(), "{bad}");
        }
    }

    #[test]
    fn habeas_data_is_kept_as_evidence_whichever_way_it_came() {
        let plain = habeas_data(HabeasData::Plain(false), now());
        assert_eq!(plain["authorized"], false);
        assert_eq!(plain["at"], "2026-02-28T12:00:00Z");
        let body =
            json!({"habeasData": {"authorized": true, "textVersion": "v3", "channel": "whatsapp"}});
        assert!(errors(body, Purpose::Change).is_empty());
    }

    #[test]
    fn no_fault_repeats_a_value() {
        let mut body = whole();
        for field in ["docTypeId", "docNumber", "birthDate", "genderId", "email", "epsId"] {
            body[field] = json!("CANARY\u{1}<>");
        }
        body["phones"] = json!(["CANARY"]);
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem =
            parse(body, Purpose::Create, &Catalogues::default(), now()).err().expect("faults");
        assert_eq!(problem.errors.len(), 7);
        assert!(!format!("{problem:?}").contains("CANARY"));
    }
}
