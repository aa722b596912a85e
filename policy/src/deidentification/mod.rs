//! What may be told of people without telling of a person: age bands instead of birth dates, and counts
//! of which the small ones are hidden (K-012, K-053).
//!
//! - [`AgeBand`] is all that leaves of a birth date.
//! - [`Counts::release`] hides the small cells of a table, and as many more that none of them can be
//!   worked out from the totals.
//! - [`may_answer`] refuses a question that together with an earlier one singles out a few people.
//!
//! 0 is shown and 1 to k - 1 are not: the rule of the federal health statistics (CMS), with k = 11.

mod age_band;
mod circulation;
mod cohorts;
#[cfg(test)]
mod properties;
mod table;
mod threshold;

pub use age_band::AgeBand;
pub use cohorts::{Overlap, TooClose, may_answer};
pub use table::{Cell, Counts, Released};
pub use threshold::{Threshold, ThresholdTooLow};
