//! Statements on patients as FHIR asks for them. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{privacy::Pii, row, statements};
use serde_json::Value;
use uuid::Uuid;

use crate::patients::sql::PatientRow;

row! {
    /// That a patient is on record.
    pub struct Known { id: Uuid, version: i32 }
}

/// What may be asked of a patient beside what the list's index finds, each where `$3` has it.
macro_rules! filters {
    () => {
        " and (not $3::jsonb ? 'types' or $3 -> 'types' ? doc_type_id)
          and ($3 ->> 'number' is null or doc_number = $3 ->> 'number')
          and ($3 ->> 'email' is null or email = $3 ->> 'email')
          and ($3 ->> 'phone' is null or $3 ->> 'phone' = any(phones))
          and (not $3 ? 'genders' or $3 -> 'genders' ? case
                   when gender_id in ('male', 'female', 'unknown') then gender_id
                   when gender_id is not null then 'other' end)
          and ($3 ->> 'born_from' is null or birth_date >= ($3 ->> 'born_from')::date)
          and ($3 ->> 'born_until' is null or birth_date < ($3 ->> 'born_until')::date)
          and ($3 ->> 'born_not_from' is null or birth_date is not null
               and not (birth_date >= ($3 ->> 'born_not_from')::date and birth_date < ($3 ->> 'born_not_until')::date))
          and ($3 ->> 'updated_from' is null or updated_at >= ($3 ->> 'updated_from')::timestamptz)
          and ($3 ->> 'updated_until' is null or updated_at < ($3 ->> 'updated_until')::timestamptz)
          and ($3 ->> 'updated_not_from' is null
               or not (updated_at >= ($3 ->> 'updated_not_from')::timestamptz
                       and updated_at < ($3 ->> 'updated_not_until')::timestamptz))
          and ($3 ->> 'given' is null or starts_with(clinic.fold(first_name), clinic.fold($3 ->> 'given'))
               or starts_with(clinic.fold(middle_name), clinic.fold($3 ->> 'given')))
          and ($3 ->> 'family' is null
               or starts_with(clinic.fold(concat_ws(' ', last_name, second_last_name)), clinic.fold($3 ->> 'family'))
               or starts_with(clinic.fold(second_last_name), clinic.fold($3 ->> 'family')))
          and ($3 ->> 'name' is null or starts_with(clinic.fold(first_name), clinic.fold($3 ->> 'name'))
               or starts_with(clinic.fold(middle_name), clinic.fold($3 ->> 'name'))
               or starts_with(clinic.fold(concat_ws(' ', last_name, second_last_name)), clinic.fold($3 ->> 'name'))
               or starts_with(clinic.fold(second_last_name), clinic.fold($3 ->> 'name')))"
    };
}

macro_rules! list {
    ($from:expr, $where:literal, $order:literal) => {
        concat!(
            "select ",
            patient_columns!(),
            " from ",
            $from,
            " where ",
            $where,
            filters!(),
            " order by ",
            $order,
            " limit $2"
        )
    };
}

/// The rows that an index finds, or the search's policy lets through; `offset 0` keeps everything else out of it, or
/// the planner walks the whole table in the order of the list.
macro_rules! fenced {
    ($where:literal) => {
        concat!(
            "(select ",
            patient_columns!(),
            " from clinic.patient where deleted_at is null and ",
            $where,
            " offset 0) found"
        )
    };
}

row! {
    /// A key behind which a file ends.
    pub struct Cut { id: Uuid }
}

macro_rules! exported {
    () => {
        concat!(
            "select ",
            patient_columns!(),
            " from clinic.patient
               where id > $1 and id <= $2 and deleted_at is null and created_at <= $4
                 and ($3::timestamptz is null or updated_at >= $3) order by id"
        )
    };
}

statements! {
    fn list_fhir_patients(after: Uuid, limit: i64, filter: Pii<Value>) -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "deleted_at is null and id > $1", "id");

    fn list_fhir_patients_by_number(after: Uuid, limit: i64, filter: Pii<Value>, number: String)
        -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "deleted_at is null and id > $1 and doc_number = $4", "id");

    fn list_fhir_patients_by_email(after: Uuid, limit: i64, filter: Pii<Value>, email: String)
        -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "deleted_at is null and id > $1 and email = $4", "id");

    fn find_fhir_patients(after: Uuid, limit: i64, filter: Pii<Value>, ids: Vec<Uuid>)
        -> PatientRow, discloses "clinic.patient"
        = list!(fenced!("id = any($4)"), "id > $1", "id");

    fn list_fhir_patients_by_birth(after: Uuid, limit: i64, filter: Pii<Value>, after_date: Date, until: Date)
        -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "deleted_at is null and (birth_date, id) > ($4, $1) and birth_date < $5",
                "birth_date, id");

    fn list_fhir_patients_by_update(after: Uuid, limit: i64, filter: Pii<Value>, after_at: Timestamp,
                                    until: Timestamp)
        -> PatientRow, discloses "clinic.patient"
        = list!("clinic.patient", "deleted_at is null and (updated_at, id) > ($4, $1) and updated_at < $5",
                "updated_at, id");

    /// By the beginning of a name, or by phone: the search is the policy of the role that this runs as.
    fn search_fhir_patients(after: Uuid, limit: i64, filter: Pii<Value>) -> PatientRow, discloses "clinic.patient"
        = list!(fenced!("true"), "id > $1", "id");

    /// Those who have a document, two at the most.
    fn find_known_patients(types: Option<Vec<String>>, number: String) -> Known
        = "select id, version from clinic.patient
            where deleted_at is null and doc_number = $2 and ($1::text[] is null or doc_type_id = any($1))
            order by id limit 2";

    fn find_known_patient(id: Uuid) -> Known
        = "select id, version from clinic.patient where id = $1 and deleted_at is null";

    /// The keys behind which the files of an export end, so many apart; what is deleted counts, so that the index alone
    /// is read.
    fn cut_patients(size: i64) -> Cut
        = "select id from (select id, row_number() over (order by id) as place from clinic.patient) numbered
            where place % $1 = 0 order by id";

    /// A file of an export: those behind a key, up to another, made by a time.
    fn export_patients(after: Uuid, until: Uuid, since: Option<Timestamp>, at: Timestamp)
        -> PatientRow, discloses "clinic.patient" = exported!();
}
