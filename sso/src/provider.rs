use std::fmt;

use serde::Deserialize;
use url::{Host, Url};

use crate::SetupError;

const METADATA: &str = "/.well-known/openid-configuration";

/// A text that does not print.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A provider as the operator's settings name it.
#[derive(Clone, Debug)]
pub struct Provider {
    name: String,
    issuer: String,
    metadata: Url,
    client_id: String,
    client_secret: Option<Secret>,
}

impl Provider {
    /// A provider by its issuer, or by the full address of its metadata. Without a secret we are a
    /// public client, held by PKCE alone.
    ///
    /// # Errors
    /// The address is not one to discover from, or the client id is empty.
    pub fn new(
        name: &str,
        discovery: &str,
        client_id: &str,
        client_secret: Option<Secret>,
    ) -> Result<Self, SetupError> {
        if client_id.is_empty() {
            return Err(SetupError::NoClient(name.to_owned()));
        }
        let issuer = discovery.trim().trim_end_matches(METADATA).trim_end_matches('/');
        let metadata = Url::parse(&format!("{issuer}{METADATA}"))
            .map_err(|_| SetupError::Address(name.to_owned()))?;
        // A query would have swallowed the path of the metadata.
        if !metadata.username().is_empty()
            || metadata.password().is_some()
            || metadata.query().is_some()
            || metadata.fragment().is_some()
        {
            return Err(SetupError::Decorated(name.to_owned()));
        }
        let provider = Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            metadata,
            client_id: client_id.to_owned(),
            client_secret,
        };
        match provider.may_name(&provider.metadata) {
            true => Ok(provider),
            false => Err(SetupError::NotHttps(provider.name)),
        }
    }

    /// Microsoft Entra ID, named `azure`. The tenant is an address such as
    /// `https://login.microsoftonline.com/<tenant id>/v2.0`.
    ///
    /// # Errors
    /// As [`Provider::new`]; and the tenants `common`, `organizations` and `consumers`, whose tokens
    /// come from any issuer.
    pub fn azure(tenant: &str, client_id: &str, secret: Secret) -> Result<Self, SetupError> {
        let provider = Self::new("azure", tenant, client_id, Some(secret))?;
        let many = |part| matches!(part, "common" | "organizations" | "consumers");
        match provider.metadata.path_segments().and_then(|mut parts| parts.next()).is_some_and(many)
        {
            true => Err(SetupError::ManyTenants(provider.name)),
            false => Ok(provider),
        }
    }

    /// Okta, named `okta`. The domain may stand without its `https://`.
    ///
    /// # Errors
    /// As [`Provider::new`].
    pub fn okta(domain: &str, client_id: &str, secret: Secret) -> Result<Self, SetupError> {
        let domain = domain.trim();
        let whole =
            if domain.contains("://") { domain.to_owned() } else { format!("https://{domain}") };
        Self::new("okta", &whole, client_id, Some(secret))
    }

    /// How settings, routes and logs call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn metadata(&self) -> &Url {
        &self.metadata
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn client_secret(&self) -> Option<&Secret> {
        self.client_secret.as_ref()
    }

    /// Whether the provider may call itself so. Some issuers end with a slash, which discovery drops.
    pub(crate) fn is_issuer(&self, issuer: &str) -> bool {
        issuer.strip_suffix('/').unwrap_or(issuer) == self.issuer
    }

    /// Whether an address from the metadata may be called: only a provider on this machine sends us
    /// to plain http, and then only to this machine.
    pub(crate) fn may_name(&self, endpoint: &Url) -> bool {
        is_https(endpoint)
            || (endpoint.scheme() == "http" && is_loopback(endpoint) && is_loopback(&self.metadata))
    }
}

fn is_https(url: &Url) -> bool {
    url.scheme() == "https" && url.has_host()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(discovery: &str) -> Result<Provider, SetupError> {
        Provider::new("any", discovery, "client", Some("secret".into()))
    }

    #[test]
    fn an_issuer_and_its_metadata_address_name_the_same_provider() {
        for given in [
            "https://a.example/x",
            "https://a.example/x/",
            "https://a.example/x/.well-known/openid-configuration",
        ] {
            let made = provider(given).expect(given);
            let address = "https://a.example/x/.well-known/openid-configuration";
            assert_eq!(made.metadata().as_str(), address);
            assert!(made.is_issuer("https://a.example/x"));
            assert!(made.is_issuer("https://a.example/x/"));
            assert!(!made.is_issuer("https://a.example/y"));
            assert!(!made.is_issuer("https://a.example/x//"));
        }
    }

    #[test]
    fn azure_and_okta_are_found_from_their_settings() {
        let azure = "https://login.microsoftonline.com/0000-11/v2.0";
        let azure = Provider::azure(azure, "c", "s".into()).expect("azure");
        assert!(azure.is_issuer("https://login.microsoftonline.com/0000-11/v2.0"));
        for domain in ["acme.okta.com", "https://acme.okta.com", "https://acme.okta.com/"] {
            let okta = Provider::okta(domain, "c", "s".into()).expect(domain);
            assert!(okta.is_issuer("https://acme.okta.com"), "{domain}");
        }
    }

    #[test]
    fn a_tenant_that_stands_for_many_is_refused() {
        let common = "https://login.microsoftonline.com/common/v2.0";
        let refused = Provider::azure(common, "c", "s".into());
        assert!(matches!(refused, Err(SetupError::ManyTenants(_))));
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for here in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
            assert!(provider(here).is_ok(), "{here}");
        }
        for away in ["http://a.example", "http://10.0.0.1", "ftp://a.example", "file:///etc"] {
            assert!(matches!(provider(away), Err(SetupError::NotHttps(_))), "{away}");
        }
    }

    #[test]
    fn an_address_with_more_than_a_place_is_refused() {
        for odd in ["https://a@b.example", "https://b.example?x", "https://b.example/#x"] {
            assert!(matches!(provider(odd), Err(SetupError::Decorated(_))), "{odd}");
        }
        assert!(matches!(provider("a.example"), Err(SetupError::Address(_))));
        assert!(Provider::new("any", "https://a.example", "", None).is_err());
    }

    #[test]
    fn only_a_provider_on_this_machine_names_plain_http() {
        let may =
            |from: &str, to: &str| provider(from).expect(from).may_name(&Url::parse(to).expect(to));
        assert!(may("https://a.example", "https://b.example/token"));
        assert!(may("http://127.0.0.1:9", "http://127.0.0.1:9/token"));
        assert!(!may("https://a.example", "http://127.0.0.1/token"));
        assert!(!may("https://a.example", "http://a.example/token"));
        assert!(!may("http://127.0.0.1:9", "http://a.example/token"));
    }

    #[test]
    fn a_secret_does_not_print() {
        let shown = format!("{:?}", provider("https://a.example").expect("made"));
        assert!(shown.contains("[secret]") && !shown.contains("\"secret\""), "{shown}");
    }
}
