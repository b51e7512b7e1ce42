//! The whole drawing in few cells: dots where boxes are, each cell with its worst state. Also the little map in a corner.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::graph::{self, Placed};
use crate::model::{NodeCounts, NodeState};
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::pen;

use super::scene::Scene;

/// Dots of one braille cell.
const DOTS: (i64, i64) = (2, 4);

/// One cell of an overview.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Spot {
    /// As in braille: bit by row and column.
    dots: u8,
    /// How many boxes in it are in each state, and the worst of these.
    counts: NodeCounts,
    state: Option<NodeState>,
}

impl Spot {
    fn turn(&mut self, from: Option<NodeState>, to: Option<NodeState>) {
        if let Some(state) = from {
            self.counts.remove(state, 1);
        }
        if let Some(state) = to {
            self.counts.add(state, 1);
        }
        let worse = |s: NodeState| self.state.is_none_or(|old| s.badness() > old.badness());
        if from.is_some() && from == self.state {
            self.state = self.counts.worst();
        } else if let Some(state) = to.filter(|s| worse(*s)) {
            self.state = Some(state);
        }
    }
}

/// A whole layout scaled into an area; never enlarged beyond one dot for each cell of the drawing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    columns: u16,
    rows: u16,
    spots: Vec<Spot>,
    world: (i64, i64),
    dots: (i64, i64),
}

impl Overview {
    /// Into at most `columns` x `rows` cells. Costs one look at each box.
    pub fn of(
        scene: &Scene,
        (columns, rows): (u16, u16),
        state: &dyn Fn(usize) -> Option<NodeState>,
    ) -> Self {
        let world = (
            i64::from(scene.layout.width.max(1)),
            i64::from(scene.layout.height.max(1)),
        );
        let dots = (
            (i64::from(columns) * DOTS.0).min(world.0),
            (i64::from(rows) * DOTS.1).min(world.1),
        );
        let cells = |dots: i64, size: i64| u16::try_from((dots + size - 1) / size).unwrap_or(0);
        let mut overview = Self {
            columns: cells(dots.0, DOTS.0),
            rows: cells(dots.1, DOTS.1),
            spots: Vec::new(),
            world,
            dots,
        };
        let count = usize::from(overview.columns) * usize::from(overview.rows);
        overview.spots = vec![Spot::default(); count];
        for (i, placed) in scene.layout.boxes.iter().enumerate() {
            overview.mark(placed.rect());
            overview.turn(placed.rect(), None, state(i));
        }
        overview
    }

    /// Columns and rows that it covers.
    pub fn size(&self) -> (u16, u16) {
        (self.columns, self.rows)
    }

    /// A box in its place is in another state now. Costs a look at the cells that the box covers.
    pub fn turn(&mut self, rect: graph::Rect, from: Option<NodeState>, to: Option<NodeState>) {
        let cells = self.cells_of(rect);
        for y in cells.y..cells.y.saturating_add(cells.height) {
            for x in cells.x..cells.x.saturating_add(cells.width) {
                let at = usize::from(y) * usize::from(self.columns) + usize::from(x);
                if let Some(spot) = self.spots.get_mut(at) {
                    spot.turn(from, to);
                }
            }
        }
    }

    fn mark(&mut self, rect: graph::Rect) {
        let (x0, x1, y0, y1) = self.dots_of(rect);
        for y in y0..=y1 {
            for x in x0..=x1 {
                let at = (y / DOTS.1) * i64::from(self.columns) + x / DOTS.0;
                let at = usize::try_from(at).ok();
                if let Some(spot) = at.and_then(|at| self.spots.get_mut(at)) {
                    spot.dots |= bit(x % DOTS.0, y % DOTS.1);
                }
            }
        }
    }

    /// First and last dot of a rectangle of the world, across and down.
    fn dots_of(&self, rect: graph::Rect) -> (i64, i64, i64, i64) {
        let scale = |v: i32, dots: i64, world: i64| i64::from(v) * dots / world;
        let limit = |v: i64, dots: i64| v.clamp(0, (dots - 1).max(0));
        let span = |start: i32, end: i32, dots: i64, world: i64| {
            let first = limit(scale(start, dots, world), dots);
            let last = scale(end, dots, world) - 1;
            (first, limit(last.max(first), dots))
        };
        let (x0, x1) = span(rect.x, rect.right(), self.dots.0, self.world.0);
        let (y0, y1) = span(rect.y, rect.bottom(), self.dots.1, self.world.1);
        (x0, x1, y0, y1)
    }

    /// The cells of a rectangle of the world, relative to the overview's own corner.
    fn cells_of(&self, rect: graph::Rect) -> Rect {
        let (x0, x1, y0, y1) = self.dots_of(rect);
        let cell = |v: i64, size: i64| u16::try_from(v / size).unwrap_or(u16::MAX);
        let (x, y) = (cell(x0, DOTS.0), cell(y0, DOTS.1));
        Rect {
            x,
            y,
            width: cell(x1, DOTS.0) - x + 1,
            height: cell(y1, DOTS.1) - y + 1,
        }
    }

    /// Draws it at the upper left corner of an area.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) -> usize {
        let area = pen::clip(area, buf);
        let mut drawn = 0;
        for (i, spot) in self.spots.iter().enumerate().filter(|(_, s)| s.dots != 0) {
            let columns = usize::from(self.columns.max(1));
            let (x, y) = ((i % columns) as u16, (i / columns) as u16);
            if x >= area.width || y >= area.height {
                continue;
            }
            let (text, style) = look(*spot, theme);
            let mut utf8 = [0; 4];
            let text = match text {
                Sign::Glyph(glyph) => glyph,
                Sign::Dots(dots) => dots.encode_utf8(&mut utf8),
            };
            buf.set_stringn(area.x + x, area.y + y, text, 1, style);
            drawn += 1;
        }
        drawn
    }

    /// Adds a style to the cells of a rectangle of the world.
    pub fn paint(&self, buf: &mut Buffer, area: Rect, rect: graph::Rect, style: Style) {
        let cells = self.cells_of(rect);
        let at = Rect {
            x: area.x.saturating_add(cells.x),
            y: area.y.saturating_add(cells.y),
            ..cells
        };
        buf.set_style(at.intersection(area).intersection(buf.area), style);
    }
}

enum Sign {
    Glyph(&'static str),
    Dots(char),
}

/// What is wrong or going on has its sign, also without colour; the rest are dots.
fn look(spot: Spot, theme: &Theme) -> (Sign, Style) {
    let state = spot.state.unwrap_or(NodeState::Pending);
    let style = theme.state(state);
    let telling = state.badness() >= NodeState::Running.badness();
    if telling || theme.glyphs.ascii {
        (Sign::Glyph(theme.state_glyph(state)), style)
    } else {
        let dots = char::from_u32(0x2800 + u32::from(spot.dots)).unwrap_or(' ');
        (Sign::Dots(dots), style)
    }
}

fn bit(x: i64, y: i64) -> u8 {
    const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
    let index = |v: i64| usize::try_from(v).unwrap_or(0);
    BITS.get(index(y))
        .and_then(|row| row.get(index(x)))
        .copied()
        .unwrap_or(0)
}

/// The smallest pane that has room for a map in its corner.
const MAP_FROM: (u16, u16) = (70, 14);

/// How many cells the map of a pane may have, its frame left out; `None`: the pane is too small for one.
pub fn map_room(area: Rect) -> Option<(u16, u16)> {
    (area.width >= MAP_FROM.0 && area.height >= MAP_FROM.1).then(|| {
        (
            (area.width / 6).clamp(12, 30),
            (area.height / 5).clamp(3, 10),
        )
    })
}

/// Draws the map into the corner that hides least of what is in view.
pub fn draw_map(
    map: &Overview,
    scene: &Scene,
    selected: Option<&Placed>,
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    window: graph::Rect,
) {
    let (columns, rows) = map.size();
    let (width, height) = (columns.saturating_add(2), rows.saturating_add(2));
    if width > area.width || height > area.height || columns == 0 {
        return;
    }
    let (right, low) = (area.right() - width, area.bottom() - height);
    let corners = [
        (right, low),
        (right, area.y),
        (area.x, low),
        (area.x, area.y),
    ];
    let cost = |(x, y): &(u16, u16)| {
        let under = graph::Rect::new(
            window.x + i32::from(x - area.x),
            window.y + i32::from(y - area.y),
            i32::from(width),
            i32::from(height),
        );
        let hides = selected.is_some_and(|b| b.rect().overlaps(&under));
        (hides, scene.layout.visible(under).count())
    };
    let Some((x, y)) = corners.into_iter().min_by_key(cost) else {
        return;
    };
    let frame = Rect {
        x,
        y,
        width,
        height,
    };
    pen::clear(buf, frame);
    let set = &theme.glyphs.border;
    let style = theme[Token::Border];
    for dx in 0..width {
        let (top, bottom) = match dx {
            0 => (set.top_left, set.bottom_left),
            _ if dx == width - 1 => (set.top_right, set.bottom_right),
            _ => (set.horizontal_top, set.horizontal_bottom),
        };
        buf.set_stringn(x + dx, y, top, 1, style);
        buf.set_stringn(x + dx, y + height - 1, bottom, 1, style);
    }
    for dy in 1..height - 1 {
        buf.set_stringn(x, y + dy, set.vertical_left, 1, style);
        buf.set_stringn(x + width - 1, y + dy, set.vertical_right, 1, style);
    }
    let inner = Rect {
        x: x + 1,
        y: y + 1,
        width: columns,
        height: rows,
    };
    map.draw(buf, inner, theme);
    let seen = Style::new().add_modifier(Modifier::REVERSED);
    map.paint(buf, inner, window, seen);
}
