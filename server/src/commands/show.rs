//! Data on standard output: a table for people, lines of JSON for programs.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// One line of data. A reader that has gone (`| head`) is no error.
pub fn line(text: &str) {
    let _gone = writeln!(std::io::stdout(), "{text}");
}

/// A column of a table: its head, and the cell of a row.
pub type Column<T> = (&'static str, fn(&T) -> String);

/// Rows, as JSON lines or as a table of `columns`.
pub fn rows<T: Serialize>(json: bool, rows: &[T], columns: &[Column<T>]) {
    if json {
        for row in rows {
            line(&serde_json::to_string(row).unwrap_or_default());
        }
        return;
    }
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, cell)| cell(row)).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, (head, _))| {
            let longest =
                cells.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max();
            longest.unwrap_or(0).max(head.len())
        })
        .collect();
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> =
            cells.zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        line(padded.join("  ").trim_end());
    };
    print(&mut columns.iter().map(|(head, _)| *head));
    for row in &cells {
        print(&mut row.iter().map(String::as_str));
    }
}

/// A progress bar on standard error, where there is somebody to see it.
pub fn progress(total: Option<u64>, what: &str, bytes: bool) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let count = if bytes { "{bytes}/{total_bytes}" } else { "{pos}/{len}" };
    let template = format!("{{msg:24}} {{bar:32}} {count} {{eta}}");
    // The template is a constant of ours; the default bar would do as well.
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what.to_owned());
    bar
}
