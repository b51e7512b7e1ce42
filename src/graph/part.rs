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

use super::wire::{Line, Wire, either_way};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Pairs of wires at one row that are compared, at most; beyond, all are parted.
const PAIRS: usize = 4096;

/// The wires of a gutter after parting.
#[derive(Default)]
pub(super) struct Parted {
    pub wires: Vec<Wire>,
    /// Wires of each family.
    pub families: Vec<Vec<usize>>,
    /// For each given wire its parts, the one that leads furthest first, each with its last row.
    parts: Vec<Vec<(i32, usize)>>,
    /// (left, right)
    pub strict: Vec<(u32, u32)>,
    /// (left, right)
    pub loose: Vec<(u32, u32)>,
}

impl Parted {
    /// The part of a given wire that leads to a row.
    pub(super) fn at(&self, wire: usize, row: i32) -> usize {
        let parts = &self.parts[wire];
        let hub = self.wires[parts[0].1].left[0].0;
        (parts.iter().rev())
            .find(|p| (p.0 - hub).abs() >= (row - hub).abs())
            .map_or(parts[0].1, |p| p.1)
    }
}

/// Places at which wires are parted: (wire, last row of the nearer part).
type Cuts = BTreeSet<(usize, i32)>;

pub(super) fn part(wires: &[Wire]) -> Parted {
    let mut cuts = first_cuts(wires);
    let runways: HashSet<i32> = (wires.iter().map(Line::new))
        .filter(|l| l.straight)
        .map(|l| l.low)
        .collect();
    loop {
        let (mut parted, forced) = parted(wires, &cuts);
        let in_ring = rings(parted.wires.len(), &[&parted.strict, &parted.loose]);
        let before = cuts.len();
        for (pair, cut) in &forced {
            if in_ring[pair.0 as usize] && in_ring[pair.1 as usize] {
                cuts.insert(*cut);
            }
        }
        // to leave such a ring early, past a straight line along its row, each line has to turn by itself
        for (i, wire) in wires.iter().enumerate().filter(|w| w.1.fans_out()) {
            let rung = parted.families[i].iter().any(|&k| in_ring[k]);
            if rung && runways.contains(&wire.left[0].0) {
                cuts.extend(wire.right.iter().map(|r| (i, r.0)));
            }
        }
        if cuts.len() == before {
            parted.strict.sort_unstable();
            parted.strict.dedup();
            return parted;
        }
    }
}

/// Wires by the rows at which they arrive, straight ones too.
fn arrivals(wires: &[Wire]) -> Vec<(i32, u32)> {
    let mut all: Vec<(i32, u32)> = (wires.iter().enumerate())
        .flat_map(|(i, w)| w.right.iter().map(move |p| (p.0, i as u32)))
        .collect();
    all.sort_unstable();
    all
}

fn first_cuts(wires: &[Wire]) -> Cuts {
    let mut cuts = Cuts::new();
    if !wires.iter().any(Wire::fans_out) {
        return cuts;
    }
    let lines: Vec<Line> = wires.iter().map(Line::new).collect();
    for here in arrivals(wires).chunk_by(|a, b| a.0 == b.0) {
        let row = here[0].0;
        let wire = |a: &(i32, u32)| a.1 as usize;
        let on: Vec<usize> = (here.iter().map(wire))
            .filter(|&i| wires[i].fans_out() && lines[i].goes_beyond(row))
            .collect();
        if here.len() < 2 || on.is_empty() {
            continue;
        }
        let free = here.iter().all(|a| !lines[wire(a)].straight);
        // crossings that it costs to stand left of all others
        let price = |q: usize| -> i64 {
            (here.iter().map(wire).filter(|&x| x != q))
                .map(|x| either_way([&wires[q], &wires[x]], [&lines[q], &lines[x]]))
                .map(|(first, second)| first as i64 - second as i64)
                .sum()
        };
        let stays = if free && on.len() * here.len() <= PAIRS {
            let cheapest = on.iter().map(|&q| (price(q), q)).min();
            cheapest.filter(|c| c.0 <= 0).map(|c| c.1)
        } else {
            None
        };
        cuts.extend(on.iter().filter(|&&q| Some(q) != stays).map(|&q| (q, row)));
    }
    cuts
}

/// A pair of parts that is forced, and the cut that would free it.
type Forced = ((u32, u32), (usize, i32));

fn parted(wires: &[Wire], cuts: &Cuts) -> (Parted, Vec<Forced>) {
    let mut p = Parted::default();
    let mut given = Vec::new();
    for (i, wire) in wires.iter().enumerate() {
        let hub = wire.left.first().map_or(0, |l| l.0);
        let rows: Vec<i32> = cuts
            .range((i, i32::MIN)..=(i, i32::MAX))
            .map(|c| c.1)
            .collect();
        let first = p.wires.len();
        let mut parts = Vec::new();
        if rows.is_empty() {
            let last = wire
                .right
                .iter()
                .map(|r| r.0)
                .max_by_key(|r| (r - hub).abs());
            parts.push((last.unwrap_or(hub), first));
            p.wires.push(wire.clone());
        } else {
            // rows of each part by the number of cuts that lie nearer to the hub
            let mut groups: BTreeMap<usize, Vec<(i32, u32)>> = BTreeMap::new();
            for pin in &wire.right {
                let nearer = rows
                    .iter()
                    .filter(|r| (*r - hub).abs() < (pin.0 - hub).abs())
                    .count();
                groups.entry(nearer).or_default().push(*pin);
            }
            for right in groups.into_values().rev() {
                let last = right.iter().map(|r| r.0).max_by_key(|r| (r - hub).abs());
                let links = right.iter().map(|r| r.1).sum();
                parts.push((last.unwrap_or(hub), p.wires.len()));
                p.wires.push(Wire {
                    left: vec![(hub, links)],
                    right,
                    ..Wire::default()
                });
            }
        }
        for k in first..p.wires.len() {
            given.push(i);
            p.wires[k].family = i;
            if k > first {
                p.strict.push((k as u32 - 1, k as u32));
            }
        }
        p.families.push((first..p.wires.len()).collect());
        p.parts.push(parts);
    }
    for (i, wire) in wires.iter().enumerate() {
        let sibling = wire.sibling.and_then(|s| Some(p.parts.get(s)?.first()?.1));
        for k in p.families[i].clone() {
            p.wires[k].sibling = sibling.filter(|_| k == p.families[i][0]);
        }
    }
    let lines: Vec<Line> = p.wires.iter().map(Line::new).collect();
    let arrivals = arrivals(&p.wires);
    let mut forced = Vec::new();
    let mut span: HashMap<i32, (usize, usize)> = HashMap::new();
    let mut from = 0;
    for here in arrivals.chunk_by(|a, b| a.0 == b.0) {
        let row = here[0].0;
        span.insert(row, (from, from + here.len()));
        from += here.len();
        let goes_on = |&&(_, i): &&(i32, u32)| {
            p.wires[i as usize].fans_out() && lines[i as usize].goes_beyond(row)
        };
        if let Some(&(_, q)) = here.iter().find(goes_on) {
            for &(_, x) in here.iter().filter(|a| a.1 != q) {
                p.strict.push((q, x));
                forced.push(((q, x), (given[q as usize], row)));
            }
        }
    }
    for (a, wire) in p.wires.iter().enumerate() {
        if lines[a].straight {
            continue;
        }
        for pin in &wire.left {
            let (from, to) = span.get(&pin.0).copied().unwrap_or_default();
            for &(_, b) in &arrivals[from..to] {
                if b as usize != a && !lines[b as usize].straight {
                    p.loose.push((a as u32, b));
                }
            }
        }
    }
    (p, forced)
}

/// Which wires are in a ring of pairs, or between two rings.
fn rings(n: usize, pairs: &[&[(u32, u32)]]) -> Vec<bool> {
    let mut left = vec![true; n];
    for turned in [false, true] {
        let mut after: Vec<Vec<u32>> = vec![Vec::new(); n];
        let mut waits = vec![0u32; n];
        for &(a, b) in pairs.iter().copied().flatten() {
            let (a, b) = if turned { (b, a) } else { (a, b) };
            if left[a as usize] && left[b as usize] {
                after[a as usize].push(b);
                waits[b as usize] += 1;
            }
        }
        let mut free: Vec<usize> = (0..n).filter(|&i| left[i] && waits[i] == 0).collect();
        while let Some(i) = free.pop() {
            left[i] = false;
            for &b in &after[i] {
                waits[b as usize] -= 1;
                if waits[b as usize] == 0 {
                    free.push(b as usize);
                }
            }
        }
    }
    left
}
