//! Tracks of one gutter. A wire comes in at rows on the left, has one vertical line, and goes out at rows on the right.
//! Wires on one track keep apart, and what `part` says has to be left of something is; among what is left free,
//! the order with the fewest crossings wins.

use super::part::Parted;
use super::wire::{Line, Wire, either_way};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

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

/// Rows to each side that are looked at for a free one.
const FAR: usize = 500;

/// The way of each wire, and the number of tracks.
pub(super) fn pack(parted: &Parted) -> (Vec<Way>, u32) {
    let lines: Vec<Line> = parted.wires.iter().map(Line::new).collect();
    let mut packer = Packer::new(parted, &lines);
    packer.run();
    let ways = packer.ways;
    (ways, packer.tracks.len() as u32)
}

/// Wires that may be placed: fewest crossings first, then by rule of thumb.
type Queue = BinaryHeap<Reverse<(u64, (bool, i32), usize)>>;

struct Packer<'a> {
    wires: &'a [Wire],
    families: &'a [Vec<usize>],
    lines: &'a [Line],
    /// Wires that have to be right of the first track of each wire.
    loose_after: Vec<Vec<u32>>,
    loose_before: Vec<Vec<u32>>,
    /// Wires that have to be right of all of each wire.
    strict_after: Vec<Vec<u32>>,
    strict_before: Vec<Vec<u32>>,
    /// Wires that had better be right of each wire, with the crossings that saves.
    soft_after: Vec<Vec<(u32, u64)>>,
    soft_before: Vec<Vec<u32>>,
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
    queue: Queue,
    /// Rows at which something enters or leaves, and how many links.
    rows: HashMap<i32, u64>,
    /// Rows that something straight runs along.
    runways: HashSet<i32>,
    /// Wires that arrive at each row.
    arrivals: HashMap<i32, usize>,
}

impl<'a> Packer<'a> {
    fn new(parted: &'a Parted, lines: &'a [Line]) -> Self {
        let wires = &parted.wires[..];
        let n = wires.len();
        let (loose_after, loose_before) = sides(n, &parted.loose);
        let (strict_after, strict_before) = sides(n, &parted.strict);
        let mut p = Self {
            wires,
            families: &parted.families,
            lines,
            waits: (0..n)
                .map(|i| loose_before[i].len() + strict_before[i].len())
                .collect(),
            strict_waits: strict_before.iter().map(Vec::len).collect(),
            loose_after,
            loose_before,
            strict_after,
            strict_before,
            soft_after: vec![Vec::new(); n],
            soft_before: vec![Vec::new(); n],
            pairwise: lines.iter().filter(|l| !l.straight).count() <= PAIRWISE,
            tracks: Vec::new(),
            ways: vec![Way::Straight; n],
            placed: vec![false; n],
            cost: vec![0; n],
            queue: Queue::new(),
            rows: HashMap::new(),
            runways: HashSet::new(),
            arrivals: HashMap::new(),
        };
        for (wire, line) in wires.iter().zip(lines) {
            for pin in wire.left.iter().chain(&wire.right) {
                *p.rows.entry(pin.0).or_default() += u64::from(pin.1);
            }
            for pin in &wire.right {
                *p.arrivals.entry(pin.0).or_default() += 1;
            }
            if line.straight {
                p.runways.insert(line.low);
            }
        }
        if p.pairwise {
            p.find_soft();
        }
        p
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
                let (a_first, b_first) = either_way(
                    [&self.wires[a], &self.wires[b]],
                    [&self.lines[a], &self.lines[b]],
                );
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
            let wanted = self.after_wanted(i);
            if let Way::Detour { first, row, .. } = self.ways[i] {
                let (low, high) = span(&self.wires[i].right, row);
                let second = self.book(wanted.max(first + 1), low, high);
                self.ways[i] = Way::Detour { first, row, second };
            } else {
                let (low, high) = (line.low, line.high);
                let least = if self.pairwise {
                    wanted
                } else {
                    wanted.max(self.after_all(low, high))
                };
                let track = self.beside_sibling(i, least);
                self.ways[i] = Way::Track(track.unwrap_or_else(|| self.book(least, low, high)));
                self.let_go(i);
            }
            for k in 0..self.strict_after[i].len() {
                let b = self.strict_after[i][k] as usize;
                self.waits[b] = self.waits[b].saturating_sub(1);
                self.strict_waits[b] = self.strict_waits[b].saturating_sub(1);
                self.offer(b);
            }
            for k in 0..self.soft_after[i].len() {
                let (b, c) = self.soft_after[i][k];
                self.cost[b as usize] = self.cost[b as usize].saturating_sub(c);
                self.offer(b as usize);
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
        for k in 0..self.loose_after[i].len() {
            let b = self.loose_after[i][k] as usize;
            self.waits[b] = self.waits[b].saturating_sub(1);
            self.offer(b);
        }
    }

    /// Lets wires that block others step aside at once: if that is better than the crossings that `next` has to pay
    /// because it is placed before those others, or if nothing else can be placed at all. Whether something changed.
    fn make_way(&mut self, open: &[usize], next: Option<usize>) -> bool {
        let mut best: Option<(i64, Vec<usize>)> = None;
        let mut consider = |s: &Self, i: usize, gain: u64| {
            let mut steps: Vec<usize> = s.loose_before[i]
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
                for &i in &self.soft_before[j] {
                    let i = i as usize;
                    let gain = self.soft_after[i]
                        .iter()
                        .find(|s| s.0 as usize == j)
                        .map_or(0, |s| s.1);
                    if blocked(self, i) {
                        consider(self, i, gain);
                    }
                }
            }
            None => (open.iter().filter(|&&i| blocked(self, i)).take(60))
                .for_each(|&i| consider(self, i, 0)),
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
        *self.rows.entry(row).or_default() += 1;
        let (low, high) = span(&self.wires[u].left, row);
        let least = (self.strict_before[u].iter())
            .filter_map(|&b| self.end(b as usize))
            .max()
            .map_or(0, |t| t + 1);
        let first = self.book(least.max(self.after_all(low, high)), low, high);
        let families = self.families;
        for &k in &families[self.wires[u].family] {
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
        let port = wire.left[0].0;
        let family = &self.families[wire.family];
        let links: u64 = (family.iter().filter(|&&k| !self.placed[k]))
            .flat_map(|&k| &self.wires[k].left)
            .map(|p| u64::from(p.1))
            .sum();
        // a line that runs on along the row must not be met again on the way back over it
        let held = self.runways.contains(&port);
        let ahead = if self.lines[u].high > port { 1 } else { -1 };
        // to gather many ports early is the last resort
        let many = if wire.left.len() > 1 { 1_000_000 } else { 0 };
        let mut best = (u64::MAX, port);
        for sign in [1, -1] {
            let mut crossed = 0;
            let mut seen = 0;
            let row = (1..).map(|d| port + sign * d).find(|&row| {
                seen += 1;
                match self.rows.get(&row) {
                    Some(&weight) => {
                        crossed += weight;
                        false
                    }
                    None => seen > FAR || family.iter().all(|&k| self.may_come_from(k, row)),
                }
            });
            let Some(row) = row else { continue };
            let odd =
                (held && sign != ahead) || !family.iter().all(|&k| self.may_come_from(k, row));
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
        let (low, high) = span(&wire.right, row);
        !wire.fans_out()
            || wire.right.iter().all(|&(at, _)| {
                let ends = at == low || at == high;
                ends || self.lines[k].goes_beyond(at) || self.arrivals.get(&at) == Some(&1)
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
        let loose = (self.loose_before[i].iter()).filter_map(|&u| match self.ways[u as usize] {
            Way::Track(t) => Some(t),
            Way::Detour { first, .. } => Some(first),
            Way::Straight => None,
        });
        let strict = self.strict_before[i]
            .iter()
            .filter_map(|&u| self.end(u as usize));
        let soft = self.soft_before[i]
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

/// Pairs as lists: what comes after, and what before each.
fn sides(n: usize, pairs: &[(u32, u32)]) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    let (mut after, mut before) = (vec![Vec::new(); n], vec![Vec::new(); n]);
    for &(a, b) in pairs {
        after[a as usize].push(b);
        before[b as usize].push(a);
    }
    (after, before)
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
            ..Wire::default()
        }
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
