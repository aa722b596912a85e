//! Values of search parameters (<https://hl7.org/fhir/R4/search.html>): prefixes, dates, tokens, strings, references.

use jiff::{Timestamp, civil::Date};

use crate::dates::{Moment, Span};

/// What is wrong with a value, for people; never the value.
pub type Fault = &'static str;

/// The longest value of a parameter, in characters.
pub const LONGEST: usize = 400;

/// How many values of one parameter may be joined by commas.
pub const MOST: usize = 20;

/// How a date is compared (R4, section 3.1.1.4.5); `sa`, `eb` and `ap` are not spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Prefix {
    fn split(text: &str) -> Result<(Self, &str), Fault> {
        let known = [
            ("eq", Self::Eq),
            ("ne", Self::Ne),
            ("gt", Self::Gt),
            ("ge", Self::Ge),
            ("lt", Self::Lt),
            ("le", Self::Le),
        ];
        let found =
            known.into_iter().find_map(|(name, prefix)| Some((prefix, text.strip_prefix(name)?)));
        match (found, text.starts_with(|c: char| c.is_ascii_digit())) {
            (Some(found), _) => Ok(found),
            (None, true) => Ok((Self::Eq, text)),
            (None, false) => {
                Err("expected a date with one of the prefixes eq, ne, gt, ge, lt, le, or none")
            }
        }
    }
}

/// Which points of time a question wants: those in `within` and not in `without`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times<T> {
    pub within: Span<T>,
    pub without: Option<(T, T)>,
}

impl<T> Default for Times<T> {
    fn default() -> Self {
        Self { within: Span::EVER, without: None }
    }
}

impl<T: Copy + Ord> Times<T> {
    fn also(self, prefix: Prefix, (first, until): (T, T)) -> Result<Self, Fault> {
        let span = |from, until| Span { from, until };
        let within = match prefix {
            Prefix::Eq => span(Some(first), Some(until)),
            Prefix::Gt => span(Some(until), None),
            Prefix::Ge => span(Some(first), None),
            Prefix::Lt => span(None, Some(first)),
            Prefix::Le => span(None, Some(until)),
            Prefix::Ne if self.without.is_some() => return Err("give `ne` once"),
            Prefix::Ne => return Ok(Self { without: Some((first, until)), ..self }),
        };
        Ok(Self { within: self.within.and(within), ..self })
    }
}

const NO_DATE: Fault = "expected a date such as 2027, 2027-03, 2027-03-01 or 2027-03-01T09:00:00-05:00 (write + as %2B)";

/// What all these values want together, of instants.
///
/// # Errors
/// A value that is no date.
pub fn instants(values: &[String]) -> Result<Times<Timestamp>, Fault> {
    values.iter().try_fold(Times::default(), |times, text| {
        let (prefix, text) = Prefix::split(text)?;
        times.also(prefix, Moment::parse(text).and_then(|m| m.instants()).ok_or(NO_DATE)?)
    })
}

/// What all these values want together, of days.
///
/// # Errors
/// A value that is no date, or has a time.
pub fn days(values: &[String]) -> Result<Times<Date>, Fault> {
    values.iter().try_fold(Times::default(), |times, text| {
        let (prefix, text) = Prefix::split(text)?;
        let days = Moment::parse(text).and_then(|m| m.days());
        times.also(prefix, days.ok_or("expected a date such as 1990, 1990-02 or 1990-02-28")?)
    })
}

/// A code or identifier, with its system or in any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// `None`: of any system. Empty: of none.
    pub system: Option<String>,
    /// `None`: whatever it is.
    pub code: Option<String>,
}

/// The tokens of one value: any of them may match (R4, section 3.1.1.4.10).
///
/// # Errors
/// An empty one, or too many.
pub fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    alternatives(text)?.into_iter().map(token).collect()
}

fn token(text: String) -> Result<Token, Fault> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match text.split_once('|') {
        Some(("", "")) => Err("expected a code, system|code, system| or |code"),
        Some((system, code)) => Ok(Token { system: Some(system.to_owned()), code: given(code) }),
        None => Ok(Token { system: None, code: Some(text) }),
    }
}

/// What stands between the commas of a value; `\,` is a comma (R4, section 3.1.1.4.0.1).
///
/// # Errors
/// An empty one, too many, too long.
pub fn alternatives(text: &str) -> Result<Vec<String>, Fault> {
    if text.chars().count() > LONGEST {
        return Err("give 400 characters at the most");
    }
    let mut all = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let kept = match c {
            ',' => {
                all.push(String::new());
                None
            }
            '\\' => Some(
                chars
                    .next()
                    .filter(|c| matches!(c, ',' | '|' | '$' | '\\'))
                    .ok_or("`\\` stands before , | $ or \\")?,
            ),
            c => Some(c),
        };
        if let (Some(c), Some(last)) = (kept, all.last_mut()) {
            last.push(c);
        }
    }
    match all.iter().any(|one| one.trim().is_empty()) {
        true => Err("give a value"),
        false if all.len() > MOST => Err("give 20 values at the most"),
        false => Ok(all),
    }
}

/// The id that a reference parameter names: `Patient/1`, an address that ends so, or the id alone.
///
/// # Errors
/// It names a resource of another type.
pub fn reference<'t>(kind: &str, text: &'t str) -> Result<&'t str, Fault> {
    match text.rsplit_once('/') {
        None => Ok(text),
        Some((before, id)) if before == kind || before.ends_with(&format!("/{kind}")) => Ok(id),
        Some(_) => Err("expected a reference to a resource of the type that this parameter has"),
    }
}

/// What a client wants done with a parameter that is not known (R4, section 3.1.1.3.1): `Prefer: handling=strict`.
pub fn is_strict(prefer: Option<&str>) -> bool {
    let mut all = prefer.unwrap_or_default().split([',', ';']);
    all.any(|one| one.trim().eq_ignore_ascii_case("handling=strict"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&str], at: &str) -> bool {
        let values: Vec<_> = values.iter().map(|v| (*v).to_owned()).collect();
        let times = days(&values).expect("dates");
        let at: Date = at.parse().expect("a date");
        times.within.from.is_none_or(|from| from <= at)
            && times.within.until.is_none_or(|until| at < until)
            && times.without.is_none_or(|(from, until)| at < from || until <= at)
    }

    #[test]
    fn a_prefix_compares_with_the_whole_of_the_date() {
        assert!(found(&["1990"], "1990-12-31") && !found(&["1990"], "1991-01-01"));
        assert!(found(&["gt1990"], "1991-01-01") && !found(&["gt1990"], "1990-12-31"));
        assert!(found(&["ge1990"], "1990-01-01") && !found(&["ge1990"], "1989-12-31"));
        assert!(found(&["lt1990-02"], "1990-01-31") && !found(&["lt1990-02"], "1990-02-01"));
        assert!(found(&["le1990-02"], "1990-02-28") && !found(&["le1990-02"], "1990-03-01"));
        assert!(found(&["ne1990-02"], "1990-03-01") && !found(&["ne1990-02"], "1990-02-14"));
        assert!(
            found(&["ge1990", "lt1991"], "1990-06-01")
                && !found(&["ge1990", "lt1991"], "1991-01-01")
        );
    }

    #[test]
    fn what_is_no_date_is_a_fault() {
        for bad in ["", "ap1990", "sa1990", "1990-02-30", "ge", "ge1990-01-01T00:00:00Z"] {
            assert!(days(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(instants(&["ge2027-03-01T09:00:00 05:00".to_owned()]).is_err());
        assert!(days(&["ne1990".into(), "ne1991".into()]).is_err());
    }

    #[test]
    fn a_token_has_a_system_or_none_or_any() {
        let token = |system: Option<&str>, code: Option<&str>| Token {
            system: system.map(Into::into),
            code: code.map(Into::into),
        };
        assert_eq!(tokens("a"), Ok(vec![token(None, Some("a"))]));
        assert_eq!(
            tokens("s|a,|b,s|"),
            Ok(vec![
                token(Some("s"), Some("a")),
                token(Some(""), Some("b")),
                token(Some("s"), None),
            ])
        );
        assert_eq!(tokens(r"a\,b"), Ok(vec![token(None, Some("a,b"))]));
        for bad in ["", "a,", "|", r"a\"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
        assert!(tokens(&"a,".repeat(30)).is_err());
    }

    #[test]
    fn a_reference_is_of_its_type() {
        for good in ["7", "Patient/7", "https://elsewhere.example/fhir/Patient/7"] {
            assert_eq!(reference("Patient", good), Ok("7"));
        }
        assert!(reference("Patient", "Practitioner/7").is_err());
    }

    #[test]
    fn handling_is_strict_where_it_is_asked_for() {
        assert!(is_strict(Some("return=minimal; handling=strict")));
        assert!(!is_strict(Some("handling=lenient")) && !is_strict(None));
    }
}
