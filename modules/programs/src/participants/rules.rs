//! What a participant's data must be. Pure.

use jiff::civil::Date;
use kernel::{
    http::{
        Fault, FieldError, Fields, Patch, Problem, Purpose, date, defaulted, email, one_of, phone,
        text, whole,
    },
    privacy::Pii,
};
use serde_json::Value;

use super::http::{AddressBody, ContactBody, GuardianBody, ParticipantBody};

/// Whether somebody takes part.
pub const STATUSES: &[&str] = &["active", "inactive"];
const RELATIONS: &[&str] = &["parent", "guardian", "other"];
const KINDS: &[&str] = &["home", "mailing", "other"];

/// How many guardians, contacts or addresses there may be.
const MOST: usize = 10;

/// A participant, checked, on the way to the database; a list that was not sent is `None`.
pub struct ParticipantFields {
    pub columns: Pii<Value>,
    pub guardians: Option<Pii<Value>>,
    pub contacts: Option<Pii<Value>>,
    pub addresses: Option<Pii<Value>>,
}

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(
    body: ParticipantBody,
    purpose: Purpose,
    today: Date,
) -> Result<ParticipantFields, Problem> {
    let mut fields = Fields::new(purpose);
    fields.required("first_name", "first_name", body.first_name, text(100));
    fields.required("last_name", "last_name", body.last_name, text(100));
    let birth = body.date_of_birth;
    fields.required("date_of_birth", "date_of_birth", birth, |given| birth_date(&given, today));
    fields.optional("preferred_name", "preferred_name", body.preferred_name, text(100));
    fields.optional("roster_name", "roster_name", body.roster_name, text(100));
    fields.optional("external_id", "external_id", body.external_id, text(100));
    fields.optional("gender", "gender", body.gender, text(60));
    fields.optional("school", "school", body.school, text(200));
    fields.optional("grade", "grade", body.grade, text(40));
    fields.optional("medical_notes", "medical_notes", body.medical_notes, text(10_000));
    defaulted(&mut fields, "status", body.status, one_of(STATUSES));
    let mut errors = vec![];
    let guardians = entries("guardians", body.guardians, &mut errors, guardian);
    let contacts = entries("contacts", body.contacts, &mut errors, contact);
    let addresses = entries("addresses", body.addresses, &mut errors, address);
    match fields.finish() {
        Ok(columns) if errors.is_empty() => {
            Ok(ParticipantFields { columns: Pii::new(columns), guardians, contacts, addresses })
        }
        Ok(_) => Err(Problem::invalid(errors)),
        Err(first) => Err(Problem::invalid([first.errors, errors].concat())),
    }
}

/// A date of birth from 1900 on, that has come.
fn birth_date(given: &str, today: Date) -> Result<String, Fault> {
    match date(given)? {
        date if date > today => Err(("date", "a birth date cannot be in the future".into())),
        date => Ok(date.to_string()),
    }
}

fn guardian(fields: &mut Fields, body: GuardianBody) {
    fields.required("full_name", "full_name", body.full_name, text(200));
    fields.required("relation", "relation", body.relation, one_of(RELATIONS));
    fields.optional("email", "email", body.email, |given: String| email(&given));
    fields.optional("phone", "phone", body.phone, |given: String| phone(&given));
    defaulted(fields, "is_primary", body.is_primary, Ok);
}

fn contact(fields: &mut Fields, body: ContactBody) {
    fields.required("full_name", "full_name", body.full_name, text(200));
    fields.optional("relation", "relation", body.relation, text(60));
    fields.optional("phone", "phone", body.phone, |given: String| phone(&given));
    fields.optional("email", "email", body.email, |given: String| email(&given));
    defaulted(fields, "priority", body.priority, whole(1, 9));
}

fn address(fields: &mut Fields, body: AddressBody) {
    defaulted(fields, "kind", body.kind, one_of(KINDS));
    fields.required("line1", "line1", body.line1, text(200));
    fields.optional("line2", "line2", body.line2, text(200));
    fields.optional("city", "city", body.city, text(100));
    fields.optional("state", "state", body.state, text(60));
    fields.optional("postal_code", "postal_code", body.postal_code, text(20));
    fields.optional("county", "county", body.county, text(100));
}

/// A list whose entries are each checked like a record of its own.
fn entries<T>(
    name: &str,
    given: Patch<Vec<T>>,
    errors: &mut Vec<FieldError>,
    check: impl Fn(&mut Fields, T),
) -> Option<Pii<Value>> {
    let mut refuse = |kind, msg: &str| {
        errors.push(FieldError { loc: vec!["body".into(), name.into()], msg: msg.into(), kind });
        None
    };
    let given = match given {
        Patch::Absent => return None,
        Patch::Null => return refuse("missing", "leave this field out, or send [] to remove all"),
        Patch::Value(given) if given.len() > MOST => {
            return refuse("length", "give ten at the most");
        }
        Patch::Value(given) => given,
    };
    let mut checked = vec![];
    for (place, entry) in given.into_iter().enumerate() {
        let mut fields = Fields::new(Purpose::Create);
        check(&mut fields, entry);
        match fields.finish() {
            Ok(columns) => checked.push(columns),
            Err(problem) => errors.extend(problem.errors.into_iter().map(|error| {
                let mut loc = vec!["body".to_owned(), name.to_owned(), place.to_string()];
                loc.extend(error.loc.into_iter().skip(1));
                FieldError { loc, ..error }
            })),
        }
    }
    Some(Pii::new(Value::Array(checked)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(body: &Value, purpose: Purpose) -> Result<ParticipantFields, Problem> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        parse(body, purpose, jiff::civil::date(2026, 3, 1))
    }

    fn errors(body: Value, purpose: Purpose) -> Vec<String> {
        let problem = parsed(&body, purpose).err();
        let errors = problem.map(|problem| problem.errors).unwrap_or_default();
        errors.into_iter().map(|e| format!("{} {}", e.loc[1..].join("."), e.kind)).collect()
    }

    fn least() -> Value {
        json!({"first_name": "Sam", "last_name": "Reyes", "date_of_birth": "2013-05-10"})
    }

    #[test]
    fn a_name_and_a_birth_date_are_enough() {
        assert!(errors(least(), Purpose::Create).is_empty());
        let wanted = ["first_name missing", "last_name missing", "date_of_birth missing"];
        assert_eq!(errors(json!({}), Purpose::Create), wanted);
        assert!(errors(json!({}), Purpose::Change).is_empty());
    }

    #[test]
    fn a_birth_date_has_three_names_and_has_come() {
        for name in ["date_of_birth", "birth_date", "dob"] {
            assert!(errors(json!({name: "2026-03-01"}), Purpose::Change).is_empty(), "{name}");
            for bad in ["2026-03-02", "1899-12-31", "2025-02-29", "10/05/2013"] {
                let named = errors(json!({name: bad}), Purpose::Change);
                assert_eq!(named, ["date_of_birth date"], "{bad}");
            }
        }
    }

    #[test]
    fn a_fault_within_a_list_says_in_which_entry() {
        let mut body = least();
        body["guardians"] =
            json!([{"full_name": "Dana", "relation": "parent"}, {"relation": "uncle"}]);
        body["contacts"] = json!([{"full_name": "Lee", "priority": 10, "phone": "1"}]);
        body["addresses"] = json!([{"kind": "work"}]);
        let wanted = [
            "guardians.1.full_name missing",
            "guardians.1.relation enum",
            "contacts.0.phone phone",
            "contacts.0.priority range",
            "addresses.0.kind enum",
            "addresses.0.line1 missing",
        ];
        assert_eq!(errors(body, Purpose::Create), wanted);
    }

    #[test]
    fn a_list_that_is_not_sent_stays_and_an_empty_one_is_sent() {
        let kept = parsed(&json!({"contacts": []}), Purpose::Change).expect("no fault");
        assert!(kept.guardians.is_none() && kept.addresses.is_none());
        assert!(kept.contacts.is_some());
    }

    #[test]
    fn a_list_is_never_null_and_holds_ten() {
        assert_eq!(errors(json!({"guardians": null}), Purpose::Change), ["guardians missing"]);
        let some = |count: usize| json!({"addresses": vec![json!({"line1": "12 Elm"}); count]});
        assert!(errors(some(10), Purpose::Change).is_empty());
        assert_eq!(errors(some(11), Purpose::Change), ["addresses length"]);
    }

    #[test]
    fn a_change_may_clear_what_need_not_be_known() {
        let cleared = json!({"school": null, "external_id": null, "roster_name": null});
        assert!(errors(cleared, Purpose::Change).is_empty());
        let wanted = ["last_name missing", "status missing"];
        assert_eq!(errors(json!({"last_name": null, "status": null}), Purpose::Change), wanted);
    }

    #[test]
    fn no_fault_repeats_a_value() {
        let body = json!({
            "first_name": "CANARY\u{1}", "date_of_birth": "CANARY", "status": "CANARY",
            "guardians": [{"full_name": "CANARY\u{1}", "relation": "CANARY", "email": "CANARY"}],
            "contacts": [{"full_name": "x", "phone": "CANARY"}],
        });
        let problem = parsed(&body, Purpose::Change).err().expect("faults");
        assert_eq!(problem.errors.len(), 7);
        assert!(!format!("{problem:?}").contains("CANARY"));
    }
}
