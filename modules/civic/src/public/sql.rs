//! Statements for everybody. They run as `reeve_public` or `reeve_deid`, which can read these views and nothing else.

use jiff::{Timestamp, civil::Date};
use kernel::{row, statements};

row! {
    /// How soon requests of a category were answered and settled.
    pub struct TimesRow {
        category: String,
        name: String,
        requests: i64,
        answered: i64,
        settled: i64,
        response_hours: Option<f64>,
        resolution_hours: Option<f64>,
        in_time: i64,
    }
}

row! {
    /// A report of violence without anything that says whose.
    pub struct ViolenceRow { code: String, kind: String, month: Date }
}

// A view's columns count as nullable, hence `coalesce`.
statements! {
    fn sum_times(since: Timestamp) -> TimesRow
        = "select coalesce(r.category, '') as category, coalesce(r.category_name, '') as name, count(*) as requests,
                  count(r.responded_at) as answered, count(r.settled_at) as settled,
                  avg(extract(epoch from r.responded_at - r.reported_at))::double precision / 3600 as response_hours,
                  avg(extract(epoch from r.settled_at - r.reported_at))::double precision / 3600 as resolution_hours,
                  count(*) filter (where r.settled_at <= r.resolution_due_at) as in_time
             from civic_public.request r where r.reported_at >= $1
            group by r.category, r.category_name order by 1";

    fn list_violence(from: Date, to: Date) -> ViolenceRow
        = "select coalesce(g.code, '') as code, coalesce(g.kind, '') as kind, g.month
             from deid.gbv_report g where g.month >= $1 and g.month < $2";
}
