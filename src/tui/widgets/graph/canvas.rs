//! Draws in world coordinates into the part of the world that an area shows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use crate::graph;
use crate::tui::widgets::format;

pub struct Canvas<'a> {
    buf: &'a mut Buffer,
    area: Rect,
    corner: (i32, i32),
}

impl<'a> Canvas<'a> {
    /// `area` must lie within the buffer.
    pub fn new(buf: &'a mut Buffer, area: Rect, corner: (i32, i32)) -> Self {
        Self { buf, area, corner }
    }

    /// What of the world is in view.
    pub fn window(&self) -> graph::Rect {
        graph::Rect::new(
            self.corner.0,
            self.corner.1,
            i32::from(self.area.width),
            i32::from(self.area.height),
        )
    }

    fn cell(&self, x: i32, y: i32) -> Option<(u16, u16)> {
        let dx = u16::try_from(x.checked_sub(self.corner.0)?).ok()?;
        let dy = u16::try_from(y.checked_sub(self.corner.1)?).ok()?;
        (dx < self.area.width && dy < self.area.height)
            .then(|| (self.area.x + dx, self.area.y + dy))
    }

    /// Text from a place to the right, at most `columns`; what is outside of the window is left out, so is half of a
    /// wide character.
    pub fn put(&mut self, x: i32, y: i32, text: &str, columns: usize, style: Style) {
        let mut used = 0;
        for g in text.graphemes(true) {
            let width = format::width(g);
            if width == 0 {
                continue;
            }
            if used + width > columns {
                break;
            }
            let at = x.saturating_add(used as i32);
            let last = at.saturating_add(width as i32 - 1);
            if let (Some((cx, cy)), Some(_)) = (self.cell(at, y), self.cell(last, y)) {
                self.buf.set_stringn(cx, cy, g, width, style);
            }
            used += width;
        }
    }

    /// The same glyph several times.
    pub fn repeat(&mut self, x: i32, y: i32, glyph: &str, times: usize, style: Style) {
        for i in 0..times {
            self.put(x.saturating_add(i as i32), y, glyph, 1, style);
        }
    }

    /// Adds a style to cells of one row.
    pub fn paint(&mut self, x: i32, y: i32, columns: usize, style: Style) {
        for i in 0..columns {
            if let Some((cx, cy)) = self.cell(x.saturating_add(i as i32), y) {
                self.buf.set_style(Rect::new(cx, cy, 1, 1), style);
            }
        }
    }
}
