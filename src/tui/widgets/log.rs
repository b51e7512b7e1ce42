//! Owns the log pane: lines with time, level and colours, the first error in its surroundings, what a search found.
//! Costs what is in view, however long the log is.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::logs::{ErrorSummary, Level, LineKind, Log, LogLine, Search};
use crate::model::NodeState;
use crate::tui::theme::{Theme, Token};

use super::format::{self, Zone};
use super::log_text::{chunks, scrolled, segments};
use super::pen::{self, Pen};
use super::scroll;
use super::table::selection;

/// Lines shown above a place that was jumped to.
const CONTEXT: usize = 3;
/// Columns a title keeps before notes are left out.
const TITLE: usize = 28;

/// A log as it is drawn now.
#[derive(Clone, Copy)]
pub struct LogPane<'a> {
    pub log: &'a Log,
    /// "orders_daily / load / attempt 2".
    pub title: &'a str,
    /// The row a person is on.
    pub cursor: Option<usize>,
    /// The end stays in view, wherever it goes.
    pub following: bool,
    pub focused: bool,
    pub wrap: bool,
    /// Columns scrolled to the right; without effect when lines are wrapped.
    pub left: usize,
    pub search: Option<&'a Search>,
    pub zone: Zone,
    /// What to say when there is no line: "no log yet: the node waits for a slot".
    pub empty: &'a str,
}

impl LogPane<'_> {
    /// Draws title and lines. `top` is the first row in view; it moves so that the cursor, or the end, is in view:
    /// little for a step, with some lines above for a jump. Returns how many rows of the log are in view.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, top: &mut usize) -> usize {
        let area = pen::clip(area, buf);
        let body = Rect {
            y: area.y.saturating_add(1),
            height: area.height.saturating_sub(1),
            ..area
        };
        let shown = self.lines(buf, body, theme, top);
        self.draw_title(buf, area, theme, *top + shown);
        shown
    }

    /// The lines without a title.
    pub fn lines(&self, buf: &mut Buffer, area: Rect, theme: &Theme, top: &mut usize) -> usize {
        let area = pen::clip(area, buf);
        let height = usize::from(area.height);
        if self.log.is_empty() {
            let text = if self.empty.is_empty() {
                "no log"
            } else {
                self.empty
            };
            Pen::new(buf, area, 0, theme)
                .skip(1)
                .put(text, theme[Token::Muted]);
            *top = 0;
            return 0;
        }
        let look = Shape::of(self, area, *top);
        *top = self.place(*top, height, look);
        // what came into view may have times where the old place had none
        let look = Shape::of(self, area, *top);
        let (mut y, mut row) = (0, *top);
        while y < height
            && let Some(line) = self.log.line(row)
        {
            y += self.line(buf, area, y, theme, look, row, &line);
            row += 1;
        }
        let column = Rect {
            x: area.right().saturating_sub(1),
            width: area.width.min(1),
            ..area
        };
        let len = self.log.len();
        let errors = errors_per_cell(self.log, height);
        scroll::bar(buf, column, theme, *top, len, errors.into_iter());
        row - *top
    }

    /// Where the view has to begin.
    fn place(&self, top: usize, height: usize, look: Shape) -> usize {
        let len = self.log.len();
        let last_top = self.back_from(len, height, look);
        if self.following || height == 0 {
            return last_top;
        }
        let top = top.min(last_top);
        let Some(cursor) = self.cursor.filter(|c| *c < len) else {
            return top;
        };
        if cursor >= top && self.height_of(top..cursor + 1, height, look) <= height {
            return top;
        }
        let step = cursor + 1 == top
            || (cursor >= top && self.height_of(top + 1..cursor + 1, height, look) <= height);
        if step {
            return if cursor < top {
                cursor
            } else {
                self.back_from(cursor + 1, height, look)
            };
        }
        self.around(cursor, height, look).min(last_top)
    }

    /// A jump shows the record from its beginning when the row is in view then, else some lines above the row.
    fn around(&self, row: usize, height: usize, look: Shape) -> usize {
        let record = self.log.record(row);
        let context = CONTEXT.min(height / 4);
        let begin = record.start.saturating_sub(context);
        if self.height_of(begin..row + 1, height, look) < height.max(2) {
            return begin;
        }
        self.back_from(row + 1, height - context.min(height - 1), look)
    }

    /// The first of the last rows before `end` that fit into `height` lines; at least one row.
    fn back_from(&self, end: usize, height: usize, look: Shape) -> usize {
        if !self.wrap {
            return end.saturating_sub(height.max(1));
        }
        let mut used = 0;
        let mut row = end;
        while row > 0 {
            used += self.rows_of(row - 1, height, look);
            if used > height && row < end {
                break;
            }
            row -= 1;
        }
        row
    }

    /// Lines that rows take on the screen; counting ends soon above `most`.
    fn height_of(&self, rows: Range<usize>, most: usize, look: Shape) -> usize {
        if !self.wrap || rows.len() > most {
            return rows.len();
        }
        let mut sum = 0;
        for row in rows {
            sum += self.rows_of(row, most, look);
            if sum > most {
                break;
            }
        }
        sum
    }

    fn rows_of(&self, row: usize, most: usize, look: Shape) -> usize {
        let line = self.log.line(row);
        let text = line.as_ref().map_or("", shown_text);
        chunks(text, look.columns, most).len()
    }

    /// Draws one row of the log from line `y` on; returns how many lines it took.
    #[allow(clippy::too_many_arguments)]
    fn line(
        &self,
        buf: &mut Buffer,
        area: Rect,
        y: usize,
        theme: &Theme,
        look: Shape,
        row: usize,
        line: &LogLine,
    ) -> usize {
        let room = usize::from(area.height) - y;
        let at_cursor = self.cursor == Some(row) && !self.following;
        let cause = self.log.prev_error(row + 1) == Some(row);
        let mut pen = Pen::new(buf, area, y as u16, theme);
        match (cause, at_cursor) {
            (true, _) => pen.put(theme.state_glyph(NodeState::Failed), theme[Token::LogError]),
            (_, true) => pen.put(theme.glyphs.arrow_right, theme[Token::Accent]),
            _ => pen.skip(1),
        };
        if look.times {
            let time = line.at.map(|at| format::clock(at, self.zone));
            pen.cell(
                time.as_deref().unwrap_or_default(),
                8,
                theme[Token::LogTime],
            )
            .skip(1);
        }
        if look.levels {
            let letter = match (line.level, line.kind) {
                (Some(level), LineKind::Start) => level.letter(),
                _ => ' ',
            };
            pen.put(
                letter.encode_utf8(&mut [0; 4]),
                level_style(theme, line.level),
            )
            .skip(1);
        }
        if at_cursor {
            let prefix = look.prefix.max(1).min(usize::from(area.width)) as u16;
            let at = Rect {
                width: prefix,
                ..pen::row(area, y as u16)
            };
            buf.set_style(at, selection(theme, self.focused));
        }
        let text = shown_text(line);
        let base = base_style(theme, line, cause);
        let pieces = if self.wrap {
            chunks(text, look.columns, room)
        } else {
            vec![scrolled(text, self.left, look.columns)]
        };
        let more = !self.wrap && pieces.first().is_some_and(|p| p.end < text.len());
        let offset = line.text.text.len() - text.len();
        let token = if at_cursor {
            Token::MatchCurrent
        } else {
            Token::Match
        };
        let hits: Vec<Range<usize>> = self
            .search
            .map(|s| s.hits(&line.text.text).collect())
            .unwrap_or_default();
        let body = Rect {
            x: area.x.saturating_add(look.prefix as u16),
            width: (look.columns as u16).min(area.width.saturating_sub(look.prefix as u16)),
            ..area
        };
        for (i, piece) in pieces.iter().enumerate() {
            let mut pen = Pen::new(buf, body, (y + i) as u16, theme);
            let range = piece.start + offset..piece.end + offset;
            for (part, style) in segments(line, range, base, &hits, theme[token]) {
                pen.put(part, style);
            }
        }
        if more && !body.is_empty() {
            let last = Rect {
                x: body.right() - 1,
                width: 1,
                ..body
            };
            Pen::new(buf, last, y as u16, theme).put(theme.glyphs.ellipsis, theme[Token::Muted]);
        }
        pieces.len().max(1)
    }

    fn draw_title(&self, buf: &mut Buffer, area: Rect, theme: &Theme, bottom: usize) {
        let mut pen = Pen::new(buf, area, 0, theme);
        let style = theme[if self.focused {
            Token::BorderFocused
        } else {
            Token::Title
        }];
        pen.skip(1).put("log", style);
        let notes = self.notes(bottom);
        let mut tail = String::new();
        for note in &notes {
            let dash = if tail.is_empty() {
                theme.glyphs.horizontal
            } else {
                theme.glyphs.dot
            };
            let note = format!(" {dash} {note}");
            // the first note always, the others while most of the title fits
            if tail.is_empty() || format::width(&tail) + format::width(&note) + TITLE <= pen.room()
            {
                tail.push_str(&note);
            }
        }
        if !self.title.is_empty() {
            let lead = format!(" {} ", theme.glyphs.dot);
            // what state the view is in matters more than the whole title
            let room = pen
                .room()
                .saturating_sub(format::width(&tail) + lead.len())
                .max(8);
            pen.put(&lead, theme[Token::Muted]);
            let title = format::fit_middle(self.title, room, theme.glyphs.ellipsis);
            pen.put(&title, style);
        }
        pen.put(&tail, theme[Token::Muted]);
    }

    /// What the title says of the view: the most important first.
    fn notes(&self, bottom: usize) -> Vec<String> {
        let log = self.log;
        let mut notes = Vec::new();
        if log.is_empty() {
            return notes;
        }
        if self.following {
            notes.push(if log.complete() { "end" } else { "following" }.to_owned());
        } else if self.cursor.is_some() && self.cursor == log.first_error() {
            notes.push("first error".to_owned());
        } else if let Some(cursor) = self.cursor {
            notes.push(format!(
                "line {} of {}",
                format::count(cursor as u64 + 1),
                format::count(log.len() as u64)
            ));
        }
        let below = log.len().saturating_sub(bottom);
        if below > 0 {
            notes.push(format!("{} below", format::count(below as u64)));
        }
        if log.error_count() > 1 {
            notes.push(format::plural(log.error_count(), "error"));
        }
        if self.wrap {
            notes.push("wrapped".to_owned());
        } else if self.left > 0 {
            notes.push(format!("column {}", self.left + 1));
        }
        notes
    }
}

/// How a row divides into columns: mark, time, level, text, scrollbar.
#[derive(Clone, Copy)]
struct Shape {
    times: bool,
    levels: bool,
    prefix: usize,
    /// Of the text.
    columns: usize,
}

impl Shape {
    fn of(pane: &LogPane, area: Rect, top: usize) -> Self {
        let width = usize::from(area.width);
        let end = top.saturating_add(usize::from(area.height));
        // a long traceback has its time at its first line, above the view
        let first = pane.log.line(pane.log.record(top).start);
        let near = || first.clone().into_iter().chain(pane.log.lines(top..end));
        let times = width >= 40 && near().any(|l| l.at.is_some());
        let levels = width >= 20 && near().any(|l| l.level.is_some());
        let prefix = 1 + if times { 9 } else { 0 } + if levels { 2 } else { 0 };
        Self {
            times,
            levels,
            prefix,
            columns: width.saturating_sub(prefix + 1).max(1),
        }
    }
}

/// What of a line is shown beside time and level.
fn shown_text(line: &LogLine) -> &str {
    match line.kind {
        LineKind::Notice | LineKind::Continuation | LineKind::GroupEnd => &line.text.text,
        LineKind::Start | LineKind::GroupStart => line.message(),
    }
}

fn level_style(theme: &Theme, level: Option<Level>) -> Style {
    theme[match level {
        Some(Level::Error | Level::Fatal) => Token::LogError,
        Some(Level::Warn) => Token::LogWarn,
        Some(Level::Debug | Level::Trace) => Token::LogDebug,
        Some(Level::Info) | None => Token::LogInfo,
    }]
}

fn base_style(theme: &Theme, line: &LogLine, cause: bool) -> Style {
    match line.kind {
        LineKind::Notice => theme[Token::Stale],
        LineKind::GroupStart => theme[Token::Title],
        LineKind::GroupEnd => theme[Token::Muted],
        _ if cause => theme.state(NodeState::Failed),
        LineKind::Start => level_style(theme, line.level),
        LineKind::Continuation => theme[Token::Text],
    }
}

/// One error row for each cell of a scrollbar that has any.
fn errors_per_cell(log: &Log, track: usize) -> Vec<usize> {
    let len = log.len();
    if track == 0 || len <= track || log.error_count() == 0 {
        return Vec::new();
    }
    let mut rows = Vec::new();
    let mut next = if log.prev_error(1) == Some(0) {
        Some(0)
    } else {
        log.next_error(0)
    };
    while let Some(row) = next {
        rows.push(row);
        // on to the first row of the next cell
        let cell = row * track / len;
        let begin = ((cell + 1) * len).div_ceil(track);
        next = log.next_error(begin.max(row + 1) - 1);
    }
    rows
}

/// The error in one line: `03:11:02 E java.lang.OutOfMemoryError: Java heap space  (+38 lines)`.
pub fn error_line(pen: &mut Pen, theme: &Theme, error: &ErrorSummary, zone: Zone) {
    pen.skip(1);
    if let Some(at) = error.at {
        pen.put(&format::clock(at, zone), theme[Token::LogTime])
            .skip(1);
    }
    pen.put("E", theme[Token::LogError]).skip(1);
    let more = match error.more_lines {
        0 => String::new(),
        n => format!("  (+{})", format::plural(n, "line")),
    };
    let room = pen.room().saturating_sub(more.len());
    let text = format::fit(&error.text, room, theme.glyphs.ellipsis);
    pen.put(&text, theme.state(NodeState::Failed))
        .put(&more, theme[Token::Muted]);
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
