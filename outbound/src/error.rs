/// Why an address cannot be saved. The texts say what to give, and repeat nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("give an address such as https://hooks.example.org/path, of 2048 bytes at the most")]
    Malformed,
    #[error("give an https address")]
    Scheme,
    #[error("an address carries no user name and no password")]
    UserInfo,
    #[error("write the host as a name, or as a plain IP address, without a dot at its end")]
    Host,
    #[error("this port is not one of the web's: use 443, 80 or one from 1024 on")]
    Port,
    #[error("this address is not on the public internet")]
    Address,
}

impl Unfit {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "url_malformed",
            Self::Scheme => "url_scheme",
            Self::UserInfo => "url_userinfo",
            Self::Host => "url_host",
            Self::Port => "url_port",
            Self::Address => "blocked_address",
        }
    }
}

/// Why there is no answer. No text tells what was found at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    #[error("the address is not one that may be called")]
    BlockedAddress,
    #[error("no connection could be made, or it broke")]
    Refused,
    #[error("the answer did not come in time")]
    Timeout,
    #[error("the answer is larger than allowed")]
    TooLarge,
    #[error("the answer sends elsewhere, and redirects are not followed")]
    Redirected,
}

impl OutboundError {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BlockedAddress => "blocked_address",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Redirected => "redirected",
        }
    }
}

/// TLS cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct SetupError(#[from] pub(crate) reqwest::Error);
