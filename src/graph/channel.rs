//! Tracks of one gutter. A wire comes in at rows on the left, has one vertical line, and goes out at rows on the right.
//! Wires on one track keep apart, and what `part` says has to be left of something is; among what is left free,
//! the order with the fewest crossings wins.

use super::lists::Lists;
use super::part::Parted;
use super::wire::{Pin, Wire, either_way};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

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
const PAIRWISE: usize = 650;

/// Rows to each side that are looked at for a free one.
const FAR: usize = 500;

/// The way of each wire, and the number of tracks.
pub(super) fn pack(parted: &Parted) -> (Vec<Way>, u32) {
    let mut packer = Packer::new(parted);
    packer.run();
    let ways = packer.ways;
    (ways, packer.tracks.len() as u32)
}

struct Packer<'a> {
    parted: &'a Parted,
    wires: &'a [Wire],
    /// Wires that have to be right of the first track of each wire.
    loose_after: Lists<u32>,
    loose_before: Lists<u32>,
    /// Wires that have to be right of all of each wire.
    strict_after: Lists<u32>,
    strict_before: Lists<u32>,
    /// Wires that had better be right of each wire, with the crossings that saves.
    soft_after: Lists<(u32, u32)>,
    soft_before: Lists<u32>,
    pairwise: bool,
    tracks: Vec<BTreeMap<i32, i32>>,
    ways: Vec<Way>,
    placed: Vec<bool>,
    /// Wires not yet placed that have to be left of each wire.
    waits: Vec<usize>,
    /// Of these, those that can't step aside for it.
    strict_waits: Vec<usize>,
    /// Crossings that it costs to place each wire now.
    cost: Vec<u64>,
    /// Wires not yet placed, by rule of thumb, and the place of each wire among all of them.
    open: Vec<u32>,
    turn: Vec<u32>,
    /// Those of them that nothing forbids and that cost nothing, by their `turn`; some are placed by now.
    free: BinaryHeap<Reverse<(u32, u32)>>,
    rows: Rows,
}

/// What is known of the rows of a gutter.
#[derive(Default)]
struct Rows {
    /// Rows at which something enters or leaves, ascending, and how many links.
    used: Vec<(i32, u64)>,
    /// Rows that were taken since.
    taken: BTreeSet<i32>,
    /// Rows that something straight runs along, ascending.
    runways: Vec<i32>,
    /// Rows at which wires arrive, ascending, one for each wire.
    arrivals: Vec<i32>,
}

impl Rows {
    fn new(wires: &[Wire]) -> Self {
        let mut rows = Self::default();
        for wire in wires {
            let pins = wire.left().iter().chain(wire.right());
            rows.used.extend(pins.map(|p| (p.row, u64::from(p.links))));
            rows.arrivals.extend(wire.right().iter().map(|p| p.row));
            if wire.straight() {
                rows.runways.push(wire.low);
            }
        }
        rows.used.sort_unstable();
        rows.used.dedup_by(|b, a| {
            let same = a.0 == b.0;
            a.1 += if same { b.1 } else { 0 };
            same
        });
        rows.arrivals.sort_unstable();
        rows.runways.sort_unstable();
        rows
    }

    /// Links that enter or leave at a row; `None` if it is free.
    fn links(&self, row: i32) -> Option<u64> {
        let found = self.used.binary_search_by_key(&row, |u| u.0);
        let given = found.ok().map(|i| self.used[i].1);
        given.or_else(|| self.taken.contains(&row).then_some(1))
    }

    fn is_runway(&self, row: i32) -> bool {
        self.runways.binary_search(&row).is_ok()
    }

    /// Whether only one wire arrives at a row.
    fn is_private(&self, row: i32) -> bool {
        let from = self.arrivals.partition_point(|&r| r < row);
        self.arrivals.get(from + 1) != Some(&row)
    }
}

impl<'a> Packer<'a> {
    fn new(parted: &'a Parted) -> Self {
        let wires = &parted.wires[..];
        let n = wires.len();
        let forth = |pairs: &'a [(u32, u32)]| Lists::new(n, pairs.iter().copied());
        let back = |pairs: &'a [(u32, u32)]| Lists::new(n, pairs.iter().map(|&(a, b)| (b, a)));
        let mut open: Vec<u32> = (0..n as u32)
            .filter(|&i| !wires[i as usize].straight())
            .collect();
        let pairwise = open.len() <= PAIRWISE;
        let soft = if pairwise {
            preferences(wires)
        } else {
            Vec::new()
        };
        open.sort_by_cached_key(|&i| wires[i as usize].turn());
        let mut turn = vec![0; n];
        for (place, &i) in open.iter().enumerate() {
            turn[i as usize] = place as u32;
        }
        let mut p = Self {
            parted,
            wires,
            loose_after: forth(&parted.loose),
            loose_before: back(&parted.loose),
            strict_after: forth(&parted.strict),
            strict_before: back(&parted.strict),
            soft_after: Lists::new(n, soft.iter().map(|&(a, b, saved)| (a, (b, saved)))),
            soft_before: Lists::new(n, soft.iter().map(|&(a, b, _)| (b, a))),
            pairwise,
            tracks: Vec::new(),
            ways: vec![Way::Straight; n],
            placed: vec![false; n],
            waits: Vec::new(),
            strict_waits: Vec::new(),
            cost: vec![0; n],
            open,
            turn,
            free: BinaryHeap::new(),
            rows: Rows::new(wires),
        };
        p.strict_waits = (0..n).map(|i| p.strict_before.of(i).len()).collect();
        p.waits = (0..n)
            .map(|i| p.loose_before.of(i).len() + p.strict_waits[i])
            .collect();
        for &(_, b, saved) in &soft {
            p.cost[b as usize] += u64::from(saved);
        }
        p
    }

    /// Places wire after wire from left to right: always one that nothing forbids and that costs the fewest crossings.
    fn run(&mut self) {
        for k in 0..self.open.len() {
            self.offer(self.open[k] as usize);
        }
        loop {
            let next = self.next();
            if next.is_none_or(|i| self.cost[i] > 0) && self.make_way(next) {
                continue;
            }
            let Some(i) = next else { break };
            self.placed[i] = true;
            let wire = &self.wires[i];
            let wanted = self.after_wanted(i);
            if let Way::Detour { first, row, .. } = self.ways[i] {
                let (low, high) = span(wire.right(), row);
                let second = self.book(wanted.max(first + 1), low, high);
                self.ways[i] = Way::Detour { first, row, second };
            } else {
                let (low, high) = (wire.low, wire.high);
                let least = if self.pairwise {
                    wanted
                } else {
                    wanted.max(self.after_all(low, high))
                };
                let track = self.beside_sibling(i, least);
                self.ways[i] = Way::Track(track.unwrap_or_else(|| self.book(least, low, high)));
                self.let_go(i);
            }
            for k in self.strict_after.range(i) {
                let b = self.strict_after.items[k] as usize;
                self.waits[b] = self.waits[b].saturating_sub(1);
                self.strict_waits[b] = self.strict_waits[b].saturating_sub(1);
                self.offer(b);
            }
            for k in self.soft_after.range(i) {
                let (b, c) = self.soft_after.items[k];
                self.cost[b as usize] = self.cost[b as usize].saturating_sub(u64::from(c));
                self.offer(b as usize);
            }
        }
    }

    /// Notes a wire if it is free to be placed.
    fn offer(&mut self, i: usize) {
        if self.waits[i] == 0 && self.cost[i] == 0 && !self.placed[i] {
            self.free.push(Reverse((self.turn[i], i as u32)));
        }
    }

    /// A free wire, or else the one that costs least.
    fn next(&mut self) -> Option<usize> {
        while let Some(Reverse((_, i))) = self.free.pop() {
            if !self.placed[i as usize] {
                return Some(i as usize);
            }
        }
        self.open.retain(|&i| !self.placed[i as usize]);
        let may = (self.open.iter().map(|&i| i as usize)).filter(|&i| self.waits[i] == 0);
        may.min_by_key(|&i| self.cost[i])
    }

    /// The left part of `i` has its place: who had to be right of it need wait no longer.
    fn let_go(&mut self, i: usize) {
        for k in self.loose_after.range(i) {
            let b = self.loose_after.items[k] as usize;
            self.waits[b] = self.waits[b].saturating_sub(1);
            self.offer(b);
        }
    }

    /// Lets wires that block others step aside at once: if that is better than the crossings that `next` has to pay
    /// because it is placed before those others, or if nothing else can be placed at all. Whether something changed.
    fn make_way(&mut self, next: Option<usize>) -> bool {
        let mut best: Option<(i64, Vec<usize>)> = None;
        let mut consider = |s: &Self, i: usize, gain: u64| {
            let mut steps: Vec<usize> = s
                .loose_before
                .of(i)
                .iter()
                .map(|&u| u as usize)
                .filter(|&u| !s.placed[u] && s.ways[u] == Way::Straight)
                .collect();
            steps.dedup_by_key(|u| s.wires[*u].family);
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
        let blocked = |s: &Self, i: usize| s.waits[i] > 0 && s.strict_waits[i] == 0 && !s.placed[i];
        match next {
            Some(j) => {
                for &i in self.soft_before.of(j) {
                    let i = i as usize;
                    if blocked(self, i) {
                        let mut saved = self.soft_after.of(i).iter();
                        let gain = saved.find(|s| s.0 as usize == j).map_or(0, |s| s.1);
                        consider(self, i, u64::from(gain));
                    }
                }
            }
            None => {
                let open = self.open.iter().map(|&i| i as usize);
                let first = open.filter(|&i| blocked(self, i)).take(60);
                first.for_each(|i| consider(self, i, 0));
            }
        }
        let Some((loss, steps)) = best else {
            return false;
        };
        if next.is_some() && loss >= 0 {
            return false;
        }
        for u in steps {
            self.step(u);
        }
        true
    }

    /// Lets a wire, and what of its family is not placed yet, leave its row early.
    fn step(&mut self, u: usize) {
        // rows may have been taken by the one before
        let (_, row) = self.step_aside(u);
        self.rows.taken.insert(row);
        let (low, high) = span(self.wires[u].left(), row);
        let least = (self.strict_before.of(u).iter())
            .filter_map(|&b| self.end(b as usize))
            .max()
            .map_or(0, |t| t + 1);
        let first = self.book(least.max(self.after_all(low, high)), low, high);
        for k in self.parted.family(self.wires[u].family) {
            if !self.placed[k] {
                self.ways[k] = Way::Detour {
                    first,
                    row,
                    second: first,
                };
                self.let_go(k);
            }
        }
    }

    /// A free row near the port of a wire to step to, and about how many crossings that costs.
    fn step_aside(&self, u: usize) -> (u64, i32) {
        let wire = &self.wires[u];
        let port = wire.port();
        let family = || self.parted.family(wire.family).filter(|&k| !self.placed[k]);
        let links: u64 = family().map(|k| self.wires[k].links()).sum();
        // a line that runs on along the row must not be met again on the way back over it
        let held = self.rows.is_runway(port);
        let ahead = if wire.high > port { 1 } else { -1 };
        // to gather many ports early is the last resort
        let many = if wire.left().len() > 1 { 1_000_000 } else { 0 };
        let mut best = (u64::MAX, port);
        for sign in [1, -1] {
            let mut crossed = 0;
            let mut seen = 0;
            let row = (1..).map(|d| port + sign * d).find(|&row| {
                seen += 1;
                match self.rows.links(row) {
                    Some(links) => {
                        crossed += links;
                        false
                    }
                    None => seen > FAR || family().all(|k| self.may_come_from(k, row)),
                }
            });
            let Some(row) = row else { continue };
            let odd = (held && sign != ahead) || !family().all(|k| self.may_come_from(k, row));
            let cost = (crossed * links + many).saturating_mul(2) + u64::from(sign != ahead);
            // on the way there it costs less than beyond
            let cost = cost.saturating_add(if odd { u64::MAX / 4 } else { 0 });
            if cost < best.0 {
                best = (cost, row);
            }
        }
        best
    }

    /// Whether a wire, if it came from another row, would still not go on beyond a row that others feed too.
    fn may_come_from(&self, k: usize, row: i32) -> bool {
        let wire = &self.wires[k];
        let (low, high) = span(wire.right(), row);
        !wire.fans_out()
            || wire.right().iter().all(|pin| {
                let ends = pin.row == low || pin.row == high;
                ends || wire.goes_beyond(pin.row) || self.rows.is_private(pin.row)
            })
    }

    /// The last track of a wire that is placed.
    fn end(&self, i: usize) -> Option<u32> {
        match self.ways[i] {
            _ if !self.placed[i] => None,
            Way::Straight => None,
            Way::Track(t) => Some(t),
            Way::Detour { second, .. } => Some(second),
        }
    }

    /// The track of the other half, if this half may run there too.
    fn beside_sibling(&mut self, i: usize, least: u32) -> Option<u32> {
        let sibling = self.wires[i].sibling?;
        let (Way::Track(track), true) = (self.ways[sibling], self.placed[sibling]) else {
            return None;
        };
        let (line, other) = (&self.wires[i], &self.wires[sibling]);
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
        let loose = (self.loose_before.of(i).iter()).filter_map(|&u| match self.ways[u as usize] {
            Way::Track(t) => Some(t),
            Way::Detour { first, .. } => Some(first),
            Way::Straight => None,
        });
        let strict = self
            .strict_before
            .of(i)
            .iter()
            .filter_map(|&u| self.end(u as usize));
        let soft = self
            .soft_before
            .of(i)
            .iter()
            .filter_map(|&u| self.end(u as usize));
        loose.chain(strict).chain(soft).max().map_or(0, |t| t + 1)
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

/// Pairs of wires of which the first had better be left, and the crossings that saves.
fn preferences(wires: &[Wire]) -> Vec<(u32, u32, u32)> {
    let saved = |more: u64, less: u64| u32::try_from(more - less).unwrap_or(u32::MAX);
    let bent = |i: &usize| !wires[*i].straight();
    let mut by_low: Vec<usize> = (0..wires.len()).filter(bent).collect();
    by_low.sort_by_cached_key(|&i| wires[i].low);
    let mut pairs = Vec::new();
    let low: Vec<i32> = by_low.iter().map(|&i| wires[i].low).collect();
    for (k, &a) in by_low.iter().enumerate() {
        let reach = low.partition_point(|&l| l <= wires[a].high);
        for &b in by_low.get(k + 1..reach).unwrap_or_default() {
            if wires[a].sibling == Some(b) {
                continue;
            }
            let (a_first, b_first) = either_way(&wires[a], &wires[b]);
            if a_first < b_first {
                pairs.push((a as u32, b as u32, saved(b_first, a_first)));
            } else if b_first < a_first {
                pairs.push((b as u32, a as u32, saved(a_first, b_first)));
            }
        }
    }
    pairs
}

/// The rows from the first to the last of some pins and one more row.
fn span(pins: &[Pin], row: i32) -> (i32, i32) {
    pins.iter().fold((row, row), |(low, high), p| {
        (low.min(p.row), high.max(p.row))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn wire(left: &[i32], right: &[i32]) -> Wire {
        let out = left.len() == 1;
        let (hub, spokes) = if out { (left, right) } else { (right, left) };
        Wire::new(out, hub[0], spokes.iter().map(|&r| (r, 1)))
    }

    fn pack(wires: &[Wire]) -> (Vec<Way>, u32) {
        super::pack(&super::super::part::part(wires))
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
