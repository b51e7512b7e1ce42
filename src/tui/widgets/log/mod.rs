//! Owns the log pane: lines with time, level and colours, the first error in its surroundings, what a search found,
//! several logs side by side. Costs what is in view, however long the logs are.

mod density;
mod look;
mod row;
mod shape;
mod text;
mod title;

pub use density::{Density, Marks, spread};
pub use look::{Look, Times};
pub use title::Chip;

use std::cell::RefCell;
use std::ops::RangeInclusive;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::logs::{ErrorSummary, Lens, Level, Point};
use crate::model::NodeState;
use crate::query::Pattern;
use crate::tui::theme::{Theme, Token};

use super::format::{self, Zone};
use super::pen::{self, Pen};
use super::scroll;
use row::{At, Content};
use shape::Shape;

/// Lines shown above a place that was jumped to.
const CONTEXT: usize = 3;
/// Rows looked at for the time of the one above the view.
const ABOVE: usize = 64;
/// From this height on there is room for the strip of errors.
const STRIP_FROM: u16 = 16;

/// Logs as they are drawn now.
#[derive(Clone, Copy)]
pub struct LogPane<'a> {
    pub lens: &'a Lens<'a>,
    /// "orders_daily / load / attempt 2".
    pub title: &'a str,
    pub chips: &'a [Chip],
    /// Short name and colour of each log, when there are several.
    pub names: &'a [(String, Style)],
    /// The row a person is on.
    pub cursor: Option<Point>,
    pub first_error: Option<Point>,
    /// The end stays in view, wherever it goes.
    pub following: bool,
    /// Lines that came since following stopped, and the key that goes there.
    pub fresh: u64,
    pub end_key: &'a str,
    pub focused: bool,
    /// There may be a strip of errors over the whole log.
    pub strip: bool,
    pub look: &'a Look,
    pub highlights: &'a [&'a Pattern],
    /// "3 of 218".
    pub found: Option<&'a String>,
    /// Hits in so many equal parts of what is shown.
    pub hits: Option<&'a dyn Fn(usize) -> Vec<u32>>,
    pub bookmarks: &'a [Point],
    pub bookmarked: &'a dyn Fn(Point) -> bool,
    pub selection: Option<&'a RangeInclusive<Point>>,
    pub density: &'a RefCell<Vec<Density>>,
    pub zone: Zone,
    /// What to say when there is no line: "no log yet: the node waits for a slot".
    pub empty: &'a str,
}

impl LogPane<'_> {
    /// Draws title and lines. `top` is the first row in view; it moves so that the cursor, or the end, is in view:
    /// little for a step, with some lines above for a jump. Returns how many rows of the log are in view.
    pub fn draw(
        &self,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
        top: &mut Option<Point>,
    ) -> usize {
        let area = pen::clip(area, buf);
        let errors = self.lens.sources().iter().any(|s| s.log.error_count() > 0);
        let more = self.lens.len() >= usize::from(area.height);
        let strip = u16::from(self.strip && errors && more && area.height >= STRIP_FROM);
        let body = Rect {
            y: area.y.saturating_add(1 + strip),
            height: area.height.saturating_sub(1 + strip),
            ..area
        };
        let (shown, bottom) = self.lines(buf, body, theme, top);
        title::draw(self, buf, area, theme, bottom);
        if strip > 0
            && let (Some(top), Some(bottom)) = (*top, bottom)
        {
            let row = Rect {
                x: area.x + 1,
                y: area.y + 1,
                width: area.width.saturating_sub(2),
                height: 1,
            };
            let parts = usize::from(row.width);
            let counts = density::errors(self.density, self.lens, parts);
            let cell = |point| {
                let (at, all) = self.lens.place(point);
                (at * parts / all.max(1)).min(parts.saturating_sub(1))
            };
            density::strip(buf, row, theme, &counts, cell(top)..cell(bottom) + 1);
        }
        shown
    }

    /// The lines without a title.
    fn lines(
        &self,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
        top: &mut Option<Point>,
    ) -> (usize, Option<Point>) {
        let height = usize::from(area.height);
        let Some(last) = self.lens.last() else {
            let text = match (self.lens.is_empty(), self.empty.is_empty()) {
                (true, true) => "no log",
                (true, false) => self.empty,
                (false, _) => "nothing passes the filters",
            };
            Pen::new(buf, area, 0, theme)
                .skip(1)
                .put(text, theme[Token::Muted]);
            *top = None;
            return (0, None);
        };
        let shape = Shape::of(self, area, *top);
        let begin = self.place(*top, last, height, shape);
        // what came into view may have times where the old place had none
        let shape = Shape::of(self, area, Some(begin));
        *top = Some(begin);
        let mut above = self.lens.before(begin).take(ABOVE).find_map(|point| {
            let log = self.lens.log(point.source)?;
            log.line(point.row)?.at
        });
        let (mut y, mut rows, mut bottom) = (0, 0, None);
        for point in std::iter::once(begin).chain(self.lens.after(begin)) {
            if y >= height {
                break;
            }
            let at = At {
                area,
                y,
                shape,
                theme,
                above,
            };
            let (used, time) = row::draw(self, buf, &at, point);
            above = time.or(above);
            y += used;
            rows += 1;
            bottom = Some(point);
        }
        self.scrollbar(buf, area, theme, begin, rows);
        (rows, bottom)
    }

    fn scrollbar(&self, buf: &mut Buffer, area: Rect, theme: &Theme, top: Point, rows: usize) {
        let column = Rect {
            x: area.right().saturating_sub(1),
            width: area.width.min(1),
            ..area
        };
        let track = usize::from(area.height);
        let (at, all) = self.lens.place(top);
        scroll::bar(buf, column, theme, at, all, std::iter::empty());
        if column.is_empty() || all <= track || rows == 0 {
            return;
        }
        let failed = theme.state(NodeState::Failed);
        let mut mark = |cell: usize, glyph: &str, style: Style| {
            if cell < track {
                buf.set_stringn(column.x, column.y + cell as u16, glyph, 1, style);
            }
        };
        let some = |counts: Vec<u32>| counts.into_iter().enumerate().filter(|(_, c)| *c > 0);
        if let Some(hits) = self.hits {
            for (cell, _) in some(hits(track)) {
                mark(cell, theme.glyphs.hit, theme[Token::Match]);
            }
        }
        for (cell, _) in some(density::errors(self.density, self.lens, track)) {
            mark(cell, theme.state_glyph(NodeState::Failed), failed);
        }
        for bookmark in self.bookmarks {
            let (at, all) = self.lens.place(*bookmark);
            mark(
                at * track / all.max(1),
                theme.glyphs.bookmark,
                theme[Token::Mark],
            );
        }
    }

    fn selects(&self, point: Point) -> bool {
        self.selection.is_some_and(|selection| {
            let (from, to) = (*selection.start(), *selection.end());
            !self.lens.is_before(point, from) && !self.lens.is_before(to, point)
        })
    }

    /// Where the view has to begin.
    fn place(&self, top: Option<Point>, last: Point, height: usize, shape: Shape) -> Point {
        let lens = self.lens;
        let last_top = self.back_from(last, height, shape);
        if self.following || height == 0 {
            return last_top;
        }
        let earlier = |a: Point, b: Point| if lens.is_before(b, a) { b } else { a };
        let Some(top) = top.or_else(|| lens.first()) else {
            return last_top;
        };
        let top = earlier(top, last_top);
        let Some(cursor) = self.cursor else {
            return top;
        };
        let below = !lens.is_before(cursor, top);
        if below && self.reaches(top, cursor, height, shape) {
            return top;
        }
        if !below && lens.before(top).next() == Some(cursor) {
            return cursor;
        }
        let next = lens.after(top).next();
        if below && next.is_some_and(|next| self.reaches(next, cursor, height, shape)) {
            return self.back_from(cursor, height, shape);
        }
        earlier(self.around(cursor, height, shape), last_top)
    }

    /// A jump shows the record from its beginning when the row is in view then, else some lines above the row.
    fn around(&self, cursor: Point, height: usize, shape: Shape) -> Point {
        let start = Point {
            row: self.lens.record(cursor).start,
            ..cursor
        };
        let context = CONTEXT.min(height / 4);
        let begin = self
            .lens
            .before(start)
            .take(context)
            .last()
            .unwrap_or(start);
        if self.reaches(begin, cursor, height.max(2) - 1, shape) {
            return begin;
        }
        self.back_from(cursor, height - context.min(height - 1), shape)
    }

    /// The first of the last rows up to `end` that fit into `height` lines; at least one row.
    fn back_from(&self, end: Point, height: usize, shape: Shape) -> Point {
        if !self.look.wrap {
            let above = isize::try_from(height.saturating_sub(1)).unwrap_or(isize::MAX);
            return self.lens.shift(end, -above);
        }
        let mut used = self.height_of(end, height, shape);
        let mut at = end;
        for point in self.lens.before(end) {
            used += self.height_of(point, height, shape);
            if used > height {
                break;
            }
            at = point;
        }
        at
    }

    /// Whether the lines from one row to another one fit into `height`.
    fn reaches(&self, from: Point, to: Point, height: usize, shape: Shape) -> bool {
        let mut used = 0;
        for point in std::iter::once(from).chain(self.lens.after(from)) {
            used += self.height_of(point, height + 1, shape);
            if used > height {
                return false;
            }
            if point == to {
                return true;
            }
        }
        false
    }

    /// Lines that a row takes on the screen; counting ends at `most`.
    fn height_of(&self, point: Point, most: usize, shape: Shape) -> usize {
        if !self.look.wrap {
            return 1;
        }
        let content = Content::of(self, point, shape.fields);
        content.map_or(1, |content| content.height(shape.columns, most))
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
mod tests;
