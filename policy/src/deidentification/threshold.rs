//! How few people are too few to be counted in public.

/// The smallest number of people, above none, that a count may show: 11 unless an organization sets
/// another, and never below 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold(u32);

/// The threshold is below [`Threshold::LEAST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThresholdTooLow;

impl Threshold {
    /// The least that an organization may set.
    pub const LEAST: u32 = 5;

    /// A threshold in people.
    ///
    /// # Errors
    /// It is below 5.
    pub fn new(people: u32) -> Result<Self, ThresholdTooLow> {
        if people < Self::LEAST { Err(ThresholdTooLow) } else { Ok(Self(people)) }
    }

    /// In people.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Whether a count is of some people, and of too few.
    pub fn hides(self, count: u64) -> bool {
        count > 0 && count < u64::from(self.0)
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self(11)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_eleven_and_may_be_lowered_to_five_and_no_further() {
        assert_eq!(Threshold::default().get(), 11);
        assert_eq!(Threshold::new(4), Err(ThresholdTooLow));
        assert_eq!(Threshold::new(0), Err(ThresholdTooLow));
        assert_eq!(Threshold::new(5).map(Threshold::get), Ok(5));
        assert_eq!(Threshold::new(50).map(Threshold::get), Ok(50));
    }

    #[test]
    fn none_and_many_are_shown_and_few_are_not() {
        let shown: Vec<_> = (0..=12).filter(|count| !Threshold::default().hides(*count)).collect();
        assert_eq!(shown, [0, 11, 12]);
    }
}
