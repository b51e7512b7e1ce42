//! The dots of a chart: two by four in a cell as braille; without Unicode one sign for each cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Look;
use crate::tui::theme::Theme;

/// The bit of a dot, by row from the top and column.
const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u32,
    /// Which looks are in it, by their place in [`Look::ALL`].
    looks: [bool; 3],
}

pub(super) struct Grid {
    width: u16,
    height: u16,
    cells: Vec<Cell>,
}

impl Grid {
    pub(super) fn new(width: u16, height: u16) -> Self {
        let cells = usize::from(width) * usize::from(height);
        Self {
            width,
            height,
            cells: vec![Cell::default(); cells],
        }
    }

    /// The place of shares of width and height among the dots.
    fn place(&self, (x, y): (f64, f64)) -> (i64, i64) {
        let across = f64::from(self.width) * 2.0;
        let down = f64::from(self.height) * 4.0;
        let x = (x * across).floor().clamp(0.0, (across - 1.0).max(0.0));
        let y = (y * down).floor().clamp(0.0, (down - 1.0).max(0.0));
        (x as i64, down as i64 - 1 - y as i64)
    }

    pub(super) fn dot(&mut self, look: Look, at: (f64, f64)) {
        let (x, y) = self.place(at);
        self.set(look, x, y);
    }

    fn set(&mut self, look: Look, x: i64, y: i64) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        let at = (y / 4) * usize::from(self.width) + x / 2;
        if let Some(cell) = self
            .cells
            .get_mut(at)
            .filter(|_| x / 2 < usize::from(self.width))
        {
            cell.dots |= BITS[y % 4][x % 2];
            cell.looks[look as usize] = true;
        }
    }

    pub(super) fn line(&mut self, look: Look, from: (f64, f64), to: (f64, f64)) {
        let ((x0, y0), (x1, y1)) = (self.place(from), self.place(to));
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).max(1);
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            let x = x0 + ((x1 - x0) as f64 * part).round() as i64;
            let y = y0 + ((y1 - y0) as f64 * part).round() as i64;
            // dashes lie where they lie, wherever a piece begins
            if look != Look::Dashed || x.rem_euclid(4) < 2 {
                self.set(look, x, y);
            }
        }
    }

    pub(super) fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        for (i, cell) in self.cells.iter().enumerate().filter(|(_, c)| c.dots > 0) {
            let (row, column) = (i / usize::from(self.width), i % usize::from(self.width));
            let x = area
                .x
                .saturating_add(u16::try_from(column).unwrap_or(u16::MAX));
            let y = area
                .y
                .saturating_add(u16::try_from(row).unwrap_or(u16::MAX));
            let look = Look::ALL.iter().rfind(|l| cell.looks[**l as usize]);
            let look = look.copied().unwrap_or(Look::Dots);
            let style = look.style(theme);
            if theme.glyphs.ascii {
                let sign = match look {
                    Look::Dashed => ":",
                    Look::Line => "-",
                    Look::Dots => "o",
                };
                buf.set_stringn(x, y, sign, 1, style);
            } else if let Some(sign) = char::from_u32(0x2800 + cell.dots) {
                let mut text = [0; 4];
                buf.set_stringn(x, y, sign.encode_utf8(&mut text), 1, style);
            }
        }
    }
}
