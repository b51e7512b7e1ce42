//! Counting crossings between neighbouring ranks.

use super::layers::{Layers, Neighbours, Tie};

/// Crossings of the present order, each segment counted as often as links share it.
/// O(segments x log width): Barth, Jünger, Mutzel: Simple and efficient bilayer cross counting, 2002.
pub(super) fn count(layers: &Layers) -> u64 {
    (1..layers.order.len())
        .map(|r| between(layers, r - 1))
        .sum()
}

/// Crossings between rank `r` and the next one. The ties have to be up to date.
pub(super) fn between(layers: &Layers, r: usize) -> u64 {
    let width = layers.order[r + 1].len();
    let mut tree = vec![0u64; width + 1];
    let mut total = 0u64;
    let mut inserted = 0u64;
    for &v in &layers.order[r] {
        for &Tie { place, weight, .. } in layers.down.of(v) {
            let p = place as usize;
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

/// Brings the ties that point into rank `r` up to date with the order there.
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
        for t in from.of(v) {
            cursor[t.vertex as usize] = to.start[t.vertex as usize];
        }
    }
    for (place, &vertex) in order.iter().enumerate() {
        for t in from.of(vertex) {
            let c = &mut cursor[t.vertex as usize];
            to.items[*c as usize] = Tie {
                vertex,
                place: place as u32,
                weight: t.weight,
            };
            *c += 1;
        }
    }
}

/// Crossings of the ties of two vertices towards one side if `u` stands before `v`, and if after it.
pub(super) fn pair(us: &[Tie], vs: &[Tie]) -> (u64, u64) {
    let ([u0, .., u1] | [u0 @ u1], [v0, .., v1] | [v0 @ v1]) = (us, vs) else {
        return (0, 0);
    };
    let sum = |ties: &[Tie]| ties.iter().map(|t| u64::from(t.weight)).sum::<u64>();
    if u1.place < v0.place {
        return (0, sum(us) * sum(vs));
    }
    if v1.place < u0.place {
        return (sum(us) * sum(vs), 0);
    }
    let total = sum(vs);
    let (mut before, mut after) = (0, 0);
    let (mut less, mut not_more) = (0u64, 0u64);
    let (mut i, mut j) = (0, 0);
    for u in us {
        while i < vs.len() && vs[i].place < u.place {
            less += u64::from(vs[i].weight);
            i += 1;
        }
        while j < vs.len() && vs[j].place <= u.place {
            not_more += u64::from(vs[j].weight);
            j += 1;
        }
        before += u64::from(u.weight) * less;
        after += u64::from(u.weight) * (total - not_more);
    }
    (before, after)
}
