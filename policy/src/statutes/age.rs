//! Age in whole years.

use jiff::civil::Date;

/// The age in whole years on a day; `None` before the birth. Who is born on 29 February comes of age on
/// 1 March in a common year, when the whole year has gone by: no law that Reeve knows says otherwise,
/// and the later day never gives a right too early.
pub fn age_on(birth: Date, day: Date) -> Option<u16> {
    let before_birthday = (day.month(), day.day()) < (birth.month(), birth.day());
    let years = day.year() - birth.year() - i16::from(before_birthday);
    u16::try_from(years).ok()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_year_is_full_on_the_birthday_and_not_the_day_before() {
        let birth = date(2012, 5, 10);
        assert_eq!(age_on(birth, date(2026, 5, 9)), Some(13));
        assert_eq!(age_on(birth, date(2026, 5, 10)), Some(14));
        assert_eq!(age_on(birth, birth), Some(0));
        assert_eq!(age_on(birth, date(2012, 5, 9)), None);
    }

    #[test]
    fn a_leap_day_birth_comes_of_age_on_the_first_of_march() {
        let birth = date(2012, 2, 29);
        assert_eq!(age_on(birth, date(2026, 2, 28)), Some(13));
        assert_eq!(age_on(birth, date(2026, 3, 1)), Some(14));
        assert_eq!(age_on(birth, date(2028, 2, 28)), Some(15));
        assert_eq!(age_on(birth, date(2028, 2, 29)), Some(16));
    }

    proptest! {
        #[test]
        fn age_grows_by_one_and_only_on_birthdays(born in 0i32..40_000, later in 0i32..30_000) {
            let birth = date(1920, 1, 1) + born.days();
            let day = birth + later.days();
            let next = day + 1.day();
            let (today, tomorrow) = (age_on(birth, day), age_on(birth, next));
            let birthday = (next.month(), next.day()) == (birth.month(), birth.day())
                || (birth.month(), birth.day()) == (2, 29)
                    && (next.month(), next.day()) == (3, 1)
                    && !next.in_leap_year();
            prop_assert_eq!(tomorrow, today.map(|age| age + u16::from(birthday)));
        }
    }
}
