//! Owns the table of data quality: what was checked of the data, how it stands, since when.

use ratatui::buffer::Buffer;

use crate::model::{Check, NodeState};
use crate::tui::theme::{Theme, Token};

use super::format;
use super::pen::Pen;
use super::system::Place;
use super::table::{Column, Width};

const CHECKS: [Column; 7] = [
    Column::new("", Width::Fixed(1)),
    Column::new("CHECK", Width::Min(14, 20)),
    Column::new("OF", Width::Min(16, 34)),
    Column::new("BACKEND", Width::Min(8, 16)).drop(3),
    Column::new("ROWS", Width::Fixed(7)).right().drop(2),
    Column::new("SINCE", Width::Fixed(8)).right(),
    Column::new("WHAT", Width::Fill(16)).drop(1),
];

/// Checks with the name of the backend that tells them, in its order: worst first.
pub fn checks(
    buf: &mut Buffer,
    place: Place,
    theme: &Theme,
    rows: &[(&str, &Check)],
    top: &mut usize,
) -> usize {
    let mut cell = |row: usize, column: usize, pen: &mut Pen| {
        let Some((backend, check)) = rows.get(row) else {
            return;
        };
        let bad = check.state != NodeState::Succeeded;
        let style = theme.state(check.state);
        let muted = theme[Token::Muted];
        match column {
            0 => pen.fill(theme.state_glyph(check.state), style),
            1 => pen.fill(&check.kind, theme[Token::Text]),
            2 if check.on.is_empty() => pen.middle(&check.name, theme[Token::Text]),
            2 => pen.middle(&check.on, theme[Token::Text]),
            3 => pen.fill(backend, muted),
            4 => match check.rows.filter(|_| bad) {
                Some(rows) => pen.fill(&format::count(rows), style),
                None => pen.fill(theme.glyphs.none, muted),
            },
            5 => pen.fill(
                &format::duration(place.now - check.since),
                if bad { style } else { muted },
            ),
            _ => pen.fill(&check.note, muted),
        };
    };
    place
        .table(&CHECKS, rows.len())
        .draw(buf, place.area, theme, top, &mut cell)
}
