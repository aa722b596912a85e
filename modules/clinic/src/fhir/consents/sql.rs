//! Statements on consents, which stand in the patient's row. Row-level security adds the tenant to each.

use jiff::Timestamp;
use kernel::{privacy::Pii, row, statements};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// What a patient said to the treatment of their data.
    pub struct ConsentRow { id: Uuid, habeas_data: Option<Pii<Value>>, version: i32, updated_at: Timestamp }
}

statements! {
    fn find_consent(id: Uuid) -> ConsentRow, discloses "clinic.patient"
        = "select id, habeas_data, version, updated_at from clinic.patient
            where id = $1 and deleted_at is null and habeas_data is not null";

    fn list_consents(after: Uuid, limit: i64) -> ConsentRow, discloses "clinic.patient"
        = "select id, habeas_data, version, updated_at from clinic.patient
            where id > $1 and deleted_at is null and habeas_data is not null
            order by id limit $2";

    fn export_consents(after: Uuid, until: Uuid, since: Option<Timestamp>, at: Timestamp)
        -> ConsentRow, discloses "clinic.patient"
        = "select id, habeas_data, version, updated_at from clinic.patient
            where id > $1 and id <= $2 and deleted_at is null and created_at <= $4 and habeas_data is not null
              and ($3::timestamptz is null or updated_at >= $3) order by id";
}
