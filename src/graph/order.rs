//! The order within each rank. From several starts: sweeps of weighted medians with transposition, then sifting of
//! single vertices; the best one is shaken and settled again until the work allowed for this size is used up.
//! Work is counted in steps, not in time, so the same graph always gets the same order.

use super::cross::{between, count, pair, sort_towards};
use super::layers::{Layers, Tie};
use std::collections::{HashMap, VecDeque};

/// Sweeps without a gain after which a start is given up.
const PATIENCE: usize = 8;
const SWEEPS: usize = 32;
/// Rounds of smoothing of a first order.
const SMOOTH: usize = 200;
/// Starts and shakes at most.
const TRIES: usize = 16;

/// Orders all ranks. `prior` gives the place in an earlier order to boxes that had one.
pub(super) fn arrange(
    layers: &mut Layers,
    prior: &[Option<u32>],
    cancelled: &dyn Fn() -> bool,
) -> Option<u64> {
    let size = (layers.rank.len() + layers.down.items.len()) as u64;
    let mut work = Work {
        cursor: vec![0; layers.rank.len()],
        steps: 0,
        allowed: 400_000 + 1_000 * size,
        cancelled,
    };
    if prior.iter().any(Option::is_some) {
        return work.keep(layers, prior);
    }
    if layers.order.len() < 2 {
        return Some(0);
    }
    // the smoothest of a few first orders is so good that sweeps may only spoil it: it is sifted first
    let mut first: Option<(u64, Vec<Vec<u32>>)> = None;
    for walk in [breadth_first, depth_first] {
        for from_top in [true, false] {
            walk(layers, from_top);
            smooth(layers);
            work.sort_all(layers);
            let crossings = count(layers);
            if first.as_ref().is_none_or(|f| crossings < f.0) {
                first = Some((crossings, layers.order.clone()));
            }
        }
    }
    let (start, order) = first?;
    layers.order = order;
    work.sort_all(layers);
    let sifted = work.sift(layers, start)?;
    let mut best = Some((sifted, layers.order.clone()));
    for attempt in 0..TRIES {
        if best.as_ref().is_none_or(|b| b.0 == 0) || work.used_up() {
            break;
        }
        if attempt == 1 {
            depth_first(layers, true);
        } else if let Some((_, order)) = &best {
            layers.order.clone_from(order);
            if attempt > 1 {
                shake(layers, attempt as u64);
            }
        }
        work.sort_all(layers);
        let swept = work.sweeps(layers)?;
        let crossings = work.sift(layers, swept)?;
        if best.as_ref().is_none_or(|b| crossings < b.0) {
            best = Some((crossings, layers.order.clone()));
        }
    }
    let (crossings, order) = best?;
    layers.order = order;
    work.sort_all(layers);
    work.gather(layers);
    Some(crossings)
}

/// Settles an order that is already good.
pub(super) fn polish(layers: &mut Layers, cancelled: &dyn Fn() -> bool) -> Option<u64> {
    let size = (layers.rank.len() + layers.down.items.len()) as u64;
    let mut work = Work {
        cursor: vec![0; layers.rank.len()],
        steps: 0,
        allowed: 500_000 + 500 * size,
        cancelled,
    };
    work.sort_all(layers);
    let now = count(layers);
    work.sift(layers, now)
}

/// First order: what is met first, walking from one end of the flow, stands first.
fn breadth_first(layers: &mut Layers, from_top: bool) {
    walk(layers, from_top, |waiting| waiting.pop_front());
}

/// First order: what hangs together stands together.
fn depth_first(layers: &mut Layers, from_top: bool) {
    walk(layers, from_top, |waiting| waiting.pop_back());
}

fn walk(layers: &mut Layers, from_top: bool, take: impl Fn(&mut VecDeque<u32>) -> Option<u32>) {
    let mut seen = vec![false; layers.rank.len()];
    let mut found: Vec<Vec<u32>> = vec![Vec::new(); layers.order.len()];
    let mut all: Vec<u32> = (0..layers.rank.len() as u32).collect();
    all.sort_by_key(|&v| {
        let r = i64::from(layers.rank[v as usize]);
        (if from_top { r } else { -r }, v)
    });
    let (ahead, behind) = if from_top {
        (&layers.down, &layers.up)
    } else {
        (&layers.up, &layers.down)
    };
    let mut waiting = VecDeque::new();
    for root in all.into_iter().filter(|&v| behind.of(v).is_empty()) {
        waiting.push_back(root);
        while let Some(v) = take(&mut waiting) {
            if std::mem::replace(&mut seen[v as usize], true) {
                continue;
            }
            found[layers.rank[v as usize] as usize].push(v);
            let next = ahead
                .of(v)
                .iter()
                .map(|t| t.vertex)
                .filter(|&w| !seen[w as usize]);
            waiting.extend(next);
        }
    }
    layers.order = found;
    layers.number();
}

/// Spreads places along all segments at once, many times over: what hangs together anywhere comes to the same height
/// (power iteration towards the smoothest vectors of the graph).
fn smooth(layers: &mut Layers) {
    let n = layers.rank.len();
    let mut x = vec![0.0f64; n];
    for layer in &layers.order {
        let half = (layer.len() as f64 - 1.0) / 2.0;
        for (i, &v) in layer.iter().enumerate() {
            x[v as usize] = (i as f64 - half) / half.max(1.0);
        }
    }
    let mut y = vec![0.0; n];
    for _ in 0..SMOOTH {
        for v in 0..n {
            let ties = || {
                layers
                    .up
                    .of(v as u32)
                    .iter()
                    .chain(layers.down.of(v as u32))
            };
            let (sum, weight) = ties().fold((0.0, 0.0), |(s, w), t| {
                let weight = f64::from(t.weight);
                (s + weight * x[t.vertex as usize], w + weight)
            });
            y[v] = if weight > 0.0 {
                0.5 * (x[v] + sum / weight)
            } else {
                x[v]
            };
        }
        let mean = y.iter().sum::<f64>() / n.max(1) as f64;
        y.iter_mut().for_each(|y| *y -= mean);
        let square: f64 = y.iter().map(|y| y * y).sum();
        let scale = (n as f64 / square.max(1e-30)).sqrt();
        for (x, y) in x.iter_mut().zip(&y) {
            *x = y * scale;
        }
    }
    for layer in &mut layers.order {
        layer.sort_by(|&a, &b| x[a as usize].total_cmp(&x[b as usize]));
    }
    layers.number();
}

/// Turns a few stretches of the order around.
fn shake(layers: &mut Layers, seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut below = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % n.max(1)
    };
    for layer in &mut layers.order {
        let n = layer.len();
        for _ in 0..n.div_ceil(12) {
            let from = below(n);
            let to = (from + 2 + below(8)).min(n);
            layer[from..to].reverse();
        }
    }
}

struct Work<'a> {
    cursor: Vec<u32>,
    steps: u64,
    allowed: u64,
    cancelled: &'a dyn Fn() -> bool,
}

/// Crossings of two vertices with both sides, as they stand and the other way round.
fn both(layers: &Layers, u: u32, v: u32) -> (u64, u64) {
    let a = pair(layers.up.of(u), layers.up.of(v));
    let b = pair(layers.down.of(u), layers.down.of(v));
    (a.0 + b.0, a.1 + b.1)
}

impl Work<'_> {
    fn used_up(&self) -> bool {
        self.steps > self.allowed
    }

    fn go_on(&self) -> Option<()> {
        (!(self.cancelled)()).then_some(())
    }

    fn sort_all(&mut self, layers: &mut Layers) {
        layers.number();
        for r in 0..layers.order.len() {
            sort_towards(layers, r, &mut self.cursor);
        }
    }

    /// Median sweeps down and up with transposition; leaves the best order in place.
    fn sweeps(&mut self, layers: &mut Layers) -> Option<u64> {
        let mut best = count(layers);
        let mut kept = layers.order.clone();
        let mut stale = 0;
        let depth = layers.order.len();
        for sweep in 0..SWEEPS {
            if best == 0 || stale >= PATIENCE || self.used_up() {
                break;
            }
            let down = sweep % 2 == 0;
            let flip = sweep % 4 >= 2;
            for k in 1..depth {
                let r = if down { k } else { depth - 1 - k };
                self.median(layers, r, down, flip);
            }
            self.transpose(layers, !flip)?;
            let now = count(layers);
            if now < best {
                // a crumb is no reason to go on for long
                stale = if now + now / 200 < best { 0 } else { stale + 1 };
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
            if let Some(m) = median_of(side.of(v)) {
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
        self.steps += layers.order[r].len() as u64;
        sort_towards(layers, r, &mut self.cursor);
    }

    /// Exchanges neighbours while that saves crossings; with `ties` also when it costs nothing,
    /// which opens ways that savings alone do not find.
    fn transpose(&mut self, layers: &mut Layers, ties: bool) -> Option<()> {
        let depth = layers.order.len();
        let mut dirty = vec![true; depth];
        for _ in 0..40 {
            self.go_on()?;
            let mut any = false;
            for r in 0..depth {
                if !std::mem::replace(&mut dirty[r], false) {
                    continue;
                }
                if self.transpose_rank(layers, r, ties, &|_, _| true) {
                    any = true;
                    for q in [r.wrapping_sub(1), r, r + 1] {
                        if let Some(d) = dirty.get_mut(q) {
                            *d = true;
                        }
                    }
                }
            }
            if !any || self.used_up() {
                break;
            }
        }
        Some(())
    }

    /// One pass over a rank; whether crossings were saved.
    fn transpose_rank(
        &mut self,
        layers: &mut Layers,
        r: usize,
        ties: bool,
        may: &dyn Fn(u32, u32) -> bool,
    ) -> bool {
        let mut order = std::mem::take(&mut layers.order[r]);
        let (mut gained, mut moved) = (false, false);
        for i in 1..order.len() {
            let (u, v) = (order[i - 1], order[i]);
            let (now, then) = both(layers, u, v);
            self.steps += 4;
            if now > 0 && (then < now || (ties && then == now)) && may(u, v) {
                order.swap(i - 1, i);
                moved = true;
                gained |= then < now;
            }
        }
        layers.order[r] = order;
        if moved {
            self.settle(layers, r);
        }
        gained
    }

    /// Moves single vertices to the best place of their rank until that gains no more or the work is used up.
    fn sift(&mut self, layers: &mut Layers, start: u64) -> Option<u64> {
        let depth = layers.order.len();
        let mut best = start;
        let mut dirty = vec![true; depth];
        for round in 0..20 {
            let before = best;
            for k in 0..depth {
                let r = if round % 2 == 0 { k } else { depth - 1 - k };
                if best == 0 || self.used_up() {
                    return Some(best);
                }
                if !std::mem::replace(&mut dirty[r], false) {
                    continue;
                }
                self.go_on()?;
                let saved = self.sift_rank(layers, r);
                if saved > 0 {
                    for q in [r.wrapping_sub(1), r, r + 1] {
                        if let Some(d) = dirty.get_mut(q) {
                            *d = true;
                        }
                    }
                }
                best = best.saturating_sub(saved);
            }
            if best == before {
                break;
            }
        }
        Some(best)
    }

    /// What sifting every vertex of one rank saves.
    fn sift_rank(&mut self, layers: &mut Layers, r: usize) -> u64 {
        const WINDOW: usize = 60;
        let mut order = std::mem::take(&mut layers.order[r]);
        let mut saved = 0u64;
        for (near, v) in order.clone().into_iter().enumerate() {
            // the vertex is near where it was
            let at = find(&order, v, near);
            // change of crossings when v moves before order[k], walking left, then after it, walking right
            let mut best = (0i64, at);
            let mut sum = 0i64;
            for k in (at.saturating_sub(WINDOW)..at).rev() {
                let (now, then) = both(layers, order[k], v);
                sum += then as i64 - now as i64;
                if sum < best.0 {
                    best = (sum, k);
                }
            }
            sum = 0;
            for (k, &u) in order.iter().enumerate().skip(at + 1).take(WINDOW) {
                let (now, then) = both(layers, v, u);
                sum += then as i64 - now as i64;
                if sum < best.0 {
                    best = (sum, k);
                }
            }
            self.steps += 4 * order.len().min(2 * WINDOW) as u64;
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

    /// Moves dummies that come from one vertex side by side where that costs no crossing.
    fn gather(&mut self, layers: &mut Layers) {
        for r in 0..layers.order.len() {
            let mut order = std::mem::take(&mut layers.order[r]);
            let mut moved = false;
            // the latest place of a dummy of each vertex before it
            let mut last: HashMap<u32, usize> = HashMap::new();
            let mut i = 0;
            while i < order.len() {
                let v = order[i];
                let from = layers.up.of(v).first().map(|t| t.vertex);
                let (Some(from), true) = (from, layers.is_dummy(v)) else {
                    i += 1;
                    continue;
                };
                if let Some(&at) = last.get(&from)
                    && i - at > 1
                    && i - at < 40
                {
                    let cost = |k: usize, left: bool| {
                        let (now, then) = if left {
                            both(layers, order[k], v)
                        } else {
                            both(layers, order[at], order[k])
                        };
                        then as i64 - now as i64
                    };
                    if (at + 1..i).map(|k| cost(k, true)).sum::<i64>() <= 0 {
                        order[at + 1..=i].rotate_right(1);
                        last.values_mut()
                            .for_each(|p| *p += usize::from(*p > at && *p < i));
                        last.insert(from, at + 1);
                        moved = true;
                        i += 1;
                        continue;
                    }
                }
                last.insert(from, i);
                i += 1;
            }
            layers.order[r] = order;
            if moved {
                self.settle(layers, r);
            }
        }
    }

    /// Keeps boxes of an earlier order in that order and works the new ones and the lines in between them.
    fn keep(&mut self, layers: &mut Layers, prior: &[Option<u32>]) -> Option<u64> {
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
        for round in 0..6 {
            self.go_on()?;
            for k in 0..layers.order.len() {
                let down = round % 2 == 0;
                let r = if down { k } else { layers.order.len() - 1 - k };
                self.insert_new(layers, r, down, &known);
            }
            for r in (0..layers.order.len()).chain(0..layers.order.len()) {
                self.transpose_rank(layers, r, false, &free);
            }
        }
        self.gather(layers);
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
        let key = |v: u32, fallback: f64| median_of(side.of(v)).unwrap_or(fallback);
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

/// The place of `v` in `order`, looked for outwards from a guess.
fn find(order: &[u32], v: u32, near: usize) -> usize {
    (0..order.len())
        .flat_map(|d| [near.wrapping_add(d), near.wrapping_sub(d)])
        .find(|&k| order.get(k) == Some(&v))
        .unwrap_or(near)
}

/// The weighted median of Gansner et al.: between the two middle ones, nearer to the denser side.
fn median_of(ties: &[Tie]) -> Option<f64> {
    let at = |i: usize| f64::from(ties[i].place);
    let n = ties.len();
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
