//! Tables of counts.

use super::circulation::{Circulation, Pipe};
use super::threshold::Threshold;

/// How many people there are for each row and column. Each is counted once, in one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    columns: usize,
    /// Row by row.
    cells: Vec<u32>,
}

/// A number as a reader sees it. Whether a hidden one is small, or hides for another's sake, is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Shown(u64),
    /// Not 0.
    Suppressed,
}

/// A table that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    pub rows: Vec<Vec<Cell>>,
    pub row_totals: Vec<Cell>,
    pub column_totals: Vec<Cell>,
    pub total: Cell,
}

impl Cell {
    /// The number, if it is shown.
    pub fn value(self) -> Option<u64> {
        match self {
            Self::Shown(count) => Some(count),
            Self::Suppressed => None,
        }
    }

    /// Whether it is hidden.
    pub fn suppressed(self) -> bool {
        self == Self::Suppressed
    }
}

impl Counts {
    /// A table of rows of one length; `None` if their lengths differ. A list of counts with their total
    /// is a table of one row.
    pub fn of(rows: &[Vec<u32>]) -> Option<Self> {
        let columns = rows.first().map_or(0, Vec::len);
        let even = rows.iter().all(|row| row.len() == columns);
        even.then(|| Self { columns, cells: rows.concat() })
    }

    /// The table and its totals, with every number of 1 to k - 1 hidden, and further ones, so that
    /// nobody can work out a hidden number, nor a group of fewer than k, from what is shown. A reader who
    /// knows that 0 is always shown is reckoned with; one who knows some of the people is not.
    pub fn release(&self, threshold: Threshold) -> Released {
        let mut circulation = self.circulation();
        circulation.protect(threshold);
        self.read(circulation)
    }

    /// The same, for readers who may also have the columns' totals as a table of their own
    /// ([`release`](Self::release) of one row): what that shows is shown here, and what it hides is hidden.
    pub fn release_beside_totals(&self, threshold: Threshold) -> Released {
        let mut circulation = self.circulation();
        let totals = self.column_totals().release(threshold);
        let told = totals.rows.into_iter().flatten().chain([totals.total]);
        let first = self.cells.len() + self.height();
        for (pipe, cell) in circulation.pipes.iter_mut().skip(first).zip(told) {
            pipe.hidden = cell.suppressed();
            pipe.known = !cell.suppressed();
        }
        circulation.protect(threshold);
        self.read(circulation)
    }

    /// The columns' totals as a table of one row.
    fn column_totals(&self) -> Self {
        let total = |column| self.cells.iter().skip(column).step_by(self.columns.max(1)).sum();
        Self { columns: self.columns, cells: (0..self.columns).map(total).collect() }
    }

    fn read(&self, circulation: Circulation) -> Released {
        let mut shown = circulation.pipes.into_iter().map(|pipe| match pipe.hidden {
            true => Cell::Suppressed,
            false => Cell::Shown(pipe.count),
        });
        let mut take = |count| shown.by_ref().take(count).collect::<Vec<_>>();
        let rows = (0..self.height()).map(|_| take(self.columns)).collect();
        let (row_totals, column_totals) = (take(self.height()), take(self.columns));
        Released {
            rows,
            row_totals,
            column_totals,
            total: take(1).into_iter().next().unwrap_or(Cell::Suppressed),
        }
    }

    fn height(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    /// The cells, then the rows' totals, the columns', and the grand total. The nodes are the rows, the
    /// columns, where the grand total comes from, and where it goes.
    fn circulation(&self) -> Circulation {
        let (height, columns) = (self.height(), self.columns);
        let (source, sink) = (height + columns, height + columns + 1);
        let pipe = |from, to, count| Pipe { from, to, count, hidden: false, known: false };
        let cell = |(index, count): (usize, &u32)| {
            let row = index.checked_div(columns).unwrap_or(0);
            let column = index.checked_rem(columns).unwrap_or(0);
            pipe(row, height + column, u64::from(*count))
        };
        let cells: Vec<_> = self.cells.iter().enumerate().map(cell).collect();
        let through = |node: usize| -> u64 {
            cells.iter().filter(|p| p.from == node || p.to == node).map(|p| p.count).sum()
        };
        let rows = (0..height).map(|row| pipe(source, row, through(row)));
        let totals = (height..source).map(|column| pipe(column, sink, through(column)));
        let total = pipe(sink, source, cells.iter().map(|p| p.count).sum());
        let pipes = cells.iter().copied().chain(rows).chain(totals).chain([total]).collect();
        Circulation { pipes, nodes: sink + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(rows: &[Vec<u32>]) -> Released {
        Counts::of(rows).expect("even rows").release(Threshold::default())
    }

    /// The table as text; `*` is hidden.
    fn text(released: &Released) -> String {
        let cell = |cell: &Cell| cell.value().map_or("*".into(), |count| count.to_string());
        let line = |cells: &[Cell], end: &Cell| {
            cells.iter().chain([end]).map(cell).collect::<Vec<_>>().join(" ")
        };
        let mut lines: Vec<_> =
            released.rows.iter().zip(&released.row_totals).map(|(r, t)| line(r, t)).collect();
        lines.push(line(&released.column_totals, &released.total));
        lines.join("\n")
    }

    #[test]
    fn a_table_without_small_cells_is_shown_whole_with_its_noughts() {
        let released = release(&[vec![11, 0], vec![20, 30]]);
        assert_eq!(text(&released), "11 0 11\n20 30 50\n31 30 61");
    }

    #[test]
    fn one_small_cell_takes_three_others_with_it() {
        let released = release(&[vec![3, 40, 50], vec![60, 20, 70], vec![80, 90, 30]]);
        assert_eq!(text(&released), "* * 50 93\n* * 70 150\n80 90 30 200\n143 150 150 443");
    }

    #[test]
    fn two_small_cells_of_a_line_that_are_few_together_hide_a_third() {
        let released = release(&[vec![2, 3, 40, 50]]);
        assert_eq!(
            released.rows,
            [[Cell::Suppressed, Cell::Suppressed, Cell::Suppressed, Cell::Shown(50)]]
        );
        assert_eq!(released.total, Cell::Shown(95));
    }

    #[test]
    fn a_small_total_is_hidden_and_so_is_all_below_it() {
        assert_eq!(text(&release(&[vec![2, 3], vec![0, 0]])), "* * *\n0 0 0\n* * *");
        assert_eq!(text(&release(&[vec![7]])), "* *\n* *");
    }

    #[test]
    fn a_lone_small_cell_among_noughts_hides_its_totals() {
        let released = release(&[vec![4, 0], vec![0, 50]]);
        assert_eq!(text(&released), "* 0 *\n0 50 50\n* 50 *");
    }

    #[test]
    fn beside_its_columns_totals_a_table_hides_what_these_would_tell() {
        let counts = Counts::of(&[vec![12, 3], vec![0, 0], vec![0, 20]]).expect("even rows");
        let alone = counts.column_totals().release(Threshold::default());
        assert_eq!(text(&alone), "12 23 35\n12 23 35");
        let beside = counts.release_beside_totals(Threshold::default());
        assert_eq!(text(&beside), "12 * *\n0 0 0\n0 * *\n12 23 35");
        // Where a column is itself too small, so it is here.
        let small = Counts::of(&[vec![3, 40, 20], vec![0, 9, 30]]).expect("even rows");
        let beside = small.release_beside_totals(Threshold::default());
        assert!(beside.column_totals[0].suppressed());
        assert_eq!(beside.total, Cell::Shown(102));
    }

    #[test]
    fn a_higher_threshold_hides_and_the_lowest_shows() {
        let counts = Counts::of(&[vec![5, 30]]).expect("even rows");
        let least = Threshold::new(5).expect("allowed");
        assert_eq!(text(&counts.release(least)), "5 30 35\n5 30 35");
        assert!(counts.release(Threshold::default()).rows[0][0].suppressed());
    }

    #[test]
    fn an_empty_table_has_a_total_of_nobody_and_uneven_rows_are_none() {
        assert_eq!(release(&[]).total, Cell::Shown(0));
        assert_eq!(release(&[vec![], vec![]]).total, Cell::Shown(0));
        assert_eq!(Counts::of(&[vec![1], vec![1, 2]]), None);
    }
}
