//! Counting crossings between neighbouring ranks.

use super::layers::{Layers, Neighbours};

/// Crossings of the present order, each segment counted as often as links share it.
/// O(segments x log width): Barth, Jünger, Mutzel: Simple and efficient bilayer cross counting, 2002.
pub(super) fn count(layers: &Layers) -> u64 {
    (1..layers.order.len())
        .map(|r| between(layers, r - 1))
        .sum()
}

/// Crossings between rank `r` and the next one. The lists of `down` have to be sorted by place.
pub(super) fn between(layers: &Layers, r: usize) -> u64 {
    let width = layers.order[r + 1].len();
    let mut tree = vec![0u64; width + 1];
    let mut total = 0u64;
    let mut inserted = 0u64;
    for &v in &layers.order[r] {
        for &(w, weight) in layers.down.of(v) {
            let p = layers.pos[w as usize] as usize;
            let mut before = 0;
            let mut i = p + 1;
            while i > 0 {
                before += tree[i];
                i &= i - 1;
            }
            total += u64::from(weight) * (inserted - before);
            let mut i = p + 1;
            while i <= width {
                tree[i] += u64::from(weight);
                i += i & i.wrapping_neg();
            }
            inserted += u64::from(weight);
        }
    }
    total
}

/// Sorts the neighbour lists that point into rank `r` by the places there.
pub(super) fn sort_towards(layers: &mut Layers, r: usize, cursor: &mut [u32]) {
    let order = &layers.order[r];
    if r > 0 {
        fill(order, &layers.up, &mut layers.down, cursor);
    }
    if r + 1 < layers.order.len() {
        fill(order, &layers.down, &mut layers.up, cursor);
    }
}

/// `to` lists of the vertices that `from` lists of `order` name get the members of `order` in that order.
fn fill(order: &[u32], from: &Neighbours, to: &mut Neighbours, cursor: &mut [u32]) {
    for &v in order {
        for &(w, _) in from.of(v) {
            cursor[w as usize] = to.start[w as usize];
        }
    }
    for &v in order {
        for &(w, weight) in from.of(v) {
            let c = &mut cursor[w as usize];
            to.items[*c as usize] = (v, weight);
            *c += 1;
        }
    }
}

/// Crossings of the segments of two vertices towards one side if `u` stands before `v`, and if after it.
pub(super) fn pair(pos: &[u32], us: &[(u32, u32)], vs: &[(u32, u32)]) -> (u64, u64) {
    let (Some(&u0), Some(&v0)) = (us.first(), vs.first()) else {
        return (0, 0);
    };
    if us.len() == 1 && vs.len() == 1 {
        let (a, b) = (pos[u0.0 as usize], pos[v0.0 as usize]);
        let w = u64::from(u0.1) * u64::from(v0.1);
        return (if a > b { w } else { 0 }, if a < b { w } else { 0 });
    }
    let total: u64 = vs.iter().map(|v| u64::from(v.1)).sum();
    let (mut before, mut after) = (0, 0);
    let (mut less, mut not_more) = (0u64, 0u64);
    let (mut i, mut j) = (0, 0);
    for &(u, w) in us {
        let p = pos[u as usize];
        while i < vs.len() && pos[vs[i].0 as usize] < p {
            less += u64::from(vs[i].1);
            i += 1;
        }
        while j < vs.len() && pos[vs[j].0 as usize] <= p {
            not_more += u64::from(vs[j].1);
            j += 1;
        }
        before += u64::from(w) * less;
        after += u64::from(w) * (total - not_more);
    }
    (before, after)
}
