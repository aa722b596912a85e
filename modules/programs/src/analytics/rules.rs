//! Tables of people, with what is too small hidden. Pure.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use policy::deidentification::{AgeBand, Cell, Counts, Released, Threshold};

use super::http::{CellView, CodedParticipant, RowView, Table};

/// The shares of sessions by which attendance is told, in percent: at least the first.
const SHARES: [(u64, &str); 4] = [(75, "75-100%"), (50, "50-74%"), (25, "25-49%"), (0, "0-24%")];
/// The states of goals, the best first.
pub const OUTCOMES: [&str; 4] = ["achieved", "active", "on_hold", "abandoned"];

/// One person in a table.
pub struct Person {
    pub code: String,
    pub age_band: Option<String>,
    pub row: &'static str,
}

/// The first day of a month `2026-03`, or of the month after it.
pub fn month(text: &str, after: bool) -> Option<Date> {
    let fits = text.len() == 7 && text.as_bytes().get(4) == Some(&b'-');
    let first: Date = format!("{text}-01").parse().ok().filter(|_| fits)?;
    if after { first.checked_add(1.month()).ok() } else { Some(first) }
}

/// In which share of their sessions somebody was there.
pub fn share(sessions: i64, attended: i64) -> &'static str {
    let (all, there) = (sessions.max(0).unsigned_abs(), attended.max(0).unsigned_abs());
    let percent = (there * 100).checked_div(all).unwrap_or(0);
    SHARES.iter().find(|(least, _)| percent >= *least).map_or("0-24%", |(_, label)| *label)
}

/// The labels of attendance, the most regular first.
pub fn shares() -> [&'static str; 4] {
    SHARES.map(|(_, label)| label)
}

/// The state of goals as a row of the table.
pub fn outcome(code: &str) -> &'static str {
    OUTCOMES.iter().find(|known| **known == code).copied().unwrap_or("abandoned")
}

/// People by row and age band, with every small number hidden and as many more that none can be worked
/// out (D04). Who has no known band is in none: the database has a birth date of everybody.
pub fn table(people: &[Person], rows: &[&'static str], threshold: Threshold) -> Table {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for person in people {
        let band = person.age_band.as_deref().unwrap_or_default();
        *counts.entry((person.row, band)).or_default() += 1;
    }
    let bands = AgeBand::ALL.map(AgeBand::label);
    let count = |row: &str, band: &str| counts.get(&(row, band)).copied().unwrap_or(0);
    let numbers: Vec<Vec<u32>> =
        rows.iter().map(|row| bands.iter().map(|band| count(row, band)).collect()).collect();
    // The rows are of one length by construction.
    // Participation tells the same bands' totals; what it shows cannot be hidden here.
    let released = Counts::of(&numbers).map(|counts| counts.release_beside_totals(threshold));
    released.map(|released| show(released, rows, &bands)).unwrap_or_default()
}

fn show(released: Released, rows: &[&'static str], bands: &[&'static str]) -> Table {
    let cells = |cells: Vec<Cell>| -> Vec<CellView> {
        bands.iter().zip(cells).map(|(band, cell)| view(band, cell)).collect()
    };
    let totals = released.row_totals.into_iter();
    let shown = rows.iter().zip(released.rows).zip(totals).map(|((row, found), total)| RowView {
        label: row,
        age_bands: cells(found),
        total: view("all", total),
    });
    Table {
        rows: shown.collect(),
        age_bands: cells(released.column_totals),
        total: view("all", released.total),
    }
}

fn view(age_band: &'static str, cell: Cell) -> CellView {
    CellView { age_band, participants: cell.value(), suppressed: cell.suppressed() }
}

/// The codes of a selection, each with its band where that band's number is shown. A selection whose
/// total is hidden has none.
pub fn participants(people: &[Person], table: &Table) -> Vec<CodedParticipant> {
    if table.total.suppressed {
        return vec![];
    }
    let hidden: Vec<_> =
        table.age_bands.iter().filter(|cell| cell.suppressed).map(|cell| cell.age_band).collect();
    let band =
        |person: &Person| person.age_band.clone().filter(|band| !hidden.contains(&band.as_str()));
    let mut shown: Vec<_> = people
        .iter()
        .map(|person| CodedParticipant {
            participant_code: person.code.clone(),
            age_band: band(person),
        })
        .collect();
    shown.sort_by(|a, b| a.participant_code.cmp(&b.participant_code));
    shown
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn people(row: &'static str, band: &str, count: usize) -> Vec<Person> {
        let person =
            |n| Person { code: format!("{band}{n}"), age_band: Some(band.to_owned()), row };
        (0..count).map(person).collect()
    }

    #[test]
    fn a_month_is_a_month_and_its_end_is_the_next() {
        assert_eq!(month("2026-03", false), Some(date(2026, 3, 1)));
        assert_eq!(month("2026-12", true), Some(date(2027, 1, 1)));
        for none in ["2026-13", "2026-3", "2026-03-01", "March", ""] {
            assert_eq!(month(none, false), None, "{none}");
        }
    }

    #[test]
    fn shares_have_their_edges_below() {
        for (attended, label) in
            [(100, "75-100%"), (75, "75-100%"), (74, "50-74%"), (25, "25-49%"), (24, "0-24%")]
        {
            assert_eq!(share(100, attended), label, "{attended}");
        }
        assert_eq!(share(0, 0), "0-24%");
    }

    #[test]
    fn d04_a_small_band_is_hidden_with_another_and_the_codes_do_not_tell_it() {
        let mut all = people("participants", "9-11", 3);
        all.extend(people("participants", "12-13", 40));
        all.extend(people("participants", "14-15", 20));
        let table = table(&all, &["participants"], Threshold::default());
        let hidden: Vec<_> =
            table.age_bands.iter().filter(|c| c.suppressed).map(|c| c.age_band).collect();
        assert_eq!(hidden, ["9-11", "14-15"]);
        assert_eq!(table.total.participants, Some(63));
        let codes = participants(&all, &table);
        assert_eq!(codes.len(), 63);
        assert_eq!(codes.iter().filter(|p| p.age_band.is_none()).count(), 23);
    }

    #[test]
    fn a_selection_that_is_too_small_has_no_codes() {
        let few = people("participants", "9-11", 10);
        let table = table(&few, &["participants"], Threshold::default());
        assert!(table.total.suppressed && participants(&few, &table).is_empty());
    }
}
