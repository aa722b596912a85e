//! Who registers, in which language. Pure.

use jiff::{ToSpan, civil::Date};
use kernel::http::{Problem, date};

use crate::{purposes::REGISTRATION, text::language};

/// From which birthday on one is no child (Children's Act 38 of 2005 s17).
const OF_AGE: i64 = 18;

/// The language that somebody prefers; English unless they say.
///
/// # Errors
/// 422 for what is no official language.
pub fn parse_language(given: Option<String>) -> Result<String, Problem> {
    let parsed = language(given.unwrap_or_else(|| "en".into()));
    parsed.map_err(|(kind, msg)| Problem::field(&["body", "preferred_language"], kind, msg))
}

/// That the consent is to the registration and to nothing else.
///
/// # Errors
/// 422 for another purpose.
pub fn check_purpose(given: Option<&str>) -> Result<(), Problem> {
    match given {
        None | Some(REGISTRATION) => Ok(()),
        Some(_) => {
            let msg = format!(
                "one registers with consent to `{REGISTRATION}`: consent to others afterwards"
            );
            Err(Problem::field(&["body", "consent", "purpose"], "value_error", msg))
        }
    }
}

/// The birth date of a child. Nobody else's is kept (POPIA s10).
///
/// # Errors
/// 422 for what is no date, or one to come.
pub fn parse_birth(given: Option<String>, today: Date) -> Result<Option<Date>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let born = parse_date(&given, today)?;
    // Born on 29 February, one comes of age on 1 March.
    let eighteenth = born.checked_add(OF_AGE.years()).ok();
    let leapt = (born.month(), born.day()) == (2, 29);
    let of_age = eighteenth.map(|day| match leapt && day.day() == 28 {
        true => day.tomorrow().unwrap_or(day),
        false => day,
    });
    Ok(of_age.is_none_or(|day| today < day).then_some(born))
}

/// A birth date.
///
/// # Errors
/// 422 for what is no date, or one to come.
pub fn parse_date(given: &str, today: Date) -> Result<Date, Problem> {
    let fault = |kind, msg: String| Problem::field(&["body", "date_of_birth"], kind, msg);
    let born = date(given).map_err(|(kind, msg)| fault(kind, msg))?;
    match born > today {
        true => Err(fault("range", "a birth date has passed".into())),
        false => Ok(born),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;

    use super::*;

    #[test]
    fn one_is_a_child_until_the_eighteenth_birthday_begins() {
        let today = day(2026, 11, 21);
        let child = |born: &str| parse_birth(Some(born.into()), today).expect("a date").is_some();
        assert!(child("2008-11-22") && !child("2008-11-21"));
        let leapt =
            |today: Date| parse_birth(Some("2008-02-29".into()), today).expect("a date").is_some();
        assert!(leapt(day(2026, 2, 28)) && !leapt(day(2026, 3, 1)));
        assert!(parse_birth(Some("2026-11-22".into()), today).is_err());
    }

    #[test]
    fn an_official_language_or_english() {
        assert_eq!(parse_language(None).expect("one"), "en");
        assert_eq!(parse_language(Some("zu".into())).expect("one"), "zu");
        assert!(parse_language(Some("de".into())).is_err());
    }
}
