//! The few threads that hash. A hash takes tens of milliseconds of one core on purpose; done on the
//! async threads, a dozen logins would stop every other request.

use std::{num::NonZero, sync::Arc, thread};

use tokio::{sync::Semaphore, task};

use crate::{Password, PasswordHash, Policy, Unreadable, needs_rehash, stored::Stored};

/// Callers that may wait, for each that is served. With the slowest hash at 80 ms the last of them
/// waits 24 × 80 ms, just under two seconds; longer, and people would press the button again.
const WAITING_FOR_EACH: usize = 24;
/// By then the queue that turned a caller away has been served.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Hashes and verifies passwords beside the async threads, a few at once and a bounded queue behind
/// them. Clones share both. A caller that goes away while it waits frees its place.
#[derive(Clone)]
pub struct Hashers {
    /// For those that wait and those that are served.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// Whether a password was right, and the hash to store in place of the old one, if any.
#[derive(Debug, Default)]
pub struct Verdict {
    pub right: bool,
    pub rehash: Option<PasswordHash>,
}

/// No hash and no verdict.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error("too many people log in at this moment: try again in {retry_after_seconds} seconds")]
    Busy { retry_after_seconds: u32 },
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the password is too long or has a NUL: check it before it is hashed")]
    Unchecked,
    #[error("the password could not be hashed: try again")]
    Failed,
}

impl Hashers {
    /// One core is left to everything else, where there is more than one.
    pub fn for_this_machine() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::new(NonZero::new(cores - 1).unwrap_or(NonZero::<usize>::MIN))
    }

    /// `at_once` hashes at a time, and 24 callers waiting for each.
    pub fn new(at_once: NonZero<usize>) -> Self {
        Self::with_queue(at_once.get(), at_once.get().saturating_mul(WAITING_FOR_EACH))
    }

    fn with_queue(at_once: usize, waiting: usize) -> Self {
        let semaphore = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        Self { places: semaphore(at_once.saturating_add(waiting)), turns: semaphore(at_once) }
    }

    /// A new hash of `password`, which [`check`](crate::check) has let through.
    ///
    /// # Errors
    /// `Busy`; `Unchecked`; `Failed`, where the system has no randomness or is going down.
    pub async fn hash(
        &self,
        password: Password,
        policy: Policy,
    ) -> Result<PasswordHash, HashError> {
        if !password.is_possible() {
            return Err(HashError::Unchecked);
        }
        self.run(move || policy.hash(&password)).await
    }

    /// Whether `stored` is of `password`, and its successor where `policy` asks for more.
    ///
    /// Give `None` where there is no such person: it takes as long as a wrong password does under
    /// `policy`, so that nobody learns who has an account. A hash of another family takes its own time
    /// until its owner has logged in once.
    ///
    /// # Errors
    /// `Busy`; `Unreadable`, where the stored hash cannot be verified; `Failed`.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
        policy: Policy,
    ) -> Result<Verdict, HashError> {
        // Nobody's, whoever is asked for: no time need be burnt.
        if !password.is_possible() {
            return Ok(Verdict::default());
        }
        self.run(move || match stored {
            Some(stored) => verify(&password, &stored, policy),
            None => policy.hash(&password).map(|_| Verdict::default()),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| HashError::Busy { retry_after_seconds: RETRY_AFTER_SECONDS })?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| HashError::Failed)?;
        task::spawn_blocking(move || {
            // A caller that goes away now does not stop the thread, so the job keeps its place.
            let _held = (place, turn);
            job()
        })
        .await
        .map_err(|_| HashError::Failed)?
    }
}

fn verify(
    password: &Password,
    stored: &PasswordHash,
    policy: Policy,
) -> Result<Verdict, HashError> {
    if !Stored::read(stored.as_str())?.is_of(password.text())? {
        return Ok(Verdict::default());
    }
    // Whoever has the right password gets in, also where no new hash could be made.
    let rehash = needs_rehash(stored, policy).then(|| policy.hash(password).ok()).flatten();
    Ok(Verdict { right: true, rehash })
}

#[cfg(test)]
#[path = "hashers_tests.rs"]
mod tests;
