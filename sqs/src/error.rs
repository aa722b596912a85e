use outbound::{OutboundError, RetryAfter};

/// Why a message is not, or perhaps not, in the queue. No text repeats what was sent or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqsError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("the queue takes no more at the moment")]
    Throttled(Option<RetryAfter>),
    #[error("the queue's service failed")]
    Unavailable(Option<RetryAfter>),
    #[error("the access key may not send to this queue, or is none")]
    AccessDenied,
    #[error("there is no such queue")]
    NoSuchQueue,
    #[error("the queue takes no such message")]
    Rejected,
    #[error("what answered is no queue's service")]
    Unanswerable,
}

impl SqsError {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Outbound(error) => error.code(),
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) => "unavailable",
            Self::AccessDenied => "access_denied",
            Self::NoSuchQueue => "no_such_queue",
            Self::Rejected => "rejected",
            Self::Unanswerable => "unanswerable",
        }
    }

    /// Whether this message fails however often it is sent. Keys, queues and addresses can be put right: what fails
    /// for them is worth another attempt.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected)
    }

    /// When the service wants to be asked again, where it says so.
    pub const fn retry_after(self) -> Option<RetryAfter> {
        match self {
            Self::Throttled(after) | Self::Unavailable(after) => after,
            _ => None,
        }
    }

    /// From an answer that is no success: its status, and the code in it.
    pub(crate) fn judge(status: u16, code: Option<&str>, after: Option<RetryAfter>) -> Self {
        // `com.amazonaws.sqs#QueueDoesNotExist`, `AWS.SimpleQueueService.NonExistentQueue`.
        let code = code.and_then(|code| code.rsplit(['#', '.']).next()).unwrap_or_default();
        match (status, code) {
            (_, "NonExistentQueue" | "QueueDoesNotExist" | "QueueDeletedRecently") => {
                Self::NoSuchQueue
            }
            (429, _)
            | (
                _,
                "RequestThrottled"
                | "Throttling"
                | "ThrottlingException"
                | "ThrottledException"
                | "TooManyRequestsException"
                | "OverLimit"
                | "KmsThrottled",
            ) => Self::Throttled(after),
            (500.., _) | (_, "RequestExpired") => Self::Unavailable(after),
            (401 | 403, _)
            | (
                _,
                "AccessDenied"
                | "AccessDeniedException"
                | "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "SignatureDoesNotMatch"
                | "InvalidSignatureException"
                | "IncompleteSignature"
                | "MissingAuthenticationToken"
                | "InvalidSecurity"
                | "OptInRequired"
                | "KmsAccessDenied",
            ) => Self::AccessDenied,
            (_, "") => Self::Unanswerable,
            (400..=499, _) => Self::Rejected,
            _ => Self::Unanswerable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_meaning() {
        let soon = Some(RetryAfter::Seconds(3));
        for (status, code, error) in [
            (400, "AWS.SimpleQueueService.NonExistentQueue", SqsError::NoSuchQueue),
            (400, "com.amazonaws.sqs#QueueDoesNotExist", SqsError::NoSuchQueue),
            (403, "RequestThrottled", SqsError::Throttled(soon)),
            (429, "", SqsError::Throttled(soon)),
            (503, "", SqsError::Unavailable(soon)),
            (403, "InvalidClientTokenId", SqsError::AccessDenied),
            (400, "AccessDeniedException", SqsError::AccessDenied),
            (400, "InvalidParameterValue", SqsError::Rejected),
            (404, "", SqsError::Unanswerable),
            (200, "", SqsError::Unanswerable),
        ] {
            assert_eq!(SqsError::judge(status, Some(code), soon), error, "{status} {code}");
        }
    }

    #[test]
    fn only_what_cannot_be_put_right_is_final() {
        assert!(SqsError::Rejected.is_final());
        for error in [
            SqsError::NoSuchQueue,
            SqsError::AccessDenied,
            SqsError::Outbound(OutboundError::BlockedAddress),
        ] {
            assert!(!error.is_final(), "{error}");
        }
    }
}
