//! Owns the lines at the left of a list of nodes, as beside a log of commits: one row for each node, lanes for the
//! edges. A lane belongs to one node, either where its edges come from or where they go to, whichever end has more
//! edges: a thousand edges out of one node, or into one, are one lane. An arrow points at a row that a lane leads to;
//! the line of a row without an arrow leads away from it. Where lines cross, the lane goes on below.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::pen::Pen;
use crate::graph::line;
use crate::tui::theme::{Theme, Token};

/// More lanes than this nobody can follow.
pub const MOST: usize = 16;
/// An edge over more rows than this leads out of sight anyway.
const NEAR: usize = 64;

/// Lanes of one row as bits, the leftmost in the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    /// Come from above, go on below.
    above: u16,
    below: u16,
    /// Begin, end or branch here; and lead here.
    joined: u16,
    arrives: u16,
    /// Where its mark is; `None`: no edge of it is drawn.
    mark: Option<u8>,
    /// Some edge of it has no lane.
    more: bool,
}

/// The lanes of all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lanes {
    rows: Vec<Row>,
    /// Lanes that are used, and whether a mark stands beyond them.
    used: usize,
    beyond: bool,
    hidden: usize,
}

/// Edges that share one lane.
#[derive(Debug)]
struct Bus {
    first: usize,
    last: usize,
    edges: Vec<(usize, usize)>,
    shown: bool,
    lane: Option<usize>,
}

/// What the edges of a lane have in common. One that goes up has a lane of its own kind: no row is passed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    From(usize),
    To(usize),
    UpTo(usize),
}

impl Lanes {
    /// Lines between rows for edges (from, to), in at most `bound` lanes. When there are too many, the shortest stay.
    pub fn of(rows: usize, edges: &[(usize, usize)], bound: usize) -> Self {
        let bound = bound.min(MOST);
        let mut buses = buses(rows, edges);
        keep_shortest(&mut buses, bound);
        split_long(&mut buses, rows, bound);
        let touching = touching(rows, &buses);
        let mut lanes: Vec<Option<usize>> = vec![None; bound];
        let mut all = Self {
            rows: Vec::with_capacity(rows),
            ..Self::default()
        };
        for (at, touching) in touching.iter().enumerate() {
            let row = step(at, touching, &mut buses, &mut lanes);
            let lanes_used = row.above | row.below | row.joined;
            all.used = all.used.max(16 - lanes_used.leading_zeros() as usize);
            all.rows.push(row);
        }
        let used = all.used;
        all.beyond = all
            .rows
            .iter()
            .any(|r| r.mark.is_some_and(|m| usize::from(m) >= used));
        all.hidden = buses
            .iter()
            .filter(|b| b.lane.is_none())
            .map(|b| b.edges.len())
            .sum();
        all
    }

    /// Edges that have no lane.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Columns that every row takes; 0: there is nothing to draw.
    pub fn columns(&self) -> u16 {
        if self.used == 0 && self.hidden == 0 {
            return 0;
        }
        let marks = self.used + usize::from(self.beyond);
        (2 * marks.max(1)) as u16
    }

    /// Draws the lines of one row.
    pub fn draw(&self, at: usize, pen: &mut Pen, theme: &Theme) {
        let Some(row) = self.rows.get(at) else {
            return;
        };
        let style = theme[Token::Border];
        let mut utf8 = [0; 4];
        for column in 0..usize::from(self.columns()) {
            if column + 1 == usize::from(self.columns()) {
                let sign = if row.more { theme.glyphs.ellipsis } else { " " };
                pen.put(sign, style);
                break;
            }
            match row.sign(column, theme.glyphs.ascii) {
                Sign::Mark(sign) => pen.put(sign, theme[Token::Accent]),
                Sign::Right => pen.put(theme.glyphs.arrow_right, style),
                Sign::Left => pen.put(theme.glyphs.arrow_left, style),
                Sign::Line(sign) => pen.put(sign.encode_utf8(&mut utf8), style),
            };
        }
    }
}

enum Sign {
    Mark(&'static str),
    Right,
    Left,
    Line(char),
}

const UP: u8 = 1;
const RIGHT: u8 = 2;
const DOWN: u8 = 4;
const LEFT: u8 = 8;

impl Row {
    /// Lanes stand in even columns.
    fn sign(&self, column: usize, ascii: bool) -> Sign {
        let lane = column / 2;
        let bit = |mask: u16, lane: usize| lane < MOST && mask & (1 << lane) != 0;
        let mark = self.mark.map(usize::from);
        let ends = self.joined | mark.filter(|m| *m < MOST).map_or(0, |m| 1 << m);
        let first = ends.trailing_zeros() as usize;
        let last = mark
            .unwrap_or(0)
            .max(15usize.saturating_sub(self.joined.leading_zeros() as usize));
        let (first, last) = match mark {
            Some(mark) => (first.min(mark), last),
            None => (MOST, 0),
        };
        if !column.is_multiple_of(2) {
            let spans = first <= lane && lane < last;
            return match mark {
                Some(m) if spans && lane < m && bit(self.arrives, lane) => Sign::Right,
                Some(m) if spans && lane >= m && bit(self.arrives, lane + 1) => Sign::Left,
                _ if spans => Sign::Line(line(RIGHT | LEFT, ascii)),
                _ => Sign::Line(' '),
            };
        }
        if mark == Some(lane) {
            // filled: what is right above leads here
            return Sign::Mark(match (bit(self.above, lane), ascii) {
                (true, false) => "◆",
                (false, false) => "◇",
                (true, true) => "*",
                (false, true) => "o",
            });
        }
        let strokes = if bit(self.joined, lane) {
            let stroke = |yes: bool, stroke: u8| if yes { stroke } else { 0 };
            stroke(bit(self.above, lane), UP)
                | stroke(bit(self.below, lane), DOWN)
                | stroke(first < lane, LEFT)
                | stroke(lane < last, RIGHT)
        } else if first < lane && lane < last {
            RIGHT | LEFT
        } else if bit(self.above, lane) {
            UP | DOWN
        } else {
            0
        };
        Sign::Line(line(strokes, ascii))
    }
}

impl Bus {
    fn new((from, to): (usize, usize)) -> Self {
        Self {
            first: from.min(to),
            last: from.max(to),
            edges: vec![(from, to)],
            shown: true,
            lane: None,
        }
    }

    fn add(&mut self, (from, to): (usize, usize)) {
        self.first = self.first.min(from).min(to);
        self.last = self.last.max(from).max(to);
        self.edges.push((from, to));
    }
}

/// Sorts edges into lanes to be.
fn buses(rows: usize, edges: &[(usize, usize)]) -> Vec<Bus> {
    let mut edges: Vec<(usize, usize)> = edges
        .iter()
        .copied()
        .filter(|(a, b)| a != b && *a < rows && *b < rows)
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let (mut out, mut into) = (vec![0usize; rows], vec![0usize; rows]);
    for (from, to) in edges.iter().filter(|(a, b)| a < b) {
        out[*from] += 1;
        into[*to] += 1;
    }
    let mut known: HashMap<Owner, usize> = HashMap::new();
    let mut buses: Vec<Bus> = Vec::new();
    for edge @ (from, to) in edges {
        let owner = if from > to {
            Owner::UpTo(to)
        } else if out[from] > into[to] {
            Owner::From(from)
        } else {
            Owner::To(to)
        };
        let at = *known.entry(owner).or_insert(buses.len());
        match buses.get_mut(at) {
            Some(bus) => bus.add(edge),
            None => buses.push(Bus::new(edge)),
        }
    }
    buses
}

/// For each row the lanes that touch it, and whether they lead to it.
fn touching(rows: usize, buses: &[Bus]) -> Vec<Vec<(usize, bool)>> {
    let mut touching: Vec<Vec<(usize, bool)>> = vec![Vec::new(); rows];
    for (i, bus) in buses.iter().enumerate() {
        let leaves = bus.edges.iter().map(|(from, _)| (*from, false));
        let arrives = bus.edges.iter().map(|(_, to)| (*to, true));
        let mut ends: Vec<(usize, bool)> = leaves.chain(arrives).collect();
        ends.sort_unstable();
        ends.dedup();
        for (row, arrives) in ends {
            touching[row].push((i, arrives));
        }
    }
    touching
}

/// Of more lanes side by side than there may be, those that would go on farthest are left out: no other choice
/// leaves more of them.
fn keep_shortest(buses: &mut [Bus], bound: usize) {
    let mut order: Vec<usize> = (0..buses.len()).collect();
    order.sort_by_key(|i| (buses[*i].first, buses[*i].last));
    let mut open: BTreeSet<(usize, usize)> = BTreeSet::new();
    for i in order {
        while let Some(ended) = open
            .first()
            .copied()
            .filter(|(last, _)| *last <= buses[i].first)
        {
            open.remove(&ended);
        }
        open.insert((buses[i].last, i));
        if open.len() > bound
            && let Some((_, longest)) = open.pop_last()
        {
            buses[longest].shown = false;
        }
    }
}

/// Edges down of lanes that were left out get lanes of their own where there is room for them, the shortest first: what
/// leads to the next row is not to suffer from what comes from far away.
fn split_long(buses: &mut Vec<Bus>, rows: usize, bound: usize) {
    let mut load = vec![0usize; rows];
    for bus in buses.iter().filter(|b| b.shown) {
        load[bus.first..bus.last].iter_mut().for_each(|n| *n += 1);
    }
    let mut short: Vec<(usize, usize, usize)> = Vec::new();
    for (i, bus) in buses.iter().enumerate().filter(|(_, b)| !b.shown) {
        let near = bus.edges.iter().enumerate();
        short.extend(near.filter_map(|(e, (from, to))| {
            let span = to.checked_sub(*from).filter(|span| *span <= NEAR)?;
            Some((span, i, e))
        }));
    }
    short.sort_unstable();
    for (_, i, e) in short {
        let edge = buses[i].edges[e];
        let passed = &mut load[edge.0..edge.1];
        if passed.iter().all(|n| *n < bound) {
            passed.iter_mut().for_each(|n| *n += 1);
            buses.push(Bus::new(edge));
        }
    }
    // what has a lane of its own now is no longer missing from the other one
    let own: HashSet<(usize, usize)> = buses
        .iter()
        .filter(|b| b.shown)
        .flat_map(|b| b.edges.iter().copied())
        .collect();
    for bus in buses.iter_mut().filter(|b| !b.shown) {
        bus.edges.retain(|e| !own.contains(e));
    }
}

/// Lanes through one row; gives lanes to what begins here and takes them from what ends.
fn step(
    at: usize,
    touching: &[(usize, bool)],
    buses: &mut [Bus],
    lanes: &mut [Option<usize>],
) -> Row {
    let mut row = Row {
        above: mask(lanes),
        ..Row::default()
    };
    if touching.is_empty() {
        row.below = row.above;
        return row;
    }
    let mut attached: Option<usize> = None;
    for (bus, arrives) in touching {
        let Some(lane) = buses[*bus]
            .lane
            .filter(|l| lanes.get(*l) == Some(&Some(*bus)))
        else {
            continue;
        };
        row.joined |= 1 << lane;
        if *arrives {
            row.arrives |= 1 << lane;
        }
        if buses[*bus].last == at {
            lanes[lane] = None;
            if *arrives && attached.is_none_or(|known| lane < known) {
                attached = Some(lane);
            }
        }
    }
    let free = |row: &Row, lanes: &[Option<usize>], lane: usize| {
        lanes[lane].is_none() && (row.above | row.below) & (1 << lane) == 0
    };
    let mark = attached
        .or_else(|| (0..lanes.len()).find(|l| free(&row, lanes, *l)))
        .unwrap_or(lanes.len());
    let mut starting: Vec<(usize, bool)> = touching
        .iter()
        .copied()
        .filter(|(bus, _)| buses[*bus].first == at && buses[*bus].shown)
        .collect();
    starting.sort_by_key(|(bus, arrives)| (*arrives, buses[*bus].last, *bus));
    for (bus, arrives) in starting {
        // straight down from the mark; what comes up to it needs its arrow and so a lane beside it
        let own = (!arrives && mark < lanes.len() && lanes[mark].is_none()).then_some(mark);
        let beside = || {
            (0..lanes.len())
                .filter(|l| *l != mark && free(&row, lanes, *l))
                .min_by_key(|l| (l.abs_diff(mark), *l < mark))
        };
        let Some(lane) = own.or_else(beside) else {
            continue;
        };
        lanes[lane] = Some(bus);
        buses[bus].lane = Some(lane);
        row.joined |= 1 << lane;
        if arrives {
            row.arrives |= 1 << lane;
        }
    }
    row.below = mask(lanes);
    if mark < MOST {
        row.joined &= !(1 << mark);
        row.arrives &= !(1 << mark);
    }
    row.mark = u8::try_from(mark).ok();
    row.more = touching.iter().any(|(bus, _)| buses[*bus].lane.is_none());
    row
}

fn mask(lanes: &[Option<usize>]) -> u16 {
    let taken = lanes.iter().enumerate().filter(|(_, l)| l.is_some());
    taken.fold(0, |mask, (i, _)| mask | 1 << i)
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
