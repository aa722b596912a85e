//! Statements on catalogues.

use kernel::{
    http::{Constraint, Problem},
    row, statements,
};
use uuid::Uuid;

row! {
    /// A code that the tenant added.
    pub struct EntryRow { id: Uuid, kind: String, code: String, name: String, version: i32 }
}

statements! {
    fn insert_entry(id: Uuid, kind: String, code: String, name: String) -> EntryRow
        = "insert into clinic.catalogue_entry (tenant_id, id, kind, code, name)
           values (kernel.tenant(), $1, $2, $3, $4)
           returning id, kind, code, name, version";

    fn list_entries() -> EntryRow
        = "select id, kind, code, name, version from clinic.catalogue_entry
            where tenant_id = kernel.tenant() and deleted_at is null
            order by kind, code limit 10000";
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "catalogue_code_taken",
        problem: || {
            Problem::conflict("catalogue_code_taken", "this catalogue has this code already")
        },
    }]
}
