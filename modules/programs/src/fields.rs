//! What several nouns ask of a query or of the clock. Pure.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kernel::http::{FromQuery, Paging, QueryReader, parameter};
use serde_json::{Value, json};
use uuid::Uuid;

/// The calendar day of a moment at Greenwich, for what no organisation's calendar decides.
pub fn day_of(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Which cohorts, and from where on.
pub struct CohortFilter {
    pub program_id: Option<Uuid>,
    pub paging: Paging,
}

impl FromQuery for CohortFilter {
    fn read(query: &mut QueryReader) -> Self {
        Self { program_id: query.parse("program_id", "a UUID"), paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let id = json!({"type": "string", "format": "uuid"});
        let mut all = vec![parameter("program_id", id, "those of this programme")];
        all.extend(Paging::parameters());
        all
    }
}
