//! Tracks of one gutter. A wire comes in at rows on the left, has one vertical line, and goes out at rows on the right.
//! Wires on one track keep apart; a wire that leaves a row another one needs further right stands left of it
//! (otherwise the two would lie on each other); among what is left free, the order with the fewest crossings wins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// Rows at both sides, each with the number of links that use it. One side has exactly one row, the hub.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    /// (row, links)
    pub left: Vec<(i32, u32)>,
    /// (row, links)
    pub right: Vec<(i32, u32)>,
    /// The other half of the same star: they may touch at the hub.
    pub sibling: Option<usize>,
}

/// Where the vertical part of a wire runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It has none.
    Straight,
    Track(u32),
    /// From the left rows on the first track to a free row, on it to the second track: breaks a ring of wires
    /// each of which would have to be left of the next.
    Detour {
        first: u32,
        row: i32,
        second: u32,
    },
}

/// More wires than this are ordered by a rule of thumb instead of pair by pair.
const PAIRWISE: usize = 500;

/// The way of each wire, and the number of tracks.
pub(super) fn pack(wires: &[Wire]) -> (Vec<Way>, u32) {
    let lines: Vec<Line> = wires.iter().map(Line::new).collect();
    let mut packer = Packer::new(wires, &lines);
    packer.run();
    let ways = packer.ways;
    (ways, packer.tracks.len() as u32)
}

/// Wires that may be placed: fewest crossings first, then by rule of thumb.
type Queue = BinaryHeap<Reverse<(u64, (bool, i32), usize)>>;

/// What the packer wants to know of a wire.
struct Line {
    low: i32,
    high: i32,
    hub: i32,
    /// Rows of the other side ascending, with the sum of links up to and including each.
    spokes: Vec<(i32, u64)>,
    straight: bool,
    /// Rule of thumb: what goes down, the lower first; what goes up, the upper first.
    turn: (bool, i32),
}

impl Line {
    fn new(wire: &Wire) -> Self {
        let rows = || wire.left.iter().chain(&wire.right).map(|p| p.0);
        let (low, high) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
        let (hub, side) = if wire.left.len() == 1 {
            (wire.left[0].0, &wire.right)
        } else {
            (wire.right.first().map_or(0, |p| p.0), &wire.left)
        };
        let mut spokes: Vec<(i32, u64)> = side.iter().map(|p| (p.0, u64::from(p.1))).collect();
        spokes.sort_unstable();
        let mut sum = 0;
        for s in &mut spokes {
            sum += s.1;
            s.1 = sum;
        }
        Self {
            low,
            high,
            hub,
            spokes,
            straight: low == high,
            turn: match (wire.left.first(), wire.right.first()) {
                (Some(l), Some(r)) if l.0 > r.0 => (true, l.0),
                (Some(l), _) => (false, -l.0),
                _ => (false, 0),
            },
        }
    }

    /// Links on the vertical part at a row strictly inside it.
    fn load(&self, row: i32) -> u64 {
        let total = self.spokes.last().map_or(0, |s| s.1);
        let upto = |i: usize| if i == 0 { 0 } else { self.spokes[i - 1].1 };
        if row > self.hub {
            total - upto(self.spokes.partition_point(|s| s.0 <= row))
        } else {
            upto(self.spokes.partition_point(|s| s.0 < row))
        }
    }

    /// Crossings of the vertical part with horizontal pieces at these rows.
    fn crossed(&self, pins: &[(i32, u32)]) -> u64 {
        pins.iter()
            .filter(|p| p.0 > self.low && p.0 < self.high)
            .map(|p| u64::from(p.1) * self.load(p.0))
            .sum()
    }
}

struct Packer<'a> {
    wires: &'a [Wire],
    lines: &'a [Line],
    /// Wires that have to be right of each wire.
    hard_after: Vec<Vec<u32>>,
    hard_before: Vec<Vec<u32>>,
    /// Wires that had better be right of each wire, with the crossings that saves.
    soft_after: Vec<Vec<(u32, u64)>>,
    soft_before: Vec<Vec<u32>>,
    pairwise: bool,
    tracks: Vec<BTreeMap<i32, i32>>,
    ways: Vec<Way>,
    placed: Vec<bool>,
    /// Wires not yet placed that have to be left of each wire.
    waits: Vec<usize>,
    /// Crossings that it costs to place each wire now.
    cost: Vec<u64>,
    queue: Queue,
    /// Rows at which something enters or leaves, and how many links.
    rows: HashMap<i32, u64>,
}

impl<'a> Packer<'a> {
    fn new(wires: &'a [Wire], lines: &'a [Line]) -> Self {
        let n = wires.len();
        let mut p = Self {
            wires,
            lines,
            hard_after: vec![Vec::new(); n],
            hard_before: vec![Vec::new(); n],
            soft_after: vec![Vec::new(); n],
            soft_before: vec![Vec::new(); n],
            pairwise: lines.iter().filter(|l| !l.straight).count() <= PAIRWISE,
            tracks: Vec::new(),
            ways: vec![Way::Straight; n],
            placed: vec![false; n],
            waits: vec![0; n],
            cost: vec![0; n],
            queue: Queue::new(),
            rows: HashMap::new(),
        };
        for pin in wires.iter().flat_map(|w| w.left.iter().chain(&w.right)) {
            *p.rows.entry(pin.0).or_default() += u64::from(pin.1);
        }
        p.find_hard();
        if p.pairwise {
            p.find_soft();
        }
        p
    }

    fn find_hard(&mut self) {
        let mut by_right: HashMap<i32, Vec<u32>> = HashMap::new();
        for (i, w) in self.wires.iter().enumerate() {
            if !self.lines[i].straight {
                for pin in &w.right {
                    by_right.entry(pin.0).or_default().push(i as u32);
                }
            }
        }
        for (a, w) in self.wires.iter().enumerate() {
            if self.lines[a].straight {
                continue;
            }
            for pin in &w.left {
                // all of `a` leads to this very row: then it merges with the others there
                if w.right.len() == 1 && w.right[0].0 == pin.0 {
                    continue;
                }
                for &b in by_right.get(&pin.0).into_iter().flatten() {
                    if b as usize != a {
                        self.hard_after[a].push(b);
                        self.hard_before[b as usize].push(a as u32);
                    }
                }
            }
        }
    }

    fn find_soft(&mut self) {
        let mut by_low: Vec<usize> = (0..self.lines.len())
            .filter(|&i| !self.lines[i].straight)
            .collect();
        by_low.sort_by_key(|&i| (self.lines[i].low, i));
        for (k, &a) in by_low.iter().enumerate() {
            for &b in &by_low[k + 1..] {
                if self.lines[b].low > self.lines[a].high {
                    break;
                }
                if self.wires[a].sibling == Some(b) {
                    continue;
                }
                let a_first = self.lines[b].crossed(&self.wires[a].right)
                    + self.lines[a].crossed(&self.wires[b].left);
                let b_first = self.lines[a].crossed(&self.wires[b].right)
                    + self.lines[b].crossed(&self.wires[a].left);
                if a_first < b_first {
                    self.soft_after[a].push((b as u32, b_first - a_first));
                    self.soft_before[b].push(a as u32);
                } else if b_first < a_first {
                    self.soft_after[b].push((a as u32, a_first - b_first));
                    self.soft_before[a].push(b as u32);
                }
            }
        }
    }

    /// Places wire after wire from left to right: always one that nothing forbids and that costs the fewest crossings.
    fn run(&mut self) {
        let n = self.wires.len();
        for i in 0..n {
            self.waits[i] = self.hard_before[i].len();
            for &(b, c) in &self.soft_after[i] {
                self.cost[b as usize] += c;
            }
        }
        let mut open: Vec<usize> = (0..n).filter(|&i| !self.lines[i].straight).collect();
        for &i in &open {
            self.offer(i);
        }
        loop {
            let next = self.next();
            if next.is_none_or(|i| self.cost[i] > 0) {
                open.retain(|&i| !self.placed[i]);
                if self.make_way(&open, next) {
                    if let Some(i) = next {
                        self.offer(i);
                    }
                    continue;
                }
            }
            let Some(i) = next else { break };
            self.placed[i] = true;
            let line = &self.lines[i];
            self.ways[i] = if let Way::Detour { first, row, .. } = self.ways[i] {
                let (low, high) = span(&self.wires[i].right, row);
                let least = self.after_wanted(i).max(first + 1);
                Way::Detour {
                    first,
                    row,
                    second: self.book(least, low, high),
                }
            } else {
                let (low, high) = (line.low, line.high);
                let least = if self.pairwise {
                    self.after_wanted(i)
                } else {
                    self.after_all(low, high)
                };
                let track = self.beside_sibling(i, least);
                Way::Track(track.unwrap_or_else(|| self.book(least, low, high)))
            };
            for k in 0..self.soft_after[i].len() {
                let (b, c) = self.soft_after[i][k];
                self.cost[b as usize] = self.cost[b as usize].saturating_sub(c);
                self.offer(b as usize);
            }
            if matches!(self.ways[i], Way::Track(_)) {
                self.let_go(i);
            }
        }
    }

    /// Puts a wire that may be placed into the queue, with its present cost.
    fn offer(&mut self, i: usize) {
        if self.waits[i] == 0 && !self.placed[i] {
            self.queue
                .push(Reverse((self.cost[i], self.lines[i].turn, i)));
        }
    }

    fn next(&mut self) -> Option<usize> {
        while let Some(Reverse((cost, _, i))) = self.queue.pop() {
            if !self.placed[i] && cost == self.cost[i] {
                return Some(i);
            }
        }
        None
    }

    /// The left part of `i` has its place: who had to be right of it need wait no longer.
    fn let_go(&mut self, i: usize) {
        for k in 0..self.hard_after[i].len() {
            let b = self.hard_after[i][k] as usize;
            self.waits[b] = self.waits[b].saturating_sub(1);
            self.offer(b);
        }
    }

    /// Lets wires that block others step aside at once: if that is better than the crossings that `next` has to pay
    /// because it is placed before those others, or if nothing else can be placed at all. Whether something changed.
    fn make_way(&mut self, open: &[usize], next: Option<usize>) -> bool {
        let mut best: Option<(i64, Vec<usize>)> = None;
        let mut consider = |s: &Self, i: usize, gain: u64| {
            if s.waits[i] == 0 || s.placed[i] {
                return;
            }
            let steps: Vec<usize> = s.hard_before[i]
                .iter()
                .map(|&u| u as usize)
                .filter(|&u| !s.placed[u] && s.ways[u] == Way::Straight)
                .collect();
            let price: u64 = steps
                .iter()
                .fold(0, |sum, &u| s.step_aside(u).0.saturating_add(sum));
            let loss = i64::try_from(price)
                .unwrap_or(i64::MAX)
                .saturating_sub(gain as i64);
            if !steps.is_empty() && best.as_ref().is_none_or(|b| loss < b.0) {
                best = Some((loss, steps));
            }
        };
        match next {
            Some(j) => {
                for &i in &self.soft_before[j] {
                    let i = i as usize;
                    let gain = self.soft_after[i]
                        .iter()
                        .find(|s| s.0 as usize == j)
                        .map_or(0, |s| s.1);
                    consider(self, i, gain);
                }
            }
            None => open.iter().take(60).for_each(|&i| consider(self, i, 0)),
        }
        let Some((loss, steps)) = best else {
            return false;
        };
        if next.is_some() && loss >= 0 {
            return false;
        }
        for u in steps {
            // rows may have been taken by the one before
            let (_, row) = self.step_aside(u);
            *self.rows.entry(row).or_default() += 1;
            let (low, high) = span(&self.wires[u].left, row);
            let first = self.book(self.after_all(low, high), low, high);
            self.ways[u] = Way::Detour {
                first,
                row,
                second: first,
            };
            self.let_go(u);
        }
        true
    }

    /// A free row near the port of a wire to step to, and about how many crossings that costs.
    fn step_aside(&self, i: usize) -> (u64, i32) {
        let port = self.wires[i].left[0].0;
        let links: u64 = self.wires[i].left.iter().map(|p| u64::from(p.1)).sum();
        let mut best = (u64::MAX, port);
        for sign in [1, -1] {
            let mut crossed = 0;
            let row = (1..)
                .map(|d| port + sign * d)
                .find(|row| match self.rows.get(row) {
                    Some(&weight) => {
                        crossed += weight;
                        false
                    }
                    None => true,
                });
            // to gather many ports early is the last resort
            let many = if self.wires[i].left.len() > 1 {
                1_000_000
            } else {
                0
            };
            let cost = crossed * links + many;
            // on the way there it costs less than beyond
            let ahead = (sign > 0) == (self.lines[i].high > port);
            let cost = cost.saturating_mul(2) + u64::from(!ahead);
            if cost < best.0 {
                best = (cost, row.unwrap_or(port));
            }
        }
        best
    }

    /// The track of the other half, if this half may run there too.
    fn beside_sibling(&mut self, i: usize, least: u32) -> Option<u32> {
        let sibling = self.wires[i].sibling?;
        let (Way::Track(track), true) = (self.ways[sibling], self.placed[sibling]) else {
            return None;
        };
        let (line, other) = (&self.lines[i], &self.lines[sibling]);
        // all but the row at which they meet
        let (low, high) = if line.low == other.high {
            (line.low + 1, line.high)
        } else {
            (line.low, line.high - 1)
        };
        if track < least || !self.is_free(track as usize, low, high) {
            return None;
        }
        self.tracks[track as usize].insert(low, high);
        Some(track)
    }

    /// First track right of all that has to be, or had better be, left of wire `i`.
    fn after_wanted(&self, i: usize) -> u32 {
        let hard = self.hard_before[i]
            .iter()
            .filter_map(|&u| match self.ways[u as usize] {
                Way::Track(t) => Some(t + 1),
                Way::Detour { first, .. } => Some(first + 1),
                Way::Straight => None,
            });
        let soft = self.soft_before[i]
            .iter()
            .filter_map(|&u| match self.ways[u as usize] {
                Way::Track(t) => Some(t + 1),
                Way::Detour { second, .. } if self.placed[u as usize] => Some(second + 1),
                _ => None,
            });
        hard.chain(soft).max().unwrap_or(0)
    }

    /// First track right of all that overlaps these rows.
    fn after_all(&self, low: i32, high: i32) -> u32 {
        (0..self.tracks.len())
            .rev()
            .find(|&t| !self.is_free(t, low, high))
            .map_or(0, |t| t as u32 + 1)
    }

    fn is_free(&self, track: usize, low: i32, high: i32) -> bool {
        self.tracks[track]
            .range(..=high)
            .next_back()
            .is_none_or(|(_, &end)| end < low)
    }

    /// Takes the first track from `least` on that is free at these rows.
    fn book(&mut self, least: u32, low: i32, high: i32) -> u32 {
        let mut t = least as usize;
        while t < self.tracks.len() && !self.is_free(t, low, high) {
            t += 1;
        }
        while self.tracks.len() <= t {
            self.tracks.push(BTreeMap::new());
        }
        self.tracks[t].insert(low, high);
        t as u32
    }
}

/// The rows from the first to the last of some pins and one more row.
fn span(pins: &[(i32, u32)], row: i32) -> (i32, i32) {
    pins.iter()
        .fold((row, row), |(low, high), p| (low.min(p.0), high.max(p.0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn wire(left: &[i32], right: &[i32]) -> Wire {
        Wire {
            left: left.iter().map(|&r| (r, 1)).collect(),
            right: right.iter().map(|&r| (r, 1)).collect(),
            sibling: None,
        }
    }

    #[test]
    fn wires_that_do_not_meet_share_a_track() {
        let (ways, tracks) = pack(&[wire(&[0], &[3]), wire(&[4], &[9]), wire(&[20], &[12])]);
        assert_eq!(tracks, 1);
        assert_eq!(ways, [Way::Track(0); 3]);
    }

    #[test]
    fn parallel_wires_do_not_cross() {
        // both go down: the lower one has to turn first
        let (ways, _) = pack(&[wire(&[0], &[10]), wire(&[5], &[15])]);
        assert_eq!(ways, [Way::Track(1), Way::Track(0)]);
        let (ways, _) = pack(&[wire(&[10], &[0]), wire(&[15], &[5])]);
        assert_eq!(ways, [Way::Track(0), Way::Track(1)]);
    }

    #[test]
    fn an_exit_row_that_is_an_entry_row_is_left_first() {
        let (ways, _) = pack(&[wire(&[9], &[5]), wire(&[5], &[0])]);
        assert_eq!(ways, [Way::Track(1), Way::Track(0)]);
    }

    #[test]
    fn two_wires_that_change_places_use_a_free_row() {
        let (ways, _) = pack(&[wire(&[0], &[4]), wire(&[4], &[0])]);
        let (detour, straight) = match ways[..] {
            [d @ Way::Detour { .. }, t] | [t, d @ Way::Detour { .. }] => (d, t),
            _ => panic!("{ways:?}"),
        };
        let (Way::Detour { first, row, second }, Way::Track(t)) = (detour, straight) else {
            panic!("{ways:?}")
        };
        assert!(first < t && t < second, "{ways:?}");
        assert!(row != 0 && row != 4);
    }
}
