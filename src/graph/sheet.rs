//! The order of all ranks in flat arrays, made for trying millions of small changes.

use super::layers::{Layers, Tie};
use super::lists::Lists;

/// Ends of ties up to which two vertices are compared end by end; more are sorted first.
const FEW: usize = 64;

/// Ties to one neighbouring rank: the other end, and how many links share each.
pub(super) struct Ties(Lists<(u32, u32)>);

impl Ties {
    fn new(side: &Lists<Tie>, name: &[u32], number: &[u32]) -> Self {
        let mut all = Lists::with_capacity(name.len(), side.items.len());
        for &v in name {
            let ties = side.of(v as usize).iter();
            all.push(ties.map(|t| (number[t.vertex as usize], t.weight)));
        }
        Self(all)
    }

    #[inline]
    pub(super) fn of(&self, v: u32) -> &[(u32, u32)] {
        self.0.of(v as usize)
    }

    #[inline]
    pub(super) fn degree(&self, v: u32) -> usize {
        self.0.range(v as usize).len()
    }

    fn count(&self) -> usize {
        self.0.items.len()
    }
}

/// Vertices are numbered anew, rank by rank; a slot is a place in `order`, over all ranks.
pub(super) struct Sheet {
    /// Slots of rank `r` are `begin[r]..begin[r + 1]`.
    pub begin: Vec<u32>,
    pub order: Vec<u32>,
    /// Slot of each vertex.
    pub slot: Vec<u32>,
    pub rank: Vec<u32>,
    pub up: Ties,
    pub down: Ties,
    /// Number in `Layers` of each vertex.
    pub name: Vec<u32>,
    /// Work done: comparisons of ends.
    pub work: u64,
    sorted: [Vec<(u32, u32)>; 2],
    tree: Vec<u32>,
}

impl Sheet {
    pub(super) fn new(layers: &Layers) -> Self {
        let n = layers.rank.len();
        let mut begin = vec![0u32];
        let mut name = Vec::with_capacity(n);
        let mut number = vec![0u32; n];
        let mut rank = Vec::with_capacity(n);
        for (r, layer) in layers.order.iter().enumerate() {
            for &v in layer {
                number[v as usize] = name.len() as u32;
                name.push(v);
                rank.push(r as u32);
            }
            begin.push(name.len() as u32);
        }
        Self {
            up: Ties::new(&layers.up, &name, &number),
            down: Ties::new(&layers.down, &name, &number),
            begin,
            order: (0..n as u32).collect(),
            slot: (0..n as u32).collect(),
            rank,
            name,
            work: 0,
            sorted: [Vec::new(), Vec::new()],
            tree: Vec::new(),
        }
    }

    /// Vertices and segments.
    pub(super) fn size(&self) -> u64 {
        (self.order.len() + self.down.count()) as u64
    }

    pub(super) fn segments(&self) -> u64 {
        self.down.count() as u64
    }

    pub(super) fn depth(&self) -> usize {
        self.begin.len() - 1
    }

    pub(super) fn slots(&self, rank: usize) -> std::ops::Range<usize> {
        self.begin[rank] as usize..self.begin[rank + 1] as usize
    }

    /// Hands the order over.
    pub(super) fn write(&self, layers: &mut Layers) {
        for (r, layer) in layers.order.iter_mut().enumerate() {
            layer.clear();
            layer.extend(
                self.order[self.slots(r)]
                    .iter()
                    .map(|&v| self.name[v as usize]),
            );
        }
    }

    pub(super) fn set(&mut self, order: &[u32]) {
        self.order.copy_from_slice(order);
        self.number(0..order.len());
    }

    /// Sets `slot` from `order`.
    pub(super) fn number(&mut self, slots: std::ops::Range<usize>) {
        for i in slots {
            self.slot[self.order[i] as usize] = i as u32;
        }
    }

    /// Crossings of the present order, each segment counted as often as links share it, in
    /// O(segments x log width): Barth, Jünger, Mutzel: Simple and efficient bilayer cross counting, 2002.
    pub(super) fn count(&mut self) -> u64 {
        let mut total = 0u64;
        let mut tree = std::mem::take(&mut self.tree);
        let mut ends: Vec<(u32, u32)> = Vec::new();
        for r in 1..self.depth() {
            let (above, below) = (self.slots(r - 1), self.slots(r));
            tree.clear();
            tree.resize(below.len() + 1, 0);
            let mut inserted = 0u32;
            for &v in &self.order[above] {
                ends.clear();
                let place = |w: u32| self.slot[w as usize] - below.start as u32;
                ends.extend(self.down.of(v).iter().map(|t| (place(t.0), t.1)));
                // ends of one vertex do not cross each other: ask for all before any is put in
                for &(p, w) in &ends {
                    let mut before = 0;
                    let mut i = p as usize + 1;
                    while i > 0 {
                        before += tree[i];
                        i &= i - 1;
                    }
                    total += u64::from(w) * u64::from(inserted - before);
                }
                for &(p, w) in &ends {
                    let mut i = p as usize + 1;
                    while i < tree.len() {
                        tree[i] += w;
                        i += i & i.wrapping_neg();
                    }
                    inserted += w;
                }
            }
        }
        self.tree = tree;
        total
    }

    /// Crossings that are added when `u` and `v`, `u` before `v`, change places.
    #[inline]
    pub(super) fn delta(&mut self, u: u32, v: u32) -> i64 {
        let (up, down) = (self.up.of(u), self.down.of(u));
        let (up_v, down_v) = (self.up.of(v), self.down.of(v));
        let (above, below) = (up.len() * up_v.len(), down.len() * down_v.len());
        if above > FEW || below > FEW {
            return self.delta_of_many(u, v);
        }
        self.work += (4 + above + below) as u64;
        self.few(up, up_v) + self.few(down, down_v)
    }

    #[inline]
    fn few(&self, us: &[(u32, u32)], vs: &[(u32, u32)]) -> i64 {
        let slot = |t: &(u32, u32)| (self.slot[t.0 as usize], t.1);
        few(us.iter().map(slot), vs.iter().map(slot))
    }

    #[cold]
    fn delta_of_many(&mut self, u: u32, v: u32) -> i64 {
        let [mut us, mut vs] = std::mem::take(&mut self.sorted);
        let mut sum = 0;
        for ties in [&self.up, &self.down] {
            for (x, list) in [(u, &mut us), (v, &mut vs)] {
                list.clear();
                list.extend((ties.of(x).iter()).map(|t| (self.slot[t.0 as usize], t.1)));
                list.sort_unstable();
                self.work += 4 + 4 * list.len() as u64;
            }
            sum += many(&us, &vs);
        }
        self.sorted = [us, vs];
        sum
    }

    /// Turns all upside down if that way more vertices stand as they were given: crossings do not see the difference.
    pub(super) fn upright(&mut self) {
        let mut rising = 0i64;
        for r in 0..self.depth() {
            let stands = |p: &[u32]| if p[0] < p[1] { 1 } else { -1 };
            rising += self.order[self.slots(r)]
                .windows(2)
                .map(stands)
                .sum::<i64>();
        }
        if rising < 0 {
            for r in 0..self.depth() {
                let slots = self.slots(r);
                self.order[slots].reverse();
            }
            self.number(0..self.order.len());
        }
    }

    /// Exchanges the vertices in slots `i` and `i + 1`.
    #[inline]
    pub(super) fn swap(&mut self, i: usize) {
        let (u, v) = (self.order[i], self.order[i + 1]);
        self.order[i] = v;
        self.order[i + 1] = u;
        self.slot[u as usize] = i as u32 + 1;
        self.slot[v as usize] = i as u32;
    }
}

/// The ends of all ties of one rank, sorted, for many comparisons while the ranks beside it stay as they are.
#[derive(Default)]
pub(super) struct Ends {
    first: u32,
    sides: [Lists<(u32, u32)>; 2],
}

impl Ends {
    pub(super) fn gather(&mut self, sheet: &Sheet, rank: usize) {
        self.first = sheet.begin[rank];
        for (side, ties) in self.sides.iter_mut().zip([&sheet.up, &sheet.down]) {
            side.clear();
            for v in self.first..sheet.begin[rank + 1] {
                let ends = ties.of(v).iter();
                side.push(ends.map(|t| (sheet.slot[t.0 as usize], t.1)));
                let last = side.range(side.len() - 1);
                side.items[last].sort_unstable();
            }
        }
    }

    /// As [`Sheet::delta`], and the work that it was.
    #[inline]
    pub(super) fn delta(&self, u: u32, v: u32) -> (i64, u64) {
        let (u, v) = ((u - self.first) as usize, (v - self.first) as usize);
        let (mut sum, mut work) = (0, 4);
        for side in &self.sides {
            let (us, vs) = (side.of(u), side.of(v));
            if us.len() * vs.len() <= FEW {
                work += us.len() * vs.len();
                sum += few(us.iter().copied(), vs.iter().copied());
            } else {
                work += 2 * (us.len() + vs.len());
                sum += many(us, vs);
            }
        }
        (sum, work as u64)
    }
}

/// Crossings that are added when what has the ends `us`, (slot, links), and what has `vs` change places.
#[inline]
fn few(us: impl Iterator<Item = (u32, u32)>, vs: impl Iterator<Item = (u32, u32)> + Clone) -> i64 {
    let mut sum = 0;
    for (a, wa) in us {
        let mut balance = 0;
        for (b, wb) in vs.clone() {
            balance += wb as i32 * (i32::from(a < b) - i32::from(a > b));
        }
        sum += i64::from(wa) * i64::from(balance);
    }
    sum
}

/// The same for sorted ends, in time linear in their number.
fn many(us: &[(u32, u32)], vs: &[(u32, u32)]) -> i64 {
    let total: i64 = vs.iter().map(|e| i64::from(e.1)).sum();
    let (mut less, mut not_more) = (0i64, 0i64);
    let (mut i, mut j) = (0, 0);
    let mut sum = 0;
    for &(a, w) in us {
        while i < vs.len() && vs[i].0 < a {
            less += i64::from(vs[i].1);
            i += 1;
        }
        while j < vs.len() && vs[j].0 <= a {
            not_more += i64::from(vs[j].1);
            j += 1;
        }
        sum += i64::from(w) * (total - not_more - less);
    }
    sum
}
