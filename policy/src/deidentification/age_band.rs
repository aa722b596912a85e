//! Age bands.

use jiff::civil::Date;

use crate::statutes::age_on;

/// The bands of ages in whole years. They are fixed: who could move an edge could read birthdays off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgeBand {
    Under5,
    From5To8,
    From9To11,
    From12To13,
    From14To15,
    From16To17,
    From18,
}

impl AgeBand {
    /// All bands, the youngest first.
    pub const ALL: [Self; 7] = [
        Self::Under5,
        Self::From5To8,
        Self::From9To11,
        Self::From12To13,
        Self::From14To15,
        Self::From16To17,
        Self::From18,
    ];

    /// The band on a day; none for a birth after it. On the birthday the new age counts, and a birth on
    /// 29 February has its birthday on 1 March in a common year.
    pub fn on(birth: Date, day: Date) -> Option<Self> {
        Some(match age_on(birth, day)? {
            0..=4 => Self::Under5,
            5..=8 => Self::From5To8,
            9..=11 => Self::From9To11,
            12..=13 => Self::From12To13,
            14..=15 => Self::From14To15,
            16..=17 => Self::From16To17,
            18.. => Self::From18,
        })
    }

    /// The band as answers have it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Under5 => "<5",
            Self::From5To8 => "5-8",
            Self::From9To11 => "9-11",
            Self::From12To13 => "12-13",
            Self::From14To15 => "14-15",
            Self::From16To17 => "16-17",
            Self::From18 => "18+",
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::{Span, ToSpan};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_band_begins_on_the_birthday_itself() {
        let birth = date(2008, 6, 15);
        for (age, before, after) in [
            (5, "<5", "5-8"),
            (9, "5-8", "9-11"),
            (12, "9-11", "12-13"),
            (14, "12-13", "14-15"),
            (16, "14-15", "16-17"),
            (18, "16-17", "18+"),
        ] {
            let birthday = birth + Span::new().years(age);
            let band = |day| AgeBand::on(birth, day).map(AgeBand::label);
            assert_eq!(band(birthday - 1.day()), Some(before), "the day before {age}");
            assert_eq!(band(birthday), Some(after), "the day of {age}");
        }
    }

    #[test]
    fn a_leap_day_birth_changes_bands_on_the_first_of_march() {
        let birth = date(2012, 2, 29);
        assert_eq!(AgeBand::on(birth, date(2026, 2, 28)), Some(AgeBand::From12To13));
        assert_eq!(AgeBand::on(birth, date(2026, 3, 1)), Some(AgeBand::From14To15));
        assert_eq!(AgeBand::on(birth, date(2028, 2, 28)), Some(AgeBand::From14To15));
        assert_eq!(AgeBand::on(birth, date(2028, 2, 29)), Some(AgeBand::From16To17));
    }

    #[test]
    fn a_birth_that_is_yet_to_come_has_no_band() {
        assert_eq!(AgeBand::on(date(2026, 3, 2), date(2026, 3, 1)), None);
        assert_eq!(AgeBand::on(date(2026, 3, 1), date(2026, 3, 1)), Some(AgeBand::Under5));
    }

    proptest! {
        #[test]
        fn nobody_grows_younger(born in 0i32..40_000, one in 0i32..40_000, more in 0i32..400) {
            let birth = date(1920, 1, 1) + born.days();
            let day = birth + one.days();
            prop_assert!(AgeBand::on(birth, day).is_some());
            prop_assert!(AgeBand::on(birth, day) <= AgeBand::on(birth, day + more.days()));
        }
    }
}
