//! What can go wrong at the database, sorted by what the caller can do about it.

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

/// A failure at the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection was to be had, or it broke: try again later. The outcome of a COMMIT whose
    /// answer was lost is unknown; an Idempotency-Key settles it.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A statement or a lock took longer than allowed.
    #[error("the database took too long")]
    Timeout,
    /// Two transactions met (serialization failure, deadlock).
    #[error("two changes met; neither rule was broken")]
    Contention,
    /// A constraint refused the row.
    #[error("constraint `{0}` refused the row")]
    Constraint(String),
    /// A refusal raised by Reeve's own functions and triggers: an `RV…` state.
    #[error("refused by rule {0}")]
    Rule(String),
    /// A value that PostgreSQL has no place for: the character U+0000, a time beyond its calendar.
    #[error("a value that cannot be stored")]
    Unstorable,
    /// The serving login could do what it must not.
    #[error("login `{login}` {power}")]
    TooStrong { login: String, power: &'static str },
    /// A fault of ours: its SQLSTATE and where it was raised. Never the server's message, which may
    /// quote a value.
    #[error("a statement failed: {0}")]
    Internal(String),
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                error.into()
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // No answer from the server: refused, broken, or closed under us. An encoding or
            // decoding fault also lands here by type, but it is ours.
            return if error.is_closed() || is_io(&error) {
                Self::Unavailable(error.to_string())
            } else {
                Self::Internal("a value could not be encoded or decoded".into())
            };
        };
        let state = db.code();
        match state.code() {
            code if code.starts_with("RV") => Self::Rule(code.to_owned()),
            // Connection exceptions, operator intervention, too many connections, read-only
            // server after a failover.
            code if code.starts_with("08")
                || code.starts_with("57P")
                || code.starts_with("53")
                || code == "25006" =>
            {
                Self::Unavailable(db.message().to_owned())
            }
            _ if *state == SqlState::QUERY_CANCELED || *state == SqlState::LOCK_NOT_AVAILABLE => {
                Self::Timeout
            }
            _ if *state == SqlState::T_R_SERIALIZATION_FAILURE
                || *state == SqlState::T_R_DEADLOCK_DETECTED =>
            {
                Self::Contention
            }
            _ if [
                SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                SqlState::UNTRANSLATABLE_CHARACTER,
                SqlState::DATETIME_FIELD_OVERFLOW,
            ]
            .contains(state) =>
            {
                Self::Unstorable
            }
            code if code.starts_with("23") => {
                let name = db.constraint().or(db.column()).unwrap_or_default();
                Self::Constraint(name.to_owned())
            }
            code => Self::Internal(format!("SQLSTATE {code} in {}", db.routine().unwrap_or("?"))),
        }
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
