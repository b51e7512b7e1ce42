//! Owns tables: columns that give way when it gets narrow, rows built only when they are in view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::format::{self, Align};
use super::pen::{self, Pen};
use super::scroll;
use crate::tui::theme::{Theme, Token};

/// Columns between two columns.
const GAP: u16 = 1;
/// The column before the first one: the mark of a row, or of the selected row.
pub const GUTTER: u16 = 2;

/// How wide a column is, in terminal columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Fixed(u16),
    /// Gets the first number; grows to the second before any `Fill` does.
    Min(u16, u16),
    /// Gets at least this; shares what is left with the other `Fill`s.
    Fill(u16),
}

impl Width {
    const fn least(self) -> u16 {
        match self {
            Self::Fixed(n) | Self::Min(n, _) | Self::Fill(n) => n,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    pub width: Width,
    /// The highest goes first when there is too little room; 0 = never.
    pub drop: u8,
    pub align: Align,
    /// Stands at the left of what is selected and is never part of it.
    pub aside: bool,
}

impl Column {
    pub const fn new(title: &'static str, width: Width) -> Self {
        Self {
            title,
            width,
            drop: 0,
            align: Align::Left,
            aside: false,
        }
    }

    #[must_use]
    pub const fn aside(mut self) -> Self {
        self.aside = true;
        self
    }

    #[must_use]
    pub const fn drop(mut self, priority: u8) -> Self {
        self.drop = priority;
        self
    }

    #[must_use]
    pub const fn right(mut self) -> Self {
        self.align = Align::Right;
        self
    }
}

/// The first column that is not fixed: it says what a row is.
fn name_column(columns: &[Column]) -> Option<usize> {
    columns
        .iter()
        .position(|c| !matches!(c.width, Width::Fixed(_)))
}

/// The style of the selected row.
pub fn selection(theme: &Theme, focused: bool) -> Style {
    theme[if focused {
        Token::Selection
    } else {
        Token::SelectionBlurred
    }]
}

/// Where the columns of a table are: offset and width for each, `None` for one that gave way.
/// The first column that is not fixed is always there, even when it has to shrink below its least width.
pub fn arrange(columns: &[Column], room: u16) -> Vec<Option<(u16, u16)>> {
    let keep = name_column(columns);
    let mut kept: Vec<bool> = vec![true; columns.len()];
    let need = |kept: &[bool]| -> u32 {
        let widths: u32 = columns
            .iter()
            .zip(kept)
            .filter(|(_, k)| **k)
            .map(|(c, _)| u32::from(c.width.least() + GAP))
            .sum();
        widths.saturating_sub(u32::from(GAP))
    };
    while need(&kept) > u32::from(room) {
        let next = columns
            .iter()
            .enumerate()
            .filter(|(i, c)| kept[*i] && c.drop > 0 && Some(*i) != keep)
            // of equal priority the one further right goes first
            .max_by_key(|(i, c)| (c.drop, *i));
        match next {
            Some((i, _)) => kept[i] = false,
            None => break,
        }
    }
    let mut widths: Vec<u16> = columns.iter().map(|c| c.width.least()).collect();
    let mut spare = u32::from(room).saturating_sub(need(&kept));
    for (i, c) in columns.iter().enumerate().filter(|(i, _)| kept[*i]) {
        if let Width::Min(least, most) = c.width {
            let more = spare.min(u32::from(most.saturating_sub(least)));
            widths[i] += more as u16;
            spare -= more;
        }
    }
    let fills: Vec<usize> = (0..columns.len())
        .filter(|i| kept[*i] && matches!(columns[*i].width, Width::Fill(_)))
        .collect();
    for (n, i) in fills.iter().enumerate() {
        let share = spare / (fills.len() - n) as u32;
        widths[*i] += share as u16;
        spare -= share;
    }
    // still too wide: the one that stays gives what is missing, the rest is cut at the edge
    if let Some(i) = keep {
        let over = need(&kept).saturating_sub(u32::from(room));
        widths[i] = widths[i]
            .saturating_sub(over.min(u32::from(u16::MAX)) as u16)
            .max(1);
    }
    let mut x = 0;
    columns
        .iter()
        .enumerate()
        .map(|(i, _)| {
            if !kept[i] {
                return None;
            }
            let width = widths[i].min(room.saturating_sub(x));
            let at = (x, width);
            x = x.saturating_add(width).saturating_add(GAP).min(room);
            (width > 0).then_some(at)
        })
        .collect()
}

/// One table as it is drawn now.
pub struct Table<'a> {
    pub columns: &'a [Column],
    /// How many rows there are in all.
    pub len: usize,
    pub selected: Option<usize>,
    pub focused: bool,
    pub header: bool,
    /// Whether a row is marked.
    pub marked: &'a dyn Fn(usize) -> bool,
}

impl Table<'_> {
    /// Draws the rows in view and returns how many that were. `top` is the first of them; it moves as little as
    /// possible to keep the selected one in view. `cell(row, column, pen)` draws one cell; it is called for what
    /// is in view only, never for a column that gave way.
    pub fn draw(
        &self,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
        top: &mut usize,
        cell: &mut dyn FnMut(usize, usize, &mut Pen),
    ) -> usize {
        let area = pen::clip(area, buf);
        let head = u16::from(self.header && area.height > 1);
        let body = Rect {
            y: area.y + head,
            height: area.height.saturating_sub(head),
            ..area
        };
        let shown = usize::from(body.height);
        scroll::keep_visible(top, self.selected, shown, self.len);
        if area.is_empty() {
            return 0;
        }
        let scrolls = self.len > shown && area.width > GUTTER + 4;
        // the last column is the scrollbar's even when there is none: nothing jumps when it appears
        let room = area.width.saturating_sub(GUTTER + 1);
        let places = arrange(self.columns, room);
        if head > 0 {
            self.draw_header(buf, area, theme, &places);
        }
        let (start, reach) = self.reach(&places);
        let start = start.min(area.width);
        let reach = reach.min(area.width);
        let rows = self.len.saturating_sub(*top).min(shown);
        for i in 0..rows {
            let index = *top + i;
            let selected = self.selected == Some(index);
            let mut pen = Pen::new(buf, body, i as u16, theme);
            if (self.marked)(index) {
                pen.put(theme.glyphs.mark, theme[Token::Mark]);
            }
            for (c, place) in places.iter().enumerate() {
                if let Some((x, width)) = place {
                    let mut pen = Pen::new(buf, body, i as u16, theme);
                    pen.skip(usize::from(GUTTER + x));
                    cell(
                        index,
                        c,
                        &mut pen.cell_of(usize::from(*width), self.columns[c].align),
                    );
                }
            }
            if selected {
                let row = pen::row(body, i as u16);
                let at = Rect {
                    x: row.x + start,
                    width: reach.saturating_sub(start),
                    ..row
                };
                buf.set_style(at, selection(theme, self.focused));
            }
        }
        if scrolls {
            let column = Rect {
                x: area.right() - 1,
                width: 1,
                ..body
            };
            scroll::bar(buf, column, theme, *top, self.len, std::iter::empty());
        }
        rows
    }

    /// The selection covers the columns up to the name and not more: a move costs few bytes.
    fn reach(&self, places: &[Option<(u16, u16)>]) -> (u16, u16) {
        let end = |i: usize| {
            let (x, width) = places.get(i).copied().flatten()?;
            Some(GUTTER + x + width)
        };
        let beside = self.columns.iter().take_while(|c| c.aside).count();
        let start = (0..beside).filter_map(end).max();
        let name = name_column(self.columns).and_then(end);
        (start.unwrap_or(0), name.unwrap_or(u16::MAX))
    }

    fn draw_header(
        &self,
        buf: &mut Buffer,
        area: Rect,
        theme: &Theme,
        places: &[Option<(u16, u16)>],
    ) {
        for (column, place) in self.columns.iter().zip(places) {
            if let Some((x, width)) = place {
                let mut pen = Pen::new(buf, area, 0, theme);
                pen.skip(usize::from(GUTTER + x));
                pen.cell_of(usize::from(*width), column.align)
                    .fill(column.title, theme[Token::Title]);
            }
        }
    }
}

/// The widest of some texts, for a `Width::Min` that fits its content.
pub fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> u16 {
    texts
        .map(format::width)
        .max()
        .unwrap_or(0)
        .min(usize::from(u16::MAX)) as u16
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
