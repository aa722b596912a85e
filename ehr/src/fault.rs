use outbound::{OutboundError, RetryAfter};

/// Why something was not done there. No text repeats what was sent or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the server is busy")]
    Busy(Option<RetryAfter>),
    #[error("the server failed, with status {0}")]
    Failed(u16),
    #[error("the server does not take the credentials, with status {0}")]
    Denied(u16),
    #[error("what answered is no FHIR")]
    Malformed,
    #[error("a page goes on at another origin, and is not followed there")]
    Elsewhere,
    #[error("the server does not take this resource, with status {0}")]
    Refused(u16),
    #[error("somebody else changed it there at the same time")]
    Conflict,
    #[error("it is no longer there")]
    Gone,
    #[error("several resources there are this one")]
    Several,
}

impl Fault {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Outbound(error) => error.code(),
            Self::Busy(_) => "busy",
            Self::Failed(_) => "server_failed",
            Self::Denied(_) => "credentials_refused",
            Self::Malformed => "malformed",
            Self::Elsewhere => "link_elsewhere",
            Self::Refused(_) => "refused_there",
            Self::Conflict => "changed_there",
            Self::Gone => "gone_there",
            Self::Several => "several_there",
        }
    }

    /// Whether it says something of one resource, and nothing of the server: other resources may fare better.
    pub const fn is_of_resource(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Conflict | Self::Gone | Self::Several)
    }

    /// When the server wants to be asked again, where it says so.
    pub const fn retry_after(self) -> Option<RetryAfter> {
        match self {
            Self::Busy(after) => after,
            _ => None,
        }
    }

    /// From an answer that is no success.
    pub(crate) const fn judge(status: u16, after: Option<RetryAfter>) -> Self {
        match status {
            429 | 503 => Self::Busy(after),
            401 | 403 => Self::Denied(status),
            404 | 410 => Self::Gone,
            409 | 412 => Self::Conflict,
            // What a proxy answers in a server's place.
            405 | 407 | 408 | 421 | 500.. => Self::Failed(status),
            400..=499 => Self::Refused(status),
            _ => Self::Malformed,
        }
    }
}
