use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// When to come back (RFC 9110 section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    Seconds(u64),
    At(Timestamp),
}

impl RetryAfter {
    /// What a header says, if it says either.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            // More than there can be is for ever.
            return Some(Self::Seconds(text.parse().unwrap_or(u64::MAX)));
        }
        // An IMF-fixdate is a date of RFC 2822 in GMT.
        let at = DateTimeParser::new().parse_timestamp(text).ok()?;
        text.ends_with("GMT").then_some(Self::At(at))
    }

    /// Seconds from `now` on; none for a moment that has passed.
    pub fn seconds(self, now: Timestamp) -> u64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::At(at) => u64::try_from(at.as_second() - now.as_second()).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j09_seconds_and_dates() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sat, 21 Nov 2026 10:02:00 GMT", Some(120)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sat, 21 Nov 2026 10:02:00 +0100", None),
        ] {
            assert_eq!(RetryAfter::parse(text).map(|at| at.seconds(now)), seconds, "{text}");
        }
    }
}
