//! What must hold of any table: a reader who tries all other tables finds, for each hidden number, one
//! that agrees with all that is shown and has another number there.

use proptest::prelude::*;
use proptest::sample::select;

use super::{Cell, Counts, Released, Threshold};

fn any_table() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let count = select(&[0u32, 0, 1, 1, 2, 3, 4, 5, 6, 9, 11, 12, 30, 500][..]);
    (1usize..4, 1usize..4).prop_flat_map(move |(height, width)| {
        prop::collection::vec(prop::collection::vec(count.clone(), width), height)
    })
}

fn any_threshold() -> impl Strategy<Value = Threshold> {
    (5u32..15).prop_map(|people| Threshold::new(people).expect("allowed"))
}

/// All numbers of a table: its cells row by row, its rows' totals, its columns', the grand total.
fn with_totals(rows: &[Vec<i64>]) -> Vec<i64> {
    let of_rows: Vec<i64> = rows.iter().map(|row| row.iter().sum()).collect();
    let width = rows.first().map_or(0, Vec::len);
    let of_columns = (0..width).map(|column| rows.iter().map(|row| row[column]).sum());
    let total = of_rows.iter().sum();
    rows.concat().into_iter().chain(of_rows.clone()).chain(of_columns).chain([total]).collect()
}

fn flat(released: &Released) -> Vec<Cell> {
    let Released { rows, row_totals, column_totals, total } = released;
    let totals = row_totals.iter().chain(column_totals).chain([total]);
    rows.concat().into_iter().chain(totals.copied()).collect()
}

/// For each number, whether some other table agrees with all that is shown and differs in it. A hidden
/// number is at least 1. To change each hidden cell by one at most is enough to find such a table.
fn ambiguous(rows: &[Vec<i64>], shown: &[Cell]) -> Vec<bool> {
    let truth = with_totals(rows);
    let width = rows.first().map_or(1, Vec::len);
    let free: Vec<_> = (0..rows.len() * width).filter(|i| shown[*i].suppressed()).collect();
    let mut found = vec![false; truth.len()];
    for code in 0..3usize.pow(u32::try_from(free.len()).expect("small")) {
        let (mut other, mut code) = (rows.to_vec(), code);
        for index in &free {
            other[index / width][index % width] += i64::try_from(code % 3).expect("small") - 1;
            code /= 3;
        }
        let other = with_totals(&other);
        let agrees = |(i, cell): (usize, &Cell)| match cell.value() {
            Some(_) => other[i] == truth[i],
            None => other[i] >= 1,
        };
        if shown.iter().enumerate().all(agrees) {
            for (i, found) in found.iter_mut().enumerate() {
                *found |= other[i] != truth[i];
            }
        }
    }
    found
}

/// Whether a line with its total shown has so few people hidden that their sum is a small cell.
fn leaks_a_group(cells: &[Cell], counts: &[i64], total: Cell, threshold: Threshold) -> bool {
    let hidden = cells.iter().zip(counts).filter(|(cell, _)| cell.suppressed());
    let sum: i64 = hidden.map(|(_, count)| count).sum();
    !total.suppressed() && threshold.hides(u64::try_from(sum).expect("counts"))
}

proptest! {
    #[test]
    fn no_hidden_number_can_be_worked_out(rows in any_table(), threshold in any_threshold()) {
        let released = Counts::of(&rows).expect("even rows").release(threshold);
        let rows: Vec<Vec<i64>> =
            rows.iter().map(|row| row.iter().map(|count| i64::from(*count)).collect()).collect();
        let (truth, shown) = (with_totals(&rows), flat(&released));
        let ambiguous = ambiguous(&rows, &shown);
        for (index, cell) in shown.iter().enumerate() {
            let count = u64::try_from(truth[index]).expect("a count");
            match cell {
                Cell::Shown(value) => prop_assert!(*value == count && !threshold.hides(count)),
                Cell::Suppressed => prop_assert!(count > 0 && ambiguous[index], "{released:?}"),
            }
        }
        for (index, row) in rows.iter().enumerate() {
            let total = released.row_totals[index];
            prop_assert!(!leaks_a_group(&released.rows[index], row, total, threshold));
        }
        for (index, total) in released.column_totals.iter().enumerate() {
            let cells: Vec<_> = released.rows.iter().map(|row| row[index]).collect();
            let counts: Vec<_> = rows.iter().map(|row| row[index]).collect();
            prop_assert!(!leaks_a_group(&cells, &counts, *total, threshold));
        }
    }

    #[test]
    fn large_tables_are_released_without_small_cells(
        rows in prop::collection::vec(prop::collection::vec(0u32..60, 12), 1..20),
    ) {
        let threshold = Threshold::default();
        let released = Counts::of(&rows).expect("even rows").release(threshold);
        let shown = flat(&released).into_iter().filter_map(Cell::value);
        prop_assert!(shown.into_iter().all(|count| !threshold.hides(count)));
    }
}
