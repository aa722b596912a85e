//! Statements on appointments as FHIR asks for them. Row-level security adds the tenant to each.

use jiff::Timestamp;
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::fhir::patients::sql::Cut;

row! {
    /// An appointment, with the ids of who takes part and the identifier of another system.
    pub struct FhirAppointmentRow {
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
        practitioner_id: Uuid,
        external_identifier: Option<Pii<String>>,
        patient_id: Option<Uuid>,
    }
}

row! {
    /// That an appointment is on record.
    pub struct Known { id: Uuid, version: i32 }
}

macro_rules! columns {
    () => {
        "a.id, a.start_utc, a.end_utc, a.patient_doc_type_id, a.patient_doc_number, a.doctor_doc_type_id,
         a.doctor_doc_number, a.modality, a.state, a.notification_state, a.appointment_type, a.clinic_id, a.comment,
         a.overbook_reason, a.custom_fields, a.version, a.created_at, a.updated_at, a.practitioner_id,
         a.external_identifier,
         (select p.id from clinic.patient p
           where p.doc_type_id = a.patient_doc_type_id and p.doc_number = a.patient_doc_number
             and p.deleted_at is null) as patient_id"
    };
}

/// What may be asked of an appointment beside what the list's index finds, each where `$3` has it.
macro_rules! list {
    ($where:literal, $order:literal) => {
        list!("clinic.appointment", $where, $order)
    };
    ($from:expr, $where:literal, $order:literal) => {
        concat!(
            "select ", columns!(), " from ", $from, " a
              where a.deleted_at is null and ", $where,
            " and (not $3::jsonb ? 'states' or $3 -> 'states' ? a.state)
              and ($3 ->> 'identifier' is null or a.external_identifier = $3 ->> 'identifier')
              and ($3 ->> 'practitioner' is null or a.practitioner_id = ($3 ->> 'practitioner')::uuid)
              and ($3 ->> 'patient' is null or (a.patient_doc_type_id, a.patient_doc_number)
                   = (select p.doc_type_id, p.doc_number from clinic.patient p
                       where p.id = ($3 ->> 'patient')::uuid and p.deleted_at is null))
              and ($3 ->> 'start_from' is null or a.start_utc >= ($3 ->> 'start_from')::timestamptz)
              and ($3 ->> 'start_until' is null or a.start_utc < ($3 ->> 'start_until')::timestamptz)
              and ($3 ->> 'start_not_from' is null or not (a.start_utc >= ($3 ->> 'start_not_from')::timestamptz
                   and a.start_utc < ($3 ->> 'start_not_until')::timestamptz))
              and ($3 ->> 'updated_from' is null or a.updated_at >= ($3 ->> 'updated_from')::timestamptz)
              and ($3 ->> 'updated_until' is null or a.updated_at < ($3 ->> 'updated_until')::timestamptz)
              and ($3 ->> 'updated_not_from' is null or not (a.updated_at >= ($3 ->> 'updated_not_from')::timestamptz
                   and a.updated_at < ($3 ->> 'updated_not_until')::timestamptz))
              order by ", $order, " limit $2"
        )
    };
}

/// The rows that an index finds, before they are put in order: see `patients::sql`.
macro_rules! fenced {
    ($where:literal) => {
        concat!(
            "(select * from clinic.appointment where deleted_at is null and ",
            $where,
            " offset 0)"
        )
    };
}

/// Who takes part and is named by an id alone, with their documents; nothing where there is no such id.
macro_rules! resolved {
    ($patient:literal, $practitioner:literal) => {
        concat!(
            "left join lateral (select p.doc_type_id, p.doc_number from clinic.patient p
                where p.id = ", $patient, " and p.deleted_at is null) who on true
             left join lateral (select d.doctor_doc_type_id as doc_type_id, d.doctor_doc_number as doc_number
                from clinic.appointment d where d.practitioner_id = ", $practitioner, "
                 and d.deleted_at is null limit 1) whom on true
            where (", $patient, " is null or who.doc_number is not null)
              and (", $practitioner, " is null or whom.doc_number is not null)"
        )
    };
}

statements! {
    fn find_fhir_appointment(id: Uuid) -> FhirAppointmentRow, discloses "clinic.appointment"
        = concat!("select ", columns!(), " from clinic.appointment a where a.id = $1 and a.deleted_at is null");

    fn list_fhir_appointments(after: Uuid, limit: i64, filter: Pii<Value>, after_start: Timestamp, until: Timestamp)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = list!("(a.start_utc, a.id) > ($4, $1) and a.start_utc < $5", "a.start_utc, a.id");

    fn list_fhir_appointments_in_state(after: Uuid, limit: i64, filter: Pii<Value>, after_start: Timestamp,
                                       until: Timestamp, state: String)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = list!("(a.start_utc, a.id) > ($4, $1) and a.start_utc < $5 and a.state = $6", "a.start_utc, a.id");

    fn list_fhir_appointments_of_patient(after: Uuid, limit: i64, filter: Pii<Value>, after_start: Timestamp,
                                         until: Timestamp, patient: Uuid)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = list!("(a.start_utc, a.id) > ($4, $1) and a.start_utc < $5 and a.patient_doc_number
                 = (select p.doc_number from clinic.patient p where p.id = $6 and p.deleted_at is null)",
                "a.start_utc, a.id");

    fn list_fhir_appointments_of_practitioner(after: Uuid, limit: i64, filter: Pii<Value>, after_start: Timestamp,
                                              until: Timestamp, practitioner: Uuid)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = list!("(a.start_utc, a.id) > ($4, $1) and a.start_utc < $5 and a.practitioner_id = $6",
                "a.start_utc, a.id");

    fn find_fhir_appointments(after: Uuid, limit: i64, filter: Pii<Value>, ids: Vec<Uuid>)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = list!(fenced!("id = any($4)"), "a.id > $1", "a.id");

    fn find_fhir_appointments_by_identifier(after: Uuid, limit: i64, filter: Pii<Value>, identifier: String)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = list!(fenced!("external_identifier = $4"), "a.id > $1", "a.id");

    fn list_fhir_appointments_by_update(after: Uuid, limit: i64, filter: Pii<Value>, after_at: Timestamp,
                                        until: Timestamp)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = list!("(a.updated_at, a.id) > ($4, $1) and a.updated_at < $5", "a.updated_at, a.id");

    fn insert_fhir_appointment(id: Uuid, columns: Pii<Value>, custom_fields: Option<Json<Box<RawValue>>>,
                               identifier: Option<Pii<String>>, patient: Option<Uuid>, practitioner: Option<Uuid>)
        -> FhirAppointmentRow
        = concat!("with a as (insert into clinic.appointment (tenant_id, id, start_utc, end_utc, patient_doc_type_id,
                  patient_doc_number, doctor_doc_type_id, doctor_doc_number, modality, state, notification_state,
                  appointment_type, clinic_id, comment, overbook_reason, custom_fields, external_identifier)
           select kernel.tenant(), $1, r.start_utc, r.end_utc, coalesce(who.doc_type_id, r.patient_doc_type_id),
                  coalesce(who.doc_number, r.patient_doc_number), coalesce(whom.doc_type_id, r.doctor_doc_type_id),
                  coalesce(whom.doc_number, r.doctor_doc_number), r.modality, r.state, r.notification_state,
                  r.appointment_type, r.clinic_id, r.comment, r.overbook_reason, coalesce($3, '{}'::jsonb), $4
             from jsonb_populate_record(null::clinic.appointment, $2) r ", resolved!("$5::uuid", "$6::uuid"),
            " returning *) select ", columns!(), " from a");

    fn update_fhir_appointment(id: Uuid, expected: Option<i32>, columns: Pii<Value>,
                               custom_fields: Option<Json<Box<RawValue>>>, identifier: Option<Pii<String>>,
                               patient: Option<Uuid>, practitioner: Option<Uuid>) -> FhirAppointmentRow
        = concat!("with a as (update clinic.appointment t
              set (start_utc, end_utc, patient_doc_type_id, patient_doc_number, doctor_doc_type_id,
                   doctor_doc_number, modality, state, notification_state, appointment_type, clinic_id,
                   comment, overbook_reason, custom_fields, external_identifier)
                = (select r.start_utc, r.end_utc, coalesce(n.patient_type, r.patient_doc_type_id),
                          coalesce(n.patient, r.patient_doc_number), coalesce(n.doctor_type, r.doctor_doc_type_id),
                          coalesce(n.doctor, r.doctor_doc_number), r.modality, r.state, r.notification_state,
                          r.appointment_type, r.clinic_id, r.comment, r.overbook_reason,
                          coalesce($4, t.custom_fields), $5
                     from jsonb_populate_record(t, $3) r)
             from (select who.doc_type_id as patient_type, who.doc_number as patient,
                          whom.doc_type_id as doctor_type, whom.doc_number as doctor
                     from (select) as none ", resolved!("$6::uuid", "$7::uuid"), ") n
            where t.id = $1 and t.deleted_at is null and kernel.expect_version(t.version, $2)
           returning t.*) select ", columns!(), " from a");

    fn find_known_appointments(identifier: Pii<String>) -> Known
        = "select id, version from clinic.appointment
            where external_identifier = $1 and deleted_at is null limit 2";

    fn find_known_appointment(id: Uuid) -> Known
        = "select id, version from clinic.appointment where id = $1 and deleted_at is null";

    /// The keys behind which the files of an export end, so many apart; what is deleted counts, so that the index alone
    /// is read.
    fn cut_appointments(size: i64) -> Cut
        = "select id from (select id, row_number() over (order by id) as place from clinic.appointment) numbered
            where place % $1 = 0 order by id";

    fn export_appointments(after: Uuid, until: Uuid, since: Option<Timestamp>, at: Timestamp)
        -> FhirAppointmentRow, discloses "clinic.appointment"
        = concat!("select ", columns!(), " from clinic.appointment a
            where a.id > $1 and a.id <= $2 and a.deleted_at is null and a.created_at <= $4
              and ($3::timestamptz is null or a.updated_at >= $3) order by a.id");
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "appointment_identifier_taken",
        problem: || {
            Problem::conflict(
                "identifier_taken",
                "there is an appointment with this identifier: find it by it",
            )
        },
    }]
}
