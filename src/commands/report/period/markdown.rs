//! The report as Markdown with tables (GitHub's).

use std::fmt::Write as _;

use super::figures::Figures;
use super::sections::{Cell, Section};

/// Text that is nothing but text: every mark that Markdown knows is escaped.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_{}[]<>()#|~&!$@".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => plain(text),
        other => other.shown(),
    }
}

pub(super) fn text(figures: &Figures, sections: &[Section]) -> String {
    let day = |at: &chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M");
    let mut out = format!(
        "# Pipelines from {} to {} UTC\n",
        day(&figures.from),
        day(&figures.to)
    );
    // writing to a string can't fail
    for missing in &figures.missing {
        let _ = write!(out, "\n> {}\n", plain(missing));
    }
    for section in sections {
        let _ = write!(out, "\n## {}\n", section.title);
        if !section.note.is_empty() {
            let _ = write!(out, "\n{}\n", plain(&section.note));
        }
        if section.rows.is_empty() {
            out.push_str("\nNothing.\n");
            continue;
        }
        let right = |at: usize| {
            section
                .rows
                .iter()
                .filter_map(|row| row.get(at))
                .all(Cell::is_number)
        };
        let rules: Vec<&str> = (0..section.headers.len())
            .map(|at| if right(at) { "---:" } else { "---" })
            .collect();
        let _ = write!(
            out,
            "\n| {} |\n| {} |\n",
            section.headers.join(" | "),
            rules.join(" | ")
        );
        for row in &section.rows {
            let cells: Vec<String> = row.iter().map(cell).collect();
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out
}
