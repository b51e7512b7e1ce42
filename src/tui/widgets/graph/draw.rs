//! The drawing of what is in view: lines, then boxes, then what is outside.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::graph::{self, Layout};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::format;
use crate::tui::widgets::pen::{self, Pen};
use crate::tui::widgets::table::selection;

use super::boxes::{Item, Look};
use super::canvas::Canvas;
use super::shape::Form;

/// A laid out run as it is drawn now.
pub struct GraphView<'a> {
    pub layout: &'a Layout,
    pub form: Form,
    /// Raw id of the selected node or group.
    pub selected: Option<&'a str>,
    pub focused: bool,
    pub now: DateTime<Utc>,
    /// What a box is about, by raw id; asked for boxes in view only.
    pub item: &'a dyn Fn(&str) -> Option<Item<'a>>,
}

/// What a drawing cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    pub boxes: usize,
    pub line_cells: usize,
}

impl GraphView<'_> {
    /// Draws the window whose upper left cell is `corner`.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, corner: (i32, i32)) -> Drawn {
        let area = pen::clip(area, buf);
        if area.is_empty() {
            return Drawn::default();
        }
        let mut canvas = Canvas::new(buf, area, corner);
        let window = canvas.window();
        let ascii = theme.glyphs.ascii;
        let lines = graph::glyphs(self.layout, window, ascii);
        let mut drawn = Drawn {
            boxes: 0,
            line_cells: lines.len(),
        };
        for cell in &lines {
            let mut utf8 = [0; 4];
            let glyph =
                arrow(cell.glyph, theme).unwrap_or_else(|| cell.glyph.encode_utf8(&mut utf8));
            canvas.put(cell.x, cell.y, glyph, 1, theme[Token::Border]);
        }
        self.own_lines(&mut canvas, theme, window);
        let leads_on: HashSet<usize> = self
            .layout
            .routes_in(window)
            .filter(|(_, r)| !r.reversed)
            .map(|(_, r)| r.from)
            .collect();
        for (i, placed) in self.layout.visible(window) {
            let look = Look {
                theme,
                form: self.form,
                now: self.now,
                selected: (self.selected == Some(placed.id.as_str()))
                    .then(|| selection(theme, self.focused)),
                leads_on: leads_on.contains(&i),
            };
            look.draw(&mut canvas, placed, (self.item)(&placed.id));
            drawn.boxes += 1;
        }
        self.hints(buf, area, theme, window);
        drawn
    }

    /// The lines of the selected box over the others.
    fn own_lines(&self, canvas: &mut Canvas, theme: &Theme, window: graph::Rect) {
        let Some(selected) = self.selected else {
            return;
        };
        let is_it = |i: usize| self.layout.boxes.get(i).is_some_and(|b| b.id == selected);
        let own: Vec<usize> = self
            .layout
            .routes_in(window)
            .filter(|(_, r)| is_it(r.from) || is_it(r.to))
            .map(|(i, _)| i)
            .collect();
        let style = theme[Token::Accent];
        for cell in graph::glyphs_of(self.layout, &own, window, theme.glyphs.ascii) {
            let mut utf8 = [0; 4];
            let glyph =
                arrow(cell.glyph, theme).unwrap_or_else(|| cell.glyph.encode_utf8(&mut utf8));
            canvas.put(cell.x, cell.y, glyph, 1, style);
        }
    }

    /// How many boxes lie outside, on each side.
    fn hints(&self, buf: &mut Buffer, area: Rect, theme: &Theme, window: graph::Rect) {
        let count = |outside: &dyn Fn(graph::Rect) -> bool| {
            let n = self.layout.boxes.iter().filter(|b| outside(b.rect()));
            n.count() as u64
        };
        let left = count(&|b| b.right() <= window.x);
        let right = count(&|b| b.x >= window.right());
        let beside = |b: graph::Rect| b.right() <= window.x || b.x >= window.right();
        let above = count(&|b| b.bottom() <= window.y && !beside(b));
        let below = count(&|b| b.y >= window.bottom() && !beside(b));
        let style = theme[Token::Muted];
        let g = theme.glyphs;
        let last = area.height - 1;
        if left > 0 {
            let text = format!("{} {} more ", g.arrow_left, format::count(left));
            hint(buf, area, last, 0, &text, style, theme);
        }
        if right > 0 {
            let text = format!(" {} more {}", format::count(right), g.arrow_right);
            let at = usize::from(area.width).saturating_sub(format::width(&text));
            hint(buf, area, last, at, &text, style, theme);
        }
        let centred = |text: &str| usize::from(area.width).saturating_sub(format::width(text)) / 2;
        if above > 0 {
            let text = format!(" {} {} more ", g.arrow_up, format::count(above));
            hint(buf, area, 0, centred(&text), &text, style, theme);
        }
        if below > 0 {
            let text = format!(" {} {} more ", g.arrow_down, format::count(below));
            hint(buf, area, last, centred(&text), &text, style, theme);
        }
    }
}

fn hint(
    buf: &mut Buffer,
    area: Rect,
    row: u16,
    at: usize,
    text: &str,
    style: Style,
    theme: &Theme,
) {
    Pen::new(buf, area, row, theme).skip(at).put(text, style);
}

/// Arrows that no font draws two columns wide.
fn arrow(glyph: char, theme: &Theme) -> Option<&'static str> {
    match glyph {
        '▶' => Some(theme.glyphs.arrow_right),
        '◀' => Some(theme.glyphs.arrow_left),
        _ => None,
    }
}
