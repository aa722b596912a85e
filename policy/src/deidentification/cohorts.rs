//! Two answers that differ by a person tell of that person.

use std::collections::BTreeSet;

use super::threshold::Threshold;

/// How two cohorts differ, in people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// In the new one alone.
    pub joined: u64,
    /// In the earlier one alone.
    pub left: u64,
}

/// The new cohort differs by too few people from an earlier one. Not said: from which, and by how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooClose;

impl Overlap {
    /// How a cohort differs from an earlier one.
    pub fn between<T: Ord>(new: &BTreeSet<T>, earlier: &BTreeSet<T>) -> Self {
        Self { joined: count(new.difference(earlier)), left: count(earlier.difference(new)) }
    }

    /// Whether the two are not the same, and differ by fewer than the threshold.
    pub fn singles_out(self, threshold: Threshold) -> bool {
        threshold.hides(self.joined.saturating_add(self.left))
    }
}

/// Whether a question about a cohort may be answered, given the cohorts already answered to the same
/// readers. Nobody at all counts as answered, so a small cohort is itself refused; the same cohort again
/// tells nothing new. Filters do not matter, only whom they select: two filters for one cohort are one.
///
/// It compares two answers at a time. What three or more tell together (the union and both parts) it does
/// not see; who publishes many overlapping tables publishes them as one, with [`Counts::release`].
///
/// # Errors
/// The cohort is too close to an earlier one.
///
/// [`Counts::release`]: super::Counts::release
pub fn may_answer<T: Ord>(
    cohort: &BTreeSet<T>,
    answered: &[BTreeSet<T>],
    threshold: Threshold,
) -> Result<(), TooClose> {
    let alone = Overlap { joined: count(cohort.iter()), left: 0 };
    let mut overlaps = answered.iter().map(|earlier| Overlap::between(cohort, earlier));
    let close =
        alone.singles_out(threshold) || overlaps.any(|overlap| overlap.singles_out(threshold));
    if close { Err(TooClose) } else { Ok(()) }
}

fn count<T>(people: impl Iterator<Item = T>) -> u64 {
    people.fold(0, |count, _| count + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(ids: std::ops::Range<u32>) -> BTreeSet<u32> {
        ids.collect()
    }

    /// Whether the cohort is answered after those of the first so many people.
    fn ask(cohort: std::ops::Range<u32>, answered: &[u32]) -> bool {
        let answered: Vec<_> = answered.iter().map(|end| people(0..*end)).collect();
        may_answer(&people(cohort), &answered, Threshold::default()).is_ok()
    }

    #[test]
    fn one_person_more_or_less_or_another_is_refused() {
        let earlier = [100];
        assert!(!ask(0..101, &earlier));
        assert!(!ask(0..99, &earlier));
        assert!(!ask(1..101, &earlier), "one left, one joined");
    }

    #[test]
    fn the_same_people_and_people_far_enough_away_are_answered() {
        let earlier = [100];
        assert!(ask(0..100, &earlier));
        assert!(!ask(0..110, &earlier));
        assert!(ask(0..111, &earlier));
        assert!(ask(0..89, &earlier));
        assert!(ask(500..600, &earlier));
    }

    #[test]
    fn every_earlier_answer_counts() {
        assert!(ask(0..120, &[100, 140]));
        assert!(!ask(0..120, &[100, 121]));
    }

    #[test]
    fn a_few_people_are_refused_and_nobody_is_not() {
        assert!(!ask(0..1, &[]));
        assert!(!ask(0..10, &[]));
        assert!(ask(0..11, &[]));
        assert!(ask(0..0, &[]));
    }
}
