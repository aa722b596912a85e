//! Statements on instructors. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// An instructor.
    pub struct InstructorRow {
        id: Uuid,
        full_name: Pii<String>,
        email: Option<Pii<String>>,
        account_id: Option<Uuid>,
        concussion_trained_on: Option<Pii<Date>>,
        activity_permit_until: Option<Pii<Date>>,
        version: i32,
        created_at: Timestamp,
    }
}

macro_rules! columns {
    () => {
        "id, full_name, email, account_id, concussion_trained_on, activity_permit_until, version, created_at"
    };
}

statements! {
    fn insert_instructor(id: Uuid, columns: Pii<Value>) -> InstructorRow
        = concat!("insert into programs.instructor (tenant_id, id, full_name, email, account_id,
                  concussion_trained_on, activity_permit_until)
           select kernel.tenant(), $1, full_name, email, account_id, concussion_trained_on, activity_permit_until
             from jsonb_populate_record(null::programs.instructor, $2)
           returning ", columns!());

    fn find_instructor(id: Uuid) -> InstructorRow, discloses "programs.instructor"
        = concat!("select ", columns!(), " from programs.instructor where id = $1 and deleted_at is null");

    fn list_instructors(after_name: Pii<String>, after_id: Uuid, limit: i64)
        -> InstructorRow, discloses "programs.instructor"
        = concat!("select ", columns!(), " from programs.instructor
            where (full_name, id) > ($1, $2) and deleted_at is null order by full_name, id limit $3");

    /// Keys that the change does not have keep their value; a null clears it.
    fn update_instructor(id: Uuid, expected: Option<i32>, columns: Pii<Value>) -> InstructorRow
        = concat!("update programs.instructor i
              set (full_name, email, account_id, concussion_trained_on, activity_permit_until)
                = (select r.full_name, r.email, r.account_id, r.concussion_trained_on, r.activity_permit_until
                     from jsonb_populate_record(i, $3) r)
            where id = $1 and deleted_at is null and kernel.expect_version(version, $2)
           returning ", columns!());
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "instructor_account_known",
        problem: || {
            let msg =
                "there is no such account in this organisation: take the id from GET /auth/users";
            Problem::field(&["body", "account_id"], "unknown", msg)
        },
    }]
}
