//! How long to wait before another attempt.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// The wait after this attempt (the first is 1): anything up to a second, doubled with each, up to ten minutes. `share` of
/// it, 0 to 1, is drawn by lot, so that what failed together does not come again together.
pub(super) fn backoff(attempt: i32, share: f64) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 32) - 1).unwrap_or(0);
    let most = FIRST.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(LONGEST);
    most.mul_f64(share.clamp(0.0, 1.0))
}

/// A share of 0 to 1 from random bits.
pub(super) fn share(bits: u32) -> f64 {
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_ten_minutes_and_lots_are_drawn_below_it() {
        let seconds = |attempt| backoff(attempt, 1.0).as_secs();
        assert_eq!([1, 2, 3, 4, 10].map(seconds), [1, 2, 4, 8, 512]);
        assert_eq!([11, 33, i32::MAX, 0, i32::MIN].map(seconds), [600, 600, 600, 1, 1]);
        assert_eq!(backoff(3, 0.0), Duration::ZERO);
        assert_eq!(backoff(3, 0.5), Duration::from_secs(2));
        assert_eq!(backoff(3, f64::MAX), Duration::from_secs(4));
    }

    #[test]
    fn every_share_is_between_none_and_all() {
        assert_eq!((share(0), share(u32::MAX)), (0.0, 1.0));
        assert!((share(u32::MAX / 2) - 0.5).abs() < 0.001);
    }
}
