//! What goes in and what comes out.

use super::index::Index;

/// A graph of nodes and groups. Edge ends are ids in one space: `0..nodes.len()` are nodes,
/// `nodes.len()..nodes.len() + groups.len()` are groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    pub nodes: Vec<GraphNode>,
    pub groups: Vec<GraphGroup>,
    pub edges: Vec<(usize, usize)>,
}

/// One node and the size of its box in cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphNode {
    pub id: String,
    pub width: u16,
    pub height: u16,
    /// Index into `Graph::groups`.
    pub group: Option<usize>,
}

/// A folder of nodes and other groups; `width` and `height` are its size while it is collapsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphGroup {
    pub id: String,
    /// Index into `Graph::groups`.
    pub parent: Option<usize>,
    pub collapsed: bool,
    pub width: u16,
    pub height: u16,
}

/// Where the flow goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    LeftRight,
    TopBottom,
}

/// How to lay out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub direction: Direction,
    /// Least number of cells between two ranks; a gutter that needs more tracks gets wider.
    pub rank_gap: u16,
    /// Free cells between two boxes of one rank. Lines may use them.
    pub node_gap: u16,
    /// [`Layout::order`] of an earlier layout: its boxes keep their relative order.
    pub previous: Option<Vec<String>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            direction: Direction::LeftRight,
            rank_gap: 6,
            node_gap: 1,
            previous: None,
        }
    }
}

/// A finished drawing, all in cells, the upper left corner at 0,0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    pub width: i32,
    pub height: i32,
    pub boxes: Vec<Placed>,
    /// In the order of the input edges.
    pub routes: Vec<Route>,
    pub stats: Stats,
    pub(super) index: Index,
}

/// What a box stands for: an index into `Graph::nodes` or `Graph::groups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    Node(usize),
    /// A collapsed group, or one without members.
    Group(usize),
}

/// One box in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub id: String,
    pub what: What,
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
    /// Distance from the first rank of its component.
    pub rank: u32,
}

/// The line of one input edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Index into `Layout::boxes`.
    pub from: usize,
    /// Index into `Layout::boxes`.
    pub to: usize,
    /// Index of the input edge.
    pub edge: usize,
    /// The edge goes against the flow: it closes a cycle.
    pub reversed: bool,
    /// Routes of one net leave the same port and may share cells; routes of different nets share only the
    /// last row into a common target, and crossings.
    pub net: u32,
    /// Orthogonal polyline from the cell beside the source's port to the cell beside the target's port.
    pub points: Vec<(i32, i32)>,
}

/// Figures of a layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Pairs of edges whose order changes between two ranks, counted once for each change.
    pub crossings: u64,
    pub ranks: u32,
    /// Places where a line passes through a rank.
    pub dummies: usize,
    pub components: usize,
    /// Edges that had to be turned to break cycles.
    pub reversed: usize,
    /// The largest number of tracks in one gutter.
    pub tracks: u32,
}

/// A window into the drawing: `x..x + w`, `y..y + h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
}

impl Rect {
    pub const fn new(x: i32, y: i32, w: i32, h: i32) -> Self {
        Self { x, y, w, h }
    }

    /// First column to the right of it.
    pub const fn right(&self) -> i32 {
        self.x.saturating_add(self.w)
    }

    /// First row below it.
    pub const fn bottom(&self) -> i32 {
        self.y.saturating_add(self.h)
    }

    pub const fn contains(&self, x: i32, y: i32) -> bool {
        x >= self.x && x < self.right() && y >= self.y && y < self.bottom()
    }

    pub const fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }
}

impl Placed {
    pub const fn rect(&self) -> Rect {
        Rect::new(self.x, self.y, self.w, self.h)
    }
}

impl Layout {
    /// Ids rank by rank, in order within each rank: what `Options::previous` of the next layout wants.
    pub fn order(&self) -> Vec<String> {
        let mut all: Vec<&Placed> = self.boxes.iter().collect();
        // the cross axis decides within a rank; the other one is the same for the whole rank of a component
        all.sort_by_key(|b| (b.rank, b.y, b.x));
        all.into_iter().map(|b| b.id.clone()).collect()
    }

    /// Boxes that touch the window, in index order. Costs what is near the window, not the whole graph.
    pub fn visible(&self, rect: Rect) -> impl Iterator<Item = (usize, &Placed)> {
        self.index
            .boxes_in(rect)
            .into_iter()
            .filter_map(|i| self.boxes.get(i).map(|b| (i, b)))
            .filter(move |(_, b)| b.rect().overlaps(&rect))
    }

    /// Routes of which some cell lies in the window, in index order.
    pub fn routes_in(&self, rect: Rect) -> impl Iterator<Item = (usize, &Route)> {
        self.index
            .routes_in(rect)
            .into_iter()
            .filter_map(|i| self.routes.get(i).map(|r| (i, r)))
            .filter(move |(_, r)| {
                r.points
                    .windows(2)
                    .any(|p| span(p[0], p[1]).overlaps(&rect))
            })
    }

    /// The box that covers a cell.
    pub fn at(&self, x: i32, y: i32) -> Option<usize> {
        self.visible(Rect::new(x, y, 1, 1)).map(|(i, _)| i).next()
    }
}

/// The cells of a straight piece of line as a rectangle.
pub(super) fn span(a: (i32, i32), b: (i32, i32)) -> Rect {
    let (x0, x1) = (a.0.min(b.0), a.0.max(b.0));
    let (y0, y1) = (a.1.min(b.1), a.1.max(b.1));
    Rect::new(x0, y0, x1 - x0 + 1, y1 - y0 + 1)
}
