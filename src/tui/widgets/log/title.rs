//! The line above a log: whose it is, what is left out, where one is in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::LogPane;
use crate::logs::Point;
use crate::model::SafeText;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::format;
use crate::tui::widgets::pen::Pen;

/// Columns a title keeps before notes are left out.
const TITLE: usize = 28;
/// Columns of a chip at most.
const CHIP: usize = 24;

/// A filter as the title shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    pub label: String,
    pub on: bool,
}

pub(super) fn draw(
    pane: &LogPane,
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    bottom: Option<Point>,
) {
    let mut pen = Pen::new(buf, area, 0, theme);
    let style = theme[if pane.focused {
        Token::BorderFocused
    } else {
        Token::Title
    }];
    pen.skip(1).put("log", style);
    let mut chips = Vec::new();
    let mut width = 0;
    for chip in pane.chips {
        let label = format::fit(&chip.label, CHIP, theme.glyphs.ellipsis).into_owned();
        // brackets say it without colour; what is switched off stands in round ones
        let text = match chip.on {
            true => format!(" [{label}]"),
            false => format!(" ({label})"),
        };
        width += format::width(&text);
        if width + TITLE > pen.room() {
            chips.push((format!(" {}", theme.glyphs.ellipsis), Token::Muted));
            break;
        }
        let token = if chip.on { Token::Accent } else { Token::Muted };
        chips.push((text, token));
    }
    let chips_width: usize = chips.iter().map(|(text, _)| format::width(text)).sum();
    let mut tail = String::new();
    for note in &notes(pane, bottom) {
        let dash = if tail.is_empty() {
            theme.glyphs.horizontal
        } else {
            theme.glyphs.dot
        };
        let note = format!(" {dash} {note}");
        // the first note always, the others while most of the title fits
        let used = format::width(&tail) + format::width(&note) + chips_width;
        if tail.is_empty() || used + TITLE <= pen.room() {
            tail.push_str(&note);
        }
    }
    if !pane.title.is_empty() {
        let lead = format!(" {} ", theme.glyphs.dot);
        // what state the view is in matters more than the whole title
        let room = pen
            .room()
            .saturating_sub(format::width(&tail) + chips_width + lead.len())
            .max(8);
        pen.put(&lead, theme[Token::Muted]);
        let title = format::fit_middle(pane.title, room, theme.glyphs.ellipsis);
        pen.put(&title, style);
    }
    for (text, token) in &chips {
        pen.put(text, theme[*token]);
    }
    pen.put(&tail, theme[Token::Muted]);
}

/// What the title says of the view: the most important first.
fn notes(pane: &LogPane, bottom: Option<Point>) -> Vec<String> {
    let lens = pane.lens;
    let mut notes: Vec<String> = Vec::new();
    if lens.is_empty() {
        return notes;
    }
    let counted = |n: usize| format::count(n as u64);
    let filtered = lens.sources().iter().any(|s| s.wanted.is_some());
    if pane.following {
        let ended = lens.sources().iter().all(|s| s.log.complete());
        notes.push(if ended { "end" } else { "following" }.to_owned());
    } else if pane.cursor.is_some() && pane.cursor == pane.first_error {
        notes.push("first error".to_owned());
    } else if let Some(cursor) = pane.cursor {
        let (at, all) = lens.place(cursor);
        let what = if filtered { "record" } else { "line" };
        let at = (at + 1).min(all);
        notes.push(format!("{what} {} of {}", counted(at), counted(all)));
    }
    // what has come is what a person wants to know first
    if pane.fresh > 0 && !pane.following {
        notes.insert(
            0,
            format!(
                "{} new, {} follows",
                format::count(pane.fresh),
                pane.end_key
            ),
        );
    }
    if let Some(found) = &pane.found {
        notes.push((*found).clone());
    }
    let below = match bottom {
        Some(bottom) if !filtered => {
            let (at, all) = lens.place(bottom);
            all.saturating_sub(at + 1)
        }
        _ => 0,
    };
    if below > 0 {
        notes.push(format!("{} below", counted(below)));
    }
    let errors: usize = lens.sources().iter().map(|s| s.log.error_count()).sum();
    if errors > 1 {
        notes.push(format::plural(errors, "error"));
    }
    if !pane.look.columns.is_empty() {
        notes.push(format!(
            "columns {}",
            SafeText::new(pane.look.columns.join(", "))
        ));
    }
    if pane.look.raw {
        notes.push("raw".to_owned());
    }
    if pane.look.folds.all() {
        notes.push("folded".to_owned());
    }
    if pane.look.wrap {
        notes.push("wrapped".to_owned());
    } else if pane.look.left > 0 {
        notes.push(format!("column {}", pane.look.left + 1));
    }
    notes
}
