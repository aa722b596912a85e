//! Statements on categories.

use kernel::{
    http::{Constraint, Problem},
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A category.
    pub struct CategoryRow {
        id: Uuid,
        code: String,
        name: String,
        description: Option<String>,
        department: Option<String>,
        response_hours: i32,
        resolution_hours: i32,
        is_active: bool,
        version: i32,
    }
}

macro_rules! columns {
    () => {
        "c.id, c.code, c.name, c.description, c.department, c.response_hours, c.resolution_hours, c.is_active, c.version"
    };
}

statements! {
    fn list_categories(after: String, limit: i64) -> CategoryRow
        = concat!("select ", columns!(), " from civic.category c
            where c.tenant_id = kernel.tenant() and c.code > $1 order by c.code limit $2");

    fn insert_category(id: Uuid, columns: Value) -> CategoryRow
        = concat!("insert into civic.category as c (tenant_id, id, code, name, description, department, response_hours,
                  resolution_hours, is_active)
           select kernel.tenant(), $1, r.code, r.name, r.description, r.department, r.response_hours, r.resolution_hours,
                  coalesce(r.is_active, true)
             from jsonb_populate_record(null::civic.category, $2) r
           returning ", columns!());

    fn update_category(id: Uuid, columns: Value, expected: Option<i32>) -> CategoryRow
        = concat!("update civic.category c
              set (code, name, description, department, response_hours, resolution_hours, is_active)
                = (select r.code, r.name, r.description, r.department, r.response_hours, r.resolution_hours, r.is_active
                     from jsonb_populate_record(c, $2) r)
            where c.tenant_id = kernel.tenant() and c.id = $1 and kernel.expect_version(c.version, $3)
           returning ", columns!());
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "category_code_taken",
            problem: || Problem::conflict("code_taken", "there is a category with this code"),
        },
        Constraint {
            name: "category_answers_before_it_repairs",
            problem: || {
                let msg = "the answer comes before the repair: give as many hours or more";
                Problem::field(&["body", "resolution_hours"], "range", msg)
            },
        },
    ]
}
