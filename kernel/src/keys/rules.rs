//! What a key may be called and how long an old one may live on. Pure.

/// A key's name: 1 to 80 characters, no control characters.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// # Errors
    /// A sentence that says what a name is.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        let name = name.trim();
        let fits = (1..=80).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err("give 1 to 80 characters, none of control")
        }
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// How long a rotated key works beside its successor: 0 hours to 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap(i32);

impl Overlap {
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn parse(hours: Option<i32>) -> Result<Self, &'static str> {
        match hours.unwrap_or(24) {
            hours @ 0..=720 => Ok(Self(hours)),
            _ => Err("give 0 to 720 hours"),
        }
    }

    pub fn hours(self) -> i32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_has_1_to_80_characters() {
        assert_eq!(KeyName::parse(" n8n ").map(KeyName::into_string), Ok("n8n".into()));
        assert!(KeyName::parse(&"é".repeat(80)).is_ok());
        for bad in ["", "  ", "a\nb", "a\0b", &"x".repeat(81)] {
            assert!(KeyName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_overlap_is_a_day_when_not_said_and_at_most_thirty() {
        assert_eq!(Overlap::parse(None).map(Overlap::hours), Ok(24));
        assert_eq!(Overlap::parse(Some(0)).map(Overlap::hours), Ok(0));
        assert_eq!(Overlap::parse(Some(720)).map(Overlap::hours), Ok(720));
        assert!(Overlap::parse(Some(721)).is_err());
        assert!(Overlap::parse(Some(-1)).is_err());
    }
}
