//! Statements on appointments. Row-level security adds the tenant to each.

use jiff::Timestamp;
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

row! {
    /// An appointment.
    pub struct AppointmentRow {
        id: Uuid,
        start_utc: Pii<Timestamp>,
        end_utc: Pii<Timestamp>,
        patient_doc_type_id: Pii<String>,
        patient_doc_number: Pii<String>,
        doctor_doc_type_id: Pii<String>,
        doctor_doc_number: Pii<String>,
        modality: String,
        state: String,
        notification_state: Option<String>,
        appointment_type: Option<String>,
        clinic_id: Option<String>,
        comment: Option<Pii<String>>,
        overbook_reason: Option<String>,
        custom_fields: Pii<Json<Box<RawValue>>>,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

row! {
    /// A deleted appointment: nothing of it leaves.
    pub struct Removed { id: Uuid }
}

macro_rules! columns {
    () => {
        "id, start_utc, end_utc, patient_doc_type_id, patient_doc_number, doctor_doc_type_id, doctor_doc_number,
         modality, state, notification_state, appointment_type, clinic_id, comment, overbook_reason,
         custom_fields, version, created_at, updated_at"
    };
}

/// A list by start, by keyset, with every filter that is not the index's own. `from` and the place
/// where the last page ended are one bound, so that the index finds the first row at once.
macro_rules! list {
    ($from:expr, $where:literal) => {
        concat!(
            "select ", columns!(), " from ", $from, "
              where (start_utc, id) > ($1, $2) and start_utc < $3 ", $where,
            " and ($5::text is null or modality = $5) and ($6::text is null or state = $6)
              and ($7::text is null or patient_doc_number = $7) and ($8::text is null or doctor_doc_number = $8)
            order by start_utc, id limit $4"
        )
    };
}

/// The rows that the search's policy lets through; `offset 0` keeps everything else out of it, or
/// the planner walks the whole table in the order of the list.
macro_rules! found {
    () => {
        concat!(
            "(select ",
            columns!(),
            " from clinic.appointment where deleted_at is null offset 0) found"
        )
    };
}

statements! {
    fn insert_appointment(id: Uuid, columns: Pii<Value>, custom_fields: Option<Json<Box<RawValue>>>) -> AppointmentRow
        = concat!("insert into clinic.appointment (tenant_id, id, start_utc, end_utc, patient_doc_type_id,
                  patient_doc_number, doctor_doc_type_id, doctor_doc_number, modality, state, notification_state,
                  appointment_type, clinic_id, comment, overbook_reason, custom_fields)
           select kernel.tenant(), $1, start_utc, end_utc, patient_doc_type_id, patient_doc_number,
                  doctor_doc_type_id, doctor_doc_number, modality, state, notification_state,
                  appointment_type, clinic_id, comment, overbook_reason, coalesce($3, '{}'::jsonb)
             from jsonb_populate_record(null::clinic.appointment, $2)
           returning ", columns!());

    fn find_appointment(id: Uuid) -> AppointmentRow, discloses "clinic.appointment"
        = concat!("select ", columns!(), " from clinic.appointment where id = $1 and deleted_at is null");

    fn list_appointments(after_start: Timestamp, after_id: Uuid, to: Timestamp, limit: i64, modality: Option<String>,
                         state: Option<String>, patient: Option<String>, doctor: Option<String>)
        -> AppointmentRow, discloses "clinic.appointment" = list!("clinic.appointment", "and deleted_at is null ");

    fn list_appointments_in_state(after_start: Timestamp, after_id: Uuid, to: Timestamp, limit: i64,
                                  modality: Option<String>, state: Option<String>, patient: Option<String>,
                                  doctor: Option<String>)
        -> AppointmentRow, discloses "clinic.appointment" = list!("clinic.appointment", "and deleted_at is null and state = $6");

    fn list_appointments_of_patient(after_start: Timestamp, after_id: Uuid, to: Timestamp, limit: i64,
                                    modality: Option<String>, state: Option<String>, patient: Option<String>,
                                    doctor: Option<String>)
        -> AppointmentRow, discloses "clinic.appointment" = list!("clinic.appointment", "and deleted_at is null and patient_doc_number = $7");

    fn list_appointments_of_doctor(after_start: Timestamp, after_id: Uuid, to: Timestamp, limit: i64,
                                   modality: Option<String>, state: Option<String>, patient: Option<String>,
                                   doctor: Option<String>)
        -> AppointmentRow, discloses "clinic.appointment" = list!("clinic.appointment", "and deleted_at is null and doctor_doc_number = $8");

    /// By custom fields: the search is the policy of the role that this runs as.
    fn search_appointments(after_start: Timestamp, after_id: Uuid, to: Timestamp, limit: i64,
                           modality: Option<String>, state: Option<String>, patient: Option<String>,
                           doctor: Option<String>)
        -> AppointmentRow, discloses "clinic.appointment" = list!(found!(), "");

    /// Keys that the change does not have keep their value; a null clears it.
    fn update_appointment(id: Uuid, expected: Option<i32>, columns: Pii<Value>,
                          custom_fields: Option<Json<Box<RawValue>>>) -> AppointmentRow
        = concat!("update clinic.appointment a
              set (start_utc, end_utc, patient_doc_type_id, patient_doc_number, doctor_doc_type_id,
                   doctor_doc_number, modality, state, notification_state, appointment_type, clinic_id,
                   comment, overbook_reason, custom_fields)
                = (select r.start_utc, r.end_utc, r.patient_doc_type_id, r.patient_doc_number, r.doctor_doc_type_id,
                          r.doctor_doc_number, r.modality, r.state, r.notification_state, r.appointment_type,
                          r.clinic_id, r.comment, r.overbook_reason, coalesce($4, a.custom_fields)
                     from jsonb_populate_record(a, $3) r)
            where id = $1 and deleted_at is null and kernel.expect_version(version, $2)
           returning ", columns!());

    fn delete_appointment(id: Uuid, expected: Option<i32>) -> Removed
        = "update clinic.appointment set deleted_at = now()
            where id = $1 and deleted_at is null and kernel.expect_version(version, $2)
           returning id";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "appointment_doctor_taken",
            problem: || {
                Problem::conflict(
                    "doctor_taken",
                    "the doctor has an appointment at this time: choose another, or send overbookReason with a key that may overbook",
                )
            },
        },
        Constraint {
            name: "appointment_ends_after_start",
            problem: || {
                Problem::field(
                    &["body", "endAppointment"],
                    "range",
                    "the end must be after the start",
                )
            },
        },
        Constraint {
            name: "appointment_custom_fields_object",
            problem: || {
                Problem::field(&["body", "customFields"], "type_error", "expected an object")
            },
        },
        Constraint { name: "RV403", problem: || Problem::forbidden("appointment:overbook") },
    ]
}
