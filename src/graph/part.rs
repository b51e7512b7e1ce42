//! Which wires of a gutter may not stand in any order, and which have to be parted for that.
//!
//! Three things force one wire to the left of another:
//! * it leaves the row by which the other one arrives: else the two would lie on each other (`loose`: where nothing
//!   else helps it may leave that row early, over a free one);
//! * it feeds a row and goes on beyond it, and the other one feeds this row too: else what comes in from the left
//!   would seem to go on as well (`strict`);
//! * both are parts of one wire, and the other one leads less far: else the parts would cross each other (`strict`).
//!
//! A wire that feeds a row and goes on is parted there if something straight runs into that row, if several
//! such wires meet at it, or if the order that it forces costs crossings or closes a ring.

use super::lists::Lists;
use super::wire::{Wire, either_way};
use std::collections::BTreeSet;

/// Pairs of wires at one row that are compared, at most; beyond, all are parted.
const PAIRS: usize = 4096;

/// The wires of a gutter after parting.
#[derive(Default)]
pub(super) struct Parted {
    pub wires: Vec<Wire>,
    /// For each given wire its first part; the parts stand one after another, the one that leads furthest first.
    first: Vec<usize>,
    /// (left, right)
    pub strict: Vec<(u32, u32)>,
    /// (left, right)
    pub loose: Vec<(u32, u32)>,
}

impl Parted {
    /// All parts of a given wire.
    pub(super) fn family(&self, wire: usize) -> std::ops::Range<usize> {
        let end = self.first.get(wire + 1).copied();
        self.first[wire]..end.unwrap_or(self.wires.len())
    }

    /// The part of a given wire that leads to a row.
    pub(super) fn at(&self, wire: usize, row: i32) -> usize {
        let family = self.family(wire);
        let first = family.start;
        (family.rev())
            .find(|&k| (self.wires[k].low..=self.wires[k].high).contains(&row))
            .unwrap_or(first)
    }
}

/// Places at which wires are parted: (wire, last row of the nearer part).
type Cuts = BTreeSet<(usize, i32)>;

pub(super) fn part(wires: &[Wire]) -> Parted {
    let given = arrivals(wires);
    let mut cuts = first_cuts(wires, &given);
    let mut runways: Vec<i32> = (wires.iter().filter(|w| w.straight()))
        .map(|w| w.low)
        .collect();
    runways.sort_unstable();
    loop {
        let mut parted = cut(wires, &cuts);
        let forced = parted.force();
        let in_ring = rings(parted.wires.len(), &parted.strict, &parted.loose);
        let before = cuts.len();
        for &(q, x, row) in &forced {
            if in_ring[q as usize] && in_ring[x as usize] {
                cuts.insert((parted.wires[q as usize].family, row));
            }
        }
        // to leave such a ring early, past a straight line along its row, each line has to turn by itself
        for (i, wire) in wires.iter().enumerate().filter(|w| w.1.fans_out()) {
            let rung = parted.family(i).any(|k| in_ring[k]);
            if rung && runways.binary_search(&wire.port()).is_ok() {
                cuts.extend(wire.right().iter().map(|r| (i, r.row)));
            }
        }
        if cuts.len() == before {
            return parted;
        }
    }
}

/// Wires by the rows at which they arrive, straight ones too.
fn arrivals(wires: &[Wire]) -> Vec<(i32, u32)> {
    let mut all: Vec<(i32, u32)> = Vec::with_capacity(2 * wires.len());
    for (i, wire) in wires.iter().enumerate() {
        all.extend(wire.right().iter().map(|p| (p.row, i as u32)));
    }
    all.sort_unstable();
    all
}

fn first_cuts(wires: &[Wire], arrivals: &[(i32, u32)]) -> Cuts {
    let mut cuts = Cuts::new();
    let wire = |a: &(i32, u32)| a.1 as usize;
    for here in arrivals.chunk_by(|a, b| a.0 == b.0).filter(|h| h.len() > 1) {
        let row = here[0].0;
        let goes_on = |&i: &usize| wires[i].fans_out() && wires[i].goes_beyond(row);
        let on = || here.iter().map(wire).filter(goes_on);
        let count = on().count();
        let free = here.iter().all(|a| !wires[wire(a)].straight());
        // crossings that it costs to stand left of all others
        let price = |q: usize| -> i64 {
            (here.iter().map(wire).filter(|&x| x != q))
                .map(|x| either_way(&wires[q], &wires[x]))
                .map(|(first, second)| first as i64 - second as i64)
                .sum()
        };
        let stays = if count > 0 && free && count * here.len() <= PAIRS {
            let cheapest = on().map(|q| (price(q), q)).min();
            cheapest.filter(|c| c.0 <= 0).map(|c| c.1)
        } else {
            None
        };
        cuts.extend(on().filter(|&q| Some(q) != stays).map(|q| (q, row)));
    }
    cuts
}

/// The parts of all wires, and what holds between parts of one wire.
fn cut(wires: &[Wire], cuts: &Cuts) -> Parted {
    let mut p = Parted {
        wires: Vec::with_capacity(wires.len() + cuts.len()),
        ..Parted::default()
    };
    let mut cuts = cuts.iter().peekable();
    let mut rows = Vec::new();
    for (i, wire) in wires.iter().enumerate() {
        let first = p.wires.len();
        p.first.push(first);
        rows.clear();
        while let Some(c) = cuts.next_if(|c| c.0 == i) {
            rows.push(c.1);
        }
        if rows.is_empty() {
            p.wires.push(wire.clone());
        } else {
            let hub = wire.port();
            // how many cuts lie nearer to the hub
            let nearer = |row: i32| {
                (rows.iter())
                    .filter(|c| (*c - hub).abs() < (row - hub).abs())
                    .count()
            };
            let ends = wire.right().chunk_by(|a, b| nearer(a.row) == nearer(b.row));
            let parts =
                ends.map(|pins| Wire::new(true, hub, pins.iter().map(|p| (p.row, p.links))));
            p.wires.extend(parts);
            // what goes down lies nearest first
            if wire.high > hub {
                p.wires[first..].reverse();
            }
        }
        for k in first..p.wires.len() {
            p.wires[k].family = i;
            p.wires[k].sibling = None;
            if k > first {
                p.strict.push((k as u32 - 1, k as u32));
            }
        }
    }
    for (i, wire) in wires.iter().enumerate() {
        p.wires[p.first[i]].sibling = wire.sibling.map(|s| p.first[s]);
    }
    p
}

impl Parted {
    /// Finds what holds between different wires; says which pairs a cut of the first at a row would free.
    fn force(&mut self) -> Vec<(u32, u32, i32)> {
        let wires = &self.wires;
        let arrivals = arrivals(wires);
        let mut forced = Vec::new();
        for here in arrivals.chunk_by(|a, b| a.0 == b.0).filter(|h| h.len() > 1) {
            let row = here[0].0;
            let goes_on = |a: &&(i32, u32)| {
                wires[a.1 as usize].fans_out() && wires[a.1 as usize].goes_beyond(row)
            };
            if let Some(&(_, q)) = here.iter().find(goes_on) {
                let others = here.iter().map(|a| a.1).filter(|&x| x != q);
                forced.extend(others.map(|x| (q, x, row)));
            }
        }
        self.strict.extend(forced.iter().map(|f| (f.0, f.1)));
        for (a, wire) in wires.iter().enumerate().filter(|w| !w.1.straight()) {
            for pin in wire.left() {
                let from = arrivals.partition_point(|b| b.0 < pin.row);
                let there = arrivals[from..].iter().take_while(|b| b.0 == pin.row);
                let others = there.filter(|b| b.1 as usize != a && !wires[b.1 as usize].straight());
                self.loose.extend(others.map(|b| (a as u32, b.1)));
            }
        }
        forced
    }
}

/// Which wires are in a ring of pairs, or between two rings.
fn rings(n: usize, strict: &[(u32, u32)], loose: &[(u32, u32)]) -> Vec<bool> {
    let mut left = vec![true; n];
    let mut waits = vec![0u32; n];
    let mut free = Vec::new();
    for turned in [false, true] {
        let pairs =
            (strict.iter().chain(loose)).map(|&(a, b)| if turned { (b, a) } else { (a, b) });
        let after = Lists::new(n, pairs.clone());
        waits.fill(0);
        for (_, b) in pairs.filter(|p| left[p.0 as usize]) {
            waits[b as usize] += 1;
        }
        free.extend((0..n).filter(|&i| left[i] && waits[i] == 0));
        while let Some(i) = free.pop() {
            left[i] = false;
            for &b in after.of(i) {
                let b = b as usize;
                waits[b] -= 1;
                if left[b] && waits[b] == 0 {
                    free.push(b);
                }
            }
        }
    }
    left
}
