//! Integer places across the flow: each rank in its order, near its neighbours, long lines straight,
//! never taller than the fullest rank needs.

use super::isotonic;
use super::layers::{Layers, Tie};

/// Sizes across the flow, in cells.
pub(super) struct Sizes<'a> {
    /// Of each box.
    pub size: &'a [i32],
    /// The row of the box at which lines meet it.
    pub port: &'a [i32],
    pub box_gap: i32,
    /// Between two lines, and between a line and a box.
    pub line_gap: i32,
}

/// Passes from rank to rank, and how many of them straighten; for layers of more than so many vertices less.
const ROUNDS: (usize, usize) = (12, 4);
const ROUNDS_OF_MANY: (usize, usize) = (2, 4);
const LARGE: usize = 1000;

struct Place<'a> {
    layers: &'a Layers,
    sizes: &'a Sizes<'a>,
    /// Row of the port of each vertex.
    row: Vec<i32>,
    /// For each rank the rows of its vertices when it is packed from 0.
    packed: Vec<Vec<i32>>,
    /// How far each rank can slide down.
    room: Vec<i32>,
    scratch: Scratch,
}

/// Memory that is used again for each rank.
#[derive(Default)]
struct Scratch {
    wishes: Vec<(i32, u32)>,
    near: Vec<(i32, u32)>,
    bends: isotonic::Bends,
    fitted: Vec<i32>,
}

/// The row at which lines meet each vertex.
pub(super) fn rows(
    layers: &Layers,
    sizes: &Sizes,
    cancelled: &dyn Fn() -> bool,
) -> Option<Vec<i32>> {
    let mut place = Place::new(layers, sizes);
    let (rounds, straight) = if layers.rank.len() > LARGE {
        ROUNDS_OF_MANY
    } else {
        ROUNDS
    };
    for round in 0..rounds {
        if cancelled() {
            return None;
        }
        let down = round % 2 == 0;
        place.sweep(down, round < rounds / 2);
    }
    // lines go straight on from where they start; boxes stand in the middle of all they are tied to
    for round in 0..straight {
        place.straighten(round % 2 == 1);
    }
    Some(place.row)
}

impl<'a> Place<'a> {
    fn new(layers: &'a Layers, sizes: &'a Sizes<'a>) -> Self {
        let mut packed = Vec::with_capacity(layers.order.len());
        let mut heights = Vec::with_capacity(layers.order.len());
        let mut place = Self {
            layers,
            sizes,
            row: vec![0; layers.rank.len()],
            packed: Vec::new(),
            room: Vec::new(),
            scratch: Scratch::default(),
        };
        for layer in &layers.order {
            let mut rows = Vec::with_capacity(layer.len());
            let mut end = 0;
            for (i, &v) in layer.iter().enumerate() {
                if i > 0 {
                    end += place.gap(layer[i - 1], v);
                }
                rows.push(end + place.port(v));
                end += place.size(v);
            }
            packed.push(rows);
            heights.push(end);
        }
        let tallest = heights.iter().copied().max().unwrap_or(0);
        place.room = heights.iter().map(|h| tallest - h).collect();
        for (r, layer) in layers.order.iter().enumerate() {
            for (i, &v) in layer.iter().enumerate() {
                place.row[v as usize] = packed[r][i] + place.room[r] / 2;
            }
        }
        place.packed = packed;
        place
    }

    fn size(&self, v: u32) -> i32 {
        self.sizes.size.get(v as usize).copied().unwrap_or(1)
    }

    fn port(&self, v: u32) -> i32 {
        self.sizes.port.get(v as usize).copied().unwrap_or(0)
    }

    fn gap(&self, u: u32, v: u32) -> i32 {
        if self.layers.is_dummy(u) && self.layers.is_dummy(v) {
            1
        } else if self.layers.is_dummy(u) || self.layers.is_dummy(v) {
            self.sizes.line_gap
        } else {
            self.sizes.box_gap
        }
    }

    /// How much a segment wants to be straight.
    fn pull(&self, u: u32, v: u32) -> u32 {
        match (self.layers.is_dummy(u), self.layers.is_dummy(v)) {
            (true, true) => 8,
            (false, false) => 1,
            _ => 2,
        }
    }

    /// One pass over the ranks, each fitted to the side it comes from: by means first, by medians later.
    fn sweep(&mut self, down: bool, mean: bool) {
        let layers = self.layers;
        self.pass(down, |place, near, v| {
            let side = if down { &layers.up } else { &layers.down }.of(v as usize);
            if mean {
                place.mean(v, side)
            } else {
                place.middle(near, v, side, &[])
            }
        });
    }

    fn straighten(&mut self, down: bool) {
        let layers = self.layers;
        self.pass(down, |place, near, v| {
            let (up, down) = (layers.up.of(v as usize), layers.down.of(v as usize));
            if layers.is_dummy(v) {
                place.middle(near, v, up, &[]).map(|w| (w.0, 8))
            } else {
                place.middle(near, v, up, down)
            }
        });
    }

    /// Fits rank after rank to what `wish` says of each vertex: row and weight.
    fn pass(
        &mut self,
        down: bool,
        wish: impl Fn(&Self, &mut Vec<(i32, u32)>, u32) -> Option<(i32, u32)>,
    ) {
        let layers = self.layers;
        let mut scratch = std::mem::take(&mut self.scratch);
        let depth = layers.order.len();
        for k in 0..depth {
            let r = if down { k } else { depth - 1 - k };
            let packed = &self.packed[r];
            scratch.wishes.clear();
            for (&v, p) in layers.order[r].iter().zip(packed) {
                let wanted = wish(self, &mut scratch.near, v);
                let (row, weight) = wanted.unwrap_or((self.row[v as usize], 1));
                scratch.wishes.push((row - p, weight));
            }
            isotonic::fit(&scratch.wishes, &mut scratch.bends, &mut scratch.fitted);
            for ((&v, p), slide) in layers.order[r].iter().zip(packed).zip(&scratch.fitted) {
                self.row[v as usize] = p + (*slide).clamp(0, self.room[r]);
            }
        }
        self.scratch = scratch;
    }

    fn mean(&self, v: u32, side: &[Tie]) -> Option<(i32, u32)> {
        let mut sum = 0i64;
        let mut weight = 0u32;
        for &Tie { vertex: u, .. } in side {
            let w = self.pull(u, v);
            sum += i64::from(self.row[u as usize]) * i64::from(w);
            weight += w;
        }
        (weight > 0).then(|| ((sum as f64 / f64::from(weight)).round() as i32, weight))
    }

    /// Weighted median of the rows of the neighbours, the middle of the two middle ones.
    fn middle(
        &self,
        near: &mut Vec<(i32, u32)>,
        v: u32,
        a: &[Tie],
        b: &[Tie],
    ) -> Option<(i32, u32)> {
        let place = |t: &Tie| (self.row[t.vertex as usize], self.pull(t.vertex, v));
        if let ([one], []) | ([], [one]) = (a, b) {
            return Some(place(one));
        }
        near.clear();
        near.extend(a.iter().chain(b).map(place));
        near.sort_unstable();
        let total: u32 = near.iter().map(|r| r.1).sum();
        let at = |half: u32| {
            let mut sum = 0;
            near.iter().find(|r| {
                sum += r.1;
                sum * 2 >= half
            })
        };
        let (low, high) = (at(total)?.0, at(total + 1)?.0);
        Some(((low + high).div_euclid(2), total))
    }
}
