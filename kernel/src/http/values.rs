//! Values that records of several modules hold: how each is written, what is wrong when it is not. Pure.

use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use uuid::Uuid;

use super::{Fault, Fields, Patch, Problem, QueryReader, text};

/// The earliest and the latest time that PostgreSQL and RFC 3339 both know.
pub const EVER: (Timestamp, Timestamp) =
    (Timestamp::constant(-62_135_596_800, 0), Timestamp::constant(253_402_200_000, 0));

/// The text of the body's `field`, trimmed.
///
/// # Errors
/// 422 for the field.
pub fn words(field: &str, longest: usize, given: String) -> Result<String, Problem> {
    text(longest)(given).map_err(|(kind, msg)| Problem::field(&["body", field], kind, msg))
}

/// The same where there may be none.
///
/// # Errors
/// 422 for the field.
pub fn words_or_none(
    field: &str,
    longest: usize,
    given: String,
) -> Result<Option<String>, Problem> {
    match given.trim().is_empty() {
        true => Ok(None),
        false => words(field, longest, given).map(Some),
    }
}

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

/// What is given, or this where nothing is.
pub fn or(given: Patch<String>, word: &str) -> Patch<String> {
    match given {
        Patch::Absent => Patch::Value(word.to_owned()),
        given => given,
    }
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

/// A phone: 7 to 15 digits (ITU-T E.164), a leading `+` kept, blanks, hyphens and brackets not.
///
/// # Errors
/// What a phone is.
pub fn phone(given: &str) -> Result<String, Fault> {
    let kept: String =
        given.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if fits {
        Ok(kept)
    } else {
        Err(("phone", "give 7 to 15 digits, with `+` and the country code if you can".into()))
    }
}

/// An e-mail address as people have them: one `@`, a dot in the domain, no blanks; kept in lower
/// case, since that is how it is looked for.
///
/// # Errors
/// What an address is.
pub fn email(given: &str) -> Result<String, Fault> {
    let given = given.trim().to_lowercase();
    let fits = given.split_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.len())
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains("..")
            && !domain.contains('@')
            && !given.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
    });
    if fits && given.len() <= 254 {
        Ok(given)
    } else {
        Err(("email", "give an e-mail address".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Purpose;
    use super::*;

    #[test]
    fn a_phone_has_7_to_15_digits() {
        assert_eq!(phone("+57 (300) 555-0142"), Ok("+573005550142".into()));
        assert!(phone("1234567").is_ok());
        for bad in ["123456", "1234567890123456", "12345a7", "+", "++12345678"] {
            assert!(phone(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_kept_in_lower_case() {
        assert_eq!(email(" Ana@Example.ORG "), Ok("ana@example.org".into()));
        for bad in ["", "a", "@b.co", "a@b", "a@.co", "a@b..co", "a b@c.co", "a@b@c.co", "<a@b.co>"]
        {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

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
