use std::sync::Arc;

/// What ends a sign-in. No text here repeats a token, a code or a secret.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// The provider did not do its part; it may later. For a status of 503.
    #[error("the sign-in provider `{provider}` {fault}")]
    Unavailable { provider: String, fault: Fault },
    /// What came back does not prove who the person is. For a status of 400.
    #[error("{0}")]
    Refused(Refusal),
    /// The system has no randomness to give. For a status of 500.
    #[error("no random bytes for a sign-in")]
    Random(#[from] getrandom::Error),
}

impl SsoError {
    /// A stable name for logs and for the caller.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { fault, .. } => fault.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::Random(_) => "sso_random",
        }
    }
}

impl From<Refusal> for SsoError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a provider did wrong, or its settings here.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    #[error("cannot be reached: try again, and look at its address and the network")]
    Unreachable(#[source] Arc<reqwest::Error>),
    #[error("did not answer in time: try again")]
    Slow,
    /// It failed a moment ago and is left alone for a few seconds.
    #[error("failed a moment ago: try again in a few seconds")]
    Resting,
    #[error("answered with status {0}: look at its address and its own log")]
    Status(u16),
    #[error("sent an answer that is too large or not the JSON that was asked for")]
    Answer,
    #[error(
        "calls itself by another issuer than its setting: set the issuer that its metadata names"
    )]
    Issuer,
    #[error("names an endpoint that is no https address")]
    Endpoint,
    #[error("does not accept our client id and secret: look at both settings")]
    Client,
}

impl Fault {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "sso_unreachable",
            Self::Slow => "sso_slow",
            Self::Resting => "sso_resting",
            Self::Status(_) => "sso_status",
            Self::Answer => "sso_answer",
            Self::Issuer => "sso_metadata_issuer",
            Self::Endpoint => "sso_metadata_endpoint",
            Self::Client => "sso_client",
        }
    }

    pub(crate) fn of(self, provider: &str) -> SsoError {
        SsoError::Unavailable { provider: provider.to_owned(), fault: self }
    }
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Slow
        } else {
            Self::Unreachable(Arc::new(error.without_url()))
        }
    }
}

/// Why a sign-in is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this answer belongs to another sign-in: start again")]
    State,
    #[error("the provider did not sign you in")]
    Denied,
    #[error("this answer comes from another provider: start again")]
    Sender,
    #[error("the provider does not know this code, or it was used before: start again")]
    Code,
    #[error("the ID token is missing or not one")]
    Token,
    #[error("the ID token is not signed with an algorithm that is accepted")]
    Algorithm,
    #[error("the ID token is signed with a key that the provider does not publish")]
    Key,
    #[error("the signature of the ID token is wrong")]
    Signature,
    #[error("the ID token is from another issuer")]
    Issuer,
    #[error("the ID token is for another client")]
    Audience,
    #[error("the ID token is not valid at this time: look at the clocks")]
    Time,
    #[error("the ID token belongs to another sign-in: start again")]
    Nonce,
    #[error("the ID token belongs to another access token")]
    AccessToken,
    #[error("the provider's user information is about somebody else")]
    Subject,
}

impl Refusal {
    fn code(self) -> &'static str {
        match self {
            Self::State => "sso_state",
            Self::Denied => "sso_denied",
            Self::Sender => "sso_sender",
            Self::Code => "sso_code",
            Self::Token => "sso_token",
            Self::Algorithm => "sso_token_algorithm",
            Self::Key => "sso_token_key",
            Self::Signature => "sso_token_signature",
            Self::Issuer => "sso_token_issuer",
            Self::Audience => "sso_token_audience",
            Self::Time => "sso_token_time",
            Self::Nonce => "sso_token_nonce",
            Self::AccessToken => "sso_token_access",
            Self::Subject => "sso_subject",
        }
    }
}

/// What is wrong with the settings of a provider, or with the system; found before serving.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("provider `{0}`: its address is no URL; give one such as https://login.example.com")]
    Address(String),
    #[error("provider `{0}`: its address must be https; http is for this machine alone")]
    NotHttps(String),
    #[error("provider `{0}`: its address must have no user, query or fragment")]
    Decorated(String),
    #[error(
        "provider `{0}`: a tenant that stands for many has no issuer of its own; name one tenant"
    )]
    ManyTenants(String),
    #[error("provider `{0}`: the client id is empty")]
    NoClient(String),
    #[error("TLS cannot be set up: install the system's CA certificates (ca-certificates)")]
    Tls(#[source] reqwest::Error),
}
