//! What an appointment must be. Pure.

use jiff::Timestamp;
use kernel::{
    http::{Code, Fault, Fields, Patch, Problem, Purpose, text},
    privacy::Pii,
};
use serde_json::Value;

use super::http::AppointmentBody;
use crate::{
    CustomFields,
    catalogues::rules::{Catalogues, Kind},
    patients::rules::{check_event, custom_fields, doc_number},
};

/// An appointment's columns, checked, on their way to the database.
pub struct AppointmentFields {
    pub columns: Pii<Value>,
    pub custom_fields: Option<CustomFields>,
    /// It asks to be booked over another.
    pub overbooks: bool,
}

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(
    body: AppointmentBody,
    purpose: Purpose,
    catalogues: &Catalogues,
) -> Result<AppointmentFields, Problem> {
    let mut fields = Fields::new(purpose);
    check_event(&mut fields, purpose, "APPOINTMENT", body.event_type, body.action_type);
    let overbooks = matches!(body.overbook_reason, Patch::Value(_));
    let code = |kind| move |Code(given): Code| catalogues.resolve(kind, &given);
    let number = |Code(given): Code| doc_number(&given);
    if ends_before_start(&body.start_appointment, &body.end_appointment) {
        fields.fault("endAppointment", ("range", "the end must be after the start".into()));
    }
    fields.required("start_utc", "startAppointment", body.start_appointment, |t| instant(&t));
    fields.required("end_utc", "endAppointment", body.end_appointment, |t| instant(&t));
    fields.required(
        "patient_doc_type_id",
        "patientDocTypeId",
        body.patient_doc_type_id,
        code(Kind::DocType),
    );
    fields.required("patient_doc_number", "patientDocNumber", body.patient_doc_number, number);
    fields.required(
        "doctor_doc_type_id",
        "doctorDocTypeId",
        body.doctor_doc_type_id,
        code(Kind::DocType),
    );
    fields.required("doctor_doc_number", "doctorDocNumber", body.doctor_doc_number, number);
    fields.required(
        "modality",
        "modality",
        or(body.modality, purpose, "in_person"),
        code(Kind::Modality),
    );
    fields.required("state", "state", or(body.state, purpose, "booked"), code(Kind::State));
    let notification = code(Kind::NotificationState);
    fields.optional(
        "notification_state",
        "notificationState",
        body.notification_state,
        notification,
    );
    fields.optional("appointment_type", "appointmentType", body.appointment_type, |Code(t)| {
        text(80)(t)
    });
    fields.optional("clinic_id", "clinicId", body.clinic_id, |Code(t)| text(80)(t));
    fields.optional("comment", "comment", body.comment, text(4000));
    fields.optional("overbook_reason", "overbookReason", body.overbook_reason, text(400));
    let custom_fields = custom_fields(&mut fields, body.custom_fields);
    Ok(AppointmentFields { columns: Pii::new(fields.finish()?), custom_fields, overbooks })
}

/// What is meant when a new appointment does not say.
fn or(given: Patch<Code>, purpose: Purpose, usual: &str) -> Patch<Code> {
    match given {
        Patch::Absent if purpose == Purpose::Create => Patch::Value(Code(usual.to_owned())),
        given => given,
    }
}

/// An instant with its offset, as UTC to the microsecond, which is what PostgreSQL keeps.
///
/// # Errors
/// No offset, no such day or hour, a year beyond 9999.
pub fn instant(given: &str) -> Result<String, Fault> {
    parse_instant(given).map(|at| at.to_string()).ok_or_else(|| {
        (
            "datetime",
            "expected a time with its offset (RFC 3339), such as 2027-03-01T09:00:00-05:00".into(),
        )
    })
}

fn parse_instant(given: &str) -> Option<Timestamp> {
    // RFC 3339 has no zone in brackets, and the date comes first and whole.
    let plain = given.is_ascii()
        && given.len() >= 20
        && !given.contains('[')
        && given.as_bytes().get(4) == Some(&b'-');
    let at: Timestamp = given.parse().ok().filter(|_| plain)?;
    Timestamp::from_microsecond(at.as_microsecond()).ok()
}

fn ends_before_start(start: &Patch<String>, end: &Patch<String>) -> bool {
    let (Patch::Value(start), Patch::Value(end)) = (start, end) else { return false };
    matches!((parse_instant(start), parse_instant(end)), (Some(start), Some(end)) if end <= start)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(changes: &Value) -> Value {
        let mut body = json!({
            "eventType": "APPOINTMENT", "actionType": "CREATE",
            "startAppointment": "2027-03-01T09:00:00-05:00", "endAppointment": "2027-03-01T09:30:00-05:00",
            "patientDocTypeId": "CC", "patientDocNumber": "1", "doctorDocTypeId": "CC", "doctorDocNumber": "2",
        });
        for (name, value) in changes.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    }

    fn errors(body: &Value, purpose: Purpose) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        match parse(body, purpose, &Catalogues::default()) {
            Ok(_) => vec![],
            Err(problem) => {
                problem.errors.into_iter().map(|e| format!("{} {}", e.loc[1], e.kind)).collect()
            }
        }
    }

    #[test]
    fn any_offset_becomes_the_same_instant_in_utc() {
        for same in [
            "2027-03-01T09:00:00-05:00",
            "2027-03-01T14:00:00Z",
            "2027-03-01T19:30:00+05:30",
            "2027-03-01t14:00:00z",
        ] {
            assert_eq!(instant(same), Ok("2027-03-01T14:00:00Z".into()), "{same}");
        }
        assert_eq!(
            instant("2027-03-01T14:00:00.1234567Z"),
            Ok("2027-03-01T14:00:00.123456Z".into())
        );
        assert_eq!(instant("2028-02-29T23:59:59-00:01"), Ok("2028-03-01T00:00:59Z".into()));
    }

    #[test]
    fn a_time_without_offset_or_that_never_was_is_refused() {
        for bad in [
            "2027-03-01T09:00:00",
            "2027-03-01",
            "2027-02-30T09:00:00Z",
            "2027-03-01T25:00:00Z",
            "10000-01-01T00:00:00Z",
            "2027-03-14T02:30:00[America/New_York]",
            "2027-03-01T09:00:00-05:00[America/Bogota]",
            "tomorrow",
            "",
            "20270301T090000Z",
            "2027-03-01T09:00:00+99:00",
        ] {
            assert!(instant(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_end_comes_after_the_start() {
        for end in
            ["2027-03-01T09:00:00-05:00", "2027-03-01T08:59:59-05:00", "2027-03-01T14:00:00Z"]
        {
            assert_eq!(
                errors(&body(&json!({"endAppointment": end})), Purpose::Create),
                ["endAppointment range"],
                "{end}"
            );
        }
        assert!(
            errors(
                &body(&json!({"endAppointment": "2027-03-01T14:00:00.000001Z"})),
                Purpose::Create
            )
            .is_empty()
        );
    }

    #[test]
    fn modality_and_state_have_a_usual_value_and_known_codes_only() {
        assert!(errors(&body(&json!({})), Purpose::Create).is_empty());
        let bad = body(&json!({"modality": "by pigeon", "state": "lost"}));
        assert_eq!(errors(&bad, Purpose::Create), ["modality unknown_code", "state unknown_code"]);
        assert_eq!(errors(&json!({"state": null}), Purpose::Change), ["state missing"]);
    }

    #[test]
    fn a_change_may_move_one_end_alone() {
        assert!(
            errors(&json!({"startAppointment": "2027-03-01T09:10:00-05:00"}), Purpose::Change)
                .is_empty()
        );
    }
}
