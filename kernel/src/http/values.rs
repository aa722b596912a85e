//! Values that records of several modules hold: how each is written, what is wrong when it is not. Pure.

use super::Fault;

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
}
