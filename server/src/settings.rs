//! Settings: from the environment and `.env`, under the names of all five documents (C-06).

mod gateway;

pub use gateway::GatewaySettings;

use std::{collections::HashMap, net::IpAddr, path::PathBuf, time::Duration};

use outbound::IpNet;

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
    /// Networks beside the public internet that addresses named by customers may be in.
    pub outbound_allow: Vec<IpNet>,
    pub environment: String,
    pub log_level: String,
    pub pool_size: usize,
    /// How many jobs this process runs at once.
    pub jobs_at_once: usize,
    /// After how long a silence a stream sends a comment.
    pub stream_comment: Duration,
    pub data: PathBuf,
    /// Where the ledger's checkpoints are kept outside of the database.
    pub checkpoints: Option<PathBuf>,
    /// A weak SECRET_KEY is replaced by one of this process's own, with a warning (C-05).
    pub debug: bool,
    /// A weak SECRET_KEY was replaced.
    pub ephemeral_secret: bool,
    /// The `iss` of tokens; one for an environment.
    pub issuer: String,
    /// The tenant of a login that names none (C-14).
    pub default_tenant: Option<String>,
    /// Minutes that access tokens of athletics last (R-007).
    pub access_minutes: Option<u32>,
    /// Signs RS256 tokens (C-03).
    pub private_key: Option<Secret>,
    pub docs: bool,
    /// Under which browsers reach this server.
    pub public_url: String,
    /// What sign-ons are sealed under (Z-051); SECRET_KEY when not said.
    pub session_secret: Option<Secret>,
    /// What the codes of analytics are made under; made from SECRET_KEY when not said.
    pub deid_salt: Option<Secret>,
    /// Identity providers named by the Studio document's settings (Z-002, Z-003).
    pub providers: Vec<sso::Provider>,
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
    #[error("{0} is not set: make one with `openssl rand -base64 48`")]
    Missing(&'static str),
    #[error("{0} is shorter than 32 bytes: make one with `openssl rand -base64 48`")]
    ShortSecret(&'static str),
    #[error("{0} is a placeholder from an example: make one with `openssl rand -base64 48`")]
    Placeholder(&'static str),
    #[error(
        "JWT_SECRET is not an RSA private key in PEM, and RS256 needs one: put it in JWT_PRIVATE_KEY, or leave both out and one is made (`reeve token-key list`)"
    )]
    NotPem,
    #[error("an identity provider cannot be used: {0}")]
    Provider(String),
    #[error("refusing to serve in production: {}", .0.join("; "))]
    Production(Vec<String>),
}

/// Pieces of values that stand in examples for a secret.
const PLACEHOLDERS: &[&str] =
    &["your-secret-key", "change-me", "changeme", "change_me", "replace-me", "secret-key-here"];

const DEID_SALT: &str = "KATA_DEID_SALT";

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
        let environment = source.get("ENVIRONMENT").unwrap_or("development").to_lowercase();
        let production = environment == "production";
        if production {
            source.refuse_in_production()?;
        }
        let debug = source.flag("DEBUG")?.unwrap_or(false);
        let secret = source.secret("SECRET_KEY", "KATA_SECRET_KEY");
        let ephemeral_secret = debug && secret.is_err();
        let metrics = source.get("METRICS_ADDR").unwrap_or("127.0.0.1:9100");
        Ok(Self {
            database_url: source.alias("DATABASE_URL", "KATA_DATABASE_URL")?.map(without_driver),
            database_owner_url: source.get("DATABASE_OWNER_URL").map(without_driver),
            app_password: source.get("REEVE_APP_PASSWORD").map(|text| Secret(text.to_owned())),
            secret_key: if ephemeral_secret { None } else { secret? },
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
            origins: source.origins()?,
            trusted_proxies: addresses(source.get("TRUSTED_PROXIES"))?,
            outbound_allow: outbound_allow(source.get("OUTBOUND_ALLOW"))?,
            issuer: source.issuer(&environment),
            environment,
            log_level: source.get("LOG_LEVEL").unwrap_or("info").to_lowercase(),
            pool_size: source
                .parsed("POOL_SIZE", "a number of connections")?
                .unwrap_or(8)
                .clamp(1, 500),
            jobs_at_once: source.jobs_at_once()?,
            stream_comment: source.stream_comment()?,
            checkpoints: source.get("REEVE_CHECKPOINTS").map(PathBuf::from),
            data: source.get("REEVE_DATA").map_or_else(default_data, PathBuf::from),
            debug,
            ephemeral_secret,
            default_tenant: source.alias("DEFAULT_TENANT", "KATA_TENANT")?.map(str::to_owned),
            access_minutes: source
                .parsed("ACCESS_TOKEN_EXPIRE_MINUTES", "a number of minutes from 1 to 43200")?
                .map(|minutes: u32| minutes.clamp(1, 43_200)),
            private_key: source.private_key()?,
            docs: source.flag("DOCS")?.unwrap_or(!production),
            public_url: source.public_url()?,
            session_secret: source.secret("SESSION_SECRET", "SESSION_SECRET")?,
            deid_salt: source.secret(DEID_SALT, DEID_SALT)?,
            providers: source.providers()?,
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

    fn issuer(&self, environment: &str) -> String {
        self.get("ISSUER").map_or_else(|| format!("urn:reeve:{environment}"), str::to_owned)
    }

    /// Origins of browsers that may call.
    fn origins(&self) -> Result<Vec<String>, SettingsError> {
        let origins = self.alias("ALLOWED_ORIGINS", "CORS_ORIGINS")?.map(list).unwrap_or_default();
        // With credentials allowed a wildcard would let every site act for whoever visits it; a half of a JSON
        // array would be an origin that no browser sends.
        match origins.iter().any(|origin: &String| origin.contains(['*', '[', ']', '"'])) {
            false => Ok(origins),
            true => Err(SettingsError::Malformed {
                name: "ALLOWED_ORIGINS",
                expected: "a list of origins such as https://app.example.org, without `*`",
            }),
        }
    }

    fn jobs_at_once(&self) -> Result<usize, SettingsError> {
        let jobs = self.parsed("JOBS_AT_ONCE", "a number of jobs from 0 to 100")?;
        Ok(jobs.unwrap_or(4).min(100))
    }

    fn stream_comment(&self) -> Result<Duration, SettingsError> {
        let seconds = self.parsed("STREAM_COMMENT_SECONDS", "a number of seconds from 1 to 300")?;
        Ok(Duration::from_secs(seconds.unwrap_or(15_u64).clamp(1, 300)))
    }

    /// Where browsers come; a provider is told the same.
    fn public_url(&self) -> Result<String, SettingsError> {
        let port = self.parsed("PORT", "a port number")?.unwrap_or(8000_u16);
        self.web_address("PUBLIC_URL", || format!("http://localhost:{port}"))
    }

    /// An address of the web without a `/` at its end.
    fn web_address(
        &self,
        name: &'static str,
        default: impl FnOnce() -> String,
    ) -> Result<String, SettingsError> {
        let url = self.get(name).map_or_else(default, Into::into);
        let url = url.trim_end_matches('/').to_owned();
        match url.starts_with("https://") || url.starts_with("http://") {
            true => Ok(url),
            false => Err(SettingsError::Malformed {
                name,
                expected: "an address such as https://reeve.example.org",
            }),
        }
    }

    /// Z-002, Z-003: a provider whose settings are there, whole.
    fn providers(&self) -> Result<Vec<sso::Provider>, SettingsError> {
        type Make = fn(&str, &str, sso::Secret) -> Result<sso::Provider, sso::SetupError>;
        let known: [([&'static str; 3], Make); 2] = [
            (["AZURE_TENANT", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"], sso::Provider::azure),
            (["OKTA_DOMAIN", "OKTA_CLIENT_ID", "OKTA_CLIENT_SECRET"], sso::Provider::okta),
        ];
        let mut providers = vec![];
        for (names, make) in known {
            let [place, client, secret] = names.map(|name| self.get(name));
            match (place, client, secret) {
                (None, None, None) => {}
                (Some(place), Some(client), Some(secret)) => {
                    let made = make(place, client, secret.into());
                    providers.push(made.map_err(|e| SettingsError::Provider(e.to_string()))?);
                }
                _ => {
                    return Err(SettingsError::Provider(format!(
                        "{} belong together",
                        names.join(", ")
                    )));
                }
            }
        }
        Ok(providers)
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, SettingsError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.to_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Ok(Some(true)),
            "false" | "0" | "off" | "no" => Ok(Some(false)),
            _ => Err(SettingsError::Malformed { name, expected: "`true` or `false`" }),
        }
    }

    /// C-03: RS256 needs a key pair; a JWT_SECRET that holds one will do.
    fn private_key(&self) -> Result<Option<Secret>, SettingsError> {
        // A PEM in one line of an environment file has its line breaks written out.
        let pem = |text: &str| Secret(text.replace("\\n", "\n"));
        match (self.get("JWT_PRIVATE_KEY"), self.get("JWT_SECRET")) {
            (Some(key), _) => Ok(Some(pem(key))),
            (None, Some(secret)) if secret.starts_with("-----BEGIN") => Ok(Some(pem(secret))),
            (None, Some(_)) => Err(SettingsError::NotPem),
            (None, None) => Ok(None),
        }
    }

    /// A20, O05: what a production server must have and must not have, all of it named at once.
    fn refuse_in_production(&self) -> Result<(), SettingsError> {
        let on = |name| self.flag(name).is_ok_and(|flag| flag == Some(true));
        let mut faults = vec![];
        let private = self.get("DATABASE_URL").or(self.get("KATA_DATABASE_URL")).is_none();
        match self.secret("SECRET_KEY", "KATA_SECRET_KEY") {
            Ok(Some(_)) => {}
            Ok(None) if private => {}
            Ok(None) => faults.push("SECRET_KEY is not set".to_owned()),
            Err(error) => faults.push(error.to_string()),
        }
        match self.secret(DEID_SALT, DEID_SALT) {
            Ok(Some(_)) => {}
            Ok(None) => faults.push(format!("{DEID_SALT} is not set")),
            Err(error) => faults.push(error.to_string()),
        }
        let forbidden = ["DEBUG", "KATA_AUTO_CREATE_SCHEMA", "DOCS"];
        let set = forbidden.into_iter().filter(|name| on(name));
        faults.extend(set.map(|name| format!("{name} is on")));
        if faults.is_empty() { Ok(()) } else { Err(SettingsError::Production(faults)) }
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

/// What may be called beside the public internet, where a customer names an address.
fn outbound_allow(text: Option<&str>) -> Result<Vec<outbound::IpNet>, SettingsError> {
    let expected = "a list of networks such as 10.20.0.0/16,127.0.0.1";
    let malformed = SettingsError::Malformed { name: "OUTBOUND_ALLOW", expected };
    let all = text.map(list).unwrap_or_default();
    let parsed: Option<Vec<_>> = all.iter().map(|item| outbound::network(item)).collect();
    parsed.ok_or(malformed)
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
            ("OUTBOUND_ALLOW", "10.0.0.0/40"),
            ("POOL_SIZE", "-1"),
            ("JOBS_AT_ONCE", "-1"),
            ("STREAM_COMMENT_SECONDS", "1.5"),
        ] {
            assert!(fault(&[(name, value)]).to_string().starts_with(name), "{name}={value}");
        }
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        assert_eq!(load(&[("PORT", ""), ("DATABASE_URL", " ")]).expect("fine").port, 8000);
    }
}
