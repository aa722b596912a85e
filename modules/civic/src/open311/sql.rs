//! Statements of the facade. They run as `reeve_public`, which can read these views and nothing else.

use jiff::Timestamp;
use kernel::{row, statements};

row! {
    /// A category as a service.
    pub struct ServiceRow {
        code: String,
        name: String,
        description: Option<String>,
        department: Option<String>,
    }
}

row! {
    /// A request as everybody may see it.
    pub struct PublicRow {
        number: String,
        category: String,
        category_name: String,
        department: Option<String>,
        status: String,
        ward: Option<i32>,
        latitude: Option<f64>,
        longitude: Option<f64>,
        reported_at: Timestamp,
        updated_at: Timestamp,
        resolution_due_at: Timestamp,
    }
}

macro_rules! request {
    () => {
        "select coalesce(r.number, '') as number, coalesce(r.category, '') as category,
                coalesce(r.category_name, '') as category_name, r.department, coalesce(r.status, '') as status, r.ward,
                r.latitude, r.longitude, r.reported_at, r.updated_at, r.resolution_due_at
           from civic_public.request r"
    };
}

statements! {
    fn read_services() -> ServiceRow
        = "select coalesce(c.code, '') as code, coalesce(c.name, '') as name, c.description, c.department
             from civic_public.category c order by 1";

    fn read_requests(start: Timestamp, end: Timestamp, limit: i64, services: Option<Vec<String>>, open: Option<bool>)
        -> PublicRow
        = concat!(request!(), " where r.reported_at >= $1 and r.reported_at <= $2
              and ($4::text[] is null or r.category = any($4))
              and ($5::boolean is null or (r.status in ('open', 'in_progress')) = $5)
            order by r.reported_at desc limit $3");

    fn read_by_numbers(numbers: Vec<String>, limit: i64) -> PublicRow
        = concat!(request!(), " where r.number = any($1) order by r.reported_at desc limit $2");

    fn find_by_number(number: String) -> PublicRow = concat!(request!(), " where r.number = $1");
}
