//! Owns the grid: a row for each node, a column for each run, the newest at the right, how long each took on top.

use std::cell::Cell as Memory;

use chrono::Duration;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::format;
use super::pen::{self, Pen};
use super::{scroll, table};
use crate::model::{Health, NodeState};
use crate::tui::theme::{Theme, Token};

/// From this height on the bars on top are three rows high.
const TALL_FROM: u16 = 18;
/// From this height on the last row tells what the signs mean.
const LEGEND_FROM: u16 = 11;
/// From this height on there is a line about the run under the cursor.
const STATUS_FROM: u16 = 5;
/// From this width on there is a column with what the row as a whole says.
const VERDICT_FROM: u16 = 60;
const VERDICT: u16 = 7;
/// Columns of a run: its sign and a space.
const STEP: u16 = 2;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub health: Health,
    pub took: Option<Duration>,
}

/// What a node did in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    State(NodeState),
    /// Ended well, but only at this attempt.
    Again(u32),
    /// Its state in that run has not been read.
    Unknown,
    /// That run does not have it.
    Absent,
}

/// What the runs of one node say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Fails again and again: the newest two at least.
    Broken,
    /// Now it works and now it doesn't.
    Flaky,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub depth: usize,
    /// `Some` for a group: whether it is open.
    pub open: Option<bool>,
    pub name: String,
    /// Its state in the run that is open.
    pub state: NodeState,
}

/// One grid as it is drawn now.
pub struct Grid<'a> {
    /// Oldest first.
    pub columns: &'a [Column],
    /// Column of the cursor, and of the run that is open.
    pub cursor: usize,
    pub here: Option<usize>,
    pub len: usize,
    pub selected: Option<usize>,
    pub focused: bool,
    /// About the run under the cursor.
    pub status: &'a str,
    /// Called for rows in view only.
    pub row: &'a dyn Fn(usize) -> Row,
    /// Row and column.
    pub cell: &'a dyn Fn(usize, usize) -> Cell,
}

/// What a row says: oldest first.
pub fn verdict(cells: impl DoubleEndedIterator<Item = Cell> + Clone) -> Option<Verdict> {
    let bad = |c: &Cell| matches!(c, Cell::State(NodeState::Failed));
    let well = |c: &Cell| {
        matches!(
            c,
            Cell::State(NodeState::Succeeded | NodeState::Warned | NodeState::Cached)
        )
    };
    let settled = |c: &Cell| match c {
        Cell::State(state) => state.ended(),
        Cell::Again(_) | Cell::Unknown => true,
        Cell::Absent => false,
    };
    // what is not known ends the row of failures: nothing is claimed of it
    let failed = cells.clone().rev().filter(settled).take_while(bad).count();
    if failed >= 2 {
        return Some(Verdict::Broken);
    }
    let mut was_bad = false;
    let mut turns = 0;
    for cell in cells {
        if matches!(cell, Cell::Again(_)) || (was_bad && well(&cell)) {
            turns += 1;
        }
        was_bad = bad(&cell) || (was_bad && !well(&cell));
    }
    (turns >= 2).then_some(Verdict::Flaky)
}

/// Columns of the name, and how many runs there is room for.
fn split(area: Rect) -> (u16, usize, u16) {
    let verdict = if area.width >= VERDICT_FROM {
        VERDICT + 1
    } else {
        0
    };
    let name = (area.width * 3 / 10).clamp(12, 40).min(area.width);
    let room = area.width.saturating_sub(name + 1 + verdict + 1);
    (name, usize::from(room.saturating_sub(1) / STEP), verdict)
}

/// Pending and not known are not the same: the latter is the dot.
fn sign(theme: &Theme, cell: Cell) -> (&'static str, ratatui::style::Style) {
    const TRIES: [&str; 8] = ["2", "3", "4", "5", "6", "7", "8", "9"];
    match cell {
        Cell::State(NodeState::Pending) => (pending(theme), theme[Token::Muted]),
        Cell::State(state) => (theme.state_glyph(state), theme.state(state)),
        Cell::Again(attempt) => {
            let at = (attempt as usize).saturating_sub(2).min(TRIES.len() - 1);
            (TRIES[at], theme.state(NodeState::Warned))
        }
        Cell::Unknown => (unknown(theme), theme[Token::Muted]),
        Cell::Absent => (" ", theme[Token::Text]),
    }
}

fn pending(theme: &Theme) -> &'static str {
    if theme.glyphs.ascii { "o" } else { "○" }
}

fn unknown(theme: &Theme) -> &'static str {
    if theme.glyphs.ascii { "." } else { "·" }
}

impl Grid<'_> {
    /// `top` is the first row in view; it moves as little as possible to keep the selected one in view.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, top: &Memory<usize>) {
        let area = pen::clip(area, buf);
        if area.is_empty() {
            return;
        }
        let (name, room, verdict) = split(area);
        let bars = match area.height {
            TALL_FROM.. => 3,
            4.. => 1,
            _ => 0,
        };
        let head = bars + u16::from(area.height > 1);
        let status = u16::from(area.height >= STATUS_FROM);
        let legend = u16::from(area.height >= LEGEND_FROM);
        let body = Rect {
            y: area.y + head,
            height: area.height.saturating_sub(head + status + legend),
            ..area
        };
        let shown = usize::from(body.height);
        let mut first = top.get();
        scroll::keep_visible(&mut first, self.selected, shown, self.len);
        top.set(first);
        // the newest are in view, and the cursor
        let left = self.columns.len().saturating_sub(room).min(self.cursor);
        let strip = Rect {
            x: area.x + name + 1,
            width: area.width.saturating_sub(name + 1),
            ..area
        };
        if head > 0 {
            self.head(buf, strip, theme, bars, left, room);
            let at = pen::row(area, head - 1);
            Pen::new(buf, at, 0, theme)
                .cell_of(usize::from(name), format::Align::Left)
                .skip(2)
                .put("NODE", theme[Token::Title]);
        }
        for i in 0..shown.min(self.len.saturating_sub(first)) {
            let index = first + i;
            let line = pen::row(body, i as u16);
            let label = Rect {
                width: name,
                ..line
            };
            let row = (self.row)(index);
            draw_name(buf, label, theme, &row);
            let selected = self.selected == Some(index);
            if selected {
                buf.set_style(label, table::selection(theme, self.focused));
            }
            let cells = Rect {
                x: strip.x,
                width: strip.width,
                ..line
            };
            self.cells(buf, cells, theme, index, left, room, selected);
            if verdict > 0 {
                let all = (0..self.columns.len()).map(|c| (self.cell)(index, c));
                let (word, style) = match self::verdict(all) {
                    Some(Verdict::Broken) => ("broken", theme.state(NodeState::Failed)),
                    Some(Verdict::Flaky) => ("flaky", theme.state(NodeState::Retrying)),
                    None => ("", theme[Token::Text]),
                };
                let at = Rect {
                    x: line.right().saturating_sub(verdict),
                    width: verdict - 1,
                    ..line
                };
                Pen::new(buf, at, 0, theme).put(word, style);
            }
        }
        if self.len > shown && area.width > 8 {
            let column = Rect {
                x: area.right() - 1,
                width: 1,
                ..body
            };
            scroll::bar(buf, column, theme, first, self.len, std::iter::empty());
        }
        if status > 0 {
            Pen::new(buf, area, area.height - 1 - legend, theme)
                .skip(2)
                .fill(self.status, theme[Token::Text]);
        }
        if legend > 0 {
            draw_legend(buf, area, theme);
        }
    }

    /// Bars of how long each run took, and how it is.
    fn head(
        &self,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
        bars: u16,
        left: usize,
        room: usize,
    ) {
        let seen = || self.columns.iter().enumerate().skip(left).take(room);
        let longest = seen().filter_map(|(_, c)| c.took).max();
        let longest = longest.map_or(1, |t| t.num_milliseconds()).max(1);
        for (i, column) in seen() {
            let at = 1 + usize::from(STEP) * (i - left);
            let took = column.took.map_or(0, |t| t.num_milliseconds());
            // in eighths of a row; what took any time is seen
            let full = i64::from(bars) * 8;
            let eighths = (took.saturating_mul(full) / longest)
                .max(i64::from(took > 0))
                .min(full);
            for level in 0..bars {
                let above = eighths - i64::from(bars - 1 - level) * 8;
                if above > 0 {
                    let glyph = theme.glyphs.spark[(above.min(8) - 1) as usize];
                    Pen::new(buf, area, level, theme)
                        .skip(at)
                        .put(glyph, theme.health(column.health));
                }
            }
            let mut pen = Pen::new(buf, area, bars, theme);
            pen.skip(at - 1);
            let (open, close) = if self.here == Some(i) {
                ("[", "]")
            } else {
                ("", "")
            };
            let mut style = theme.health(column.health);
            if self.cursor == i {
                style = style.patch(table::selection(theme, self.focused));
            }
            if open.is_empty() {
                pen.skip(1);
            } else {
                pen.put(open, theme[Token::Accent]);
            }
            pen.put(theme.health_glyph(column.health), style)
                .put(close, theme[Token::Accent]);
        }
        if left > 0 {
            Pen::new(buf, area, bars, theme).put(theme.glyphs.arrow_left, theme[Token::Muted]);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one row of one grid")]
    fn cells(
        &self,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
        row: usize,
        left: usize,
        room: usize,
        selected: bool,
    ) {
        let mut pen = Pen::new(buf, area, 0, theme);
        for column in left..self.columns.len().min(left + room) {
            let (glyph, mut style) = sign(theme, (self.cell)(row, column));
            if selected && column == self.cursor {
                style = style.patch(table::selection(theme, self.focused));
            }
            pen.skip(1).put(glyph, style);
        }
    }
}

fn draw_name(buf: &mut Buffer, area: Rect, theme: &Theme, row: &Row) {
    super::timeline::draw_name(
        buf,
        area,
        theme,
        &super::timeline::Row {
            depth: row.depth,
            open: row.open,
            name: row.name.clone(),
            state: row.state,
            ..super::timeline::Row::default()
        },
    );
}

fn draw_legend(buf: &mut Buffer, area: Rect, theme: &Theme) {
    let mut pen = Pen::new(buf, area, area.height - 1, theme);
    pen.skip(2);
    for (glyph, word) in [
        (unknown(theme), "not read"),
        ("2", "well at the 2nd try"),
        (pending(theme), "pending"),
        ("[]", "the run that is open"),
    ] {
        if pen.room() > word.len() + 4 {
            pen.put(glyph, theme[Token::Text])
                .skip(1)
                .put(word, theme[Token::Muted])
                .skip(2);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{every_size, suffix, text, theme};
    use super::*;

    fn cells(text: &str) -> Vec<Cell> {
        text.chars()
            .map(|c| match c {
                'x' => Cell::State(NodeState::Failed),
                'v' => Cell::State(NodeState::Succeeded),
                '*' => Cell::State(NodeState::Running),
                'o' => Cell::State(NodeState::Pending),
                '.' => Cell::Unknown,
                '2' => Cell::Again(2),
                _ => Cell::Absent,
            })
            .collect()
    }

    #[test]
    fn what_a_row_says() {
        for (row, said) in [
            ("", None),
            ("vvvv", None),
            ("vvvx", None),
            ("vxvv", None),
            ("vvxx", Some(Verdict::Broken)),
            ("vvxx*", Some(Verdict::Broken)),
            ("xx.x", None),
            ("xvxv", Some(Verdict::Flaky)),
            ("v2v2", Some(Verdict::Flaky)),
            ("x.vx.v", Some(Verdict::Flaky)),
            ("2v", None),
        ] {
            assert_eq!(verdict(cells(row).into_iter()), said, "{row}");
        }
    }

    fn draw(buf: &mut Buffer, area: Rect, ascii: bool, cursor: usize) {
        let rows = ["vvvvvvvvvv", "vxvvxvv2v*", "  vvvv.xxx", "vvvvvv.vvo"];
        let columns: Vec<Column> = (0..10)
            .map(|n| Column {
                health: if n == 9 {
                    Health::Running
                } else {
                    Health::Succeeded
                },
                took: (n != 3).then(|| Duration::minutes(n * n)),
            })
            .collect();
        Grid {
            columns: &columns,
            cursor,
            here: Some(9),
            len: rows.len(),
            selected: Some(2),
            focused: true,
            status: "2026-11-20 02:00  succeeded  9m",
            row: &|i| Row {
                depth: i / 3,
                open: (i == 2).then_some(true),
                name: format!("node_with_a_long_name_{i}"),
                state: NodeState::Succeeded,
            },
            cell: &|row, column| cells(rows[row])[column],
        }
        .draw(buf, area, theme(ascii), &Memory::new(0));
    }

    #[test]
    fn grids() {
        for ascii in [false, true] {
            for (width, height, cursor) in [(72, 12, 7), (72, 20, 9), (30, 8, 2)] {
                let name = format!("grid_{width}x{height}{}", suffix(ascii));
                insta::assert_snapshot!(
                    name,
                    text(width, height, |buf, area| draw(buf, area, ascii, cursor))
                );
            }
        }
    }

    #[test]
    fn any_size() {
        every_size(|buf, area| draw(buf, area, false, 0));
        every_size(|buf, area| draw(buf, area, true, 9));
    }
}
