use std::{
    future::Future,
    sync::mpsc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time};

use super::*;

const BCRYPT: &str = "$2b$04$rgOPM5FFpDpBIaFk6xD8husrMtAEXk.g/dJaLVIUMOb9zanAnUibe";
const BUSY: HashError = HashError::Busy { retry_after_seconds: 2 };

fn password() -> Password {
    Password::new("Grüße aus dem Wald")
}

fn one() -> Hashers {
    Hashers::new(NonZero::<usize>::MIN)
}

/// A job that runs until its sender is dropped.
fn held(
    hashers: &Hashers,
) -> (mpsc::Sender<()>, impl Future<Output = Result<(), HashError>> + use<>) {
    let (release, released) = mpsc::channel::<()>();
    let hashers = hashers.clone();
    let job = async move {
        hashers
            .run(move || {
                let _ = released.recv();
                Ok(())
            })
            .await
    };
    (release, job)
}

#[tokio::test]
async fn a_right_password_is_right_and_a_wrong_one_wrong() {
    let hashers = one();
    for policy in [Policy::Pbkdf2Sha256, Policy::Argon2id] {
        let hash = hashers.hash(password(), policy).await.expect("hashed");
        let right = hashers.verify(password(), Some(hash.clone()), policy).await.expect("verified");
        assert!(right.right && right.rehash.is_none());
        let other = Password::new("Grüße aus der Wald");
        let wrong = hashers.verify(other, Some(hash), policy).await.expect("verified");
        assert!(!wrong.right && wrong.rehash.is_none());
    }
}

#[tokio::test]
async fn nobodys_password_is_wrong() {
    let verdict = one().verify(password(), None, Policy::Argon2id).await.expect("verified");
    assert!(!verdict.right && verdict.rehash.is_none());
}

#[tokio::test]
async fn a_bcrypt_hash_is_verified_and_replaced_when_its_owner_logs_in() {
    let (hashers, stored) = (one(), PasswordHash::from_stored(BCRYPT));
    let wrong = Password::new("Grüße aus dem Wal");
    let verdict = hashers.verify(wrong, Some(stored.clone()), Policy::Argon2id).await;
    assert!(verdict.expect("verified").rehash.is_none(), "a wrong password must not replace it");

    let verdict = hashers.verify(password(), Some(stored), Policy::Argon2id).await;
    let new = verdict.expect("verified").rehash.expect("a new hash");
    assert!(!needs_rehash(&new, Policy::Argon2id));
    assert!(hashers.verify(password(), Some(new), Policy::Argon2id).await.expect("verified").right);
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_is_an_error_and_not_a_wrong_password() {
    let stored = PasswordHash::from_stored("$1$salt$UsuSMKrxjLCtpZCGqpyhh1");
    let result = one().verify(password(), Some(stored), Policy::Argon2id).await;
    assert_eq!(result.err(), Some(HashError::Unreadable(Unreadable::UnknownFamily)));
}

#[tokio::test]
async fn a_megabyte_or_a_nul_is_never_hashed() {
    let hashers = Hashers::with_queue(0, 0);
    for text in ["x".repeat(1_000_000), "Grüße aus dem Wald\0".to_owned()] {
        let stored = PasswordHash::from_stored(BCRYPT);
        for stored in [None, Some(stored)] {
            let verdict = hashers.verify(Password::new(&text), stored, Policy::Argon2id).await;
            assert!(!verdict.expect("no place is needed").right);
        }
        let hash = hashers.hash(Password::new(&text), Policy::Argon2id).await;
        assert_eq!(hash, Err(HashError::Unchecked));
    }
}

#[tokio::test]
async fn who_finds_the_queue_full_is_turned_away_at_once() {
    let hashers = Hashers::with_queue(2, 3);
    let mut jobs = JoinSet::new();
    let mut releases = Vec::new();
    for _ in 0..5 {
        let (release, job) = held(&hashers);
        releases.push(release);
        jobs.spawn(job);
    }
    task::yield_now().await;
    assert_eq!(hashers.hash(password(), Policy::Argon2id).await, Err(BUSY));

    drop(releases);
    while let Some(done) = jobs.join_next().await {
        assert_eq!(done.expect("joined"), Ok(()));
    }
    assert!(hashers.hash(password(), Policy::Argon2id).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_goes_away_while_waiting_frees_its_place() {
    let hashers = Hashers::with_queue(1, 1);
    let mut jobs = JoinSet::new();
    let (release, served) = held(&hashers);
    jobs.spawn(served);
    task::yield_now().await;

    let waiting = time::timeout(Duration::from_millis(10), held(&hashers).1);
    assert!(waiting.await.is_err(), "it waits");
    let (_, waiting) = held(&hashers);
    jobs.spawn(waiting);
    task::yield_now().await;
    assert_eq!(held(&hashers).1.await, Err(BUSY), "the place is taken again");

    drop(release);
    while let Some(done) = jobs.join_next().await {
        assert_eq!(done.expect("joined"), Ok(()));
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_while_served_keeps_the_place_until_the_thread_is_done() {
    let hashers = Hashers::with_queue(1, 0);
    let (release, served) = held(&hashers);
    assert!(time::timeout(Duration::from_millis(10), served).await.is_err(), "it is served");
    assert_eq!(held(&hashers).1.await, Err(BUSY));

    drop(release);
    let free = Arc::clone(&hashers.places).acquire_owned();
    let freed = time::timeout(Duration::from_secs(5), free).await.expect("freed");
    assert!(freed.is_ok());
}

#[tokio::test]
async fn a_job_that_panics_is_an_error_and_frees_its_place() {
    let hashers = Hashers::with_queue(1, 0);
    let result: Result<(), _> = hashers.run(|| panic!("on purpose")).await;
    assert_eq!(result, Err(HashError::Failed));
    assert_eq!(hashers.run(|| Ok(7)).await, Ok(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_logins_at_once_leave_the_async_side_awake() {
    let hashers = one();
    let mut logins = JoinSet::new();
    for _ in 0..200 {
        let hashers = hashers.clone();
        logins.spawn(async move { hashers.verify(password(), None, Policy::Argon2id).await });
    }
    let (mut served, mut longest) = (0, Duration::ZERO);
    while !logins.is_empty() {
        let before = Instant::now();
        time::sleep(Duration::from_millis(5)).await;
        longest = longest.max(before.elapsed());
        while let Some(done) = logins.try_join_next() {
            match done.expect("joined") {
                Ok(_) => served += 1,
                Err(error) => assert_eq!(error, BUSY),
            }
        }
    }
    assert!(served > WAITING_FOR_EACH, "{served}");
    assert!(longest < Duration::from_millis(500), "{longest:?}");
}

/// `cargo test -p passwords --release -- --ignored --nocapture`, on a machine that has nothing else
/// to do.
#[tokio::test]
#[ignore = "measures time"]
async fn nobody_takes_as_long_as_a_wrong_password() {
    let hashers = one();
    for policy in [Policy::Pbkdf2Sha256, Policy::Argon2id] {
        let stored = hashers.hash(password(), policy).await.expect("hashed");
        let mut medians = Vec::new();
        for stored in [None, Some(stored)] {
            let mut times = Vec::new();
            for _ in 0..31 {
                let before = Instant::now();
                let wrong = Password::new("seven wet otters");
                hashers.verify(wrong, stored.clone(), policy).await.expect("verified");
                times.push(before.elapsed().as_secs_f64() * 1000.0);
            }
            times.sort_by(f64::total_cmp);
            medians.push(times[15]);
        }
        println!("{policy:?}: nobody {:.1} ms, wrong {:.1} ms", medians[0], medians[1]);
        assert!((medians[0] / medians[1] - 1.0).abs() < 0.2, "{medians:?}");
    }
}
