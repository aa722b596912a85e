//! Dates and instants by FHIR's rules of precision (R4, sections 2.24.0.1 and 3.1.1.4.7): `2027` is a year long, and a
//! question by it finds what lies in that year.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

/// From a point, included, to another, not included. `None`: without an end on that side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<T> {
    pub from: Option<T>,
    pub until: Option<T>,
}

impl<T> Span<T> {
    /// All time.
    pub const EVER: Self = Self { from: None, until: None };
}

impl<T: Copy + Ord> Span<T> {
    /// What is in both.
    pub fn and(self, other: Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self { from: self.from.max(other.from), until }
    }
}

/// A date or time as it was written: the first moment that it means, and the first that it no longer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    first: DateTime,
    until: DateTime,
    offset: Offset,
}

impl Moment {
    /// `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or with a time, `YYYY-MM-DDThh:mm[:ss[.fff]]`, and its offset. A time without
    /// an offset is UTC, and so is a day's beginning.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        match text.split_once('T') {
            None => Self::of_day(text),
            Some((day, time)) => Self::of_time(whole_date(day)?, time),
        }
    }

    fn of_day(text: &str) -> Option<Self> {
        let (first, until) = match text.len() {
            4 => {
                let first = date(number(text)?, 1, 1)?;
                (first, Date::new(first.year().checked_add(1)?, 1, 1).ok()?)
            }
            7 => {
                let (year, month) = text.split_once('-')?;
                let first = date(number(year)?, number(month)?, 1)?;
                (first, first.last_of_month().tomorrow().ok()?)
            }
            _ => {
                let first = whole_date(text)?;
                (first, first.tomorrow().ok()?)
            }
        };
        let midnight = |day: Date| day.to_datetime(Time::midnight());
        Some(Self { first: midnight(first), until: midnight(until), offset: Offset::UTC })
    }

    fn of_time(day: Date, text: &str) -> Option<Self> {
        let zone = text.find(['Z', '+', '-']).unwrap_or(text.len());
        let (clock, zone) = text.split_at_checked(zone)?;
        let (time, nanoseconds) = parse_clock(clock)?;
        let first = day.to_datetime(time);
        let until = first.checked_add(jiff::SignedDuration::from_nanos(nanoseconds)).ok()?;
        Some(Self { first, until, offset: parse_offset(zone)? })
    }

    /// As days; none where it is more precise than a day.
    pub fn days(&self) -> Option<(Date, Date)> {
        let whole = self.first.time() == Time::midnight() && self.until.time() == Time::midnight();
        whole.then(|| (self.first.date(), self.until.date()))
    }

    /// As instants.
    pub fn instants(&self) -> Option<(Timestamp, Timestamp)> {
        let zone = TimeZone::fixed(self.offset);
        let at =
            |moment: DateTime| moment.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
        Some((at(self.first)?, at(self.until)?))
    }
}

/// An instant: a whole date, a time to the second and an offset (R4, section 2.24.0.1).
pub fn instant(text: &str) -> Option<Timestamp> {
    let (day, time) = text.split_once('T')?;
    let seconds = time.len() >= 9 && (time.ends_with('Z') || time.get(8..)?.contains(['+', '-']));
    if !seconds {
        return None;
    }
    Moment::of_time(whole_date(day)?, time)?.instants().map(|(first, _)| first)
}

fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The year 0000 is none of FHIR's.
fn date(year: i16, month: i8, day: i8) -> Option<Date> {
    (year > 0).then(|| Date::new(year, month, day).ok())?
}

fn whole_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = text.len() == 10 && (year.len(), month.len(), day.len()) == (4, 2, 2);
    (fits && parts.next().is_none()).then(|| date(number(year)?, number(month)?, number(day)?))?
}

/// A time of day and how many nanoseconds its precision spans.
fn parse_clock(text: &str) -> Option<(Time, i64)> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let mut parts = whole.split(':');
    let mut part = || parts.next().filter(|part| part.len() == 2).and_then(number::<i8>);
    let (hour, minute, second) = (part()?, part()?, part());
    let (nanosecond, span) = match (second, fraction) {
        (None, None) if whole.len() == 5 => (0, 60_000_000_000),
        (Some(_), None) if whole.len() == 8 => (0, 1_000_000_000),
        (Some(_), Some(digits)) if whole.len() == 8 && (1..=9).contains(&digits.len()) => {
            let span = 10_i64.checked_pow(9 - u32::try_from(digits.len()).ok()?)?;
            (number::<i32>(digits)?.checked_mul(i32::try_from(span).ok()?)?, span)
        }
        _ => return None,
    };
    Some((Time::new(hour, minute, second.unwrap_or(0), nanosecond).ok()?, span))
}

fn parse_offset(text: &str) -> Option<Offset> {
    if text.is_empty() || text == "Z" {
        return Some(Offset::UTC);
    }
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let fits = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes): (i32, i32) = (number(hours)?, number(minutes)?);
    // R4's own pattern ends at 14:00.
    if !fits || minutes > 59 || hours * 60 + minutes > 14 * 60 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> Option<(String, String)> {
        let (first, until) = Moment::parse(text)?.days()?;
        Some((first.to_string(), until.to_string()))
    }

    fn instants(text: &str) -> Option<(String, String)> {
        let (first, until) = Moment::parse(text)?.instants()?;
        Some((first.to_string(), until.to_string()))
    }

    fn pair(first: &str, until: &str) -> Option<(String, String)> {
        Some((first.into(), until.into()))
    }

    #[test]
    fn a_date_is_as_long_as_it_is_precise() {
        assert_eq!(days("2024"), pair("2024-01-01", "2025-01-01"));
        assert_eq!(days("2024-02"), pair("2024-02-01", "2024-03-01"));
        assert_eq!(days("2024-02-29"), pair("2024-02-29", "2024-03-01"));
        assert_eq!(days("2024-12"), pair("2024-12-01", "2025-01-01"));
    }

    #[test]
    fn a_time_is_as_long_as_it_is_precise() {
        let minute = pair("2027-03-01T14:00:00Z", "2027-03-01T14:01:00Z");
        assert_eq!(instants("2027-03-01T09:00-05:00"), minute);
        assert_eq!(instants("2027-03-01T14:00Z"), minute);
        let second = pair("2027-03-01T14:00:00Z", "2027-03-01T14:00:01Z");
        assert_eq!(instants("2027-03-01T14:00:00Z"), second);
        let tenth = pair("2027-03-01T14:00:00.5Z", "2027-03-01T14:00:00.6Z");
        assert_eq!(instants("2027-03-01T14:00:00.5Z"), tenth);
        assert_eq!(instants("2027"), pair("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"));
    }

    #[test]
    fn an_offset_may_be_on_another_day() {
        assert_eq!(
            instants("2027-01-01T00:00:00+14:00"),
            pair("2026-12-31T10:00:00Z", "2026-12-31T10:00:01Z")
        );
        assert_eq!(Moment::parse("2027-01-01T00:00:00+14:01"), None);
    }

    #[test]
    fn what_is_in_no_calendar_is_none() {
        for bad in [
            "",
            "24",
            "0000",
            "2024-13",
            "2024-00",
            "2024-02-30",
            "2023-02-29",
            "2024-2-9",
            "20240229",
            "2024-02-29T",
            "2024-02-29T24:00Z",
            "2024-02-29T09",
            "2024-02-29T9:00Z",
            "2024-02-29T09:00:00.Z",
            "2024-02-29T09:00:00 05:00",
            "2024-02-29T09:00:00-5:00",
            "٢٠٢٤",
            "+2024",
            "-2024",
            "2024-",
            "202a",
        ] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_instant_has_seconds_and_an_offset() {
        assert!(instant("2027-03-01T09:00:00-05:00").is_some());
        assert!(instant("2027-03-01T09:00:00.123Z").is_some());
        for bad in
            ["2027-03-01T09:00Z", "2027-03-01T09:00:00", "2027-03-01", "2027-02-29T09:00:00Z"]
        {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_in_both_spans_is_between_their_inner_ends() {
        let span = |from, until| Span { from, until };
        assert_eq!(span(Some(1), None).and(span(Some(2), Some(5))), span(Some(2), Some(5)));
        assert_eq!(span(None, Some(3)).and(span(None, Some(5))), span(None, Some(3)));
    }
}
