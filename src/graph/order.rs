//! The order within each rank: weighted medians and transposition from two starts, then sifting of single vertices.

use super::cross::{between, count, pair, sort_towards};
use super::layers::Layers;

/// Sweeps without a gain after which a start is given up.
const PATIENCE: usize = 5;
const SWEEPS: usize = 24;
/// Steps of work that one component may cost in sifting, in pairs compared.
const SIFT_WORK: u64 = 40_000_000;

/// Orders all ranks. `prior` gives the place in an earlier order to boxes that had one.
pub(super) fn arrange(
    layers: &mut Layers,
    prior: &[Option<u32>],
    cancelled: &dyn Fn() -> bool,
) -> Option<u64> {
    let mut work = Work {
        cursor: vec![0; layers.rank.len()],
        spent: 0,
    };
    if layers.order.len() < 2 && prior.iter().all(Option::is_none) {
        return Some(0);
    }
    if prior.iter().any(Option::is_some) {
        return work.keep(layers, prior, cancelled);
    }
    let mut best: Option<(u64, Vec<Vec<u32>>)> = None;
    for from_top in [true, false] {
        depth_first(layers, from_top);
        work.sort_all(layers);
        let crossings = work.sweeps(layers, cancelled)?;
        if best.as_ref().is_none_or(|b| crossings < b.0) {
            best = Some((crossings, layers.order.clone()));
        }
        if crossings == 0 {
            break;
        }
    }
    let (mut crossings, order) = best?;
    layers.order = order;
    work.sort_all(layers);
    if crossings > 0 {
        crossings = work.sift(layers, crossings, cancelled)?;
    }
    Some(crossings)
}

/// First order: a depth-first walk from one end of the flow, so that what hangs together stands together.
fn depth_first(layers: &mut Layers, from_top: bool) {
    let depth = layers.order.len();
    let n = layers.rank.len();
    let mut seen = vec![false; n];
    let mut found: Vec<Vec<u32>> = vec![Vec::new(); depth];
    let roots: Vec<u32> = if from_top {
        layers.order.iter().flatten().copied().collect()
    } else {
        layers.order.iter().rev().flatten().copied().collect()
    };
    let mut stack = Vec::new();
    let is_root = |v: u32| {
        if from_top {
            layers.up.of(v).is_empty()
        } else {
            layers.down.of(v).is_empty()
        }
    };
    for root in roots.iter().copied().filter(|&v| is_root(v)) {
        stack.push(root);
        while let Some(v) = stack.pop() {
            if std::mem::replace(&mut seen[v as usize], true) {
                continue;
            }
            found[layers.rank[v as usize] as usize].push(v);
            let next = if from_top {
                layers.down.of(v)
            } else {
                layers.up.of(v)
            };
            stack.extend(
                next.iter()
                    .rev()
                    .map(|n| n.0)
                    .filter(|&w| !seen[w as usize]),
            );
        }
    }
    layers.order = found;
    layers.number();
}

struct Work {
    cursor: Vec<u32>,
    spent: u64,
}

impl Work {
    fn sort_all(&mut self, layers: &mut Layers) {
        layers.number();
        for r in 0..layers.order.len() {
            sort_towards(layers, r, &mut self.cursor);
        }
    }

    /// Median sweeps down and up with transposition; leaves the best order in place.
    fn sweeps(&mut self, layers: &mut Layers, cancelled: &dyn Fn() -> bool) -> Option<u64> {
        let mut best = count(layers);
        let mut kept = layers.order.clone();
        let mut stale = 0;
        for sweep in 0..SWEEPS {
            if best == 0 || stale >= PATIENCE {
                break;
            }
            let down = sweep % 2 == 0;
            let depth = layers.order.len();
            for k in 1..depth {
                if k % 8 == 0 && cancelled() {
                    return None;
                }
                let r = if down { k } else { depth - 1 - k };
                self.median(layers, r, down, sweep % 4 >= 2);
            }
            self.transpose(layers, sweep % 4 < 2);
            let now = count(layers);
            if now < best {
                // a crumb is no reason to go on for long
                stale = if now + now / 100 < best { 0 } else { stale + 1 };
                best = now;
                kept.clone_from(&layers.order);
            } else {
                stale += 1;
            }
        }
        layers.order = kept;
        self.sort_all(layers);
        Some(best)
    }

    /// Sorts rank `r` by the medians of the neighbours on the side the sweep comes from.
    fn median(&mut self, layers: &mut Layers, r: usize, down: bool, flip: bool) {
        let side = if down { &layers.up } else { &layers.down };
        let mut slots = Vec::new();
        let mut movable: Vec<(f64, u32)> = Vec::new();
        for (i, &v) in layers.order[r].iter().enumerate() {
            if let Some(m) = median_of(&layers.pos, side.of(v)) {
                slots.push(i);
                movable.push((m, v));
            }
        }
        if flip {
            movable.reverse();
        }
        movable.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (slot, (_, v)) in slots.into_iter().zip(movable) {
            layers.order[r][slot] = v;
        }
        self.settle(layers, r);
    }

    fn settle(&mut self, layers: &mut Layers, r: usize) {
        for (i, &v) in layers.order[r].iter().enumerate() {
            layers.pos[v as usize] = i as u32;
        }
        sort_towards(layers, r, &mut self.cursor);
    }

    /// Exchanges neighbours while that saves crossings; `ties` also when it costs nothing, once.
    fn transpose(&mut self, layers: &mut Layers, ties: bool) {
        let depth = layers.order.len();
        let mut dirty = vec![true; depth];
        for round in 0..12 {
            let mut any = false;
            for r in 0..depth {
                if !std::mem::replace(&mut dirty[r], false) {
                    continue;
                }
                if self.transpose_rank(layers, r, ties && round == 0, &|_, _| true) {
                    any = true;
                    for q in [r.wrapping_sub(1), r, r + 1] {
                        if let Some(d) = dirty.get_mut(q) {
                            *d = true;
                        }
                    }
                }
            }
            if !any {
                break;
            }
        }
    }

    fn transpose_rank(
        &mut self,
        layers: &mut Layers,
        r: usize,
        ties: bool,
        may: &dyn Fn(u32, u32) -> bool,
    ) -> bool {
        let mut order = std::mem::take(&mut layers.order[r]);
        let mut gained = false;
        let mut moved = false;
        for pass in 0..8 {
            let mut again = false;
            for i in 1..order.len() {
                let (u, v) = (order[i - 1], order[i]);
                let a = pair(&layers.pos, layers.up.of(u), layers.up.of(v));
                let b = pair(&layers.pos, layers.down.of(u), layers.down.of(v));
                let (now, then) = (a.0 + b.0, a.1 + b.1);
                if (then < now || (ties && pass == 0 && then == now && now > 0)) && may(u, v) {
                    order.swap(i - 1, i);
                    moved = true;
                    again |= then < now;
                }
            }
            gained |= again;
            if !again {
                break;
            }
        }
        layers.order[r] = order;
        if moved {
            self.settle(layers, r);
        }
        gained
    }

    /// Moves single vertices to the best place of their rank until that gains no more or the work is used up.
    fn sift(
        &mut self,
        layers: &mut Layers,
        start: u64,
        cancelled: &dyn Fn() -> bool,
    ) -> Option<u64> {
        let depth = layers.order.len();
        let mut best = start;
        for round in 0..12 {
            let before = best;
            for k in 0..depth {
                let r = if round % 2 == 0 { k } else { depth - 1 - k };
                if cancelled() {
                    return None;
                }
                best -= self.sift_rank(layers, r);
                if self.spent > SIFT_WORK {
                    return Some(best);
                }
            }
            if best == before {
                break;
            }
        }
        Some(best)
    }

    /// What sifting every vertex of one rank saves.
    fn sift_rank(&mut self, layers: &mut Layers, r: usize) -> u64 {
        let mut order = std::mem::take(&mut layers.order[r]);
        let mut saved = 0u64;
        let window = 200;
        for v in order.clone() {
            let at = order.iter().position(|&u| u == v).unwrap_or(0);
            let (up, down) = (layers.up.of(v), layers.down.of(v));
            // change of crossings when v moves before order[i], walking left, then after it, walking right
            let mut best = (0i64, at);
            let mut sum = 0i64;
            for i in (at.saturating_sub(window)..at).rev() {
                let u = order[i];
                let a = pair(&layers.pos, layers.up.of(u), up);
                let b = pair(&layers.pos, layers.down.of(u), down);
                sum += (a.1 + b.1) as i64 - (a.0 + b.0) as i64;
                self.spent += 1;
                if sum < best.0 {
                    best = (sum, i);
                }
            }
            sum = 0;
            for (i, &u) in order.iter().enumerate().skip(at + 1).take(window) {
                let a = pair(&layers.pos, up, layers.up.of(u));
                let b = pair(&layers.pos, down, layers.down.of(u));
                sum += (a.1 + b.1) as i64 - (a.0 + b.0) as i64;
                self.spent += 1;
                if sum < best.0 {
                    best = (sum, i);
                }
            }
            if best.1 < at {
                order[best.1..=at].rotate_right(1);
            } else if best.1 > at {
                order[at..=best.1].rotate_left(1);
            }
            saved += best.0.unsigned_abs();
        }
        layers.order[r] = order;
        if saved > 0 {
            self.settle(layers, r);
        }
        saved
    }

    /// Keeps boxes of an earlier order in that order and works the new ones and the lines in between them.
    fn keep(
        &mut self,
        layers: &mut Layers,
        prior: &[Option<u32>],
        cancelled: &dyn Fn() -> bool,
    ) -> Option<u64> {
        depth_first(layers, true);
        let known = |v: u32| prior.get(v as usize).copied().flatten();
        for layer in &mut layers.order {
            let mut slots = Vec::new();
            let mut old = Vec::new();
            for (i, &v) in layer.iter().enumerate() {
                if let Some(p) = known(v) {
                    slots.push(i);
                    old.push((p, v));
                }
            }
            old.sort_unstable();
            for (slot, (_, v)) in slots.into_iter().zip(old) {
                layer[slot] = v;
            }
        }
        self.sort_all(layers);
        let free = |u: u32, v: u32| known(u).is_none() || known(v).is_none();
        for round in 0..4 {
            if cancelled() {
                return None;
            }
            for k in 0..layers.order.len() {
                let down = round % 2 == 0;
                let r = if down { k } else { layers.order.len() - 1 - k };
                self.insert_new(layers, r, down, &known);
            }
            for r in 0..layers.order.len() {
                self.transpose_rank(layers, r, false, &free);
            }
        }
        Some(
            (1..layers.order.len())
                .map(|r| between(layers, r - 1))
                .sum(),
        )
    }

    /// Puts vertices without an earlier place where their neighbours' median says, between those with one.
    fn insert_new(
        &mut self,
        layers: &mut Layers,
        r: usize,
        down: bool,
        known: &dyn Fn(u32) -> Option<u32>,
    ) {
        let side = if down { &layers.up } else { &layers.down };
        let key = |v: u32, fallback: f64| median_of(&layers.pos, side.of(v)).unwrap_or(fallback);
        let mut old: Vec<(f64, u32)> = Vec::new();
        let mut new: Vec<(f64, u32)> = Vec::new();
        let mut high = f64::MIN;
        for &v in &layers.order[r] {
            let here = f64::from(layers.pos[v as usize]);
            if known(v).is_some() {
                // old ones keep their order: their keys may only grow
                high = high.max(key(v, high.max(0.0)));
                old.push((high, v));
            } else {
                new.push((key(v, here), v));
            }
        }
        new.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut merged = Vec::with_capacity(old.len() + new.len());
        let mut news = new.into_iter().peekable();
        for (k, v) in old {
            while let Some((_, n)) = news.next_if(|n| n.0 < k) {
                merged.push(n);
            }
            merged.push(v);
        }
        merged.extend(news.map(|n| n.1));
        layers.order[r] = merged;
        self.settle(layers, r);
    }
}

/// The weighted median of Gansner et al.: between the two middle ones, nearer to the denser side.
fn median_of(pos: &[u32], neighbours: &[(u32, u32)]) -> Option<f64> {
    let at = |i: usize| f64::from(pos[neighbours[i].0 as usize]);
    let n = neighbours.len();
    let m = n / 2;
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(at(m)),
        2 => Some((at(0) + at(1)) / 2.0),
        _ => {
            let (left, right) = (at(m - 1) - at(0), at(n - 1) - at(m));
            if left + right == 0.0 {
                Some((at(m - 1) + at(m)) / 2.0)
            } else {
                Some((at(m - 1) * right + at(m) * left) / (left + right))
            }
        }
    }
}
