//! Statements on municipalities.

use jiff::Timestamp;
use kernel::{row, statements};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A municipality. One that was founded at the command line has no province yet.
    pub struct MunicipalityRow {
        id: Uuid,
        name: String,
        code: Option<String>,
        province: Option<String>,
        population: Option<i32>,
        contact_email: Option<String>,
        is_active: bool,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

row! {
    /// A municipality that was written.
    pub struct Written { id: Uuid }
}

statements! {
    /// Of all there are, by name; or the one of this id. The function looks across municipalities.
    fn find_municipalities(id: Option<Uuid>, after: String, limit: i64, active: Option<bool>) -> MunicipalityRow
        = "select id, name, code, province, population, contact_email, is_active, version, created_at, updated_at
             from civic.list_municipalities($1, $2, $3, $4)";

    /// Within the municipality.
    fn update_municipality(columns: Value) -> Written
        = "update civic.municipality m
              set (province, population, contact_email)
                = (select r.province, r.population, r.contact_email from jsonb_populate_record(m, $1) r)
            where m.tenant_id = kernel.tenant() and m.id = kernel.tenant()
           returning m.id";

    /// As the transaction that writes it sees it.
    fn read_municipality(expected: Option<i32>) -> MunicipalityRow
        = "select t.id, t.name, t.code, m.province, m.population, m.contact_email, t.is_active,
                  m.version + t.version as version, t.created_at,
                  greatest(t.updated_at, m.updated_at) as updated_at
             from kernel.tenant t join civic.municipality m on m.tenant_id = t.tenant_id and m.id = t.id
            where t.tenant_id = kernel.tenant() and t.id = kernel.tenant()
              and kernel.expect_version(m.version + t.version, $1)";
}
