//! Tracks of one gutter. A wire comes in at rows on the left, has one vertical line, and goes out at rows on the right.
//! Wires on one track keep apart; a wire that leaves a row another one needs further right stands left of it
//! (otherwise the two would lie on each other); among what is left free, the order with the fewest crossings wins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

/// Rows at both sides, each with the number of links that use it. One side has exactly one row, the hub.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    /// (row, links)
    pub left: Vec<(i32, u32)>,
    /// (row, links)
    pub right: Vec<(i32, u32)>,
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
        };
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
        let mut waits: Vec<usize> = self.hard_before.iter().map(Vec::len).collect();
        let mut cost = vec![0u64; n];
        for after in &self.soft_after {
            for &(b, c) in after {
                cost[b as usize] += c;
            }
        }
        // going down: the lower first; going up: the upper first
        let thumb: Vec<(bool, i32)> = (0..n)
            .map(|i| {
                let mean = |pins: &[(i32, u32)]| {
                    pins.iter().map(|p| i64::from(p.0)).sum::<i64>() / pins.len().max(1) as i64
                };
                let (l, r) = (mean(&self.wires[i].left), mean(&self.wires[i].right));
                (l > r, if r >= l { -l as i32 } else { l as i32 })
            })
            .collect();
        let mut queue = Queue::new();
        let mut open: Vec<usize> = (0..n).filter(|&i| !self.lines[i].straight).collect();
        for &i in &open {
            if waits[i] == 0 {
                queue.push(Reverse((cost[i], thumb[i], i)));
            }
        }
        let mut rows: Option<HashSet<i32>> = None;
        loop {
            let next = loop {
                match queue.pop() {
                    Some(Reverse((c, _, i))) if self.placed[i] || c != cost[i] => {}
                    Some(Reverse((_, _, i))) => break Some(i),
                    None => break None,
                }
            };
            let Some(i) = next else {
                open.retain(|&i| !self.placed[i]);
                // a ring: the wire that is cheapest to place now takes a detour
                let stuck = open
                    .iter()
                    .copied()
                    .filter(|&i| self.ways[i] == Way::Straight)
                    .min_by_key(|&i| (cost[i], thumb[i], i));
                let Some(i) = stuck else { break };
                let rows = rows.get_or_insert_with(|| {
                    self.wires
                        .iter()
                        .flat_map(|w| w.left.iter().chain(&w.right))
                        .map(|p| p.0)
                        .collect()
                });
                let row = free_row(rows, self.lines[i].hub);
                rows.insert(row);
                let side = |pins: &[(i32, u32)]| {
                    let all = || pins.iter().map(|p| p.0).chain([row]);
                    (all().min().unwrap_or(row), all().max().unwrap_or(row))
                };
                let (low, high) = side(&self.wires[i].left);
                let first = self.book(self.after_all(low, high), low, high);
                self.ways[i] = Way::Detour {
                    first,
                    row,
                    second: first,
                };
                self.release(i, &mut waits, &mut cost, &thumb, &mut queue);
                continue;
            };
            self.placed[i] = true;
            if let Way::Detour { first, row, .. } = self.ways[i] {
                let all = || self.wires[i].right.iter().map(|p| p.0).chain([row]);
                let (low, high) = (all().min().unwrap_or(row), all().max().unwrap_or(row));
                let second = self.book(self.after_all(low, high).max(first + 1), low, high);
                self.ways[i] = Way::Detour { first, row, second };
                continue;
            }
            let (low, high) = (self.lines[i].low, self.lines[i].high);
            let least = if self.pairwise {
                self.after_wanted(i)
            } else {
                self.after_all(low, high)
            };
            let track = self.book(least, low, high);
            self.ways[i] = Way::Track(track);
            self.release(i, &mut waits, &mut cost, &thumb, &mut queue);
        }
    }

    /// Tells the wires that waited for `i` that its left part has its place.
    fn release(
        &mut self,
        i: usize,
        waits: &mut [usize],
        cost: &mut [u64],
        thumb: &[(bool, i32)],
        queue: &mut Queue,
    ) {
        for &(b, c) in &self.soft_after[i] {
            let b = b as usize;
            cost[b] = cost[b].saturating_sub(c);
            if waits[b] == 0 && !self.placed[b] {
                queue.push(Reverse((cost[b], thumb[b], b)));
            }
        }
        for &b in &self.hard_after[i] {
            let b = b as usize;
            waits[b] = waits[b].saturating_sub(1);
            if waits[b] == 0 && !self.placed[b] {
                queue.push(Reverse((cost[b], thumb[b], b)));
            }
        }
    }

    /// First track right of all that has to be, or had better be, left of wire `i`.
    fn after_wanted(&self, i: usize) -> u32 {
        self.hard_before[i]
            .iter()
            .chain(&self.soft_before[i])
            .filter_map(|&u| match self.ways[u as usize] {
                Way::Track(t) => Some(t + 1),
                Way::Detour { first, .. } => Some(first + 1),
                Way::Straight => None,
            })
            .max()
            .unwrap_or(0)
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

/// The row nearest to `near` at which nothing enters or leaves the gutter.
fn free_row(taken: &HashSet<i32>, near: i32) -> i32 {
    (1..)
        .flat_map(|d| [near + d, near - d])
        .find(|r| !taken.contains(r))
        .unwrap_or(near)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn wire(left: &[i32], right: &[i32]) -> Wire {
        Wire {
            left: left.iter().map(|&r| (r, 1)).collect(),
            right: right.iter().map(|&r| (r, 1)).collect(),
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
        let Way::Detour { first, row, second } = ways[0] else {
            panic!("{ways:?}")
        };
        let Way::Track(t) = ways[1] else {
            panic!("{ways:?}")
        };
        assert!(first < t && t < second, "{ways:?}");
        assert!(row != 0 && row != 4);
    }
}
