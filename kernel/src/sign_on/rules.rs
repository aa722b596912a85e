//! What becomes of somebody who comes from a provider. Pure.

use crate::http::Problem;

/// What is known of who comes, and of the account that has their address.
pub(crate) struct Arrival<'a> {
    /// The domain of an address that the provider has verified.
    pub(crate) verified_domain: Option<&'a str>,
    /// The domains that the provider speaks for; empty: the server's own settings vouch for it.
    pub(crate) domains: &'a [String],
    /// The state of the account with that address, if there is one.
    pub(crate) account_state: Option<&'a str>,
    /// The role of somebody new, where the provider may bring some.
    pub(crate) role: Option<&'a str>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Welcome {
    /// They were invited: link and activate the account.
    Accept,
    /// They are new: make an account.
    Create,
}

impl Arrival<'_> {
    /// # Errors
    /// 403 with the reason; nothing is linked (A11).
    pub(crate) fn welcome(&self) -> Result<Welcome, Problem> {
        let refused = |code, detail: &str| Err(Problem::new(403, code, detail));
        let Some(domain) = self.verified_domain else {
            return refused(
                "email_unverified",
                "your identity provider has not verified your e-mail address: ask its administrator",
            );
        };
        let speaks = self.domains.is_empty() || self.domains.iter().any(|known| known == domain);
        match (self.account_state, self.role) {
            _ if !speaks => refused(
                "domain_not_allowed",
                "this identity provider does not speak for the domain of your e-mail address",
            ),
            (Some("invited"), _) => Ok(Welcome::Accept),
            (Some(_), _) => refused(
                "account_exists",
                "there is an account with your e-mail address that does not sign in this way: sign in as before",
            ),
            (None, Some(_)) => Ok(Welcome::Create),
            (None, None) => refused(
                "not_invited",
                "you have no account here yet: ask an administrator of your organisation",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(
        domain: Option<&str>,
        domains: &[&str],
        state: Option<&str>,
        role: Option<&str>,
    ) -> Result<Welcome, &'static str> {
        let domains: Vec<_> = domains.iter().map(|d| (*d).to_owned()).collect();
        let arrival =
            Arrival { verified_domain: domain, domains: &domains, account_state: state, role };
        arrival.welcome().map_err(|problem| problem.code)
    }

    #[test]
    fn an_address_that_was_not_verified_opens_nothing() {
        for state in [None, Some("invited"), Some("active")] {
            assert_eq!(welcome(None, &[], state, Some("viewer")), Err("email_unverified"));
        }
    }

    #[test]
    fn an_account_in_use_is_never_linked() {
        for state in ["active", "disabled"] {
            let found = welcome(Some("a.org"), &["a.org"], Some(state), Some("viewer"));
            assert_eq!(found, Err("account_exists"));
        }
    }

    #[test]
    fn an_invitation_is_accepted_from_a_provider_of_its_domain_only() {
        assert_eq!(welcome(Some("a.org"), &["a.org"], Some("invited"), None), Ok(Welcome::Accept));
        let other = welcome(Some("a.org"), &["b.org"], Some("invited"), None);
        assert_eq!(other, Err("domain_not_allowed"));
    }

    #[test]
    fn somebody_new_needs_a_provider_that_gives_a_role() {
        assert_eq!(welcome(Some("a.org"), &["a.org"], None, Some("viewer")), Ok(Welcome::Create));
        assert_eq!(welcome(Some("a.org"), &["a.org"], None, None), Err("not_invited"));
    }
}
