//! Requests of everybody.

use std::collections::BTreeSet;

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use kernel::{
    authz::{Answer, Authorized, Fetched, Released},
    http::{FromQuery, Hints, Problem, Query, QueryReader, parameter},
};
use policy::deidentification::Threshold;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, TimesRow},
};
use crate::{
    permissions::{ReadPublic, ReadStatistics},
    text::ZONE,
};

/// Of which municipality.
pub struct OfMunicipality(pub Option<String>);

impl FromQuery for OfMunicipality {
    fn read(query: &mut QueryReader) -> Self {
        Self(query.text("municipality_code", 100))
    }

    fn parameters() -> Vec<Value> {
        let text = json!({"type": "string"});
        vec![parameter(
            "municipality_code",
            text,
            "its code, id or name; the host's own unless said",
        )]
    }
}

/// How soon requests of a category are dealt with.
#[derive(Serialize, ToSchema)]
pub struct CategoryTimes {
    category: String,
    name: String,
    requests: i64,
    answered: i64,
    settled: i64,
    /// Hours, on the average of those answered.
    avg_response_hours: Option<f64>,
    /// Hours, on the average of those settled.
    avg_resolution_hours: Option<f64>,
    /// Of those settled, in percent.
    settled_in_time_percent: Option<i64>,
}

/// How soon a municipality deals with what is reported.
#[derive(Serialize, ToSchema)]
pub struct ResponseTimes {
    municipality_id: Uuid,
    ticket_count: i64,
    categories: Vec<CategoryTimes>,
}

fn view(row: TimesRow) -> CategoryTimes {
    CategoryTimes {
        category: row.category,
        name: row.name,
        requests: row.requests,
        answered: row.answered,
        settled: row.settled,
        avg_response_hours: row.response_hours,
        avg_resolution_hours: row.resolution_hours,
        settled_in_time_percent: (row.in_time * 100).checked_div(row.settled),
    }
}

pub async fn response_times(
    act: Authorized<ReadPublic>,
    (Query(OfMunicipality(code)), hints): (Query<OfMunicipality>, Hints),
) -> Result<Fetched<ResponseTimes>, Problem> {
    let act = act.at(code.as_deref(), hints.host.as_deref()).await?;
    let municipality_id = act.caller().tenant;
    // A year, in hours: an absolute time knows no calendar.
    let since = act.now() - (365 * 24).hours();
    act.fetch(sql::sum_times(since), |rows| {
        let ticket_count = rows.iter().map(|row| row.requests).sum();
        let categories = rows.into_iter().map(view).collect();
        Ok(Answer::ok(ResponseTimes { municipality_id, ticket_count, categories }))
    })
    .await
}

/// A number of reports; null where it would tell of somebody.
#[derive(Serialize, ToSchema)]
pub struct CountView {
    pub reports: Option<u64>,
    pub suppressed: bool,
}

impl CountView {
    /// One that is not told.
    pub fn hidden() -> Self {
        Self { reports: None, suppressed: true }
    }
}

/// Reports of a kind.
#[derive(Serialize, ToSchema)]
pub struct KindView {
    pub kind: &'static str,
    /// January to March, and so on.
    pub quarters: Vec<CountView>,
    pub total: CountView,
}

/// Reports of a year.
#[derive(Serialize, ToSchema)]
pub struct Violence {
    year: i16,
    /// The day on which it was counted.
    as_of: String,
    /// The smallest number, above none, that is shown.
    threshold: u32,
    kinds: Vec<KindView>,
    total: CountView,
}

/// Of which year.
pub struct OfYear {
    municipality: OfMunicipality,
    year: Option<i16>,
}

impl FromQuery for OfYear {
    fn read(query: &mut QueryReader) -> Self {
        let year = query.parse("year", "a year such as 2026");
        if year.is_some_and(|year: i16| !(2000..2200).contains(&year)) {
            query.fault("year", "range", "give a year from 2000 to 2199");
        }
        Self { municipality: OfMunicipality::read(query), year }
    }

    fn parameters() -> Vec<Value> {
        let mut all = vec![parameter("year", json!({"type": "integer"}), "this year unless said")];
        all.extend(OfMunicipality::parameters());
        all
    }
}

pub async fn violence(
    act: Authorized<ReadStatistics>,
    (Query(asked), hints): (Query<OfYear>, Hints),
) -> Result<Released<Violence>, Problem> {
    let act = act.at(asked.municipality.0.as_deref(), hints.host.as_deref()).await?;
    let zone = TimeZone::get(ZONE).map_err(Problem::internal)?;
    let today = act.now().to_zoned(zone).date();
    let year = asked.year.unwrap_or_else(|| today.year());
    let first = |year: i16| Date::new(year, 1, 1).map_err(Problem::internal);
    // A quarter that still grows would tell of each report as it comes.
    let end = first(year + 1)?.min(quarter_of(today));
    let rows = act.aggregate(today, sql::list_violence(first(year)?, end)).await?;
    let threshold = Threshold::default();
    let reports: Vec<_> = rows.iter().map(|row| (row.kind.clone(), quarter(row.month))).collect();
    let (kinds, total) = rules::table(&reports);
    let few = threshold.hides(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let members: BTreeSet<String> = rows.into_iter().filter(|_| !few).map(|row| row.code).collect();
    let answer =
        Violence { year, as_of: today.to_string(), threshold: threshold.get(), kinds, total };
    act.release(format!("gbv {year} until {end}"), members, threshold, answer).await
}

/// The first day of a day's quarter.
fn quarter_of(day: Date) -> Date {
    Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).unwrap_or(day)
}

fn quarter(month: Date) -> u32 {
    u32::try_from((month.month() - 1) / 3 + 1).unwrap_or(1)
}
