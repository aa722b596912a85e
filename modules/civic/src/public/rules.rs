//! Tables for the public, with what is too small hidden. Pure.

use std::collections::BTreeMap;

use policy::deidentification::{Cell, Counts, Threshold};

use super::http::{CountView, KindView};
use crate::gbv_reports::KINDS;

/// The reports of a year by kind and quarter, the small numbers and what betrays them hidden.
pub fn table(reports: &[(String, u32)]) -> (Vec<KindView>, CountView) {
    let mut counts: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    for (kind, quarter) in reports {
        *counts.entry((kind.as_str(), *quarter)).or_default() += 1;
    }
    let count = |kind: &str, quarter: u32| counts.get(&(kind, quarter)).copied().unwrap_or(0);
    let rows: Vec<Vec<u32>> =
        KINDS.iter().map(|kind| (1..=4).map(|quarter| count(kind, quarter)).collect()).collect();
    let threshold = Threshold::default();
    let few = threshold.hides(u64::try_from(reports.len()).unwrap_or(u64::MAX));
    let released = Counts::of(&rows).map(|counts| counts.release(threshold));
    // Noughts too: one that is there today and hidden tomorrow would tell of a report.
    let Some(released) = released.filter(|_| !few) else {
        return (vec![], CountView::hidden());
    };
    let kinds =
        KINDS.iter().zip(released.rows).zip(released.row_totals).map(|((kind, row), total)| {
            KindView { kind, quarters: row.into_iter().map(view).collect(), total: view(total) }
        });
    (kinds.collect(), view(released.total))
}

fn view(cell: Cell) -> CountView {
    CountView { reports: cell.value(), suppressed: cell.suppressed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(kind: &str, quarter: u32, count: usize) -> Vec<(String, u32)> {
        vec![(kind.to_owned(), quarter); count]
    }

    #[test]
    fn a_small_number_is_hidden_and_nothing_tells_it() {
        let mut all = reports("physical", 1, 40);
        all.extend(reports("sexual", 1, 3));
        all.extend(reports("emotional", 1, 12));
        let (kinds, total) = table(&all);
        assert_eq!(total.reports, Some(55));
        let hidden: Vec<_> =
            kinds.iter().filter(|row| row.total.suppressed).map(|row| row.kind).collect();
        assert_eq!(hidden, ["sexual", "emotional"]);
    }

    #[test]
    fn of_few_reports_nothing_is_told_and_of_none_that_there_are_none() {
        let (kinds, total) = table(&reports("other", 2, 10));
        assert!(total.suppressed && kinds.is_empty());
        let (kinds, total) = table(&[]);
        assert_eq!((kinds.len(), total.reports), (KINDS.len(), Some(0)));
    }
}
