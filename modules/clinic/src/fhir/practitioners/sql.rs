//! Statements on doctors. Row-level security adds the tenant to each.

use kernel::{privacy::Pii, row, statements};
use uuid::Uuid;

row! {
    /// A doctor: an id made of the tenant and the document, and the document.
    pub struct PractitionerRow { id: Uuid, doc_type_id: Pii<String>, doc_number: Pii<String> }
}

macro_rules! columns {
    () => {
        "practitioner_id as id, doctor_doc_type_id as doc_type_id, doctor_doc_number as doc_number"
    };
}

statements! {
    fn find_practitioner(id: Uuid) -> PractitionerRow, discloses "clinic.appointment"
        = concat!("select ", columns!(), " from clinic.appointment
            where practitioner_id = $1 and deleted_at is null limit 1");

    /// Each once, from one to the next by the index: as many steps as there are doctors, not appointments.
    fn list_practitioners(after: Uuid, limit: i64) -> PractitionerRow, discloses "clinic.appointment"
        = concat!("with recursive one as (
            (select ", columns!(), " from clinic.appointment
              where practitioner_id > $1 and deleted_at is null order by practitioner_id limit 1)
            union all
            select next.id, next.doc_type_id, next.doc_number
              from one, lateral (select ", columns!(), " from clinic.appointment
                 where practitioner_id > one.id and deleted_at is null order by practitioner_id limit 1) next)
           select coalesce(id, $1) as id, coalesce(doc_type_id, '') as doc_type_id,
                  coalesce(doc_number, '') as doc_number
             from one limit $2");

    fn find_practitioners_by_number(after: Uuid, limit: i64, types: Option<Vec<String>>, number: String)
        -> PractitionerRow, discloses "clinic.appointment"
        = concat!("select distinct on (practitioner_id) ", columns!(), " from
            (select * from clinic.appointment where deleted_at is null and doctor_doc_number = $4 offset 0) found
            where practitioner_id > $1 and ($3::text[] is null or doctor_doc_type_id = any($3))
            order by practitioner_id limit $2");
}
