//! What an e-mail address is and what a login may name. Pure.

use crate::http::Fault;

/// An e-mail address as it is compared and stored: trimmed, in lower case. Whether it exists only
/// a message to it can tell; here it has one `@`, something on both sides, and no spaces.
///
/// # Errors
/// The fault, without the value.
pub(crate) fn email(given: &str) -> Result<String, Fault> {
    let email = given.trim().to_lowercase();
    let fits = (3..=254).contains(&email.len())
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split('@').filter(|part| !part.is_empty()).count() == 2
        && email.matches('@').count() == 1;
    if fits { Ok(email) } else { Err(("email", "expected an e-mail address".into())) }
}

/// The part after the `@`.
pub(crate) fn domain(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_in_lower_case_and_without_spaces_around_it() {
        assert_eq!(email(" Ana@Example.ORG ").as_deref(), Ok("ana@example.org"));
        assert_eq!(domain("ana@example.org"), "example.org");
    }

    #[test]
    fn what_has_not_two_sides_of_one_at_sign_is_no_address() {
        let long = format!("{}@example.org", "x".repeat(250));
        for bad in ["", "ana", "@", "a@", "@b", "a@b@c", "a@@b", "a b@c", "a\n@b", &long] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }
}
