//! What a request and its review must be. Pure.

use jiff::{Span, civil::Date};
use kernel::{
    authz::Permission,
    http::{Fields, Patch, Problem, Purpose, text},
    privacy::Pii,
};
use policy::statutes::InForce;
use serde_json::{Value, json};

use super::http::{ReleaseBody, Withheld};
use crate::permissions::{RequestInspection, ReviewInspection};

/// The last day for the answer: the day of the request, and as many calendar days as the law gives.
///
/// # Errors
/// 409 where the law of the place says nothing.
pub fn due_on(asked_on: Date, law: &InForce<'_>) -> Result<Date, Problem> {
    let days = law.education_records().map(|(_, law)| i64::from(law.inspection_days));
    let due = days.and_then(|days| asked_on.checked_add(Span::new().days(days)).ok());
    due.ok_or_else(|| {
        let detail = "the statute pack of this school says nothing of education records";
        Problem::conflict("no_statute", detail).refusing(RequestInspection::NAME)
    })
}

/// A release: what is said with it, and which events it keeps back.
pub struct Release {
    pub note: Option<Pii<String>>,
    pub withheld: Pii<Value>,
    pub count: usize,
}

/// Checks a release: each event that is withheld has its reason.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse_release(body: ReleaseBody) -> Result<Release, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let note = body.note.map_or(Patch::Absent, Patch::Value).try_map(text(2000));
    let note = note.unwrap_or_else(|fault| {
        fields.fault("note", fault);
        Patch::Absent
    });
    if body.withheld.len() > 500 {
        fields.fault("withheld", ("length", "give at most 500".into()));
    }
    let mut withheld = vec![];
    for (index, Withheld { event_id, reason }) in body.withheld.into_iter().enumerate() {
        match text(500)(reason) {
            Ok(reason) => withheld.push(json!({"event_id": event_id, "reason": reason})),
            Err(fault) => fields.fault(&format!("withheld.{index}.reason"), fault),
        }
    }
    fields.finish()?;
    let count = withheld.len();
    Ok(Release {
        note: note.value().map(Pii::new),
        withheld: Pii::new(Value::Array(withheld)),
        count,
    })
}

/// That every event that was to be kept back is one of this record: a mistyped id would release it.
///
/// # Errors
/// 422 for `withheld`.
pub fn all_withheld(asked: usize, found: usize) -> Result<(), Problem> {
    match asked == found {
        true => Ok(()),
        false => {
            let msg = "each must be an event of this record, once";
            Err(Problem::field(&["body", "withheld"], "unknown", msg))
        }
    }
}

/// Whether a request can still be answered.
///
/// # Errors
/// 409: it was answered; or a release would go to who holds no rights any more.
pub fn may_answer(status: &str, releases: bool, holds_rights: bool) -> Result<(), Problem> {
    match status {
        "requested" if releases && !holds_rights => {
            let detail = "who asked holds the rights in this record no more: refuse the request, and say why";
            Err(Problem::conflict("rights_passed", detail).refusing(ReviewInspection::NAME))
        }
        "requested" => Ok(()),
        _ => {
            let detail = "this request has its answer: read it";
            Err(Problem::conflict("answered", detail).refusing(ReviewInspection::NAME))
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use policy::statutes::Statutes;

    use super::*;

    #[test]
    fn forty_five_days_are_calendar_days_over_a_leap_day_too() {
        let statutes = Statutes::built_in().expect("packs");
        for (asked, due) in [
            (date(2026, 11, 2), date(2026, 12, 17)),
            (date(2028, 1, 15), date(2028, 2, 29)),
            (date(2027, 1, 15), date(2027, 3, 1)),
        ] {
            let law = statutes.as_of("us-oh", asked).expect("Ohio");
            assert_eq!(due_on(asked, &law).expect("a day"), due);
        }
    }

    #[test]
    fn what_is_withheld_has_its_reason() {
        let body: ReleaseBody = kernel::http::parse_json(
            json!({"withheld": [{"event_id": uuid::Uuid::nil(), "reason": " "}]})
                .to_string()
                .as_bytes(),
        )
        .expect("the shape fits");
        let problem = parse_release(body).err().unwrap_or_else(Problem::not_found);
        assert_eq!(problem.errors[0].loc.join("."), "body.withheld.0.reason");
    }

    #[test]
    fn an_answer_is_given_once() {
        assert!(may_answer("requested", true, true).is_ok());
        assert!(may_answer("requested", false, false).is_ok());
        assert!(may_answer("requested", true, false).is_err());
        for status in ["released", "refused", "withdrawn"] {
            assert!(may_answer(status, true, true).is_err());
        }
    }
}
