//! Statements on patients. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

row! {
    /// A patient.
    pub struct PatientRow {
        id: Uuid,
        doc_type_id: Pii<String>,
        doc_number: Pii<String>,
        first_name: Pii<String>,
        middle_name: Option<Pii<String>>,
        last_name: Pii<String>,
        second_last_name: Option<Pii<String>>,
        birth_date: Option<Pii<Date>>,
        gender_id: Option<Pii<String>>,
        phones: Pii<Vec<String>>,
        email: Option<Pii<String>>,
        eps_id: Option<Pii<String>>,
        habeas_data: Option<Pii<Json<Box<RawValue>>>>,
        custom_fields: Pii<Json<Box<RawValue>>>,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

row! {
    /// A deleted patient: nothing of it leaves.
    pub struct Removed { id: Uuid }
}

macro_rules! patient_columns {
    () => {
        "id, doc_type_id, doc_number, first_name, middle_name, last_name, second_last_name, birth_date,
         gender_id, phones, email, eps_id, habeas_data, custom_fields, version, created_at, updated_at"
    };
}

/// A list in the order of creation, by keyset, with every filter that is not the index's own.
macro_rules! list {
    ($from:expr, $where:literal) => {
        concat!(
            "select ",
            patient_columns!(),
            " from ",
            $from,
            " where id > $1 ",
            $where,
            " and ($3::text is null or doc_type_id = $3) and ($4::text is null or doc_number = $4)
              and ($5::text is null or email = $5)
            order by id limit $2"
        )
    };
}

/// The rows that the search's policy lets through; `offset 0` keeps everything else out of it, or
/// the planner walks the whole table in the order of the list.
macro_rules! found {
    () => {
        concat!(
            "(select ",
            patient_columns!(),
            " from clinic.patient where deleted_at is null offset 0) found"
        )
    };
}

statements! {
    fn insert_patient(id: Uuid, columns: Pii<Value>, custom_fields: Option<Json<Box<RawValue>>>) -> PatientRow
        = concat!("insert into clinic.patient (tenant_id, id, doc_type_id, doc_number, first_name, middle_name,
                  last_name, second_last_name, birth_date, gender_id, phones, email, eps_id, habeas_data, custom_fields)
           select kernel.tenant(), $1, doc_type_id, doc_number, first_name, middle_name, last_name,
                  second_last_name, birth_date, gender_id, coalesce(phones, '{}'), email, eps_id, habeas_data,
                  coalesce($3, '{}'::jsonb)
             from jsonb_populate_record(null::clinic.patient, $2)
           returning ", patient_columns!());

    fn find_patient(id: Uuid) -> PatientRow, discloses "clinic.patient"
        = concat!("select ", patient_columns!(), " from clinic.patient where id = $1 and deleted_at is null");

    fn list_patients(after: Uuid, limit: i64, doc_type: Option<String>, doc_number: Option<String>,
                     email: Option<String>) -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "and deleted_at is null ");

    fn list_patients_by_number(after: Uuid, limit: i64, doc_type: Option<String>, doc_number: Option<String>,
                               email: Option<String>) -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "and deleted_at is null and doc_number = $4");

    fn list_patients_by_email(after: Uuid, limit: i64, doc_type: Option<String>, doc_number: Option<String>,
                              email: Option<String>) -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "and deleted_at is null and email = $5");

    /// By custom fields and phone: the search is the policy of the role that this runs as.
    fn search_patients(after: Uuid, limit: i64, doc_type: Option<String>, doc_number: Option<String>,
                       email: Option<String>) -> PatientRow, discloses "clinic.patient"
        = list!(found!(), "");

    /// Keys that the change does not have keep their value; a null clears it.
    fn update_patient(id: Uuid, expected: Option<i32>, columns: Pii<Value>,
                      custom_fields: Option<Json<Box<RawValue>>>) -> PatientRow
        = concat!("update clinic.patient p
              set (doc_type_id, doc_number, first_name, middle_name, last_name, second_last_name, birth_date,
                   gender_id, phones, email, eps_id, habeas_data, custom_fields)
                = (select r.doc_type_id, r.doc_number, r.first_name, r.middle_name, r.last_name, r.second_last_name,
                          r.birth_date, r.gender_id, r.phones, r.email, r.eps_id, r.habeas_data,
                          coalesce($4, p.custom_fields)
                     from jsonb_populate_record(p, $3) r)
            where id = $1 and deleted_at is null and kernel.expect_version(version, $2)
           returning ", patient_columns!());

    fn delete_patient(id: Uuid, expected: Option<i32>) -> Removed
        = "update clinic.patient set deleted_at = now()
            where id = $1 and deleted_at is null and kernel.expect_version(version, $2)
           returning id";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "patient_document_taken",
            problem: || {
                Problem::conflict(
                    "document_taken",
                    "there is a patient with this document: find it with doc_type_id and doc_number",
                )
            },
        },
        Constraint {
            name: "patient_custom_fields_object",
            problem: || {
                Problem::field(&["body", "customFields"], "type_error", "expected an object")
            },
        },
    ]
}
