//! Owns putting text into a buffer without ever leaving the rectangle: every widget draws through it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::format::{self, Align};
use crate::tui::theme::Theme;

/// The part of `area` that can be drawn on.
pub fn clip(area: Rect, buf: &Buffer) -> Rect {
    // `intersection` of disjoint rectangles has no size but may have a position outside: harmless then
    area.intersection(buf.area)
}

/// One row of an area; empty when the area does not reach that far.
pub fn row(area: Rect, index: u16) -> Rect {
    if index >= area.height {
        return Rect { height: 0, ..area };
    }
    Rect {
        y: area.y.saturating_add(index),
        height: 1,
        ..area
    }
}

/// Writes one row from left to right.
pub struct Pen<'a> {
    buf: &'a mut Buffer,
    x: u16,
    y: u16,
    end: u16,
    align: Align,
    ellipsis: &'static str,
}

impl<'a> Pen<'a> {
    /// On row `index` of an area, clipped to the buffer.
    pub fn new(buf: &'a mut Buffer, area: Rect, index: u16, theme: &Theme) -> Self {
        let at = clip(row(area, index), buf);
        let end = if at.is_empty() { at.x } else { at.right() };
        Self {
            x: at.x,
            y: at.y,
            end,
            buf,
            align: Align::Left,
            ellipsis: theme.glyphs.ellipsis,
        }
    }

    /// On part of a row, for a table's cell: what is drawn with [`Pen::fill`] stands as `align` says.
    pub fn cell_of(&mut self, columns: usize, align: Align) -> Pen<'_> {
        let columns = u16::try_from(columns.min(self.room())).unwrap_or(u16::MAX);
        Pen {
            x: self.x,
            y: self.y,
            end: self.x.saturating_add(columns),
            align,
            ellipsis: self.ellipsis,
            buf: self.buf,
        }
    }

    /// Columns left.
    pub fn room(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// Column of the next character.
    pub fn x(&self) -> u16 {
        self.x
    }

    /// As much of the text as there is room for.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        if self.x < self.end {
            let (x, _) = self
                .buf
                .set_stringn(self.x, self.y, text, self.room(), style);
            self.x = x;
        }
        self
    }

    /// Exactly `columns` (or what is left of the row), shortened at its end or filled with spaces.
    pub fn cell(&mut self, text: &str, columns: usize, style: Style) -> &mut Self {
        self.aligned(text, columns, Align::Left, style)
    }

    /// As [`Pen::cell`], at the right edge of its columns.
    pub fn cell_right(&mut self, text: &str, columns: usize, style: Style) -> &mut Self {
        self.aligned(text, columns, Align::Right, style)
    }

    /// What is left of the row, aligned as the cell wants it.
    pub fn fill(&mut self, text: &str, style: Style) -> &mut Self {
        self.aligned(text, usize::MAX, self.align, style)
    }

    /// As much of the text as there is room for, shortened in its middle.
    pub fn middle(&mut self, text: &str, style: Style) -> &mut Self {
        let text = format::fit_middle(text, self.room(), self.ellipsis);
        self.put(&text, style)
    }

    fn aligned(&mut self, text: &str, columns: usize, align: Align, style: Style) -> &mut Self {
        let columns = columns.min(self.room());
        if columns == 0 {
            return self;
        }
        let text = format::fit(text, columns, self.ellipsis);
        let fill = columns - format::width(&text);
        if align == Align::Right {
            self.put(&" ".repeat(fill), style);
        }
        self.put(&text, style);
        if align == Align::Left {
            self.put(&" ".repeat(fill), style);
        }
        self
    }

    /// Leaves columns as they are.
    pub fn skip(&mut self, columns: usize) -> &mut Self {
        let columns = u16::try_from(columns.min(self.room())).unwrap_or(u16::MAX);
        self.x = self.x.saturating_add(columns);
        self
    }

    /// Changes the style of what is left of the row without touching its text.
    pub fn style_rest(&mut self, style: Style) -> &mut Self {
        if self.x < self.end {
            let rest = Rect::new(self.x, self.y, self.end - self.x, 1);
            self.buf.set_style(rest, style);
        }
        self
    }
}

/// Puts text so that it ends at the right edge of a row; shortened when it is too wide.
pub fn put_right(
    buf: &mut Buffer,
    area: Rect,
    index: u16,
    text: &str,
    style: Style,
    theme: &Theme,
) {
    let columns = usize::from(area.width).saturating_sub(format::width(text));
    Pen::new(buf, area, index, theme)
        .skip(columns)
        .put(text, style);
}

/// Fills an area with spaces in the terminal's own colours.
pub fn clear(buf: &mut Buffer, area: Rect) {
    let area = clip(area, buf);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buf[(x, y)].reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::theme;
    use super::*;

    #[test]
    fn nothing_leaves_the_row() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 6, 2));
        let mut pen = Pen::new(&mut buf, Rect::new(1, 0, 4, 1), 0, theme(false));
        pen.put("ab", Style::new()).put("数据", Style::new());
        assert_eq!(pen.room(), 0);
        assert_eq!(buf, Buffer::with_lines([" ab数 ", "      "]));
    }

    #[test]
    fn outside_of_the_buffer_nothing_happens() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 3, 1));
        for area in [
            Rect::new(9, 9, 5, 5),
            Rect::new(0, 0, 0, 0),
            Rect::new(2, 0, u16::MAX, 4),
            Rect::new(0, 3, 3, 1),
        ] {
            for index in [0, 1, u16::MAX] {
                if area.x != 2 || index > 0 {
                    Pen::new(&mut buf, area, index, theme(false)).put("x", Style::new());
                }
            }
            put_right(&mut buf, area, 7, "x", Style::new(), theme(false));
        }
        assert_eq!(buf, Buffer::with_lines(["   "]));
    }
}
