//! The lines between boxes in three weights, and where those of the selection lead when they leave the window.

use std::collections::{BTreeMap, HashMap, HashSet};

use ratatui::style::{Modifier, Style};

use crate::graph::{self, Rect, Route};
use crate::model::NodeId;
use crate::tui::theme::{Theme, Token};
use crate::tui::widgets::format;

use super::canvas::Canvas;
use super::lineage::Lineage;
use super::scene::Scene;
use super::shape::NAME;

/// How much a line matters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// One of too many at one box.
    Hub,
    Plain,
    /// On the way from an ancestor or to a descendant of the selection.
    Path,
}

impl Weight {
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Hub => theme[Token::Border].add_modifier(Modifier::DIM),
            Self::Plain => theme[Token::Border],
            Self::Path => theme[Token::Accent].add_modifier(Modifier::BOLD),
        }
    }

    pub fn horizontal(self, theme: &Theme) -> &'static str {
        match (self, theme.glyphs.ascii) {
            (Self::Hub, false) => "╌",
            (Self::Hub, true) => ".",
            (Self::Plain, _) => theme.glyphs.horizontal,
            (Self::Path, false) => "━",
            (Self::Path, true) => "=",
        }
    }
}

pub struct Lines<'a> {
    pub scene: &'a Scene,
    pub lineage: Option<&'a Lineage>,
    pub reach: graph::Reach,
    pub theme: &'a Theme,
}

impl Lines<'_> {
    fn weight(&self, route: &Route) -> Weight {
        let holds = |l: &Lineage| l.holds(route.from, route.to, self.reach);
        if self.lineage.is_some_and(holds) {
            Weight::Path
        } else if self.scene.is_hub(route.from) || self.scene.is_hub(route.to) {
            Weight::Hub
        } else {
            Weight::Plain
        }
    }

    /// Draws what is in view. Returns the number of cells, and the weight of what leaves each box.
    pub fn draw(&self, canvas: &mut Canvas) -> (usize, HashMap<usize, Weight>) {
        let window = canvas.window();
        let layout = &self.scene.layout;
        let ascii = self.theme.glyphs.ascii;
        let (mut back, mut plain, mut path) = (Vec::new(), Vec::new(), Vec::new());
        let mut leaving: HashMap<usize, Weight> = HashMap::new();
        for (i, route) in layout.routes_in(window) {
            let weight = self.weight(route);
            match weight {
                Weight::Hub => {}
                Weight::Plain => plain.push(i),
                Weight::Path => path.push(i),
            }
            if weight != Weight::Path {
                back.push(i);
            }
            if !route.reversed {
                let known = leaving.entry(route.from).or_insert(weight);
                *known = (*known).max(weight);
            }
        }
        // a cell is faded only when nothing but lines of hubs runs through it
        let solid: HashSet<(i32, i32)> = if plain.len() == back.len() {
            HashSet::new()
        } else {
            graph::glyphs_of(layout, &plain, window, ascii)
                .iter()
                .map(|c| (c.x, c.y))
                .collect()
        };
        let all_solid = plain.len() == back.len();
        let mut cells = 0;
        for cell in graph::glyphs_of(layout, &back, window, ascii) {
            let weight = if all_solid || solid.contains(&(cell.x, cell.y)) {
                Weight::Plain
            } else {
                Weight::Hub
            };
            self.put(canvas, &cell, weight);
            cells += 1;
        }
        for cell in graph::glyphs_of(layout, &path, window, ascii) {
            self.put(canvas, &cell, Weight::Path);
            cells += 1;
        }
        (cells, leaving)
    }

    fn put(&self, canvas: &mut Canvas, cell: &graph::RouteCell, weight: Weight) {
        let mut utf8 = [0; 4];
        let glyph = self.glyph(cell.glyph, weight);
        let text = match glyph {
            '▶' => self.theme.glyphs.arrow_right,
            '◀' => self.theme.glyphs.arrow_left,
            other => other.encode_utf8(&mut utf8),
        };
        canvas.put(cell.x, cell.y, text, 1, weight.style(self.theme));
    }

    fn glyph(&self, glyph: char, weight: Weight) -> char {
        let pairs: &[(char, char)] = match (weight, self.theme.glyphs.ascii) {
            (Weight::Plain, _) => &[],
            (Weight::Hub, false) => &[('─', '╌'), ('│', '╎')],
            (Weight::Hub, true) => &[('-', '.'), ('|', ':')],
            (Weight::Path, false) => &[
                ('─', '━'),
                ('│', '┃'),
                ('╭', '┏'),
                ('╮', '┓'),
                ('╰', '┗'),
                ('╯', '┛'),
                ('├', '┣'),
                ('┤', '┫'),
                ('┬', '┳'),
                ('┴', '┻'),
                ('┼', '╋'),
            ],
            (Weight::Path, true) => &[('-', '='), ('+', '#')],
        };
        pairs
            .iter()
            .find(|(light, _)| *light == glyph)
            .map_or(glyph, |(_, other)| *other)
    }

    /// Names at the border where lines of the selection leave the window, and where they stand in the world.
    pub fn exits(
        &self,
        window: Rect,
        name: &dyn Fn(&NodeId) -> Option<String>,
    ) -> Vec<(Rect, String)> {
        let Some(lineage) = self.lineage else {
            return Vec::new();
        };
        let layout = &self.scene.layout;
        let center = lineage.center;
        let in_view = |i: usize| {
            let b = layout.boxes.get(i);
            b.is_some_and(|b| b.rect().overlaps(&window))
        };
        if !in_view(center) {
            return Vec::new();
        }
        let own = self
            .scene
            .leaving(center)
            .map(|r| (r, true))
            .chain(self.scene.entering(center).map(|r| (r, false)));
        let mut exits: BTreeMap<(i32, i32), (Side, Vec<usize>)> = BTreeMap::new();
        for (r, leaves) in own {
            let Some(route) = layout.routes.get(r) else {
                continue;
            };
            let other = if leaves { route.to } else { route.from };
            if in_view(other) {
                continue;
            }
            if let Some((x, y, side)) = exit(route, leaves, window) {
                let entry = exits.entry((y, x)).or_insert((side, Vec::new()));
                entry.1.push(other);
            }
        }
        let mut placed: Vec<(Rect, String)> = Vec::new();
        for ((y, x), (side, others)) in exits {
            let Some(text) = self.exit_text(side, &others, name) else {
                continue;
            };
            let width = format::width(&text) as i32;
            let x = match side {
                Side::Left => window.x,
                Side::Right => window.right() - width,
                Side::Up | Side::Down => x
                    .saturating_sub(width / 2)
                    .clamp(window.x, (window.right() - width).max(window.x)),
            };
            let place = Rect::new(x, y, width, 1);
            if width < window.w && !placed.iter().any(|(t, _)| t.overlaps(&place)) {
                placed.push((place, text));
            }
        }
        placed
    }

    /// "► report +3".
    fn exit_text(
        &self,
        side: Side,
        others: &[usize],
        name: &dyn Fn(&NodeId) -> Option<String>,
    ) -> Option<String> {
        let id = self.scene.id(*others.first()?)?;
        let name = name(id).unwrap_or_else(|| id.safe().as_str().to_owned());
        let g = self.theme.glyphs;
        let name = format::fit_middle(&name, NAME, g.ellipsis);
        let more = match others.len() {
            0 | 1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        Some(match side {
            Side::Left => format!("{} {name}{more} ", g.arrow_left),
            Side::Right => format!(" {name}{more} {}", g.arrow_right),
            Side::Up => format!(" {} {name}{more} ", g.arrow_up),
            Side::Down => format!(" {} {name}{more} ", g.arrow_down),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Up,
    Down,
}

/// The last cell in view on the way along a route from its start (or from its end), and through which side it leaves.
fn exit(route: &Route, from_start: bool, window: Rect) -> Option<(i32, i32, Side)> {
    let walk = |a: (i32, i32), b: (i32, i32)| -> Option<(i32, i32, Side)> {
        // where the way begins is in view or just beside it
        if b.0 >= window.right() {
            Some((window.right() - 1, a.1, Side::Right))
        } else if b.0 < window.x {
            Some((window.x, a.1, Side::Left))
        } else if b.1 >= window.bottom() {
            Some((a.0, window.bottom() - 1, Side::Down))
        } else if b.1 < window.y {
            Some((a.0, window.y, Side::Up))
        } else {
            None
        }
    };
    let points = &route.points;
    let last = points.len().checked_sub(1)?;
    let at = |i: usize| points.get(if from_start { i } else { last - i }).copied();
    let (x, y, side) = match last {
        0 => at(0).and_then(|p| walk(p, p))?,
        _ => (0..last).find_map(|i| walk(at(i)?, at(i + 1)?))?,
    };
    let inside = |v: i32, low: i32, high: i32| v.clamp(low, (high - 1).max(low));
    Some((
        inside(x, window.x, window.right()),
        inside(y, window.y, window.bottom()),
        side,
    ))
}
