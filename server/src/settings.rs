//! Settings: from the environment and `.env`, under the names of all five documents (C-06).

use std::{collections::HashMap, net::IpAddr, path::PathBuf};

/// The settings of one process. `.env.example` says what each means.
#[derive(Clone)]
pub struct Settings {
    pub database_url: Option<String>,
    pub database_owner_url: Option<String>,
    pub app_password: Option<Secret>,
    pub secret_key: Option<Secret>,
    pub host: IpAddr,
    pub port: u16,
    pub metrics_addr: Option<std::net::SocketAddr>,
    pub origins: Vec<String>,
    pub trusted_proxies: Vec<IpAddr>,
    pub environment: String,
    pub log_level: String,
    pub pool_size: usize,
    pub data: PathBuf,
}

/// A setting that does not print.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A setting that cannot be used; the text names it and says what it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    #[error("{0} and {1} are both set, to different values: keep one")]
    Contradiction(&'static str, &'static str),
    #[error("{name} is not {expected}")]
    Malformed { name: &'static str, expected: &'static str },
    #[error("{0} is shorter than 32 bytes: make one with `openssl rand -base64 48`")]
    ShortSecret(&'static str),
    #[error("{0} is a placeholder from an example: make one with `openssl rand -base64 48`")]
    Placeholder(&'static str),
}

/// Pieces of values that stand in examples for a secret.
const PLACEHOLDERS: &[&str] =
    &["your-secret-key", "change-me", "changeme", "change_me", "replace-me", "secret-key-here"];

impl Settings {
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
        let metrics = source.get("METRICS_ADDR").unwrap_or("127.0.0.1:9100");
        Ok(Self {
            database_url: source.alias("DATABASE_URL", "KATA_DATABASE_URL")?.map(without_driver),
            database_owner_url: source.get("DATABASE_OWNER_URL").map(without_driver),
            app_password: source.get("REEVE_APP_PASSWORD").map(|text| Secret(text.to_owned())),
            secret_key: source.secret("SECRET_KEY", "KATA_SECRET_KEY")?,
            host: source
                .parsed("HOST", "an address such as 127.0.0.1")?
                .unwrap_or(IpAddr::from([127, 0, 0, 1])),
            port: source.parsed("PORT", "a port number")?.unwrap_or(8000),
            metrics_addr: match metrics {
                "off" => None,
                text => Some(text.parse().map_err(|_| SettingsError::Malformed {
                    name: "METRICS_ADDR",
                    expected: "an address and port such as 127.0.0.1:9100, or `off`",
                })?),
            },
            origins: source.alias("ALLOWED_ORIGINS", "CORS_ORIGINS")?.map(list).unwrap_or_default(),
            trusted_proxies: addresses(source.get("TRUSTED_PROXIES"))?,
            environment: source.get("ENVIRONMENT").unwrap_or("development").to_owned(),
            log_level: source.get("LOG_LEVEL").unwrap_or("info").to_lowercase(),
            pool_size: source
                .parsed("POOL_SIZE", "a number of connections")?
                .unwrap_or(8)
                .clamp(1, 500),
            data: source.get("REEVE_DATA").map_or_else(default_data, PathBuf::from),
        })
    }
}

struct Source<'a>(&'a HashMap<String, String>);

impl<'a> Source<'a> {
    /// A variable that is set and not empty.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn alias(
        &self,
        name: &'static str,
        other: &'static str,
    ) -> Result<Option<&'a str>, SettingsError> {
        match (self.get(name), self.get(other)) {
            (Some(a), Some(b)) if a != b => Err(SettingsError::Contradiction(name, other)),
            (a, b) => Ok(a.or(b)),
        }
    }

    fn parsed<T: std::str::FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, SettingsError> {
        let parse =
            |text: &str| text.parse().map_err(|_| SettingsError::Malformed { name, expected });
        self.get(name).map(parse).transpose()
    }

    /// C-05: at least 32 bytes, and none of the texts that examples use.
    fn secret(
        &self,
        name: &'static str,
        other: &'static str,
    ) -> Result<Option<Secret>, SettingsError> {
        let Some(text) = self.alias(name, other)? else { return Ok(None) };
        let lower = text.to_lowercase();
        if PLACEHOLDERS.iter().any(|known| lower.contains(known)) {
            return Err(SettingsError::Placeholder(name));
        }
        if text.len() < 32 {
            return Err(SettingsError::ShortSecret(name));
        }
        Ok(Some(Secret(text.to_owned())))
    }
}

/// A JSON array, or a list with commas.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| {
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    })
}

fn addresses(text: Option<&str>) -> Result<Vec<IpAddr>, SettingsError> {
    let expected = "a list of addresses such as 10.0.0.5,10.0.0.6";
    let malformed = |_| SettingsError::Malformed { name: "TRUSTED_PROXIES", expected };
    text.map(list).unwrap_or_default().iter().map(|item| item.parse().map_err(malformed)).collect()
}

/// `postgresql+asyncpg://` is how SQLAlchemy writes `postgresql://`.
fn without_driver(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.split('+').next().unwrap_or(scheme)),
        None => url.to_owned(),
    }
}

/// `./.reeve`, but for root somewhere that PostgreSQL's own account can reach.
fn default_data() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_else(|_| ".".into()).join(".reeve");
    if kernel::db::reachable_for_postgres(&here) { here } else { "/var/lib/reeve".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from_map(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    fn fault(pairs: &[(&str, &str)]) -> SettingsError {
        load(pairs).err().expect("refused")
    }

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn driver_suffixes_are_dropped() {
        for url in
            ["postgresql+asyncpg://u@h/d", "postgresql+psycopg://u@h/d", "postgresql://u@h/d"]
        {
            assert_eq!(
                load(&[("DATABASE_URL", url)]).expect("fine").database_url.as_deref(),
                Some("postgresql://u@h/d")
            );
        }
    }

    #[test]
    fn an_alias_works_and_a_contradiction_names_both() {
        let alias = load(&[("KATA_DATABASE_URL", "postgres://h/d")]).expect("fine");
        assert_eq!(alias.database_url.as_deref(), Some("postgres://h/d"));
        assert!(
            load(&[("DATABASE_URL", "postgres://h/d"), ("KATA_DATABASE_URL", "postgres://h/d")])
                .is_ok()
        );
        let both = fault(&[("CORS_ORIGINS", "http://a"), ("ALLOWED_ORIGINS", "http://b")]);
        assert_eq!(both, SettingsError::Contradiction("ALLOWED_ORIGINS", "CORS_ORIGINS"));
    }

    #[test]
    fn origins_are_a_json_array_or_a_list() {
        for text in [r#"["http://a","http://b"]"#, "http://a, http://b", "http://a,http://b,"] {
            let settings = load(&[("CORS_ORIGINS", text)]).expect("fine");
            assert_eq!(settings.origins, ["http://a", "http://b"]);
        }
    }

    #[test]
    fn a_secret_has_32_bytes_and_is_no_placeholder() {
        assert!(load(&[("SECRET_KEY", LONG)]).is_ok());
        assert_eq!(fault(&[("SECRET_KEY", &LONG[1..])]), SettingsError::ShortSecret("SECRET_KEY"));
        let sample = "your-secret-key-here-your-secret-key-here";
        assert_eq!(fault(&[("KATA_SECRET_KEY", sample)]), SettingsError::Placeholder("SECRET_KEY"));
    }

    #[test]
    fn what_is_malformed_is_named() {
        for (name, value) in [
            ("PORT", "http"),
            ("PORT", "70000"),
            ("METRICS_ADDR", "9100"),
            ("TRUSTED_PROXIES", "proxy"),
            ("POOL_SIZE", "-1"),
        ] {
            assert!(fault(&[(name, value)]).to_string().starts_with(name), "{name}={value}");
        }
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        assert_eq!(load(&[("PORT", ""), ("DATABASE_URL", " ")]).expect("fine").port, 8000);
    }
}
