//! Statements on the organization.

use jiff::Timestamp;
use kernel::{row, statements};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// The organization; version 0 until somebody said something of it.
    pub struct OrganizationRow {
        id: Uuid,
        name: String,
        description: Option<String>,
        created_at: Timestamp,
        version: i32,
    }
}

statements! {
    fn find_organization(id: Uuid) -> OrganizationRow
        = "select t.id, coalesce(o.display_name, t.name) as name, o.description, t.created_at,
                  coalesce(o.version, 0) as version
             from kernel.tenant t
             left join studio.organization o on o.tenant_id = t.id and o.id = t.id
            where t.id = kernel.tenant() and t.id = $1";

    fn save_organization(id: Uuid, columns: Value, expected: Option<i32>) -> OrganizationRow
        = "with o as (
             insert into studio.organization as o (tenant_id, id, display_name, description)
             select kernel.tenant(), t.id, r.display_name, r.description
               from kernel.tenant t, jsonb_populate_record(null::studio.organization, $2) r
              where t.id = kernel.tenant() and t.id = $1
             on conflict (tenant_id, id) do update set (display_name, description)
                 = (select r.display_name, r.description from jsonb_populate_record(o, $2) r)
              where kernel.expect_version(o.version, $3)
             returning *)
           select o.id, coalesce(o.display_name, t.name) as name, o.description, t.created_at, o.version
             from o join kernel.tenant t on t.id = o.tenant_id";
}
