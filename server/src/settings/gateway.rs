use std::{collections::HashMap, net::SocketAddr, path::PathBuf};

use gateway::{Bearer, ModelSettings};
use outbound::Allowed;

use super::{SettingsError, Source, default_data, outbound_allow};

/// The settings of `reeve gateway`, which uses no database.
pub struct GatewaySettings {
    pub address: SocketAddr,
    pub log_level: String,
    pub gateway: gateway::Settings,
}

const SECRET: &str = "GATEWAY_SECRET";
const INVOKE_SECRET: &str = "GATEWAY_INVOKE_SECRET";

impl GatewaySettings {
    /// From the environment, after `.env` of the current folder has filled in what is not set.
    ///
    /// # Errors
    /// See [`SettingsError`].
    #[allow(clippy::disallowed_methods, reason = "this is where settings are read")]
    pub fn load() -> Result<Self, SettingsError> {
        // No .env is the usual case.
        let _absent = dotenvy::dotenv();
        Self::from_map(&std::env::vars().collect())
    }

    /// From these variables.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn from_map(vars: &HashMap<String, String>) -> Result<Self, SettingsError> {
        let source = Source(vars);
        let address = source
            .parsed("GATEWAY_ADDR", "an address and port such as 127.0.0.1:8100")?
            .unwrap_or(gateway::ADDRESS);
        let url = source.web_address("GATEWAY_URL", || format!("http://{address}"))?;
        let data = || source.get("REEVE_DATA").map_or_else(default_data, PathBuf::from);
        let folder = source.get("GATEWAY_DATA").map(PathBuf::from);
        Ok(Self {
            address,
            log_level: source.get("LOG_LEVEL").unwrap_or("info").to_lowercase(),
            gateway: gateway::Settings {
                secret: source.bearer(SECRET)?.ok_or(SettingsError::Missing(SECRET))?,
                invoke_secret: source.bearer(INVOKE_SECRET)?,
                folder: folder.unwrap_or_else(|| data().join("gateway")),
                url,
                model: source.model()?,
                allowed: Allowed::new(outbound_allow(source.get("OUTBOUND_ALLOW"))?),
                limits: gateway::Limits::default(),
            },
        })
    }
}

impl Source<'_> {
    fn bearer(&self, name: &'static str) -> Result<Option<Bearer>, SettingsError> {
        let secret = self.secret(name, name)?;
        Ok(secret.and_then(|secret| Bearer::new(secret.expose())))
    }

    fn model(&self) -> Result<Option<ModelSettings>, SettingsError> {
        let expected = "an address such as https://api.openai.com/v1";
        let Some(text) = self.get("MODEL_URL") else { return Ok(None) };
        let malformed = SettingsError::Malformed { name: "MODEL_URL", expected };
        let url = text.parse::<url::Url>().ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.has_host()
        });
        let key = self.get("MODEL_API_KEY").map(str::to_owned);
        Ok(Some(ModelSettings { url: url.ok_or(malformed)?, key }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    fn load(pairs: &[(&str, &str)]) -> Result<GatewaySettings, SettingsError> {
        let given = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        GatewaySettings::from_map(&given.collect())
    }

    #[test]
    fn a_gateway_needs_a_secret_and_nothing_else() {
        let settings = load(&[(SECRET, LONG), ("ENVIRONMENT", "production")]).expect("fine");
        assert_eq!(settings.gateway.url, "http://127.0.0.1:8100");
        assert!(settings.gateway.model.is_none());
        assert_eq!(load(&[]).err(), Some(SettingsError::Missing(SECRET)));
        assert_eq!(load(&[(SECRET, &LONG[1..])]).err(), Some(SettingsError::ShortSecret(SECRET)));
    }

    #[test]
    fn what_is_malformed_is_named() {
        for (name, value) in [
            ("GATEWAY_ADDR", "8100"),
            ("GATEWAY_URL", "gateway.example.org"),
            ("MODEL_URL", "ftp://example.org"),
            ("OUTBOUND_ALLOW", "10.0.0.0/33"),
            ("OUTBOUND_ALLOW", "10.0.0.0/8,intranet"),
        ] {
            let fault = load(&[(SECRET, LONG), (name, value)]).err().expect("refused");
            assert!(fault.to_string().starts_with(name), "{name}={value}");
        }
        for value in ["10.0.0.0/8, 127.0.0.1", r#"["10.0.0.0/8","fd00::/8"]"#] {
            assert!(load(&[(SECRET, LONG), ("OUTBOUND_ALLOW", value)]).is_ok());
        }
    }
}
