//! The report as one long table: a row for every figure.

use anyhow::Context as _;

use super::sections::{Cell, Section};

pub(super) fn text(sections: &[Section]) -> anyhow::Result<String> {
    let mut csv = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer(Vec::new());
    csv.write_record(["section", "row", "name", "figure", "value"])?;
    for section in sections {
        for (number, row) in section.rows.iter().enumerate() {
            let name = row.first().map(Cell::plain).unwrap_or_default();
            for (header, cell) in section.headers.iter().zip(row).skip(1) {
                csv.write_record([
                    section.title,
                    &(number + 1).to_string(),
                    &tame(&name, row.first()),
                    header,
                    &tame(&cell.plain(), Some(cell)),
                ])?;
            }
        }
    }
    let bytes = csv.into_inner().context("can't write the report")?;
    String::from_utf8(bytes).context("can't write the report")
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it.
fn tame(text: &str, cell: Option<&Cell>) -> String {
    match cell {
        Some(Cell::Text(_)) if text.starts_with(['=', '+', '-', '@']) => format!("'{text}"),
        _ => text.to_owned(),
    }
}
