//! Routes as characters. Rules: where a line forks, and where lines meet before a common target, they join (`├ ┬ ┴ ┤`);
//! where all lines of a cell go straight on they cross: the horizontal one goes over the vertical one, which shows a gap.

use super::types::{Layout, Rect, Route};
use std::collections::BTreeMap;

/// One cell of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteCell {
    pub x: i32,
    pub y: i32,
    pub glyph: char,
    /// Index of the topmost route in `Layout::routes`.
    pub route: usize,
}

const NORTH: u8 = 1;
const EAST: u8 = 2;
const SOUTH: u8 = 4;
const WEST: u8 = 8;

/// What lies in one cell.
#[derive(Default, Clone)]
struct Cell {
    mask: u8,
    /// Some line turns or ends here.
    bent: bool,
    /// The topmost route, and the topmost of those that go straight on along x.
    route: usize,
    across: usize,
    /// Which way an arrow in this cell points.
    arrow: u8,
}

/// Cells of all lines in the window, row by row.
pub fn glyphs(layout: &Layout, rect: Rect, ascii: bool) -> Vec<RouteCell> {
    let chosen: Vec<usize> = layout.routes_in(rect).map(|(i, _)| i).collect();
    glyphs_of(layout, &chosen, rect, ascii)
}

/// As [`glyphs`], but only of some routes: to draw a selection over or under the rest.
pub fn glyphs_of(layout: &Layout, routes: &[usize], rect: Rect, ascii: bool) -> Vec<RouteCell> {
    let mut cells: BTreeMap<(i32, i32), Cell> = BTreeMap::new();
    for &i in routes {
        if let Some(route) = layout.routes.get(i) {
            draw(layout, route, i, rect, &mut cells);
        }
    }
    cells
        .into_iter()
        .map(|((y, x), cell)| {
            let (glyph, route) = cell.show(ascii);
            RouteCell { x, y, glyph, route }
        })
        .collect()
}

fn draw(
    layout: &Layout,
    route: &Route,
    index: usize,
    rect: Rect,
    cells: &mut BTreeMap<(i32, i32), Cell>,
) {
    let mut put = |x: i32, y: i32, mask: u8| {
        if rect.contains(x, y) {
            cells.entry((y, x)).or_default().add(mask, index);
        }
    };
    for p in route.points.windows(2) {
        let ((x0, y0), (x1, y1)) = (p[0], p[1]);
        if y0 == y1 {
            let (a, b) = (x0.min(x1), x0.max(x1));
            if y0 < rect.y || y0 >= rect.bottom() {
                continue;
            }
            for x in a.max(rect.x - 1)..=b.min(rect.right()) {
                let mask = if x > a { WEST } else { 0 } | if x < b { EAST } else { 0 };
                put(x, y0, mask);
            }
        } else {
            let (a, b) = (y0.min(y1), y0.max(y1));
            if x0 < rect.x || x0 >= rect.right() {
                continue;
            }
            for y in a.max(rect.y - 1)..=b.min(rect.bottom()) {
                let mask = if y > a { NORTH } else { 0 } | if y < b { SOUTH } else { 0 };
                put(x0, y, mask);
            }
        }
    }
    // the ends lean on their boxes
    for (point, b) in [
        (route.points.first(), route.from),
        (route.points.last(), route.to),
    ] {
        if let (Some(&(x, y)), Some(b)) = (point, layout.boxes.get(b)) {
            put(x, y, side(x, y, b.rect()));
        }
    }
    if let (Some(&(x, y)), Some(to)) = (route.points.last(), layout.boxes.get(route.to))
        && rect.contains(x, y)
    {
        cells.entry((y, x)).or_default().arrow = side(x, y, to.rect());
    }
}

/// On which side of a cell the box lies.
fn side(x: i32, y: i32, to: Rect) -> u8 {
    if x < to.x {
        EAST
    } else if x >= to.right() {
        WEST
    } else if y < to.y {
        SOUTH
    } else {
        NORTH
    }
}

impl Cell {
    fn add(&mut self, mask: u8, route: usize) {
        self.mask |= mask;
        self.bent |= mask.count_ones() < 2;
        self.route = self.route.max(route);
        if mask == EAST | WEST {
            self.across = self.across.max(route);
        }
    }

    fn show(&self, ascii: bool) -> (char, usize) {
        if self.arrow != 0 {
            return (arrow(self.arrow, ascii), self.route);
        }
        if !self.bent && self.mask & (EAST | WEST) != 0 {
            return (line(EAST | WEST, ascii), self.across);
        }
        (line(self.mask, ascii), self.route)
    }
}

fn arrow(to: u8, ascii: bool) -> char {
    match (to, ascii) {
        (EAST, false) => '▶',
        (EAST, true) => '>',
        (WEST, false) => '◀',
        (WEST, true) => '<',
        (SOUTH, false) => '▼',
        (SOUTH, true) => 'v',
        (_, false) => '▲',
        (_, true) => '^',
    }
}

/// The sign whose strokes go up (1), right (2), down (4) and left (8).
pub fn line(mask: u8, ascii: bool) -> char {
    const BOX: [char; 16] = [
        ' ', '│', '─', '╰', '│', '│', '╭', '├', '─', '╯', '─', '┴', '╮', '┤', '┬', '┼',
    ];
    if !ascii {
        return BOX[usize::from(mask & 15)];
    }
    match mask {
        0 => ' ',
        m if m & (EAST | WEST) == 0 => '|',
        m if m & (NORTH | SOUTH) == 0 => '-',
        _ => '+',
    }
}
