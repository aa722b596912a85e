//! Load: connections that each send one request after another for some seconds.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use crate::{Outcome, http::Connection};

/// Connections at once, of Reeve's load and of pgbench's.
pub const CONNECTIONS: usize = 32;

/// What one run found.
#[derive(Clone, Debug)]
pub struct Run {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// Answers with another status than the row's own.
    pub errors: usize,
}

/// Runs `request(n)`, for ever new `n` from `from` on, for `seconds`; each answer must be `wanted`.
///
/// # Errors
/// A connection that broke: a server that falls over has no figures.
pub async fn run(
    address: SocketAddr,
    seconds: u64,
    from: u64,
    wanted: u16,
    request: &dyn Fn(u64) -> Vec<u8>,
) -> Outcome<Run> {
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let one = async |place: usize| -> Outcome<(Vec<u32>, usize)> {
        let mut connection = Connection::open(address).await?;
        let (mut times, mut errors) = (Vec::with_capacity(1 << 16), 0);
        let mut n = from + place as u64;
        while Instant::now() < end {
            let bytes = request(n);
            let sent = Instant::now();
            let status = connection.send(&bytes).await?;
            times.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
            errors += usize::from(status != wanted);
            n += CONNECTIONS as u64;
        }
        Ok((times, errors))
    };
    let all = try_join_all((0..CONNECTIONS).map(one)).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let errors = all.iter().map(|(_, errors)| errors).sum();
    let mut times: Vec<u32> = all.into_iter().flat_map(|(times, _)| times).collect();
    times.sort_unstable();
    Ok(Run {
        per_second: times.len() as f64 / elapsed,
        p50_ms: quantile(&times, 50),
        p99_ms: quantile(&times, 99),
        max_ms: quantile(&times, 100),
        errors,
    })
}

/// The `percent`th percentile of sorted microseconds, in milliseconds.
pub fn quantile(sorted: &[u32], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(f64::NAN, |&micros| f64::from(micros) / 1000.0)
}

/// The run whose rate is the median, with the worst of all errors.
pub fn median_run(mut runs: Vec<Run>) -> Outcome<Run> {
    let errors = runs.iter().map(|run| run.errors).sum();
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let middle = runs.get(runs.len() / 2).cloned().ok_or("no runs")?;
    Ok(Run { errors, ..middle })
}

/// The median of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The `n`th number of a fixed sequence (splitmix64): the same people are asked for in every run.
pub fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let times: Vec<u32> = (1..=200).map(|n| n * 1000).collect();
        assert_eq!([50, 99, 100].map(|p| quantile(&times, p)), [100.0, 198.0, 200.0]);
        assert!(quantile(&[], 50).is_nan());
    }
}
