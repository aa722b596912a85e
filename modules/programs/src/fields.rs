//! Values that several nouns take: how each is written, what is wrong when it is not, and the paging
//! that every list has. Pure.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kernel::http::{Fault, Fields, FromQuery, Page, Patch, QueryReader, parameter};
use serde_json::{Value, json};
use uuid::Uuid;

/// A date as `YYYY-MM-DD`, of a year that somebody alive may mean.
///
/// # Errors
/// What a date is.
pub fn date(given: &str) -> Result<Date, Fault> {
    let fault = |msg: &str| ("date", msg.to_owned());
    if given.len() != 10 {
        return Err(fault("expected a date such as 2027-03-01"));
    }
    let date: Date = given.parse().map_err(|_| fault("expected a date such as 2027-03-01"))?;
    if (1900..2200).contains(&date.year()) {
        Ok(date)
    } else {
        Err(fault("give a date from 1900 to 2199"))
    }
}

/// A date, as the database takes it.
///
/// # Errors
/// What a date is.
pub fn day(given: String) -> Result<String, Fault> {
    date(&given).map(|date| date.to_string())
}

/// A record's id. Checked here and not by the parser of the body, whose message would repeat it.
///
/// # Errors
/// What an id is.
pub fn id(given: String) -> Result<String, Fault> {
    let parsed = given.parse::<Uuid>().map_err(|_| ("uuid", "expected a UUID".to_owned()));
    parsed.map(|id| id.to_string())
}

/// One of these words.
///
/// # Errors
/// The words.
pub fn one_of(words: &'static [&'static str]) -> impl Fn(String) -> Result<String, Fault> {
    move |given| match words.contains(&given.as_str()) {
        true => Ok(given),
        false => Err(("enum", format!("expected one of {}", words.join(", ")))),
    }
}

/// A whole number between two, both included.
///
/// # Errors
/// The two.
pub fn whole(least: i64, most: i64) -> impl Fn(i64) -> Result<i64, Fault> {
    move |given| match (least..=most).contains(&given) {
        true => Ok(given),
        false => Err(("range", format!("give a whole number from {least} to {most}"))),
    }
}

/// A field that has a default: it may be left out, and is never null.
pub fn defaulted<T, V: Into<Value>>(
    fields: &mut Fields,
    field: &str,
    given: Patch<T>,
    parse: impl FnOnce(T) -> Result<V, Fault>,
) {
    match given {
        Patch::Null => {
            fields.fault(field, ("missing", "give a value, or leave this field out".into()));
        }
        given => fields.optional(field, field, given, parse),
    }
}

/// The calendar day of a moment at Greenwich, for what no organisation's calendar decides.
pub fn day_of(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// A word of a query, out of those that there are.
pub fn choice(
    query: &mut QueryReader,
    name: &str,
    words: &'static [&'static str],
) -> Option<String> {
    let checked = one_of(words)(query.text(name, 64)?);
    checked.map_err(|(kind, msg)| query.fault(name, kind, &msg)).ok()
}

/// Where a list goes on, and how far, for lists without a filter of their own.
pub struct Paging {
    pub limit: i64,
    pub cursor: Option<String>,
}

impl FromQuery for Paging {
    fn read(query: &mut QueryReader) -> Self {
        Self { limit: query.limit(), cursor: query.text("cursor", 2000) }
    }

    fn parameters() -> Vec<Value> {
        Page::<()>::parameters()
    }
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

#[cfg(test)]
mod tests {
    use kernel::http::Purpose;

    use super::*;

    #[test]
    fn a_date_is_written_in_one_way_and_exists() {
        assert_eq!(day("2028-02-29".into()), Ok("2028-02-29".into()));
        for bad in ["2027-02-29", "2027-2-9", "27/02/2027", "1899-12-31", "2200-01-01", "20270301"]
        {
            assert!(day(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_is_a_uuid_and_no_fault_repeats_what_it_was() {
        let given = "00000000-0000-7000-8000-000000000001";
        assert_eq!(id(given.into()), Ok(given.into()));
        let (_, msg) = id("CANARY".into()).expect_err("not an id");
        assert!(!msg.contains("CANARY"));
    }

    #[test]
    fn words_and_numbers_are_those_that_there_are() {
        assert!(one_of(&["a", "b"])("b".into()).is_ok());
        assert!(one_of(&["a", "b"])("B".into()).is_err());
        assert!(whole(1, 9)(9).is_ok());
        assert!(whole(1, 9)(0).is_err());
    }

    #[test]
    fn what_has_a_default_may_be_absent_and_not_null() {
        let columns = |given: Patch<String>| {
            let mut fields = Fields::new(Purpose::Change);
            defaulted(&mut fields, "status", given, one_of(&["active"]));
            fields.finish()
        };
        assert!(columns(Patch::Absent).is_ok());
        assert!(columns(Patch::Null).is_err());
        assert!(columns(Patch::Value("active".into())).is_ok());
    }
}
